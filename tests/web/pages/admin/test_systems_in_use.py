"""How systems answer the calls of runs: on the page Systems, over the API and at the terminal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx

from orchestrator.cli.terminal.screen import instant
from orchestrator.embedded.stack import Stack, put_in_production
from tests.web.api.running import Leavers, health_until, start, until
from tests.web.conftest import Program
from tests.web.requests.entry_points import packet_of, signed_in, text_of

STEPS = ("snapshot_code", "suspend_code")


async def into_production(stack: Stack, name: str) -> None:
    packet = packet_of(name, STEPS, retries_become_exception_after="PT1S")
    actors = (await stack.services.runs.organisation()).actors
    await put_in_production(stack.services, packet, actors["value-owner"], actors["safety-owner"])


async def seen(client: httpx.AsyncClient, packet: str, so: Callable[[Any], bool]) -> Any:
    """`in_use` of the code hosting, as soon as it is as wanted."""
    deadline = asyncio.get_running_loop().time() + 30
    while True:
        systems = (await client.get("/systems", params={"packet": packet})).json()["systems"]
        found = next(one["in_use"] for one in systems if one["system"] == "code")
        if so(found):
            return found
        assert asyncio.get_running_loop().time() < deadline, found
        await asyncio.sleep(0.2)


def failing_in(health: Any) -> Any:
    """The code hosting, where health checks say that it fails for runs."""
    return next((one for one in health["systems"] if (one["system"], one["state"]) == ("code", "failing")), None)


async def test_a_system_that_fails_for_runs_is_shown_with_since_when_the_code_and_the_runs_that_wait(
    stack: Stack, program: Program, leaver: Leavers, tmp_path: Path
) -> None:
    packet = "systems-in-use"
    await into_production(stack, packet)
    hr, operator = await program("hr"), await program("operator")
    assert await seen(operator, packet, lambda use: True) is None
    await stack.company.break_("code", "503", method="GET")
    try:
        run_id = await start(hr, await leaver(), packet=packet)
        failing = await seen(operator, packet, lambda use: use is not None and use["runs_waiting"] == 1)
        assert failing["answered_at"] is None and failing["code"]
        assert datetime.fromisoformat(failing["failing_since"]) <= datetime.fromisoformat(failing["failed_at"])
        async with signed_in(stack.url, "operator", tmp_path) as person:
            page = text_of(await person.page.get("/systems"))
            assert "It fails in runs since" in page and "1 run waits on it." in page and "Failing" in page
            _, shown = await person.typed("systems", "--packet", packet)
            assert "failing since" in shown and "1 run waits" in shown
            known = await health_until(stack, lambda health: failing_in(health) is not None)
            assert failing_in(known) == {
                "system": "code",
                "state": "failing",
                "since": failing["failing_since"],
                "code": failing["code"],
                "until": None,
            }
            _, shown = await person.typed("doctor")
            assert f"code: fails for runs since {instant(failing['failing_since'])}" in shown
            assert "offboard retry --system code" in shown
    finally:
        await stack.company.clear_faults("code")
    await until(hr, run_id, lambda run: run["steps"])
    working = await seen(operator, packet, lambda use: use["failing_since"] is None)
    await health_until(stack, lambda health: failing_in(health) is None)
    assert working["answered_at"] and working["failed_at"] and working["code"] == failing["code"]
    assert working["runs_waiting"] == 0
    async with signed_in(stack.url, "operator", tmp_path) as person:
        page = text_of(await person.page.get("/systems"))
        assert "Last response in a run" in page and "It fails in runs since" not in page
        _, shown = await person.typed("systems", "--packet", packet)
        assert "responded" in shown


async def test_calls_of_a_run_under_embargo_are_not_shown(stack: Stack, program: Program, leaver: Leavers) -> None:
    packet = "systems-in-secret"
    await into_production(stack, packet)
    hr, operator = await program("hr"), await program("operator")
    named = ["hr", "it", "finance", "operator", "safety-owner"]
    embargo = {"until": "2031-01-01T00:00:00Z", "named": named}
    run_id = await start(hr, await leaver(), packet=packet, embargo=embargo)
    await until(hr, run_id, lambda run: run["steps"])
    other = await start(hr, await leaver(), packet=packet)
    await seen(operator, packet, lambda use: use is not None)
    events = (await hr.get(f"/runs/{other}/events")).json()["events"]
    use = await seen(operator, packet, lambda use: use is not None)
    assert datetime.fromisoformat(use["answered_at"]) >= datetime.fromisoformat(events[0]["at"])
