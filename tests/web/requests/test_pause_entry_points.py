"""Pauses with an end, and the second person who resumes a run, at each entry point."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest_asyncio

from orchestrator.embedded.stack import Stack, put_in_production
from tests.web.api.running import FUTURE, Leavers, start, until
from tests.web.requests.entry_points import (
    ENTRY_POINTS,
    RunCommand,
    SignInAs,
    hold,
    packet_of,
    release,
    text_of,
)

PACKET = "code-removal-with-short-pauses"
OWNER = "exceptions:\n  owner: operator"


@pytest_asyncio.fixture(scope="module", autouse=True)
async def packets(stack: Stack) -> None:
    actors = (await stack.services.runs.organisation()).actors
    short = (OWNER, f"pause: {{ends_within: P1D, second_person: true}}\n{OWNER}")
    packet = packet_of(PACKET, ("snapshot_code", "suspend_code"), short)
    await put_in_production(stack.services, packet, actors["value-owner"], actors["safety-owner"])


def hold_until(run_id: str, ends: datetime) -> RunCommand:
    """The same pause with an end; the page is sent the time on the clock of UTC."""
    plain, at = hold(run_id), ends.isoformat()
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
