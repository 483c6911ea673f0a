"""The page Delegation: a colleague decides for a time."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from orchestrator import commands
from orchestrator.domain.errors import Invalid, Refusal
from orchestrator.ledger.access.sessions import Flash
from orchestrator.web.access.caller import Caller, PageCaller
from orchestrator.web.access.forms import Form, text
from orchestrator.web.pages.new_run.local_times import instant_given
from orchestrator.web.pages.page import back_to, page
from orchestrator.web.pages.refusals import refusal_flash
from orchestrator.web.pages.run.run_access import name_in
from orchestrator.web.state import state_of

router = APIRouter()

FIELDS = ("to", "since", "until", "reason")


@router.get("/away")
async def away(request: Request, caller: PageCaller) -> Response:
    return await _page(request, caller)


@router.post("/away")
async def delegate(request: Request, caller: PageCaller, form: Form) -> Response:
    typed = {name: text(form, name)[:2000] for name in FIELDS}
    web = state_of(request)
    try:
        if not typed["to"]:
            raise Invalid("unknown_colleague", "No colleague was selected.")
        since = instant_given(typed["since"], caller.zone, "The start") if typed["since"] else None
        until = instant_given(typed["until"], caller.zone, "The end")
        await commands.delegate(web.services, caller.actor, typed["to"], since, until, typed["reason"] or None)
    except Refusal as refused:
        return await _page(request, caller, *refusal_flash(request, refused), typed=typed)
    colleague = name_in(await web.queries.staff(), typed["to"])
    return await back_to(request, caller, "/away", Flash("done", f"{colleague} is your delegate for this time."))


@router.post("/away/{delegation_id}/end")
async def end(request: Request, caller: PageCaller, form: Form, delegation_id: str) -> Response:
    try:
        changed = await commands.end_delegation(state_of(request).services, caller.actor, delegation_id)
    except Refusal as refused:
        return await _page(request, caller, *refusal_flash(request, refused))
    said = "The delegation has ended." if changed else "The delegation had already ended."
    return await back_to(request, caller, "/away", Flash("done", said))


async def _page(
    request: Request,
    caller: Caller,
    flash: Flash | None = None,
    status: int = 200,
    typed: dict[str, str] | None = None,
) -> Response:
    web = state_of(request)
    staff = await web.queries.staff()
    held = [
        {
            "id": one.said.delegation_id,
            "by": name_in(staff, one.said.by),
            "to": name_in(staff, one.said.to),
            "mine": one.said.by == caller.actor.actor_id,
            "since": one.said.since,
            "until": one.said.until,
            "now": one.holds(caller.now),
            "reason": one.said.reason,
        }
        for one in await web.queries.delegations(caller.viewer)
    ]
    colleagues: list[tuple[Any, ...]] = sorted(
        (
            (actor_id, name_in(staff, actor_id), sorted(member.actor.roles))
            for actor_id, member in (await web.queries.colleagues(caller.viewer)).items()
            if member.actor.kind == "person" and member.actor.human not in (None, caller.actor.human)
        ),
        key=lambda one: one[1].casefold(),
    )
    return await page(
        request,
        "admin/away.html",
        title="Delegation",
        caller=caller,
        current="away",
        status=status,
        flashes=(flash,) if flash is not None else (),
        given=[one for one in held if one["mine"]],
        taken=[one for one in held if not one["mine"]],
        colleagues=colleagues,
        typed=typed or dict.fromkeys(FIELDS, ""),
        may=caller.actor.kind == "person" and caller.actor.human is not None,
    )
