"""Batches: the list with the upload of an HR export, the check of an export, and one batch with its people.

upload ─► a worker checks every row ─► broken rows, or the batch ─► start ─► confirmation, where it needs one
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.datastructures import FormData, UploadFile
from starlette.responses import RedirectResponse, Response

from connectors.errors import ConnectorError
from connectors.people_csv.mapping import export_format
from connectors.people_csv.reading import read_export
from connectors.people_csv.rows import Export
from orchestrator import commands
from orchestrator.documents.batches.files import rows_of_export
from orchestrator.documents.batches.rows import BatchChecked
from orchestrator.documents.runs.questions import BatchAsked
from orchestrator.domain.batches.batch_commands import require_size
from orchestrator.domain.commands.requests import require_prepare
from orchestrator.domain.errors import Invalid, Refusal
from orchestrator.domain.packet.packet import Packet
from orchestrator.engine import EngineUnavailable
from orchestrator.ledger.access.sessions import Flash
from orchestrator.web.access.batches import shown_batch, shown_batches
from orchestrator.web.access.caller import Caller, PageCaller
from orchestrator.web.access.forms import Form, text
from orchestrator.web.access.packets import readable
from orchestrator.web.access.start_permissions import packets_to_start
from orchestrator.web.inquiries import HR_TIMEOUT_SECONDS, NotAnswered, unknown_inquiry
from orchestrator.web.pages.page import back_to, page
from orchestrator.web.pages.refusals import refusal_flash
from orchestrator.web.pages.run.run_access import name_in
from orchestrator.web.state import state_of

router = APIRouter()

MAX_SHOWN_ROWS = 500
"""People of a batch on its page; the API has all."""


@router.get("/batches")
async def batches(request: Request, caller: PageCaller) -> Response:
    return await _list(request, caller)


@router.post("/batches")
async def upload(request: Request, caller: PageCaller, form: Form) -> Response:
    web = state_of(request)
    try:
        packet = await readable(web, caller, text(form, "packet"))
        require_prepare(caller.actor, packet, packet, packet.name)
        export = await web.heavy.run(_read, await _content(form), packet)
        rows, unreadable = rows_of_export(export)
        require_size(len(rows))
        question = BatchAsked(
            packet=packet.name,
            rows=tuple(rows),
            unreadable=tuple(unreadable),
            skip_broken=text(form, "skip_broken") == "yes",
            up_to=caller.actor.up_to,
        )
        inquiry_id = await web.inquiries.put(caller.actor.actor_id, question)
    except (Refusal, EngineUnavailable) as refused:
        return await _list(request, caller, *refusal_flash(request, refused))
    return RedirectResponse(f"/batches/checks/{inquiry_id}", 303)


@router.get("/batches/checks/{inquiry_id}")
async def checked(request: Request, caller: PageCaller, inquiry_id: str) -> Response:
    """The result of a check, for which this request waits some seconds."""
    web = state_of(request)
    try:
        answer = await web.inquiries.wait(inquiry_id, caller.actor.actor_id, within=HR_TIMEOUT_SECONDS)
    except NotAnswered as failed:
        return await _list(request, caller, *refusal_flash(request, failed))
    if answer is None:
        again = f"/batches/checks/{inquiry_id}"
        return await page(
            request, "new_run/batch_check.html", title="Checking the list", caller=caller, current="runs", again=again
        )
    if not isinstance(answer, BatchChecked):
        raise unknown_inquiry()
    if answer.batch_id is not None:
        said = f"The batch is recorded with {answer.people} people. It starts no run before it is started."
        return await back_to(request, caller, f"/batches/{answer.batch_id}", Flash("done", said))
    return await page(
        request, "new_run/batch_check.html", title="Rows to correct", caller=caller, current="runs", answer=answer
    )


@router.get("/batches/{batch_id}")
async def batch(request: Request, caller: PageCaller, batch_id: str) -> Response:
    return await _batch(request, caller, batch_id)


@router.post("/batches/{batch_id}/start")
async def start(request: Request, caller: PageCaller, form: Form, batch_id: str) -> Response:
    typed = text(form, "runs")
    try:
        count = int(typed) if typed.isdecimal() and len(typed) < 9 else 0
        await commands.start_batch(state_of(request).services, caller.actor, batch_id, count)
    except Refusal as refused:
        return await _refused(request, caller, batch_id, refused)
    return await back_to(request, caller, f"/batches/{batch_id}", Flash("done", "The batch is started."))


@router.post("/batches/{batch_id}/confirm")
async def confirm(request: Request, caller: PageCaller, form: Form, batch_id: str) -> Response:
    try:
        await commands.confirm_batch(state_of(request).services, caller.actor, batch_id)
    except Refusal as refused:
        return await _refused(request, caller, batch_id, refused)
    return await back_to(request, caller, f"/batches/{batch_id}", Flash("done", "The batch is confirmed."))


@router.post("/batches/{batch_id}/hold")
async def hold(request: Request, caller: PageCaller, form: Form, batch_id: str) -> Response:
    try:
        await commands.hold_batch(state_of(request).services, caller.actor, batch_id)
    except Refusal as refused:
        return await _refused(request, caller, batch_id, refused)
    said = "The batch is paused. Runs that were started continue."
    return await back_to(request, caller, f"/batches/{batch_id}", Flash("done", said))


@router.post("/batches/{batch_id}/resume")
async def resume(request: Request, caller: PageCaller, form: Form, batch_id: str) -> Response:
    try:
        await commands.resume_batch(state_of(request).services, caller.actor, batch_id)
    except Refusal as refused:
        return await _refused(request, caller, batch_id, refused)
    return await back_to(request, caller, f"/batches/{batch_id}", Flash("done", "The batch is resumed."))


@router.post("/batches/{batch_id}/cancel")
async def cancel(request: Request, caller: PageCaller, form: Form, batch_id: str) -> Response:
    try:
        await commands.cancel_batch(state_of(request).services, caller.actor, batch_id, text(form, "reason"))
    except Refusal as refused:
        return await _refused(request, caller, batch_id, refused)
    said = "The batch is cancelled. Runs that were started continue."
    return await back_to(request, caller, f"/batches/{batch_id}", Flash("done", said))


async def _content(form: FormData) -> bytes:
    given = form.get("file")
    content = await given.read() if isinstance(given, UploadFile) else b""
    if not content:
        raise Invalid("attachment_empty", "No file was selected, or the file is empty.")
    return content


def _read(content: bytes, packet: Packet) -> Export:
    """Raises `Invalid` where the file as a whole cannot be used."""
    columns = packet.platform.hr.export_columns
    try:
        return read_export(
            content, columns, export_format(columns, packet.platform.hr.export_format), hr_has_zones=True
        )
    except ConnectorError as error:
        raise Invalid("export_unreadable", f"{error.detail} {error.remedy}".strip()) from error


async def _refused(request: Request, caller: Caller, batch_id: str, refused: Refusal) -> Response:
    """On the batch's page; a batch that the caller does not see has none."""
    if refused.code == "unknown_batch":
        raise refused
    return await _batch(request, caller, batch_id, *refusal_flash(request, refused))


