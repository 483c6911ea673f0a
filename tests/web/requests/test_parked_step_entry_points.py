"""The steps that failed on a system are retried together at each entry point, once the system works again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest_asyncio

from orchestrator.embedded.stack import Stack, put_in_production
from tests.web.api.running import PAST, Leavers, start, until
from tests.web.requests.entry_points import WHY, SignedIn, SignInAs, packet_of, signed_in, text_of

PACKET = "code-parked"
STEPS = ("suspend_code",)


@pytest_asyncio.fixture(scope="module", autouse=True)
async def packets(stack: Stack) -> None:
    actors = (await stack.services.runs.organisation()).actors
    packet = packet_of(PACKET, STEPS, gate=None)
    await put_in_production(stack.services, packet, actors["value-owner"], actors["safety-owner"])


@pytest_asyncio.fixture
async def sign_in(stack: Stack, tmp_path: Path) -> AsyncIterator[SignInAs]:
    async with AsyncExitStack() as open_ones:

        async def one(alias: str) -> SignedIn:
            return await open_ones.enter_async_context(signed_in(stack.url, alias, tmp_path))

        yield one
    await stack.company.clear_faults("code")


def removal(run: Any) -> Any:
    return next((one for one in run["steps"] if one["name"] == "suspend_code"), {"status": ""})


async def test_each_entry_point_shows_and_retries_the_steps_that_failed_on_a_system(
    stack: Stack, sign_in: SignInAs, leaver: Leavers
) -> None:
    hr, it, operator = await sign_in("hr"), await sign_in("it"), await sign_in("operator")
    await stack.company.break_("code", "error_in_200", path="^/accounts/[^/]+(/sessions)?$")
    started = [await start(hr.api, await leaver(), packet=PACKET, cutoff=PAST) for _ in range(3)]
    steps = {}
    for run_id in started:
        run = await until(hr.api, run_id, lambda run: removal(run)["status"] in ("failed", "unknown"))
        steps[run_id] = removal(run)["step_id"]
    await stack.company.clear_faults("code")

    async def parked(who: SignedIn) -> dict[str, Any]:
        answer = await who.api.get("/systems/code/parked-steps")
        assert answer.status_code == 200, answer.text
        return {one["run_id"]: one for one in answer.json()["steps"] if one["run_id"] in steps}

    assert {one["refused"]["code"] for one in (await parked(it)).values()} == {"role_missing"}
    preview = await parked(operator)
    assert preview.keys() == steps.keys() and all(one["refused"] is None for one in preview.values())
    assert {one["step"] for one in preview.values()} == {"suspend_code"}
    code, said = await operator.typed("retry", "--system", "code")
    assert code == 0 and "Nothing was retried" in said and all(run_id in said for run_id in started)
    assert (await parked(operator)).keys() == steps.keys(), "a preview changes nothing"

    first, second, third = started
    selection = {"steps": [{"run_id": first, "step_id": steps[first]}], "reason": WHY}
    refused = (await it.api.post("/systems/code/parked-steps/retry", json=selection)).json()["outcomes"]
    assert refused[0]["refused"]["code"] == "role_missing"
    done = (await operator.api.post("/systems/code/parked-steps/retry", json=selection)).json()["outcomes"]
    assert done[0]["done"]["run_id"] == first and done[0]["refused"] is None
    repeated = (await operator.api.post("/systems/code/parked-steps/retry", json=selection)).json()["outcomes"]
    assert repeated[0]["refused"]["code"] == "nothing_to_retry", "the same steps are not retried twice"

    systems = await operator.page.get("/systems")
    assert 'href="/exceptions?system=code"' in systems.text, "the page Systems leads to the steps that failed on it"
    listed = await operator.page.get("/exceptions?system=code")
    assert "Retry ticked steps" in listed.text and f"{second}/{steps[second]}" in listed.text
    assert "Retry ticked steps" not in (await it.page.get("/exceptions?system=code")).text
    form = {"back": "/exceptions?system=code", "system": "code", "step": [f"{second}/{steps[second]}"], "reason": WHY}
    assert (await it.page.submit("/exceptions/retry", form)).status_code == 403
    assert "1 step: retrying now." in text_of(await operator.page.submit("/exceptions/retry", form))

    code, said = await operator.typed("retry", "--system", "code", "--yes", "--reason", WHY)
    assert code == 0 and third in said and "being retried" in said
    for run_id in started:
        run = await until(hr.api, run_id, lambda run: removal(run)["status"] == "verified")
        events = (await hr.api.get(f"/runs/{run_id}/events")).json()["events"]
        ordered = [one["data"] for one in events if one["type"] == "StepRetryOrdered"]
        assert [(one["by"], one["reason"], one["generation"]) for one in ordered] == [("operator", WHY, 1)], run_id
