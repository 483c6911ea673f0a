"""Pauses with an end, and the second person who resumes a run, at each entry point."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from orchestrator import commands
from orchestrator.domain import events as e
from orchestrator.embedded.stack import Stack, put_in_production
from tests.web.api.running import FUTURE, Leavers, start, until
from tests.web.requests.entry_points import (
    ENTRY_POINTS,
    RunCommand,
    SignInAs,
    hold,
    hold_system,
    packet_of,
    release,
    release_system,
    text_of,
)

PACKET = "code-removal-with-short-pauses"
OWNER = "exceptions:\n  owner: operator"


@pytest_asyncio.fixture(scope="module", autouse=True)
async def packets(stack: Stack) -> AsyncIterator[None]:
    actors = (await stack.services.runs.organisation()).actors
    short = (OWNER, f"pause: {{ends_within: P1D, second_person: true}}\n{OWNER}")
    packet = packet_of(PACKET, ("snapshot_code", "suspend_code"), short)
    owners = actors["value-owner"], actors["safety-owner"]
    await put_in_production(stack.services, packet, *owners)
    yield
    # Its limits on pauses of systems are not those of other tests.
    version = (await stack.services.runs.shelf(PACKET)).current
    assert version is not None
    await commands.move_packet(stack.services, owners[0], PACKET, version.version, "retired", [PACKET], "over")


def hold_until(run_id: str, ends: datetime) -> RunCommand:
    return ending(hold(run_id), ends)


def ending(plain: RunCommand, ends: datetime) -> RunCommand:
    """The same pause with an end; the page is sent the time on the clock of UTC."""
    at = ends.isoformat()
    return replace(
        plain,
        body={**plain.body, "until": at},
        form={**plain.form, "until": ends.strftime("%Y-%m-%dT%H:%M:%S"), "zone": "UTC"},
        typed=(*plain.typed, "--until", at),
    )


async def test_a_pause_ends_in_time_and_a_second_person_resumes_before(sign_in: SignInAs, leaver: Leavers) -> None:
    hr, operator = await sign_in("hr"), await sign_in("operator")
    run_id = await start(hr.api, await leaver(), packet=PACKET, cutoff=FUTURE)
    now = datetime.now(UTC).replace(microsecond=0)
    late = (422, "pause_too_long", "The packet allows pauses until", "Give an earlier time")
    await operator.refused(hold_until(run_id, now + timedelta(days=3)), *late)
    for hours, at in enumerate(ENTRY_POINTS, 1):
        ends = now + timedelta(hours=hours)
        await operator.does(at, hold_until(run_id, ends))
        run = (await hr.api.get(f"/runs/{run_id}")).json()
        assert run["held"] and datetime.fromisoformat(run["held_until"]) == ends, at
    assert "It resumes automatically at" in text_of(await operator.page.get(f"/runs/{run_id}"))
    _, said = await operator.typed("show", run_id)
    assert "Resumes" in said and "automatically" in said
    alone = (403, "second_person_needed", "asks for a second person to resume", "Ask another person")
    await operator.refused(release(run_id), *alone)
    for at in ENTRY_POINTS:
        await hr.does(at, release(run_id))
        run = (await hr.api.get(f"/runs/{run_id}")).json()
        assert not run["held"] and run["held_until"] is None, at
        await operator.does("api", hold(run_id))
    ends = datetime.now(UTC) + timedelta(seconds=2)
    await hr.does("api", hold_until(run_id, ends))
    resumed = await until(hr.api, run_id, lambda run: not run["held"])
    assert resumed["held_until"] is None and resumed["state"] != "held"


@pytest.mark.parametrize("system", ["code", e.EVERYTHING])
async def test_a_pause_of_a_system_ends_in_time_and_a_second_person_resumes_before(
    stack: Stack, sign_in: SignInAs, system: str
) -> None:
    operator, owner = await sign_in("operator"), await sign_in("safety-owner")
    now = datetime.now(UTC).replace(microsecond=0)
    pause, resume = hold_system(system, PACKET), release_system(system, PACKET)
    late = (422, "pause_too_long", "The packet allows pauses until", "Give an earlier time")
    await operator.refused(ending(pause, now + timedelta(days=3)), *late)

    async def until_() -> datetime | None:
        known = await stack.services.runs.held_systems(["code"])
        return known[system].until if system in known else None

    alone = (403, "second_person_needed", "asks for a second person to resume", "Ask another person")
    for hours, at in enumerate(ENTRY_POINTS, 1):
        ends = now + timedelta(hours=hours)
        await operator.does(at, ending(pause, ends))
        assert await until_() == ends, at
        shown = (await operator.api.get("/systems", params={"packet": PACKET})).json()
        [code] = [one for one in shown["systems"] if one["system"] == "code"]
        told = code["held_until"] if system == "code" else shown["all_held_until"]
        assert code["held"] and datetime.fromisoformat(told) == ends
        assert "resume automatically at" in text_of(await operator.page.get("/systems"))
        _, said = await operator.typed("systems", "--packet", PACKET)
        assert "paused until" in said or "resume automatically at" in said
        await operator.refused(resume, *alone)
        await owner.does(at, resume)
        assert await until_() is None
    ends = datetime.now(UTC) + timedelta(seconds=2)
    await operator.does("api", ending(pause, ends))
    async with asyncio.timeout(60):
        while system in await stack.services.runs.held_systems(["code"]):
            await asyncio.sleep(0.1)
    stream = e.holds_stream(system)
    events = (await stack.backend.ledger.read({stream: 0})).events[stream]
    assert events[-1].event == e.HoldReleased(by="") and events[-1].recorded_at >= ends, "the relay records the end"
