"""Tasks for people, and their completion."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field, StringConstraints

from orchestrator import commands
from orchestrator.ledger.persons.files import MAX_FILES
from orchestrator.ledger.persons.uploads import Uploaded
from orchestrator.web.access.caller import ApiCaller
from orchestrator.web.api.idempotent import IdempotencyKey, IdempotentRoute
from orchestrator.web.api.runs.command_responses import LATER, run_outcome
from orchestrator.web.api.runs.inbox.inbox import Inbox, MostItems, waiting
from orchestrator.web.api.schema.description import RequestModel, problems, problems_of_post
from orchestrator.web.api.schema.parameters import TEXT, RunId, TaskId, Text
from orchestrator.web.api.schema.run_answers import RunStanding
from orchestrator.web.state import state_of

router = APIRouter(prefix="/api/v1", tags=["tasks"], route_class=IdempotentRoute)


class FileNamed(RequestModel):
    stored: Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")] = Field(
        description="The value from the upload's response"
    )
    name: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=TEXT)] = "file"


class Completion(RequestModel):
    outcome: Literal["done", "not_done"]
    note: Text | None = Field(
        None, description="The evidence, or why it was not done. Encrypted; visible to everyone who can see the run"
    )
    files: list[FileNamed] = Field([], max_length=MAX_FILES, description="Files that were uploaded as evidence")


@router.get("/tasks", summary="List tasks", responses=problems())
async def tasks(
    request: Request,
    caller: ApiCaller,
    mine: Annotated[bool, Query(description="False: all open tasks in runs that the caller can see")] = True,
    limit: MostItems = 50,
) -> Inbox:
    return await waiting(state_of(request), caller, ["task"], mine=mine, limit=limit)


@router.post(
    "/runs/{run_id}/tasks/{task_id}/completion",
    summary="Complete a task",
    responses={**problems_of_post(404), **LATER},
)
async def complete(
    request: Request,
    caller: ApiCaller,
    run_id: RunId,
    task_id: TaskId,
    asked: Completion,
    response: Response,
    key: IdempotencyKey = None,
) -> RunStanding:
    """A note or a file is required if the packet requires evidence. If the task was not done, a note with
    the reason is required."""
    web = state_of(request)
    evidence: dict[str, Any] = {"note": asked.note} if asked.note else {}
    files = [Uploaded(file.stored, file.name) for file in asked.files]
    done = await commands.complete_task(
        web.services, caller.actor, run_id, task_id, asked.outcome, evidence or None, uploaded=files
    )
    return run_outcome(done, response)
