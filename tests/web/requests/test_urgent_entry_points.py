"""A scheduled run is made urgent at each entry point."""

from __future__ import annotations

import pytest_asyncio

from orchestrator.embedded.stack import Stack, put_in_production
from tests.web.api.running import FUTURE, Leavers, planned, start, until
from tests.web.requests.entry_points import (
    ENTRY_POINTS,
    SignInAs,
    make_urgent,
    packet_of,
    text_of,
)

PACKET = "code-removal-made-urgent"


@pytest_asyncio.fixture(scope="module", autouse=True)
async def packets(stack: Stack) -> None:
    actors = (await stack.services.runs.organisation()).actors
    packet = packet_of(PACKET, ("snapshot_code", "suspend_code"))
    await put_in_production(stack.services, packet, actors["value-owner"], actors["safety-owner"])


async def test_a_scheduled_run_is_made_urgent_at_each_entry_point(sign_in: SignInAs, leaver: Leavers) -> None:
    hr, operator = await sign_in("hr"), await sign_in("operator")
    for at in ENTRY_POINTS:
        run_id = await start(hr.api, await leaver(), packet=PACKET, cutoff=FUTURE)
        scheduled = await until(hr.api, run_id, planned)
        assert not scheduled["urgent"] and scheduled["state"] != "clean"
        if at == "page":
            refused = (403, "urgent_not_allowed", "allows urgent starts by these roles only", "sk a person")
            await operator.refused(make_urgent(run_id), *refused)
            shown = text_of(await hr.page.get(f"/runs/{run_id}"))
            assert "These steps run at once: " in shown and "Make urgent" in shown
            code, said = await hr.typed(*(word for word in make_urgent(run_id).typed if word != "--yes"))
            assert code == 1 and "was not confirmed" in said
        await hr.does(at, make_urgent(run_id))
        run = await until(
            hr.api, run_id, lambda run: any(s["status"] == "verified" and s["level"] == "change" for s in run["steps"])
        )
        assert run["urgent"] and any(one["kind"] == "urgent_review" for one in run["exceptions"]), at
        assert not any(gate["state"] == "approved" for gate in run["gates"]), "it ran before approval"
        again = await hr.api.post(f"/runs/{run_id}/urgent", json={})
        assert again.status_code == 200 and again.json()["events"] == 0
