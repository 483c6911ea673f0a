"""Workflows that a released version began are carried on by every later one: its histories replay with today's code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from record_histories import FOLDER
from record_release import main, released_versions, version_here
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner
from temporalio.workflow import NondeterminismError
from test_histories import Listening, Sent, assert_sent_as

from orchestrator.worker import WORKFLOWS

HISTORIES = sorted(FOLDER.glob("*/*.json"))


@workflow.defn(name="Inquiry", sandboxed=False)
class AsksLater:
    @workflow.run
    async def run(self, *asked: object) -> None:
        await workflow.sleep(60)


def type_of(history: dict[str, Any]) -> str:
    return str(history["events"][0]["workflowExecutionStartedEventAttributes"]["workflowType"]["name"])


@pytest.mark.parametrize("version", sorted({*released_versions(), version_here()}))
def test_a_version_has_histories(version: str) -> None:
    """Record them with `python tests/workflows/record_release.py` (CONTRIBUTING.md, A release)."""
    kept = [type_of(json.loads(path.read_text())) for path in HISTORIES if path.parent.name == version]
    today = {str(workflow._Definition.must_from_class(one).name) for one in WORKFLOWS}
    assert "Offboarding" in kept
    if version == version_here():
        assert set(kept) == today, "each workflow of the worker has a history"


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: f"{path.parent.name}-{path.stem}")
async def test_todays_code_does_and_says_what_the_version_did(path: Path) -> None:
    text = path.read_text()
    assert "@" not in text and "/home" not in text and "/work" not in text, "it names no machine"
    history = json.loads(text)
    Sent.seen = []
    replayer = Replayer(
        workflows=list(WORKFLOWS),
        data_converter=pydantic_data_converter,
        interceptors=[Listening()],
        workflow_runner=UnsandboxedWorkflowRunner(),  # what is caught must reach this test
    )
    await replayer.replay_workflow(WorkflowHistory.from_json(f"run-{path.stem}", text))
    if type_of(history) == "Offboarding":
        assert_sent_as(history)


async def test_a_workflow_that_does_something_else_is_found() -> None:
    text = (FOLDER / version_here() / "inquiry.json").read_text()
    replayer = Replayer(workflows=[AsksLater], workflow_runner=UnsandboxedWorkflowRunner())
    with pytest.raises(NondeterminismError):
        await replayer.replay_workflow(WorkflowHistory.from_json("inquiry-i1", text))


async def test_histories_of_a_released_version_are_not_recorded_again() -> None:
    with pytest.raises(SystemExit, match="is released"):
        await main([version_here()])
