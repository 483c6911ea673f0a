"""Histories of real runs, kept as JSON so that tests can replay them with workflow code that has changed since.

`python -m tests.integration.histories` plays the runs again on servers of its own and writes the files.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

from temporalio.client import WorkflowHistory

from orchestrator import commands
from orchestrator.embedded.company.company import Company
from orchestrator.embedded.postgres import PostgresServer
from orchestrator.embedded.temporal import TemporalServer
from orchestrator.ledger.schema.migrate import upgrade
from orchestrator.workflows.workflow_ids import workflow_id
from tests.integration.installation import Installation, gate_open, installation, open_kinds
from tests.integration.packets import quick_packet

PLACES = ("identity", "binaryChecksum", "requestId", "stackTrace")
FOLDER = Path(__file__).parents[1] / "workflows" / "histories"


async def history_of(here: Installation, run: str) -> WorkflowHistory:
    """The whole history of a run that has ended, once its workflow has too."""
    handle = here.engine.client.get_workflow_handle(workflow_id(run))
    async with asyncio.timeout(90):
        await handle.result()
    return await handle.fetch_history()


async def plain_run(here: Installation, number: str) -> str:
    run = await here.start(number)
    await here.attend(run)
    return run


async def troubled_run(here: Installation, number: str) -> str:
    """A gate rejected and planned again, a system that fails twice, a step that a person orders again."""
    run = await here.start(number)
    state = await here.wait_until(run, gate_open, "an open gate")
    await commands.reject_gate(here.services, here.actors["it"], run, "g-all-1", "not yet")
    await here.wait_until(run, lambda s: "gate_rejected" in open_kinds(s), "the rejection's exception")
    await commands.replan_run(here.services, here.actors["it"], run, "now")
    await here.wait_until(run, gate_open, "the gate again")
    code = next(step for step in state.plan.steps.values() if step.name == "suspend_code")
    card = next(step for step in state.plan.steps.values() if step.name == "close_card")
    native = {step.name: state.accounts.details[step.account_id]["native_id"] for step in (code, card)}
    await here.company.break_("code", "503", method="POST", path=f"{native[code.name]}/suspend", times=2)
    await here.company.break_("cards", "error_in_200", method="POST", path=f"{native[card.name]}/close", times=1)
    await commands.approve_gate(here.services, here.actors["it"], run, "g-all-2")
    await here.wait_until(run, lambda s: "step_failed" in open_kinds(s), "the card's exception")
    await commands.retry_step(here.services, here.actors["operator"], run, card.step_id, reason="unlocked")
    await here.attend(run)
    return run


def without_places(value: Any) -> Any:
    """Names of processes and machines say nothing about the workflow."""
    if isinstance(value, dict):
        return {key: "recorded" if key in PLACES else without_places(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [without_places(inner) for inner in value]
    return "recorded" if isinstance(value, str) and "@" in value else value  # a worker's own queue: 4711@machine-…


async def write_histories() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with (
            PostgresServer.start(folder / "postgres") as postgres,
            TemporalServer.start(folder / "temporal") as temporal,
            Company.start(folder / "company") as company,
        ):
            url = postgres.url("offboard")
            await asyncio.to_thread(upgrade, url)
            async with installation(url, temporal.address, company, packet=quick_packet()) as here:
                runs = {
                    "whole_run": await plain_run(here, "E-1013"),
                    "rejected_and_tried_again": await troubled_run(here, "E-1012"),
                }
                for title, run in runs.items():
                    history = without_places(json.loads((await history_of(here, run)).to_json()))
                    text = json.dumps(history, indent=1, sort_keys=True)
                    (FOLDER / f"{title}.json").write_text(text + "\n")


if __name__ == "__main__":
    asyncio.run(write_histories())
