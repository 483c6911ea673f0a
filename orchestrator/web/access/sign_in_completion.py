"""What follows a successful sign-in: HR says who is behind the account, the ledger records what they
may do here, and a session begins."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from fastapi import Request

from orchestrator import commands
from orchestrator.documents.runs.questions import WhoSignsIn
from orchestrator.domain.errors import NotAllowed, Refusal
from orchestrator.domain.permissions.levels import Actor
from orchestrator.engine import EngineUnavailable
from orchestrator.ledger.access.sessions import left_since
from orchestrator.web.inquiries import HR_TIMEOUT_SECONDS, InquiryFailed
from orchestrator.web.requests.concurrency import out_of_turn
from orchestrator.web.state import WebState

log = logging.getLogger("offboard.web")

UNTIL_KNOWN = timedelta(minutes=15)
"""The length of a session if HR could not be asked about the user: their own cutoff would not end it. The next
sign-in asks HR again."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """`person` is what HR knows them by; None where the identity provider did not say."""

    actor_id: str
    roles: frozenset[str]
    person: str | None
    name: str | None = None
    email: str | None = None
    zone: str | None = None
    auth_time: datetime | None = None
    acr: str | None = None


@dataclass(frozen=True, slots=True)
class Arrived:
    """The actor as the ledger now knows them. `known` is False where there may be a person behind the account, and HR
    could not be asked which."""

    actor: Actor
    name: str | None
    zone: str | None
    known: bool


async def arrive(request: Request, web: WebState, arrival: Arrival) -> Arrived:
    """Raises `NotAllowed` for a person whose own cutoff has passed."""
    request.state.account, request.state.signs_in = arrival.actor_id, True
    known = (await web.services.runs.organisation()).actors.get(arrival.actor_id)
    human, managers = (known.human, known.managers) if known is not None else (None, frozenset())
    name, email, zone, asked = arrival.name, arrival.email, arrival.zone, True
    if arrival.person is not None:
        try:
            async with out_of_turn(request):
                who = await web.inquiries.ask(
                    arrival.actor_id, WhoSignsIn(wanted=arrival.person), within=HR_TIMEOUT_SECONDS
                )
        except (Refusal, InquiryFailed, EngineUnavailable) as error:
            # HR is away, or has no such person. What it said the last time holds: gates ask for the person behind.
            log.warning("HR did not say who signs in: %s", getattr(error, "code", type(error).__name__))
            asked = False
        else:
            human, managers = who.human, frozenset(who.managers)
            name, email, zone = name or who.name, email or who.email, zone or who.time_zone
    actor = Actor(actor_id=arrival.actor_id, roles=arrival.roles, human=human, managers=managers)
    if human is not None and await left_since(web.database, human, await web.services.runs.ledger.now()):
        raise NotAllowed("has_left", "This account belongs to a person whose cutoff has passed.")
    if known is not None and known.human not in (None, human):
        # What was opened before the former record's cutoff would begin to work again.
        await commands.sign_out_everywhere(web.sessions, web.tokens, arrival.actor_id)
    await commands.record_actor(web.services, actor, name=name, email=email, time_zone=zone)
    return Arrived(actor, name, zone, known=asked or human is not None)


async def open_session(request: Request, web: WebState, arrival: Arrival, replaces: str | None) -> str:
    """The new session's secret; the browser's former session is over."""
    arrived = await arrive(request, web, arrival)
    return await web.sessions.open(
        arrived.actor.actor_id,
        name=arrived.name,
        zone=arrived.zone,
        auth_time=arrival.auth_time,
        acr=arrival.acr,
        replaces=replaces,
        ends_within=None if arrived.known else UNTIL_KNOWN,
    )
