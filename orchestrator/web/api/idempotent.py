"""`Idempotency-Key` on every POST: the same key with the same request gets the same answer, and nothing is done twice.

After the IETF draft "The Idempotency-Key HTTP Header Field": the key belongs to the caller; another request under the
same key is refused (422), one that comes while the first is in progress gets 409.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Header, Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from orchestrator.domain.errors import Refusal
from orchestrator.ledger.access.keyed_requests import KeyedRequest, keyed
from orchestrator.web.access.caller import token_caller
from orchestrator.web.requests.once import Attempt, once, replayed, stored
from orchestrator.web.requests.problems import Problem, answer, refused
from orchestrator.web.state import state_of

MAX_KEY_CHARACTERS = 255

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=MAX_KEY_CHARACTERS,
        description="Any text. For 24 hours, the same key with the same request gets the same response.",
    ),
]


class IdempotentRoute(APIRoute):
    """Routes of the API that ask for a token. `request.state.kept_body` is what a route has kept instead of its answer,
    where that shows a secret once; `request.state.request_id` is `Attempt.request_id` of a request with a key."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_once(request: Request) -> Response:
            if request.method in ("POST", "DELETE"):
                await token_caller(request)  # before a body is read, which may be as large as a file
            key = request.headers.get("idempotency-key", "")
            if request.method != "POST" or not 1 <= len(key) <= MAX_KEY_CHARACTERS:
                return await handle(request)
            try:
                return await _once(request, key, handle)
            finally:
                await request.close()  # a form's files, where the request failed before they were read

        return handle_once


async def _once(request: Request, key: str, handle: Callable[[Request], Coroutine[Any, Any, Response]]) -> Response:
    actor = (await token_caller(request)).actor.actor_id
    async with once(state_of(request).answers, actor, key, await _hash(request)) as attempt:
        if attempt.earlier is not None:
            return replayed(attempt.earlier, {"Idempotency-Replayed": "true"})
        if not attempt.mine:
            return await answer(request, _REUSED if attempt.another_request else _UNDER_WAY)
        request.state.request_id = attempt.request_id
        response = await _carried_out(request, handle, attempt)
        if response.status_code < 500 and response.status_code != 429:
            await attempt.keep(stored(response, getattr(request.state, "kept_body", None)))
        return response


async def _carried_out(
    request: Request, handle: Callable[[Request], Coroutine[Any, Any, Response]], attempt: Attempt
) -> Response:
    """What the request decides is found by it again if its process dies before the answer is kept."""
    about = KeyedRequest(attempt.request_id, attempt.repeated)
    try:
        with keyed(about):
            return await _answered(request, handle)
    finally:
        attempt.begun = about.decided


async def _answered(request: Request, handle: Callable[[Request], Coroutine[Any, Any, Response]]) -> Response:
    try:
        return await handle(request)
    except Refusal as error:
        # A refusal is an answer, and is kept like one.
        return await answer(request, refused(error, request.path_params))


async def _hash(request: Request) -> bytes:
    """A digest of the request. A form with files counts by its parts: a client that repeats it uses other
    separators."""
    digest = hashlib.sha256()
    for part in (request.url.path.encode(), request.url.query.encode(), *await _parts(request)):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()


async def _parts(request: Request) -> list[bytes]:
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        return [await request.body()]
    parts: list[bytes] = []
    for name, value in (await request.form(max_files=10, max_fields=100)).multi_items():
        if isinstance(value, str):
            parts += [name.encode(), value.encode()]
        else:
            parts += [name.encode(), (value.filename or "").encode(), await value.read()]
            await value.seek(0)
    return parts


_REUSED = Problem(
    422,
    "idempotency_key_reused",
    "This Idempotency-Key was used with another request.",
    "Use a new key for each request; repeat a request unchanged with its key.",
)
_UNDER_WAY = Problem(
    409,
    "request_under_way",
    "The first request with this Idempotency-Key is still being processed.",
    "Try again in a moment.",
    headers={"Retry-After": "1"},
)
