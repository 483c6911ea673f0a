"""Forms that change a run as a whole: pause, move the cutoff, make it urgent, cancel, legal holds, embargo."""

from __future__ import annotations

from datetime import datetime, timedelta

from fastapi import APIRouter, Request
from starlette.datastructures import QueryParams
from starlette.responses import Response

from orchestrator import commands
from orchestrator.commands import Done
from orchestrator.documents.document import Document
from orchestrator.domain.errors import Refusal
from orchestrator.domain.measures.added_exposure import added_exposure
from orchestrator.domain.run.cutoff import Cutoff, parse_cutoff
from orchestrator.web.access.caller import Caller, PageCaller
from orchestrator.web.access.forms import Form, text, texts
from orchestrator.web.pages.new_run.local_times import instant_given
from orchestrator.web.pages.run.flashes import done
from orchestrator.web.pages.run.form_responses import carried_out, refused
from orchestrator.web.pages.run.run import show_run
from orchestrator.web.pages.run.run_access import load_answered_run, load_run
from orchestrator.web.state import WebState, state_of
from orchestrator.web.times import instant

router = APIRouter()


@router.post("/runs/{run_id}/hold")
async def hold(request: Request, caller: PageCaller, form: Form, run_id: str) -> Response:
    try:
        typed = text(form, "until")
        zone, what = text(form, "zone") or caller.zone, "The end of the pause"
        until = instant_given(typed, zone, what) if typed else None
        reason = text(form, "reason") or None
        came_of_it = await commands.hold_run(state_of(request).services, caller.actor, run_id, reason, until)
    except Refusal as refusal:
        return await refused(request, caller, form, refusal, run_id)
    said = (
        "The run is paused. No further step starts until it is resumed."
        if came_of_it.events
        else "The run was already paused."
    )
    return await carried_out(request, caller, form, done(said, came_of_it))


@router.post("/runs/{run_id}/release")
async def release(request: Request, caller: PageCaller, form: Form, run_id: str) -> Response:
    try:
        came_of_it = await commands.release_run(state_of(request).services, caller.actor, run_id)
    except Refusal as refusal:
        return await refused(request, caller, form, refusal, run_id)
    said = "The run is resumed." if came_of_it.events else "The run was not paused."
    return await carried_out(request, caller, form, done(said, came_of_it))


@router.post("/runs/{run_id}/reschedule")
async def reschedule(request: Request, caller: PageCaller, form: Form, run_id: str) -> Response:
    """`cutoff` is a time on the clock of `zone`. If access stays open for longer, the page shows for how long, and the
    cutoff is moved once `confirmed` says that this was shown."""
    try:
        cutoff = parse_cutoff(text(form, "cutoff"), text(form, "zone"))
        postponed = await _postponed(state_of(request), caller, run_id, cutoff)
        if postponed is not None and text(form, "confirmed") != postponed["confirmed"]:
            request.state.form_place = f"/runs/{run_id}#change-cutoff"
            return await show_run(request, caller, run_id, QueryParams(), 422, postponed=postponed)
        came_of_it = await commands.reschedule_run(state_of(request).services, caller.actor, run_id, cutoff)
    except Refusal as refusal:
        return await refused(request, caller, form, refusal, run_id)
    seen = await load_answered_run(state_of(request), caller, run_id)
    when = instant(seen.state.cutoff, seen.state.zone)
    said = f"The cutoff is now {when}." if came_of_it.events else f"The cutoff was already {when}."
    return await carried_out(request, caller, form, done(said, came_of_it))


async def _postponed(web: WebState, caller: Caller, run_id: str, cutoff: Cutoff) -> Document | None:
    """What a later cutoff adds to the exposure. None if it adds nothing, or the caller can't move the cutoff."""
    seen = await load_run(web, caller, run_id)
    # Counted on the complete run, as in the API: without the systems that the caller does not read it is too small.
    whole = await web.services.runs.load(seen.state.run_id)
    added = added_exposure(whole.state, cutoff.instant, whole.world.now)
    if added is None or not added.longer or not seen.permissions.move(cutoff):
        return None
    return {
        "hours": f"{added.longer / timedelta(hours=1):,.1f}".removesuffix(".0"),
        "systems": [seen.system(name) for name in added.systems if name not in added.tasks],
        "tasks": [seen.place(name) for name in added.tasks],
        "privileged": len(added.privileged),
        "cutoff": cutoff.instant,
        "zone": cutoff.zone,
        "typed": cutoff.local,
        "confirmed": f"{whole.state.cutoff.isoformat()}/{cutoff.instant.isoformat()}",
    }


@router.post("/runs/{run_id}/urgent")
async def make_urgent(request: Request, caller: PageCaller, form: Form, run_id: str) -> Response:
    web = state_of(request)
    try:
        reason, sign_in = text(form, "reason") or None, caller.sign_in(web.settings)
        came_of_it = await commands.make_run_urgent(web.services, caller.actor, run_id, reason, sign_in=sign_in)
    except Refusal as refusal:
        return await refused(request, caller, form, refusal, run_id)
    said = (
        "The run is urgent. Reversible steps that remove access start now."
        if came_of_it.events
        else "The run was urgent already."
    )
    return await carried_out(request, caller, form, done(said, came_of_it))


@router.post("/runs/{run_id}/end")
async def end(request: Request, caller: PageCaller, form: Form, run_id: str) -> Response:
    try:
        came_of_it = await commands.end_run(state_of(request).services, caller.actor, run_id, text(form, "reason"))
    except Refusal as refusal:
        return await refused(request, caller, form, refusal, run_id)
    said = "The run is cancelled. Completed steps are not undone; no further step runs."
    return await carried_out(request, caller, form, done(said, came_of_it))


@router.post("/runs/{run_id}/legal-holds")
async def place_legal_hold(request: Request, caller: PageCaller, form: Form, run_id: str) -> Response:
    try:
        came_of_it = await commands.place_legal_hold(
            state_of(request).services, caller.actor, run_id, text(form, "reason")
        )
    except Refusal as refusal:
        return await refused(request, caller, form, refusal, run_id)
    said = "The legal hold is placed. Until it is lifted, no step that destroys data runs."
    return await carried_out(request, caller, form, done(said, came_of_it))


@router.post("/runs/{run_id}/legal-holds/lift")
async def lift_legal_hold(request: Request, caller: PageCaller, form: Form, run_id: str) -> Response:
    try:
        came_of_it = await commands.lift_legal_hold(
            state_of(request).services, caller.actor, run_id, text(form, "reason"), text(form, "hold_id") or None
        )
    except Refusal as refusal:
        return await refused(request, caller, form, refusal, run_id)
    return await carried_out(request, caller, form, done("The legal hold is lifted.", came_of_it))


@router.post("/runs/{run_id}/embargo")
async def embargo(request: Request, caller: PageCaller, form: Form, run_id: str) -> Response:
    """`until` (in `zone`) moves its end, `named` says for whom the run exists; `over` ends it now."""
    over = bool(text(form, "over"))
    try:
        until: datetime | None = None
        if not over:
            until = parse_cutoff(text(form, "until"), text(form, "zone") or caller.zone).instant
        came_of_it: Done = await commands.set_embargo(
            state_of(request).services, caller.actor, run_id, until, texts(form, "named")
        )
    except Refusal as refusal:
        return await refused(request, caller, form, refusal, run_id)
    if over:
        said = "The embargo has ended. The complete record is visible to everyone with access to this packet's runs."
    else:
        said = f"The run is visible only to the people selected until {instant(until, caller.zone)}."
    return await carried_out(request, caller, form, done(said, came_of_it))
