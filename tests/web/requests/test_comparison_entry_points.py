"""A comparison of the ledger is asked for on the page, in the API and at the terminal; its findings are in all three,
without those about runs that the reader does not see."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
import pytest_asyncio

from orchestrator.embedded.stack import Stack
from orchestrator.ledger.engine.findings import Findings, Seen
from orchestrator.workflows.workflow_ids import workflow_id
from tests.web.api.running import WITHIN, Leavers, refused, start
from tests.web.requests.entry_points import SignInAs, text_of

NO_RUN = "r_of_no_ledger"
TITLE = "Workflow without a run"


@pytest_asyncio.fixture
async def left_over(stack: Stack) -> AsyncIterator[None]:
    """A workflow of a run that the ledger does not have, seen for long enough."""
    await stack.engine.start_again(NO_RUN)
    async with asyncio.timeout(WITHIN):
        while workflow_id(NO_RUN) not in await stack.engine.workflow_ids():
            await asyncio.sleep(0.05)
    seen = [Seen("workflow_without_run", workflow_id(NO_RUN))]
    await Findings(stack.backend.database).record(seen, {}, timedelta(0))
    yield
    await stack.engine.client.get_workflow_handle(workflow_id(NO_RUN)).terminate()
    async with asyncio.timeout(WITHIN):
        while workflow_id(NO_RUN) in await stack.engine.workflow_ids():
            await asyncio.sleep(0.05)


def found(answer: httpx.Response) -> dict[str, dict[str, object]]:
    return {one["kind"]: one for one in answer.json()["findings"] if one["closed_at"] is None}


@pytest.mark.usefixtures("left_over")
async def test_each_entry_point_compares_and_shows_what_was_found(sign_in: SignInAs) -> None:
    operator = await sign_in("operator")
    compared = await operator.page.submit("/ledger/compare")
    assert compared.status_code == 200 and compared.url.path == "/ledger", compared.text
    page = text_of(await operator.page.get("/ledger"))
    assert TITLE in page and workflow_id(NO_RUN) in page and "Last comparison" in page
    assert "Compared: the workflows of" in text_of(compared) and "Compared: the workflows of" not in page, "once"

    answer = await operator.api.post("/ledger/comparisons", json={})
    assert answer.status_code == 200, answer.text
    standing = (await operator.api.get("/ledger/findings")).json()
    assert answer.json() == {**standing, "compared": answer.json()["compared"]}
    assert answer.json()["compared"]["rows_left"] is False
    assert found(answer)["workflow_without_run"]["about"] == workflow_id(NO_RUN)
    assert answer.json()["compared_at"] and found(answer)["workflow_without_run"]["reported_at"]

    code, printed = await operator.typed("reconcile")
    assert code == 1 and TITLE in printed and "terminate" in printed
    assert "Compared: the workflows of" in printed and "Read again in systems: 0 steps." in printed
    code, printed = await operator.typed("reconcile", "--json")
    assert code == 1 and '"workflow_without_run"' in printed
    code, printed = await operator.typed("doctor")
    assert code == 0 and "offboard reconcile" in printed and f"{TITLE}: 1." in printed
    health = (await operator.api.get("/health")).json()
    assert health["findings"] == sum(health["findings_by_kind"].values()) >= 1


async def test_doctor_names_a_mass_loss_and_what_to_do(stack: Stack, sign_in: SignInAs) -> None:
    operator, rows = await sign_in("operator"), Findings(stack.backend.database)
    await rows.record([Seen("workflows_stopped", "open runs", code="60")], {}, timedelta(0))
    try:
        async with asyncio.timeout(WITHIN):  # the web process keeps what it last saw for a second
            while "Many open runs without a workflow" not in (printed := (await operator.typed("doctor"))[1]):
                await asyncio.sleep(0.05)
    finally:
        await rows.record([], {"workflows_stopped": None}, timedelta(0))
    assert "Check that Temporal, the relay and a worker run." in printed


async def test_one_run_is_compared_by_those_who_see_it(sign_in: SignInAs, leaver: Leavers) -> None:
    hr, operator = await sign_in("hr"), await sign_in("operator")
    run_id = await start(hr.api, await leaver())
    answer = await operator.api.post("/ledger/comparisons", json={"run": run_id})
    assert answer.status_code == 200, answer.text
    compared = answer.json()["compared"]
    assert (compared["workflows"], compared["workflows_left"], compared["runs"]) == (1, 0, 1)
    assert compared["rows"] >= 1 and compared["rows_left"] is False and compared["step_runs_left"] == 0
    code, printed = await operator.typed("reconcile", "--run", run_id, "--json")
    assert code in (0, 1) and '"compared_at"' in printed and '"workflows": 1' in printed
    code, printed = await operator.typed("reconcile", "--run", run_id)
    assert code in (0, 1) and "Compared: the workflows of 1 open run, " in printed and " of 1 run." in printed
    refused(await operator.api.post("/ledger/comparisons", json={"run": "r0000000000000000"}), 422, "unknown_run")
    code, printed = await operator.typed("reconcile", "--run", "r0000000000000000")
    assert code == 1 and "There is no run" in printed


async def test_a_finding_about_a_hidden_run_is_for_those_who_see_the_run(
    stack: Stack, sign_in: SignInAs, leaver: Leavers
) -> None:
    hr, auditor = await sign_in("hr"), await sign_in("auditor")
    hidden = {"until": "2031-12-24T12:00:00Z", "named": ["it", "finance", "operator", "safety-owner"]}
    run_id = await start(hr.api, await leaver(), embargo=hidden)
    rows = Findings(stack.backend.database)
    before = await rows.reported()
    await rows.record([Seen("intent_open", f"{run_id}/s-1", run_id)], {}, timedelta(0))
    assert await rows.reported() == before, "everyone may read this number"
    assert run_id in [one["run_id"] for one in (await hr.api.get("/ledger/findings")).json()["findings"]]
    for answer in (await auditor.api.get("/ledger/findings"), await auditor.api.post("/ledger/comparisons", json={})):
        assert answer.status_code == 200 and run_id not in answer.text
    assert run_id not in (await auditor.page.get("/ledger")).text
    assert run_id not in (await auditor.typed("reconcile", "--json"))[1]
    refused(await auditor.api.post("/ledger/comparisons", json={"run": run_id}), 422, "unknown_run")
