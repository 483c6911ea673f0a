"""Signing in a command line: RFC 8628 with this installation as the authorisation server, and by name where that is
trusted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from orchestrator.domain.errors import NotAllowed
from orchestrator.domain.permissions.levels import Level
from orchestrator.ledger.access.devices import DEVICE_SIGN_IN_TTL, POLL_INTERVAL, Pending
from orchestrator.ledger.access.sessions import left_since
from orchestrator.web.access.forms import from_our_pages
from orchestrator.web.access.routes import local_arrival
from orchestrator.web.access.sign_in_completion import UNTIL_KNOWN, arrive
from orchestrator.web.access.source import source_of
from orchestrator.web.api.schema.description import problems
from orchestrator.web.state import WebState, state_of

router = APIRouter(prefix="/api/v1", tags=["access"])

PERSONS_TOKEN = timedelta(hours=12)


class Device(BaseModel):
    """Show `code` and `confirm_at` to the person, and poll with `device_secret` every `interval` seconds."""

    device_secret: str
    code: str = Field(examples=["BCDF-GHJK"])
    confirm_at: str
    expires_in: int
    interval: float


class DeviceSecret(BaseModel):
    device_secret: str = Field(max_length=200)


class PersonsToken(BaseModel):
    """A token that acts as the person who confirmed, until `expires_at`."""

    token: str
    actor_id: str
    expires_at: datetime


class LocalSignIn(BaseModel):
    alias: str = Field(max_length=60)


@router.post("/device", summary="Start a command-line sign-in", responses=problems(413, 429))
async def begin(request: Request) -> Device:
    web = state_of(request)
    secret, code = await web.devices.ask(source_of(request))
    return Device(
        device_secret=secret,
        code=code,
        confirm_at=f"{web.settings.public_url}/device",
        expires_in=int(DEVICE_SIGN_IN_TTL.total_seconds()),
        interval=POLL_INTERVAL.total_seconds(),
    )


@router.post("/device/token", summary="Poll for the token", responses=problems(403, 413))
async def confirmed(request: Request, asked: DeviceSecret, response: Response) -> PersonsToken:
    """403 with the code `authorization_pending` until the person has confirmed; `slow_down`, `access_denied` and
    `expired_token` as in RFC 8628, section 3.5."""
    web = state_of(request)
    answer = await web.devices.poll(asked.device_secret)
    if isinstance(answer, str):
        raise NotAllowed(answer, _PENDING[answer])
    holder = (await web.services.runs.organisation()).actors[answer.actor_id]
    now = await web.services.runs.ledger.now()
    if holder.human is not None and await left_since(web.database, holder.human, now - DEVICE_SIGN_IN_TTL):
        raise NotAllowed("access_denied", _PENDING["access_denied"])  # they left between confirming and this
    response.headers["cache-control"] = "no-store"
    request.state.account, request.state.signs_in = answer.actor_id, True
    return await _persons_token(web, answer.actor_id, "command line", answer.auth_time, answer.acr)


_PENDING: Mapping[Pending, str] = {
    "authorization_pending": "The person has not confirmed yet.",
    "slow_down": "The token was polled too soon.",
    "access_denied": "The person rejected the sign-in.",
    "expired_token": "The code has expired or has been used.",
}


@router.post("/sign-in/local", summary="Sign in by name (embedded stack only)", responses=problems(403, 404, 413))
async def locally(request: Request, asked: LocalSignIn) -> PersonsToken:
    """The embedded stack trusts every caller that can reach it. All other installations reject this."""
    from_our_pages(request)  # a page elsewhere, open in the same machine's browser, gets no token
    web = state_of(request)
    arrival = await local_arrival(web, asked.alias)
    arrived = await arrive(request, web, arrival)
    lasts = PERSONS_TOKEN if arrived.known else UNTIL_KNOWN
    return await _persons_token(web, arrived.actor.actor_id, "local sign-in", arrival.auth_time, None, lasts)


async def _persons_token(
    web: WebState,
    actor_id: str,
    label: str,
    auth_time: datetime | None,
    acr: str | None,
    lasts: timedelta = PERSONS_TOKEN,
) -> PersonsToken:
    text, token = await web.tokens.make(
        actor_id,
        label=label,
        made_by=actor_id,
        up_to=Level.CHANGE,
        lasts=lasts,
        auth_time=auth_time,
        acr=acr,
    )
    return PersonsToken(token=text, actor_id=actor_id, expires_at=token.expires_at)
