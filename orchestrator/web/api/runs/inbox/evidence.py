"""Files that show that a task was done: uploaded before it is completed, read by those who see the run."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Path, Request, UploadFile
from pydantic import Field
from starlette.responses import Response

from orchestrator.domain.commands.operating import may_act
from orchestrator.domain.errors import Invalid, NotAllowed, TooLate
from orchestrator.domain.organisation.roles import any_of
from orchestrator.domain.permissions.command_table import require
from orchestrator.ledger.persons.files import MAX_FILE_BYTES, Files
from orchestrator.ledger.persons.media_type import media_type
from orchestrator.reading.queries import RunPage
from orchestrator.web.access.caller import ApiCaller
from orchestrator.web.api.idempotent import IdempotencyKey, IdempotentRoute
from orchestrator.web.api.schema.description import ResponseModel, problems, problems_of_post
from orchestrator.web.api.schema.parameters import RunId, TaskId
from orchestrator.web.state import WebState, state_of

router = APIRouter(prefix="/api/v1/runs/{run_id}", tags=["tasks"], route_class=IdempotentRoute)

EvidenceDigest = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="The file's name in the evidence")]


class FileKept(ResponseModel):
    """What the evidence records about the file."""

    name: str
    media_type: str = Field(description="Detected from its content; types that a browser would run are stored as bytes")
    bytes: int
    sha256: str = Field(description="Of the file, hex")
    stored: str = Field(description="SHA-256 of the encrypted file; identifies it in other requests")


@router.post(
    "/tasks/{task_id}/files", summary="Upload a file as evidence", status_code=201, responses=problems_of_post(404, 429)
)
async def upload(
    request: Request, caller: ApiCaller, run_id: RunId, task_id: TaskId, file: UploadFile, key: IdempotencyKey = None
) -> FileKept:
    """At most 10 MiB. It becomes part of the run's evidence when the same user completes the task with it. Otherwise it
    is deleted after a day."""
    web = state_of(request)
    found = await web.queries.run_page(caller.viewer, run_id)
    _may_attach(found, caller.actor, task_id)
    content = await file.read(MAX_FILE_BYTES + 1)
    person_id, uploads = found.snapshot.state.asked.person_id, web.services.runs.ledger.uploads
    kept = await uploads.keep(person_id, caller.actor.actor_id, run_id, task_id, content, file.filename or "file")
    return FileKept.model_validate(kept)


@router.get(
    "/files/{stored}",
    summary="Download a file of the evidence",
    response_class=Response,
    responses={
        **problems(404),
        200: {
            "description": "The file as an attachment",
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        },
    },
)
async def download(request: Request, caller: ApiCaller, run_id: RunId, stored: EvidenceDigest) -> Response:
    web = state_of(request)
    found = await web.queries.run_page(caller.viewer, run_id)
    named = next((file for file in attachments(found) if file.get("stored") == stored), None)
    if named is None:
        raise Invalid("unknown_file", f"There is no file {stored[:12]} in this run.")
    content = await files_of(web).open(found.snapshot.state.asked.person_id, stored)
    return as_attachment(content, str(named.get("name") or "file"))


def as_attachment(content: bytes, name: str) -> Response:
    """A file to be saved. RFC 6266, section 4.1: the name as UTF-8, and nothing in it that a header would obey."""
    return Response(
        content,
        media_type=media_type(content),
        headers={
            "content-disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
            "content-security-policy": "default-src 'none'; sandbox",
            "x-content-type-options": "nosniff",
        },
    )


def attachments(page: RunPage) -> list[dict[str, Any]]:
    """Every file that the run's evidence names."""
    found: list[dict[str, Any]] = []
    for recorded in page.events:
        evidence = getattr(recorded.event, "evidence", None)
        if isinstance(evidence, dict) and isinstance(evidence.get("attachments"), list):
            found.extend(file for file in evidence["attachments"] if isinstance(file, dict))
    return found


def files_of(web: WebState) -> Files:
    return Files(web.database, web.services.keyring)


def _may_attach(page: RunPage, actor: Any, task_id: str) -> None:
    """Raises unless the caller may complete the task, while it is open."""
    state, world = page.snapshot.state, page.snapshot.world
    task = state.work.tasks.get(task_id)
    if task is None:
        raise Invalid("unknown_task", f"Run {state.run_id} has no task {task_id[:60]}.")
    require("complete_task", actor, state.asked.person_id)
    if not may_act(state, actor, (task.opened.role,), world):
        who = any_of((task.opened.role,))
        raise NotAllowed("role_missing", f"Only {who} can do this.")
    if not task.open or state.finished:
        raise TooLate("task_done", f"Task {task_id} is already closed{f', by {task.by}' if task.by else ''}.")
