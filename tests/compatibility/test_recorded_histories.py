"""Every saved workflow history replays: those of runs that were left open, and of what else the worker carries out.

Those in `tests/workflows/histories` are replayed, with what they send, by `tests/workflows/test_histories.py`.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from tests.compatibility import product
from tests.compatibility.fixture_files import FIXTURES, read_json

HISTORIES = sorted((FIXTURES / "histories").glob("*.json.gz"), key=lambda path: path.name)


def name_of(path: Path) -> str:
    return path.name.removesuffix(".json.gz")


def test_there_are_histories_of_every_workflow_and_open_state() -> None:
    there = {name_of(path).rstrip("_12") for path in HISTORIES}
    others = {"inquiry", "notices", "deliverwebhook"}
    assert there >= others | set(read_json("recorded.json")["runs"])


@pytest.mark.parametrize("path", HISTORIES, ids=name_of)
async def test_todays_workflows_do_what_was_recorded(path: Path) -> None:
    saved = read_json(f"histories/{path.name}")
    replayer = Replayer(workflows=list(product.WORKFLOWS), data_converter=pydantic_data_converter)
    await replayer.replay_workflow(WorkflowHistory.from_json(saved["workflow_id"], json.dumps(saved["history"])))
