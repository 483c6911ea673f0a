"""The response to a command on a run: 200, or 202 if Temporal could not be reached."""

from __future__ import annotations

from typing import Any

from fastapi import Response

from orchestrator.commands import Done
from orchestrator.documents.runs.questions import Started
from orchestrator.web.api.schema.run_answers import Receipt, RunStanding

LATER: dict[int | str, dict[str, Any]] = {
    202: {
        "model": RunStanding,
        "description": "The change is recorded, and the run continues once Temporal responds; see `Location`",
        "headers": {"Location": {"description": "The run", "schema": {"type": "string"}}},
    }
}
"""Among the `responses` of every command on a run."""


def run_outcome(done: Done, response: Response, on_time: int = 200) -> RunStanding:
    if done.nudged:
        response.status_code = on_time
    else:
        response.status_code = 202
        response.headers["location"] = run_address(done.run_id)
    return RunStanding(run_id=done.run_id, version=done.version, events=len(done.events), carried_on=done.nudged)


def start_outcome(done: Started) -> tuple[RunStanding | Receipt, int, dict[str, str]]:
    """Body, status and headers: 201 for a run that was opened, 202 where it is carried on or looked at later."""
    if done.run_id is None:
        return Receipt(message=done.message), 202, {}
    body = RunStanding(run_id=done.run_id, version=done.version, events=done.events, carried_on=done.nudged)
    return body, 201 if done.nudged else 202, {"location": run_address(done.run_id)}


def run_address(run_id: str) -> str:
    return f"/api/v1/runs/{run_id}"
