"""The page on which an owner edits a copy of a packet version: checked by line, compared with the version in
production, and adopted as a draft."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.datastructures import FormData
from starlette.responses import Response

from orchestrator import commands
from orchestrator.documents.document import Document
from orchestrator.documents.packet_changes import changes_document
from orchestrator.domain.errors import NotAllowed, Refusal
from orchestrator.domain.packet.history.packet_phases import require_author
from orchestrator.domain.packet.packet import FILE_NAMES, Packet
from orchestrator.domain.packet.packet_yaml import PacketProblem, PacketProblems
from orchestrator.domain.packet.versions.file_ownership import own_files
from orchestrator.ledger.access.sessions import Flash
from orchestrator.web.access.caller import Caller, PageCaller
from orchestrator.web.access.forms import Form, text
from orchestrator.web.access.packets import packet_names, readable
from orchestrator.web.new_versions import checked_version
from orchestrator.web.pages.page import back_to, page
from orchestrator.web.pages.refusals import refusal_flash
from orchestrator.web.pages.run.run_access import name_in
from orchestrator.web.state import state_of

router = APIRouter()


@router.get("/packets/{name}/versions/{version}/edit")
async def edit(request: Request, caller: PageCaller, name: str, version: str) -> Response:
    base = await _base(request, caller, name, version)
    return await _form(request, caller, base, base.files)


@router.post("/packets/{name}/versions/{version}/edit")
async def checked(request: Request, caller: PageCaller, form: Form, name: str, version: str) -> Response:
    """The button "Check" shows the problems, or what differs; "Adopt" adopts the files as a draft."""
    web, adopting = state_of(request), text(form, "act") == "adopt"
    base = await _base(request, caller, name, version, adopting=adopting)
    files = _files(form, base, own_files(caller.actor, await _production(request, base)))
    try:
        packet = await checked_version(web, caller, files, adopting=adopting)
        production = await _production(request, base)
        if not adopting:
            compared = await web.heavy.run(changes_document, production or base, packet)
            return await _form(request, caller, base, files, compared=compared)
        adopted = await commands.adopt_packet(
            web.services, caller.actor, packet, await packet_names(web), _answers(form)
        )
    except PacketProblems as wrong:
        return await _form(request, caller, base, files, problems=wrong.problems, status=422)
    except Refusal as refused:
        flash, status = refusal_flash(request, refused)
        return await _form(request, caller, base, files, flash=flash, status=status)
    said = f"Version {adopted[:12]} is adopted as a draft. Sign it here."
    at = f"/packets/{packet.name}/versions/{adopted}?part=owners"
    return await back_to(request, caller, at, Flash("done", said))


async def _base(request: Request, caller: Caller, name: str, version: str, *, adopting: bool = False) -> Packet:
    """The version that is edited; a caller who cannot adopt one is refused. The refusal is recorded if they are
    `adopting` a copy of it."""
    web = state_of(request)
    await readable(web, caller, name)
    shelf = await web.services.runs.shelf(name)
    base = shelf.version(shelf.history.version(version).version)
    try:
        require_author(caller.actor)
        own_files(caller.actor, shelf.production or base, required=True)
    except NotAllowed as refused:
        if adopting:
            await commands.refused_adoption(web.services, caller.actor, base, refused)
        raise
    return base


async def _production(request: Request, base: Packet) -> Packet | None:
    return (await state_of(request).services.runs.shelf(base.name)).production


def _files(form: FormData, base: Packet, own: frozenset[str]) -> dict[str, bytes]:
    """The texts of the form for the caller's own files, and the version's for the others."""
    given = {name: form.get(name) for name in own}
    texts = {name: value for name, value in given.items() if isinstance(value, str)}
    return {**base.files, **{name: _with_line_ends(value, base.files[name]) for name, value in texts.items()}}


def _with_line_ends(text: str, before: bytes) -> bytes:
    """Browsers send CR LF. The file has the line ends that it had, and a text that is not changed leaves it as it is,
    also if they were mixed."""
    plain = text.replace("\r\n", "\n").encode()
    if plain == before.replace(b"\r\n", b"\n"):
        return before
    return plain.replace(b"\n", b"\r\n") if b"\r\n" in before else plain


def _answers(form: FormData) -> dict[str, str]:
    """The objection that the form names, with the sentence that answers it."""
    objection = text(form, "answers")
    return {objection: text(form, "answer")} if objection else {}


async def _form(
    request: Request,
    caller: Caller,
    base: Packet,
    files: dict[str, bytes],
    *,
    problems: list[PacketProblem] | None = None,
    compared: Document | None = None,
    flash: Flash | None = None,
    status: int = 200,
) -> Response:
    web = state_of(request)
    own = own_files(caller.actor, await _production(request, base))
    history = (await web.services.runs.shelf(base.name)).history
    staff = await web.queries.staff()
    return await page(
        request,
        "admin/packet_edit.html",
        title=f"Edit {base.workflow.title}",
        caller=caller,
        current="packets",
        status=status,
        flashes=(flash,) if flash is not None else (),
        packet=base,
        address=f"/packets/{base.name}/versions/{base.version}",
        files=[{"name": name, "text": files[name].decode(), "own": name in own} for name in FILE_NAMES],
        problems=[{**one.model_dump(), "text": _line(files, one)} for one in problems or []],
        compared=compared,
        objections=[
            (one.objection, f"{name_in(staff, one.by)}, version {known.version[:12]} ({one.objection})")
            for known in history.versions
            for one in known.open_objections
        ],
    )


def _line(files: dict[str, bytes], problem: PacketProblem) -> str:
    """The text of the problem's line: a text area numbers no lines. Empty if the problem has none."""
    lines = files.get(problem.file, b"").decode().splitlines()
    return lines[problem.line - 1].strip() if problem.line is not None and problem.line <= len(lines) else ""
