"""Downloads of attached files, for viewers of the run whose evidence names them."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import Response

from orchestrator.domain.errors import Invalid
from orchestrator.web.access.caller import PageCaller
from orchestrator.web.pages.run.run_access import as_unknown
from orchestrator.web.pages.run.timeline import files_of
from orchestrator.web.state import state_of

router = APIRouter()


@router.get("/runs/{run_id}/files/{stored}")
async def file(request: Request, caller: PageCaller, run_id: str, stored: str) -> Response:
    """The file itself, to be saved and never shown: what it is, its content says, and a browser is to run none of
    it. Raises `Invalid` (`unknown_run`, `unknown_file`, `file_erased`)."""
    web = state_of(request)
    with as_unknown():
        found = await web.queries.run_page(caller.viewer, run_id)
    named = next(
        (one for recorded in found.events for one in files_of(recorded.event) if one["stored"] == stored), None
    )
    if named is None and found.snapshot.state.asked.facts is not None:
        raise Invalid("unknown_file", "There is no such file in this run.")
    content = await web.services.runs.ledger.files.open(found.snapshot.state.asked.person_id, stored)
    name = str(named["name"]) if named is not None else "file"
    plain = "".join(letter if (letter.isascii() and letter.isalnum()) or letter in "-_." else "_" for letter in name)
    disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    return Response(
        content,
        media_type=str(named["media_type"]) if named is not None else "application/octet-stream",
        headers={"content-disposition": disposition, "content-security-policy": "sandbox; default-src 'none'"},
    )
