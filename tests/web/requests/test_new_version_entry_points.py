"""A packet version that covers a further system moves to production: open runs get an exception, and a person re-plans
them under it, at each entry point."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.embedded.stack import Stack, put_in_production
from tests.web.api.running import Leavers, start, until
from tests.web.pages.pressing import ParsedPage
from tests.web.requests.entry_points import (
    ENTRY_POINTS,
    SignInAs,
    approve,
    packet_of,
    replan_under,
    text_of,
)

CODE = ("snapshot_code", "suspend_code")


async def into_production(stack: Stack, name: str, *steps: str) -> str:
    packet = packet_of(name, steps)
    actors = (await stack.services.runs.organisation()).actors
    await put_in_production(stack.services, packet, actors["value-owner"], actors["safety-owner"])
    return packet.version


def not_covered(run: Any) -> list[Any]:
    return [one for one in run["exceptions"] if one["state"] == "open" and one["kind"] == "system_not_covered"]


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
async def test_a_run_takes_the_version_that_covers_a_further_system(
    stack: Stack, sign_in: SignInAs, leaver: Leavers, entry_point: str
) -> None:
    name = f"code-then-{entry_point}"
    hr, it, operator = await sign_in("hr"), await sign_in("it"), await sign_in("operator")
    own = await into_production(stack, name, *CODE)
    run_id = await start(hr.api, await leaver(), packet=name)
    run = await until(hr.api, run_id, lambda run: any(gate["state"] == "open" for gate in run["gates"]))
    await it.does("api", approve(run_id, run["gates"][0]["gate_id"]))
    before = {one["step_id"] for one in run["steps"]}
    taken = await into_production(stack, name, *CODE, "disable_identity")

    run = await until(hr.api, run_id, not_covered)
    [exception] = not_covered(run)
    assert (exception["system"], exception["owners"]) == ("identity", ["requester"])
    assert exception["repairs"] == ["replan_under_version", "accept", "waive"]
    assert (run["packet_version"], run["packet_version_in_use"]) == (own, taken)
    assert {one["step_id"] for one in run["steps"]} == before, "an approved plan does not grow"
    page = await operator.page.get(f"/runs/{run_id}")
    assert "System not covered" in text_of(page)
    assert ParsedPage(page.text).has_button(f"Re-plan under version {taken[:12]}")
    _, shown = await operator.typed("show", run_id)
    assert f"offboard exceptions replan {run_id} --new-version" in shown

    if entry_point != "terminal":
        await operator.refused_at(entry_point, replan_under(run_id, own), 409, "it is not the version in use")
    await operator.does(entry_point, replan_under(run_id, taken))
    run = await until(hr.api, run_id, lambda run: any(one["name"] == "disable_identity" for one in run["steps"]))
    assert run["packet_version"] == taken and not not_covered(run)
    assert before < {one["step_id"] for one in run["steps"]}
    run = await until(hr.api, run_id, lambda run: any(gate["state"] == "open" for gate in run["gates"]))
    [gate] = [gate for gate in run["gates"] if gate["state"] == "open"]
    assert [one["name"] for one in gate["steps"]] == ["disable_identity"]
