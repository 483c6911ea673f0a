"""A request that is answered once under its key: the API's `Idempotency-Key`, HR's `webhook-id`, a preview's start."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from starlette.responses import Response

from orchestrator.ledger.access.answers import RESPONSE_TTL, Claim, ClaimedKey, StoredResponse, StoredResponses

KEPT_HEADERS: Final = ("content-type", "location")


class Attempt:
    """The state of the key. If it is `mine`, the caller does what was requested and calls `keep`. `begun`: it may have
    appended something for the request."""

    def __init__(self, answers: StoredResponses, actor_id: str, key: str, claim: Claim | StoredResponse) -> None:
        self._answers = answers
        self._actor_id = actor_id
        self._key = key
        self._claim = claim
        self.decided = False
        self.begun = False

    @property
    def mine(self) -> bool:
        return isinstance(self._claim, ClaimedKey)

    @property
    def request_id(self) -> str:
        """Names what is done for this request, in the form of an inquiry's ID: the same if the process dies and the
        request is repeated, and another one once the key has expired. Only if it is `mine`."""
        assert isinstance(self._claim, ClaimedKey)
        words = "\0".join((self._actor_id, self._key, self._claim.expires_at.isoformat()))
        return f"i{hashlib.sha256(words.encode()).hexdigest()[:32]}"

    @property
    def repeated(self) -> bool:
        """Whether the same request was received before and not answered."""
        return isinstance(self._claim, ClaimedKey) and self._claim.repeated

    @property
    def another_request(self) -> bool:
        """The key came with another request before. Otherwise, where there is no `earlier` answer and the key is not
        `mine`, the first request is still being worked on."""
        return self._claim == "another_request"

    @property
    def earlier(self) -> StoredResponse | None:
        """The answer that was given before."""
        return self._claim if isinstance(self._claim, StoredResponse) else None

    async def keep(self, answer: StoredResponse) -> None:
        """The answer to the same request under this key from now on."""
        # Before it is written: what was done is not done again where this fails.
        self.decided = True
        await self._answers.keep(self._actor_id, self._key, answer)


@asynccontextmanager
async def once(
    answers: StoredResponses, actor_id: str, key: str, request_hash: bytes, kept: timedelta = RESPONSE_TTL
) -> AsyncIterator[Attempt]:
    """Claims the key while the block runs. A block that keeps no answer, or fails, leaves the key free for another
    attempt. Raises `LedgerUnavailable`."""
    attempt = Attempt(answers, actor_id, key, await answers.claim(actor_id, key, request_hash, kept))
    try:
        yield attempt
    finally:
        if attempt.mine and not attempt.decided:
            await answers.give_up(actor_id, key, begun=attempt.begun)


def stored(response: Response, body: str | None = None) -> StoredResponse:
    """What is stored of a response. `body` replaces its own body if that shows a secret once."""
    headers = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
    return StoredResponse(response.status_code, headers, body or bytes(response.body).decode())


def replayed(earlier: StoredResponse, headers: Mapping[str, str] = MappingProxyType({})) -> Response:
    return Response(earlier.body, earlier.status, headers={**earlier.headers, **headers})
