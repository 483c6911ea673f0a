"""People and access: the accounts that have signed in, with their roles; revoking roles, sessions and the tokens that
others created. For the safety owner of a packet that is in use."""

from __future__ import annotations

from collections import Counter
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from orchestrator import commands
from orchestrator.commands.services import packets_in_use
from orchestrator.domain.errors import Invalid, Refusal
from orchestrator.domain.invisible import is_blank
from orchestrator.domain.packet.checks.packet_checks import roles_named_in
from orchestrator.domain.packet.packet import Packet
from orchestrator.ledger.access.sessions import Flash
from orchestrator.web.access.caller import Caller, PageCaller
from orchestrator.web.access.forms import Form, text, texts
from orchestrator.web.access.packets import packet_names
from orchestrator.web.pages.page import back_to, page
from orchestrator.web.pages.refusals import refusal_flash
from orchestrator.web.pages.run.run_access import name_in
from orchestrator.web.state import WebState, state_of
from orchestrator.web.words import words

router = APIRouter()

PAGE_SIZE = 50
RECORDED = "The ledger has it with your name and reason."


@router.get("/staff")
async def staff(request: Request, caller: PageCaller) -> Response:
    return await _page(request, caller)


@router.post("/staff/{actor_id}/roles/revoke")
async def revoke_roles(request: Request, caller: PageCaller, form: Form, actor_id: str) -> Response:
    web, roles = state_of(request), texts(form, "role")[:20]
    try:
        if not roles:
            raise Invalid("no_role_chosen", "No role is selected.")
        reason = _reason(text(form, "reason"))
        changed = False
        for packet, of_packet in await _by_packet(web, caller, roles):
            changed |= await commands.revoke_roles(
                web.services, caller.actor, packet, actor_id, of_packet, reason=reason
            )
    except Refusal as refused:
        return await _page(request, caller, *refusal_flash(request, refused))
    name = name_in(await web.queries.staff(), actor_id)
    named = ", ".join(words(role, "role") for role in roles)
    said = f"{name}: {named} revoked. {RECORDED}" if changed else f"{name} has none of these roles: {named}."
    return await back_to(request, caller, "/staff", Flash("done", said))


@router.post("/staff/{actor_id}/sessions/end")
async def end_sessions(request: Request, caller: PageCaller, form: Form, actor_id: str) -> Response:
    web = state_of(request)
    try:
        reason = _reason(text(form, "reason"))
        names = await packet_names(web)
        await commands.end_sessions(
            web.services, web.sessions, web.tokens, caller.actor, names, actor_id, reason=reason
        )
    except Refusal as refused:
        return await _page(request, caller, *refusal_flash(request, refused))
    name = name_in(await web.queries.staff(), actor_id)
    said = f"All sessions of {name} have ended. They can sign in again. {RECORDED}"
    return await back_to(request, caller, "/staff", Flash("done", said))


@router.post("/staff/tokens/{token_id}/revoke")
async def revoke_token(request: Request, caller: PageCaller, form: Form, token_id: str) -> Response:
    web = state_of(request)
    try:
        reason = _reason(text(form, "reason"))
        names = await packet_names(web)
        await commands.revoke_token(web.services, web.tokens, caller.actor, names, token_id, reason=reason)
    except Refusal as refused:
        return await _page(request, caller, *refusal_flash(request, refused))
    return await back_to(request, caller, "/staff", Flash("done", f"The token is revoked. {RECORDED}"))


def _reason(reason: str) -> str:
    if is_blank(reason):
        raise Invalid("reason_missing", "A reason is required.")
    return reason


async def _by_packet(web: WebState, caller: Caller, roles: list[str]) -> list[tuple[str, list[str]]]:
    """The roles by a packet in use that names them, one that the caller owns if there is one. Roles that no packet in
    use names go to the first, whose refusal says so."""
    packets = await _in_use(web)
    own = [packet for packet in packets if packet.platform.safety_owner in caller.actor.roles]
    found: dict[str, list[str]] = {}
    for role in roles:
        naming = next((one for one in (*own, *packets) if role in roles_named_in(one)), None)
        packet = naming or next(iter((*own, *packets)), None)
        if packet is None:
            raise Invalid("no_packets", "No packet is in use.")
        found.setdefault(packet.name, []).append(role)
    return list(found.items())


async def _in_use(web: WebState) -> list[Packet]:
    return await packets_in_use(web.services, await packet_names(web))


async def _page(request: Request, caller: Caller, flash: Flash | None = None, status: int = 200) -> Response:
    """Raises `NotAllowed` for others."""
    web = state_of(request)
    names = await packet_names(web)
    sessions = await commands.list_sessions(web.services, web.sessions, caller.actor, names)
    tokens = await commands.list_tokens(web.services, web.tokens, caller.actor, names)
    known = await web.queries.staff()
    open_ones = Counter(one.actor_id for one in sessions)
    seen = {one.actor_id: one.seen_at for one in sorted(sessions, key=lambda one: one.seen_at)}
    of_command_lines = Counter(token.actor_id for token in tokens if token.works and token.actor_id == token.made_by)
    people: list[dict[str, Any]] = [
        {
            "id": actor_id,
            "name": member.name or actor_id[:14],
            "email": member.email,
            "kind": member.actor.kind,
            "roles": sorted(member.actor.roles),
            "in_hr": member.actor.human is not None,
            "sessions": open_ones[actor_id],
            "terminals": of_command_lines[actor_id],
            "seen_at": seen.get(actor_id),
            "own": actor_id == caller.actor.actor_id,
        }
        for actor_id, member in known.items()
        if member.actor.kind == "person"
    ]
    people.sort(key=lambda one: (not one["roles"], one["name"].casefold()))
    asked = request.query_params.get("page", "")
    number = int(asked) if asked.isdecimal() and len(asked) < 6 else 1
    shown = people[(number - 1) * PAGE_SIZE : number * PAGE_SIZE] if number > 0 else []
    return await page(
        request,
        "admin/staff.html",
        title="People and access",
        caller=caller,
        status=status,
        flashes=(flash,) if flash is not None else (),
        people=shown,
        total=len(people),
        more=f"/staff?page={number + 1}" if len(people) > number * PAGE_SIZE else None,
        first="/staff" if number != 1 else None,
        tokens=[
            (token, name_in(known, token.made_by), known[token.actor_id].actor if token.actor_id in known else None)
            for token in tokens
            if token.works and token.actor_id != token.made_by
        ],
    )
