"""The checks after the close of a run, and access that came back, at each entry point."""

from __future__ import annotations

import pytest_asyncio

from orchestrator.domain import events as e
from orchestrator.embedded.stack import Stack, put_in_production
from tests.web.api.running import Leavers, start, until
from tests.web.requests.entry_points import (
    ENTRY_POINTS,
    SignInAs,
    accept,
    packet_of,
    retry,
    text_of,
)

PACKET = "code-removal-watched"


@pytest_asyncio.fixture(scope="module", autouse=True)
async def packets(stack: Stack) -> None:
    actors = (await stack.services.runs.organisation()).actors
    packet = packet_of(PACKET, ("snapshot_code", "suspend_code"))
    await put_in_production(stack.services, packet, actors["value-owner"], actors["safety-owner"])


async def test_access_that_came_back_is_shown_and_removed_again(
    stack: Stack, sign_in: SignInAs, leaver: Leavers
) -> None:
    hr, operator, reviewer = await sign_in("hr"), await sign_in("operator"), await sign_in("safety-owner")
    run_id = await start(hr.api, await leaver(), packet=PACKET, cutoff=None, urgent=True)
    run = await until(hr.api, run_id, lambda run: any(one["kind"] == "urgent_review" for one in run["exceptions"]))
    [review] = [one["exception_id"] for one in run["exceptions"] if one["kind"] == "urgent_review"]
    await reviewer.does("api", accept(run_id, review))
    run = await until(hr.api, run_id, lambda run: run["state"] == "clean")
    assert run["outcomes"] == [{"place": "code", "outcome": "verified"}]
    assert (run["watch"]["days"], run["watch"]["checks"]) == ([1, 7, 30], [])
    shown = text_of(await hr.page.get(f"/runs/{run_id}"))
    assert "2 of 2 done" in shown and "Code hosting Verified" in shown and "Next check:" in shown
    code, said = await hr.typed("show", run_id)
    assert code == 0 and "Verified code" in said and "Checks after the close: next" in said

    [step] = [one for one in run["steps"] if one["name"] == "suspend_code"]
    for generation, at in enumerate(ENTRY_POINTS, start=1):
        [other] = [one for one in run["steps"] if one["system"] == "code" and one["name"] != "suspend_code"]
        back = e.WatchedSystem(
            system="code",
            outcome="access_found",
            steps={step["step_id"]: generation},
            unknown=(other["step_id"],),
        )
        found = e.SystemsWatched(day=1, results=(back,))
        await stack.services.runs.record_fact(run_id, lambda state, world, found=found: [found])  # type: ignore[misc]  # bound now
        run = (await hr.api.get(f"/runs/{run_id}")).json()
        assert (run["state"], run["finished_at"]) == ("needs_attention", None)
        assert run["outcomes"] == [{"place": "code", "outcome": "with_exceptions"}]
        assert run["watch"]["checks"][-1]["steps"][0]["name"] == "suspend_code"
        assert [one["step_id"] for one in run["watch"]["checks"][-1]["unknown"]] == [other["step_id"]]
        shown = text_of(await operator.page.get(f"/runs/{run_id}"))
        assert "Access came back" in shown and "Access found" in shown and "Run open again" in shown
        assert f"Could not be read: {other['title']}" in shown
        code, said = await operator.typed("show", run_id)
        assert code == 0 and "Access found" in said and "Access came back" in said and "could not be read" in said
        # HR can accept it, and an operator can't.
        [opened] = [one for one in run["exceptions"] if one["kind"] == "access_returned" and one["state"] == "open"]
        await operator.refused_at(at, accept(run_id, opened["exception_id"]), 403)

        await operator.does(at, retry(run_id, step))
        run = await until(hr.api, run_id, lambda run: run["state"] == "clean")
        [again] = [one for one in run["steps"] if one["name"] == "suspend_code"]
        assert (again["generation"], again["status"]) == (generation + 1, "verified")
