"""BambooHR says that an employee changed, and HR's feed reads BambooHR at once instead of at its next time.

Signed as https://documentation.bamboohr.com/docs/webhooks says: `X-BambooHR-Signature` is the HMAC with SHA-256 of the
raw body followed by `X-BambooHR-Timestamp`, in hexadecimal. The body is not read: who leaves is what BambooHR's
API says (`activities/hr_feed.py`). A request that was overheard and is sent again within its time wakes nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Header, Request
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from orchestrator.domain.permissions.levels import HR_FEED
from orchestrator.ledger.engine.hr_feeds import HrFeedRows
from orchestrator.web.api.hr_hook import OUT_OF_TIME, UNDER_WAY, UNSIGNED, WINDOW
from orchestrator.web.api.schema.description import problems_of_post
from orchestrator.web.api.schema.run_answers import Receipt
from orchestrator.web.requests.once import once, replayed, stored
from orchestrator.web.requests.problems import answer
from orchestrator.web.state import state_of

router = APIRouter(prefix="/api/v1/hooks", tags=["webhooks"])

KEPT: Final = 3 * WINDOW
"""How long a delivery is known: longer than its signature counts."""
_SIGNATURE: Final = re.compile(r"[0-9a-fA-F]{64}")
_SECONDS: Final = re.compile(r"[0-9]{1,11}")


@router.post(
    "/bamboohr",
    summary="Report a change in BambooHR",
    status_code=202,
    responses={**problems_of_post(404), 202: {"model": Receipt, "description": "BambooHR is read soon"}},
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "As BambooHR sends it. It is not read",
            "content": {"application/json": {"schema": {}}},
        },
        "security": [],
    },
)
async def changed(
    request: Request,
    x_bamboohr_timestamp: Annotated[str | None, Header(description="When it was signed")] = None,
    x_bamboohr_signature: Annotated[str | None, Header(description="HMAC with SHA-256, in hexadecimal")] = None,
) -> Response:
    """404 if the installation has no key of a webhook in BambooHR. The response says nothing about runs."""
    web = state_of(request)
    key = web.settings.bamboohr_webhook_key
    if key is None:
        raise HTTPException(404)
    body = await request.body()
    signed_at = _signed_at(key, x_bamboohr_timestamp, x_bamboohr_signature, body)
    if signed_at is None or x_bamboohr_signature is None:
        return await answer(request, UNSIGNED)
    if abs(await web.services.runs.ledger.now() - signed_at) > WINDOW:
        return await answer(request, OUT_OF_TIME)
    delivery = f"bamboohr:{x_bamboohr_signature.lower()}"
    async with once(web.answers, HR_FEED, delivery, hashlib.sha256(body).digest(), KEPT) as attempt:
        if attempt.earlier is not None:
            return replayed(attempt.earlier)
        if not attempt.mine:
            return await answer(request, UNDER_WAY)
        await HrFeedRows(web.database, web.services.keyring).wake()
        answered = JSONResponse({"message": "BambooHR is read soon."}, 202)
        await attempt.keep(stored(answered))
        return answered


def _signed_at(key: str, timestamp: str | None, signature: str | None, body: bytes) -> datetime | None:
    """When the request was signed, if it was with our key; None for everything else."""
    if timestamp is None or signature is None or not timestamp.isascii() or not _SIGNATURE.fullmatch(signature):
        return None
    expected = hmac.digest(key.encode(), body + timestamp.encode("ascii"), "sha256")
    if not hmac.compare_digest(expected, bytes.fromhex(signature)):
        return None
    return _instant(timestamp)


def _instant(written: str) -> datetime | None:
    """BambooHR does not document the form of its time: seconds since 1970, or ISO 8601 with an offset."""
    if _SECONDS.fullmatch(written):
        return datetime.fromtimestamp(int(written), UTC)
    try:
        instant = datetime.fromisoformat(written)
    except ValueError:
        return None
    return instant if instant.tzinfo is not None else None
