"""The page Ledger: its size, its verification, and the history of events."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.datastructures import QueryParams
from starlette.responses import RedirectResponse, Response

from orchestrator.deciding.runs import RUN_EVENT_TYPES
from orchestrator.documents.findings import comparison_standing
from orchestrator.documents.runs.questions import VerifyLedger
from orchestrator.domain.errors import Refusal, TooOften
from orchestrator.engine import EngineUnavailable
from orchestrator.ledger.access.sessions import Flash
from orchestrator.ledger.book.codec import EventCodec
from orchestrator.ledger.proofs.verifications import last_verification
from orchestrator.reading.history import History, HistoryEntry, HistoryFilter, HistorySlice
from orchestrator.reading.staff import StaffMember
from orchestrator.vocabulary.comparisons import extent
from orchestrator.web.access.caller import Caller, PageCaller
from orchestrator.web.access.forms import Form
from orchestrator.web.access.read_permissions import reads_runs, require_reading
from orchestrator.web.api.admin.verification import verified
from orchestrator.web.comparisons import compare
from orchestrator.web.pages.lists.choices import choices
from orchestrator.web.pages.lists.filters import status_with, understood
from orchestrator.web.pages.new_run.local_times import instant_given
from orchestrator.web.pages.page import back_to, page
from orchestrator.web.pages.refusals import refusal_flash
from orchestrator.web.pages.run.run_access import name_in
from orchestrator.web.state import state_of

router = APIRouter()

PAGE_SIZE = 50
FIRST_WAIT_SECONDS, LONG_POLL_SECONDS, MAX_POLLS = 1.0, 8.0, 38
"""Seconds for which the page waits for a verification before it says so, then again and again; and how often."""
FIELDS = ("run", "system", "actor", "since", "until")


@router.get("/ledger")
async def ledger(request: Request, caller: PageCaller) -> Response:
    """The filter holds ids and times only: names are in no address."""
    return await _page(request, caller)


def _away(done: str) -> Refusal:
    return Refusal("engine_unavailable", f"The ledger cannot be {done}: Temporal cannot be reached.")


@router.post("/ledger/verify")
async def verify(request: Request, caller: PageCaller, form: Form) -> Response:
    """A worker reads every row again, with code of its own."""
    web = state_of(request)
    await require_reading(web, caller)
    try:
        inquiry_id = await web.inquiries.put(caller.actor.actor_id, VerifyLedger())
    except EngineUnavailable as error:
        return await _page(request, caller, *refusal_flash(request, error, _away("verified")))
    return RedirectResponse(f"/ledger/verifications/{inquiry_id}", 303)


@router.post("/ledger/compare")
async def compare_now(request: Request, caller: PageCaller, form: Form) -> Response:
    """With Temporal, the read tables and systems. Nothing is repaired."""
    web = state_of(request)
    try:
        compared = await compare(web, caller, None)
    except (TooOften, EngineUnavailable) as error:
        return await _page(request, caller, *refusal_flash(request, error, _away("compared")))
    said = Flash("done", " ".join(extent(compared.model_dump())))
    return await back_to(request, caller, "/ledger#comparison", said)


@router.get("/ledger/verifications/{inquiry_id}")
async def verification(request: Request, caller: PageCaller, inquiry_id: str, look: int = 0) -> Response:
    """The result of a verification. While it is in progress, the page says so and reloads itself."""
    web = state_of(request)
    await require_reading(web, caller)
    try:
        found = await web.inquiries.wait(
            inquiry_id, caller.actor.actor_id, within=LONG_POLL_SECONDS if look else FIRST_WAIT_SECONDS
        )
    except Refusal as error:
        return await _page(request, caller, *refusal_flash(request, error))
    if found is None:
        address = f"/ledger/verifications/{inquiry_id}"
        return await page(
            request,
            "admin/ledger_verifying.html",
            title="Verifying the ledger",
            caller=caller,
            current="ledger",
            next_look=f"{address}?look={look + 1}" if look < MAX_POLLS else None,
            again=address,
        )
    return RedirectResponse("/ledger", 303)


async def _page(request: Request, caller: Caller, flash: Flash | None = None, status: int = 200) -> Response:
    web = state_of(request)
    kept = await last_verification(web.database)
    staff = await web.queries.staff()
    can = await choices(web, caller)
    reads = await reads_runs(web, caller)
    actors = (await web.queries.organisation_snapshot()).organisation.actors
    asked, misread = understood(request.query_params, {"system": dict(can.systems), "actor": actors})
    typed = {name: asked.get(name, "").strip()[:200] for name in FIELDS}
    history, refused = await _history(request, caller, typed)
    if refused is not None:
        flash, status = refusal_flash(request, refused)
    return await page(
        request,
        "admin/ledger.html",
        title="Ledger",
        caller=caller,
        current="ledger",
        status=status_with(misread, status),
        flashes=((flash,) if flash is not None else ()) + misread,
        may_verify=reads,
        compared=await comparison_standing(web.database, web.queries, caller.viewer) if reads else None,
        size=await _reader(request).size(caller.viewer),
        last=verified(kept) if kept is not None else None,
        happened=[_line(one, dict(can.systems), staff) for one in history.happened],
        looked_back_to=history.looked_back_to,
        ended=history.after is None,
        more=_address(typed, history.after) if history.after is not None else None,
        first="/ledger" + (f"?{query}" if (query := urlencode(_given(typed))) else "") if _after(request) else None,
        typed=typed,
        filtered=bool(_given(typed)),
        systems=can.systems,
        actors=sorted(((actor_id, name_in(staff, actor_id)) for actor_id in staff), key=lambda one: one[1].casefold()),
    )


def _reader(request: Request) -> History:
    web = state_of(request)
    return History(web.database, web.services.keyring, EventCodec(RUN_EVENT_TYPES), web.queries)


async def _history(request: Request, caller: Caller, typed: Mapping[str, str]) -> tuple[HistorySlice, Refusal | None]:
    """A filter that cannot be so shows nothing, and why."""
    found = _reader(request)
    try:
        wanted = HistoryFilter(
            run_id=typed["run"] or None,
            system=typed["system"] or None,
            actor=typed["actor"] or None,
            since=_instant(typed["since"], caller.zone, "The start"),
            until=_instant(typed["until"], caller.zone, "The end"),
        )
        return await found.page(caller.viewer, wanted, _after(request), PAGE_SIZE), None
    except Refusal as refused:
        return HistorySlice((), None, None), refused


def _instant(text: str, zone: str, what: str) -> datetime | None:
    return instant_given(text, zone, what) if text else None


def _line(one: HistoryEntry, systems: Mapping[str, str], staff: Mapping[str, StaffMember]) -> dict[str, object]:
    return {
        "one": one,
        "by": [name_in(staff, actor_id) for actor_id in one.by if actor_id not in one.caused_by],
        "system": systems.get(one.system or "", one.system),
        "title": one.title,
        "caused_by": [name_in(staff, actor_id) for actor_id in one.caused_by],
    }


def _after(request: Request) -> str | None:
    query: QueryParams = request.query_params
    return query.get("after") or None


def _given(typed: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in typed.items() if value}


def _address(typed: Mapping[str, str], after: str) -> str:
    return f"/ledger?{urlencode({**_given(typed), 'after': after})}#happened"
