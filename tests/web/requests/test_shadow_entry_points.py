"""The comparison of a packet version's dry runs with what was done, at each entry point: hidden before the read of the
day, then shown and judged."""

from __future__ import annotations

import asyncio
import json

import pytest

from orchestrator import commands
from orchestrator.domain import events as e
from orchestrator.domain.packet.packet_files import starter_names
from orchestrator.domain.run.comparison.results import can_be_compared
from orchestrator.embedded.stack import Stack, put_in_production
from tests.web.api.running import Leavers, planned, start, until
from tests.web.requests.entry_points import ENTRY_POINTS, WHY, RunCommand, SignedIn, SignInAs, packet_of, text_of

STEPS = ("disable_identity", "suspend_code")


def judgement(name: str, version: str, run_id: str, about: str, verdict: str, reason: str = WHY) -> RunCommand:
    form = {"run": run_id, "about": about, "verdict": verdict, "reason": reason}
    typed = ("packet", "judge", run_id, about, verdict, "--reason", reason)
    at = f"/packets/{name}/versions/{version}/shadow"
    body = {"verdict": verdict, "reason": reason}
    return RunCommand(f"/runs/{run_id}/differences/{about}/judgement", body, at, form, typed)


async def versions(stack: Stack, name: str) -> str:
    """The packet with one step is in production, and a newer one with two steps in shadow: its version."""
    actors = (await stack.services.runs.organisation()).actors
    value, safety = actors["value-owner"], actors["safety-owner"]
    await put_in_production(stack.services, packet_of(name, STEPS[:1]), value, safety)
    version = await commands.adopt_packet(stack.services, value, packet_of(name, STEPS), starter_names())
    for owner in (value, safety):
        await commands.sign_packet(stack.services, owner, name, version, "shadow", starter_names())
    await commands.move_packet(stack.services, value, name, version, "shadow", starter_names())
    return version


async def read(stack: Stack, twin: str, when: e.ComparisonRead, **outcomes: str) -> None:
    """What the systems show of the steps, by name."""
    state = (await stack.services.runs.load(twin)).state
    compared: list[e.Event] = [
        e.StepCompared.model_validate(
            {"step_id": one.step_id, "digest": one.digest, "read": when, "outcome": outcomes.get(one.name, "not_done")}
        )
        for one in state.plan.steps.values()
        if can_be_compared(one)
    ]
    await stack.services.runs.record_fact(twin, lambda state, world: compared)


async def visible_at(who: SignedIn, at: str, run_id: str) -> bool:
    if at == "page":
        return (await who.page.get(f"/runs/{run_id}")).status_code == 200
    if at == "api":
        return (await who.api.get(f"/runs/{run_id}")).status_code == 200
    return (await who.typed("show", run_id))[0] == 0


@pytest.mark.parametrize("at", ENTRY_POINTS)
async def test_a_dry_run_beside_a_run_is_hidden_and_then_compared_and_judged(
    stack: Stack, sign_in: SignInAs, leaver: Leavers, at: str
) -> None:
    name = f"compared-{at}"
    version = await versions(stack, name)
    hr, operator, auditor = await sign_in("hr"), await sign_in("operator"), await sign_in("auditor")
    run_id = await start(hr.api, await leaver(), packet=name)
    await until(hr.api, run_id, planned)
    twin = (await stack.services.runs.load(run_id)).state.asked.twin
    assert twin is not None
    async with asyncio.timeout(120):
        while (await stack.services.runs.load(twin)).state.plan.planned_at is None:
            await asyncio.sleep(0.1)

    # Those who remove access do not know its plan before the read of the day.
    await read(stack, twin, "plan")
    await read(stack, twin, "hour", disable_identity="done")
    assert not await visible_at(operator, at, twin)
    assert twin not in (await operator.api.get("/runs", params={"packet": name})).text
    assert (await operator.api.get(f"/packets/{name}/versions/{version}/shadow")).json()["differences"] == []
    await read(stack, twin, "day", disable_identity="done")
    assert await visible_at(operator, at, twin)

    shown = await shown_at(auditor, at, name, version)
    assert shown[0] == 1 and shown[1] == ["unjudged"], shown
    ids = {one.name: id_ for id_, one in (await stack.services.runs.load(twin)).state.plan.steps.items()}
    step, agreed = ids["suspend_code"], ids["disable_identity"]
    await auditor.refused_at(at, judgement(name, version, twin, step, "people_missed"), 403)
    await operator.refused_at(at, judgement(name, version, twin, agreed, "plan_wrong"), 422, "does not differ")
    missing = 404 if at == "api" else 422  # an address of the API names it, a form has it as a value
    await operator.refused_at(at, judgement(name, version, twin, "nothing", "plan_wrong"), missing, "no difference")
    await operator.refused_at(at, judgement(name, version, twin, step, "plan_missed"), 422, "no judgement of this")
    said = await operator.does(at, judgement(name, version, twin, step, "people_missed"))
    assert at == "api" or "missed by people" in said.lower()
    # A judgement can be replaced; the last one counts.
    assert (await shown_at(auditor, at, name, version))[1] == ["people_missed"]
    await hr.does(at, judgement(name, version, twin, step, "wrong_account"))
    assert (await shown_at(auditor, at, name, version))[1] == ["wrong_account"]
    found = (await auditor.api.get(f"/packets/{name}/versions/{version}/shadow")).json()
    assert found["figures"]["precision"] == {"part": 1, "whole": 2, "value": 0.5}
    assert (found["figures"]["wrong_accounts"], found["figures"]["unjudged"]) == (1, 0)
    [one] = found["differences"]
    assert (one["beside"], one["title"], one["system"], one["shown"]) == (run_id, one["title"], "code", "not_done")
    assert (one["judgement"]["by"], one["judgement"]["reason"]) == ("hr", WHY)

    # What is decided about the run counts for it; nothing is decided in it.
    problem = (await operator.api.post(f"/runs/{twin}/replan", json={})).json()
    assert problem["code"] == "dry_run_follows", problem


async def shown_at(who: SignedIn, at: str, name: str, version: str) -> tuple[int, list[str]]:
    """How many people were compared, and the results of the differences, as this entry point shows them."""
    if at == "page":
        page = text_of(await who.page.get(f"/packets/{name}/versions/{version}/shadow"))
        people = int(page.split("People compared ")[1].split()[0])
        labels = {"Not judged": "unjudged", "Missed by people": "people_missed", "Wrong account": "wrong_account"}
        listed = page.split("Judgement", 1)[1]
        return people, [code for words, code in labels.items() if words in listed]
    if at == "api":
        found = (await who.api.get(f"/packets/{name}/versions/{version}/shadow")).json()
    else:
        code, plain = await who.typed("packet", "shadow", name)
        assert code == 0 and "1 people compared" in plain, plain
        code, said = await who.typed("packet", "shadow", name, "--json")
        assert code == 0, said
        found = json.loads(said)
    return found["figures"]["people"], [one["result"] for one in found["differences"]]
