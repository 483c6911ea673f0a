"""HR's system reports that a person leaves, and a run is started.

Signed as Standard Webhooks 1.0.0 say (scheme v1): HMAC-SHA256 over `webhook-id.webhook-timestamp.raw body`. The id is
signed along, and kept: a request that was overheard cannot be sent again under another. Nothing of a request is read
before its signature is verified, and the response to an unsigned one says only that.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Header, Request
from pydantic import Field, ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from orchestrator import commands
from orchestrator.documents.runs.questions import StartAsked
from orchestrator.domain.errors import Refusal
from orchestrator.domain.permissions.levels import HR_FEED, hr_feed
from orchestrator.web import starts
from orchestrator.web.api.people import PersonReference
from orchestrator.web.api.runs.command_responses import start_outcome
from orchestrator.web.api.runs.starts import Local, Zone
from orchestrator.web.api.schema.description import RequestModel, problems_of_post
from orchestrator.web.api.schema.parameters import Id
from orchestrator.web.api.schema.run_answers import Receipt, RunStanding
from orchestrator.web.requests.once import once, replayed, stored
from orchestrator.web.requests.problems import Problem, answer, invalid_request, refused
from orchestrator.web.state import WebState, state_of

router = APIRouter(prefix="/api/v1/hooks", tags=["webhooks"])

WINDOW: Final = timedelta(minutes=5)
REPORT_TTL: Final = timedelta(days=30)
"""How long a delivery's id is known: it is repeated under the same id, signed again, for days."""
_ID: Final = re.compile(r"[!-~]{1,200}")
_PREFIX: Final = "whsec_"

UNSIGNED = Problem(
    401,
    "signature_does_not_match",
    "The signature does not match.",
    "Sign with the secret that is configured on both sides.",
)
OUT_OF_TIME = Problem(
    401,
    "out_of_time",
    "The signature is older than five minutes, or its time is in the future.",
    "Sign each attempt again, and synchronise the clocks.",
)
_ANOTHER = Problem(
    422, "delivery_reused", "This webhook-id was used with another body before.", "Use a new ID for each delivery."
)
UNDER_WAY = Problem(
    409, "request_under_way", "This delivery is being processed.", "Send it again in a moment.",
    headers={"Retry-After": "5"},
)  # fmt: skip


class Leaving(RequestModel):
    """A person leaves."""

    person: PersonReference
    packet: Id = Field(examples=["standard-leaver"])
    cutoff: Local
    zone: Zone | None = Field(None, description="Default: the person's time zone in HR")


@router.post(
    "/hr",
    summary="Report a leaver from HR",
    status_code=201,
    responses={
        **problems_of_post(404),
        201: {"model": RunStanding, "headers": {"Location": {"schema": {"type": "string"}}}},
        202: {
            "model": RunStanding | Receipt,
            "description": "The request is recorded, and continues or is reviewed later",
        },
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": Leaving.model_json_schema()}},
        },
        "security": [],
    },
)
async def leaving(
    request: Request,
    webhook_id: Annotated[str | None, Header(description="The delivery's ID; the same for each attempt")] = None,
    webhook_timestamp: Annotated[str | None, Header(description="When it was signed, in seconds since 1970")] = None,
    webhook_signature: Annotated[str | None, Header(description="`v1,BASE64`; several are separated by spaces")] = None,
) -> Response:
    """404 if the installation has no secret for it. A repeated delivery gets the same response and starts no second
    run."""
    web = state_of(request)
    secret = web.settings.hr_webhook_secret
    if secret is None:
        raise HTTPException(404)
    body = await request.body()
    signed_at = _signed_at(_key(secret), webhook_id, webhook_timestamp, webhook_signature, body)
    if signed_at is None or webhook_id is None:
        return await answer(request, UNSIGNED)
    if abs(await web.services.runs.ledger.now() - signed_at) > WINDOW:
        return await answer(request, OUT_OF_TIME)
    async with once(web.answers, HR_FEED, webhook_id, hashlib.sha256(body).digest(), REPORT_TTL) as attempt:
        if attempt.earlier is not None:
            return replayed(attempt.earlier)
        if not attempt.mine:
            return await answer(request, _ANOTHER if attempt.another_request else UNDER_WAY)
        answered = await _start(request, web, body, attempt.request_id)
        # Otherwise nothing was started: after a setting is corrected, the same delivery can be tried again.
        if answered.status_code < 300:
            await attempt.keep(stored(answered))
        return answered


async def _start(request: Request, web: WebState, body: bytes, start_id: str) -> Response:
    try:
        asked = Leaving.model_validate_json(body)
    except ValidationError as wrong:
        return await answer(request, invalid_request(wrong.errors(include_url=False, include_input=False)))
    actor = hr_feed()
    try:
        await commands.record_actor(web.services, actor)
        question = StartAsked(packet=asked.packet, wanted=asked.person, cutoff=asked.cutoff, zone=asked.zone)
        done = await starts.start(web.services, web.inquiries, actor, question, start_id=start_id)
    except Refusal as error:
        return await answer(request, refused(error, request.path_params))
    standing, status, headers = start_outcome(done)
    return JSONResponse(standing.model_dump(), status, headers=headers)


def _signed_at(
    key: bytes, delivery: str | None, timestamp: str | None, signatures: str | None, body: bytes
) -> datetime | None:
    """When the delivery was signed, if it was with our key; None for everything else."""
    if delivery is None or timestamp is None or signatures is None or not _ID.fullmatch(delivery):
        return None
    if not re.fullmatch(r"[0-9]{1,11}", timestamp):
        return None
    expected = hmac.digest(key, f"{delivery}.{timestamp}.".encode() + body, "sha256")
    given = [_decoded(part) for part in signatures[:2000].split(" ") if part.startswith("v1,")]
    # All of them are compared, so that the time it takes says nothing about which.
    matches = [hmac.compare_digest(expected, one) for one in given]
    return datetime.fromtimestamp(int(timestamp), UTC) if any(matches) else None


def _decoded(signature: str) -> bytes:
    try:
        return base64.b64decode(signature.removeprefix("v1,"), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _key(secret: str) -> bytes:
    """Standard Webhooks write a secret as `whsec_` and base64; any other text is the key as it stands."""
    if secret.startswith(_PREFIX):
        return base64.b64decode(secret.removeprefix(_PREFIX) + "==")
    return secret.encode()
