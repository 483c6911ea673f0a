"""No log line names a person, whatever fails and whatever library writes it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator.embedded.temporal import TemporalServer
from orchestrator.settings import LEVELS, Settings, SettingWrong
from tests.integration.needles import Needles
from tests.telemetry.talkative_process import PLANT

ROOT = Path(__file__).parents[2]
NEEDLES = Needles([PLANT, *PLANT.partition("@")[0].split(".")])


async def talk(*arguments: str) -> tuple[int | None, bytes]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.telemetry.talkative_process",
        *arguments,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(60):
            said, told = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, said + told


def lines_of(told: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in told.splitlines()]


async def test_nothing_that_goes_wrong_names_anyone() -> None:
    code, told = await talk("here")
    assert code == 1
    assert [str(hit) for hit in NEEDLES.in_bytes(told)] == []
    lines = lines_of(told)
    by = {(line["logger"], line.get("says", line.get("from", ""))): line for line in lines}
    assert by["offboard.test", "about 3 runs"]["level"] == "INFO"
    assert ("offboard.test", "it said ActionRequiredError(not_found)") in by
    assert ("offboard.test", "ActionRequiredError(not_found)") in by
    assert ("offboard.test", "this cannot be put together: %d") in by
    assert not any(line["logger"] == "httpx" or line["level"] == "DEBUG" for line in lines)
    assert ("psycopg.pool", "error connecting") in by
    assert any(line["logger"] == "ldap3" and "says" not in line for line in lines)
    whole = by["offboard.test", "with all that belongs to it"]["error"]
    assert (whole["type"], whole["code"]) == ("connectors.errors.ActionRequiredError", "not_found")
    assert [whole["cause"]["type"], whole["cause"]["cause"]["type"]] == [
        "ValueError",
        "pydantic_core._pydantic_core.ValidationError",
    ]
    assert by["asyncio", "Task exception was never retrieved"]["error"]["code"] == "not_found"
    assert any("UserWarning at" in line.get("says", "") for line in lines)
    for says in ("a thread ended by an exception", "an exception that no code can catch", "ended by an exception"):
        assert by["offboard.process", says]["error"]["code"] == "not_found"


async def test_a_failing_activity_names_no_one(temporal: TemporalServer, tmp_path: Path) -> None:
    trace_file = tmp_path / "spans.jsonl"
    code, told = await talk("temporal", temporal.address, str(trace_file))
    assert code == 0, told
    assert [str(hit) for hit in NEEDLES.in_bytes(told)] == []
    failed = [line for line in lines_of(told) if line.get("says") == "Completing activity as failed"]
    assert [line["attempt"] for line in failed] == [1, 2]
    assert failed[0]["error"]["code"] == "not_found" and failed[0]["activity"] == "failing"
    spans = trace_file.read_bytes()
    assert [str(hit) for hit in NEEDLES.in_bytes(spans)] == []
    attempts = [span for span in lines_of(spans) if span["name"] == "RunActivity:failing"]
    assert [span["attributes"]["attempt"] for span in attempts] == [1, 2]
    assert {span["attributes"]["code"] for span in attempts} == {"not_found"}
    assert {span["status"] for span in attempts} == {"error"}


def test_what_is_planted_is_found() -> None:
    assert NEEDLES.in_bytes(json.dumps({"says": f"about {PLANT}"}).encode())


@pytest.mark.parametrize("level", LEVELS)
def test_every_level_can_be_set(level: str) -> None:
    assert Settings.read({**NEEDED, "OFFBOARD_LOG_LEVEL": level.lower()}).log_level == level


def test_an_unknown_level_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(SettingWrong, match=r"OFFBOARD_LOG_LEVEL.*DEBUG, INFO") as raised:
        Settings.read({**NEEDED, "OFFBOARD_LOG_LEVEL": "loud"})
    assert "loud" not in str(raised.value)


NEEDED = {"OFFBOARD_DATABASE_URL": "postgresql://x@localhost/x", "OFFBOARD_MASTER_KEY": "00" * 32}
