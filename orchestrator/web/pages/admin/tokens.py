"""Tokens: with which programs act here, one's own command line among them. A token is shown once, on the page that
answers the form, and is in no address."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Literal

from fastapi import APIRouter, Request
from starlette.responses import Response

from orchestrator import commands
from orchestrator.commands.credentials import require_owner_of_one
from orchestrator.domain.errors import Invalid, Refusal
from orchestrator.domain.organisation.services import can_answer
from orchestrator.domain.permissions.levels import ActorKind, Level
from orchestrator.ledger.access.sessions import Flash
from orchestrator.ledger.access.tokens import MAX_TOKEN_LIFETIME, Token
from orchestrator.reading.staff import StaffMember
from orchestrator.web.access.caller import Caller, PageCaller
from orchestrator.web.access.forms import Form, text, texts
from orchestrator.web.access.packets import packet_names
from orchestrator.web.access.service_owners import ShownOwners, service_owners
from orchestrator.web.pages.page import back_to, page
from orchestrator.web.pages.refusals import refusal_flash
from orchestrator.web.pages.run.run_access import name_in
from orchestrator.web.state import WebState, state_of

router = APIRouter()

LENGTHS = (
    (1, "1 day"),
    (30, "30 days"),
    (90, "90 days"),
    (180, "180 days"),
    (MAX_TOKEN_LIFETIME.days - 1, "1 year"),
)
"""Days that a token may last, as they are offered."""
KINDS: Mapping[str, Literal["service", "assistant"]] = {"service": "service", "assistant": "assistant"}
MAX_NAME_CHARACTERS = 100


@router.get("/tokens")
async def tokens(request: Request, caller: PageCaller) -> Response:
    return await _page(request, caller)


@router.post("/tokens")
async def make(request: Request, caller: PageCaller, form: Form) -> Response:
    """The token is in this response only. If the page is reloaded, the browser asks whether to send the form again,
    which creates another token."""
    web = state_of(request)
    typed = {
        "name": text(form, "name")[:MAX_NAME_CHARACTERS],
        "kind": text(form, "kind"),
        "up_to": text(form, "up_to"),
        "days": text(form, "days"),
        "roles": " ".join(texts(form, "roles")[:20]),
        "deputy": text(form, "deputy")[:200],
    }
    try:
        caller.require_fresh_sign_in(web.settings, "Creating a token")
        made, token = await commands.make_token(
            web.services,
            web.tokens,
            caller.actor,
            await packet_names(web),
            name=_name(typed["name"]),
            kind=_kind(typed["kind"]),
            roles=typed["roles"].split(),
            up_to=_level(typed["up_to"]),
            lasts=_days(typed["days"]),
            deputy=typed["deputy"] or None,
        )
    except Refusal as refused:
        return await _page(request, caller, *refusal_flash(request, refused), typed=typed)
    return await _page(request, caller, made=made, made_id=token.token_id)


@router.post("/tokens/{token_id}/owners")
async def change_owners(request: Request, caller: PageCaller, form: Form, token_id: str) -> Response:
    web = state_of(request)
    owner, deputy = text(form, "owner")[:200], text(form, "deputy")[:200]
    try:
        caller.require_fresh_sign_in(web.settings, "Changing who answers for a service")
        await commands.change_service_owners(
            web.services, web.tokens, caller.actor, await packet_names(web), token_id, owner, deputy or None
        )
    except Refusal as refused:
        return await _page(request, caller, *refusal_flash(request, refused))
    said = Flash("done", f"{name_in(await web.queries.staff(), owner)} answers for the service.")
    return await back_to(request, caller, "/tokens", said)


@router.post("/tokens/{token_id}/revoke")
async def revoke(request: Request, caller: PageCaller, form: Form, token_id: str) -> Response:
    web = state_of(request)
    try:
        names, reason = await packet_names(web), text(form, "reason") or None
        await commands.revoke_token(web.services, web.tokens, caller.actor, names, token_id, reason=reason)
    except Refusal as refused:
        return await _page(request, caller, *refusal_flash(request, refused))
    said = Flash("done", "The token is revoked.")
    return await back_to(request, caller, "/tokens", said)


async def _page(
    request: Request,
    caller: Caller,
    flash: Flash | None = None,
    status: int = 200,
    typed: dict[str, str] | None = None,
    made: str | None = None,
    made_id: str | None = None,
) -> Response:
    web = state_of(request)
    mine = await web.tokens.made_by(caller.actor.actor_id)
    may_make = await _may_make(web, caller)
    staff = await web.queries.staff()
    return await page(
        request,
        "admin/tokens.html",
        title="Tokens",
        caller=caller,
        status=status,
        flashes=(flash,) if flash is not None else (),
        made=made,
        made_id=made_id,
        own=[token for token in mine if token.actor_id == caller.actor.actor_id],
        programs=[
            (token, staff[token.actor_id].actor if token.actor_id in staff else None)
            for token in mine
            if token.actor_id != caller.actor.actor_id
        ],
        may_make=may_make,
        roles=await _roles(web) if may_make else (),
        lengths=LENGTHS,
        typed=typed or {"name": "", "kind": "service", "up_to": "read", "days": "90", "roles": "", "deputy": ""},
        services=await _services(web) if may_make else (),
        people=_people(staff) if may_make else (),
        levels=[level.value for level in Level],
        longest_name=MAX_NAME_CHARACTERS,
    )


async def _services(web: WebState) -> list[tuple[Token, ShownOwners]]:
    """The services of all accounts whose tokens work, with who answers for each; those without an owner first."""
    owned = await service_owners(web)
    found = [(token, owned[token.token_id]) for token in await web.tokens.made_by() if token.token_id in owned]
    working = [(token, owners) for token, owners in found if token.works]
    return sorted(working, key=lambda one: (one[1].answered, one[0].label.casefold()))


def _people(staff: Mapping[str, StaffMember]) -> list[tuple[str, str]]:
    """Accounts that can answer for a service, each with what its person is called."""
    found = [account for account, member in staff.items() if can_answer(member.actor, ())]
    return sorted(((account, name_in(staff, account)) for account in found), key=lambda one: one[1].casefold())


async def _may_make(web: WebState, caller: Caller) -> bool:
    names = await packet_names(web)
    try:
        await require_owner_of_one(web.services, caller.actor, names, "make_token")
    except Refusal:
        return False
    return True


async def _roles(web: WebState) -> tuple[str, ...]:
    """Those to which a packet grants something for programs: a role of people alone would give them nothing."""
    found: set[str] = set()
    for line in await web.queries.packets():
        current = (await web.services.runs.shelf(line.name)).current
        if current is not None:
            found |= {rule.who for rule in current.platform.levels if rule.kind != "person"}
    return tuple(sorted(found - {"*"}))


def _name(name: str) -> str:
    if not name:
        raise Invalid("token_name_missing", "The token has no name.")
    return name


def _kind(kind: str) -> ActorKind:
    if kind not in KINDS:
        raise Invalid("unknown_kind", "No token type was selected.")
    return KINDS[kind]


def _level(level: str) -> Level:
    try:
        return Level(level)
    except ValueError:
        raise Invalid("unknown_level", "No maximum permission was selected.") from None


def _days(days: str) -> timedelta:
    if not days.isdecimal() or len(days) > 3 or not 0 < int(days) <= MAX_TOKEN_LIFETIME.days:
        raise Invalid("token_lasts", f"A token is valid for at most {MAX_TOKEN_LIFETIME.days} days.")
    return timedelta(days=int(days))