async def _list(request: Request, caller: Caller, flash: Flash | None = None, status: int = 200) -> Response:
    web = state_of(request)
    offered = []
    if caller.may_start:
        shelves = (await web.queries.organisation_snapshot()).shelves.values()
        offered = [packet for packet, _ in packets_to_start(caller.actor, shelves)]
    found, staff = await shown_batches(web, caller), await web.queries.staff()
    return await page(
        request,
        "new_run/batches.html",
        title="Batches",
        caller=caller,
        current="runs",
        status=status,
        flashes=(flash,) if flash is not None else (),
        batches=[{**one, "proposed_by": name_in(staff, one["proposed_by"])} for one in found],
        offered=offered,
    )


async def _batch(
    request: Request, caller: Caller, batch_id: str, flash: Flash | None = None, status: int = 200
) -> Response:
    web = state_of(request)
    found, staff = await shown_batch(web, caller, batch_id), await web.queries.staff()
    names = {key: name_in(staff, found[key]) for key in ("proposed_by", "started_by", "confirmed_by", "cancelled_by")}
    return await page(
        request,
        "new_run/batch.html",
        title="Batch",
        caller=caller,
        current="runs",
        status=status,
        flashes=(flash,) if flash is not None else (),
        batch={**found, **names, "rows": found["rows"][:MAX_SHOWN_ROWS]},
        held_by=name_in(staff, found["held_by"]),
        further=max(len(found["rows"]) - MAX_SHOWN_ROWS, 0),
        refreshes=found["status"] == "running" and flash is None,
    )
