"""A pause because the ledger is an older copy: on the page Systems, over the API and at the terminal."""

from __future__ import annotations

import secrets
from pathlib import Path

from orchestrator.cli.terminal.screen import instant
from orchestrator.embedded.stack import Stack
from tests.web.api.running import health_until
from tests.web.requests.entry_points import signed_in, text_of

PACKET = "standard-leaver"


async def test_an_older_ledger_is_shown_until_an_operator_resumes_changes(stack: Stack, tmp_path: Path) -> None:
    lost_tail = f"9000000:{secrets.token_hex(32)}"
    assert await stack.backend.lost_tails.pause(lost_tail) == "paused"
    async with signed_in(stack.url, "operator", tmp_path) as person:
        try:
            shown = (await person.api.get("/systems", params={"packet": PACKET})).json()
            assert shown["all_held"] and shown["older_ledger"]
            assert "The ledger is an older copy" in text_of(await person.page.get("/systems"))
            _, typed = await person.typed("systems")
            assert "The ledger is an older copy" in typed
            noticed = await health_until(stack, lambda health: health["older_ledger_since"])
            code, typed = await person.typed("doctor")
            assert code == 1 and f"noticed {instant(noticed['older_ledger_since'])}" in typed
            assert "offboard release --system '*'" in typed
            assert await stack.backend.lost_tails.pause(lost_tail) == "paused", "once for each lost tail"
        finally:
            _, typed = await person.typed("release", "--system", "*")
        assert "resumed" in typed
        shown = (await person.api.get("/systems", params={"packet": PACKET})).json()
        assert not shown["all_held"] and not shown["older_ledger"]
        assert "The ledger is an older copy" not in text_of(await person.page.get("/systems"))
        await health_until(stack, lambda health: health["older_ledger_since"] is None)
        _, typed = await person.typed("doctor")
        assert "older copy" not in typed
    assert await stack.backend.lost_tails.pause(lost_tail) == "settled"
