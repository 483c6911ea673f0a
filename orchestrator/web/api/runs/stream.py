"""A run as it happens: Server-Sent Events (WHATWG HTML, section 9.2), one for each event, named by its version.

A client that reconnects with `Last-Event-ID` misses nothing. Its permission to see the run is checked again for each
event: a stream that was opened before an embargo, or before a role was taken away, ends with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Header, Request
from starlette.responses import Response, StreamingResponse

from orchestrator.domain.errors import NotAllowed, Refusal
from orchestrator.ledger.book.errors import LedgerError
from orchestrator.web.access.caller import ApiCaller, Caller, TokenNeeded, require_not_stopped, token_holder
from orchestrator.web.api.idempotent import IdempotentRoute
from orchestrator.web.api.runs.runs import Events, events_after
from orchestrator.web.api.schema.description import problems
from orchestrator.web.api.schema.parameters import RunId
from orchestrator.web.requests.concurrency import count_stream
from orchestrator.web.state import WebState, state_of

router = APIRouter(prefix="/api/v1", tags=["runs"], route_class=IdempotentRoute)

HEARTBEAT_SECONDS = 15.0
"""Seconds after which a comment shows that the stream lives."""
RETRY_SECONDS = 2.0
EVENTS_PER_READ = 500
"""Events that are sent at once."""
LastEvent = Annotated[
    str | None,
    Header(alias="Last-Event-ID", description="Only events after this version", pattern="^[0-9]{1,9}$"),
]


@router.get(
    "/runs/{run_id}/stream",
    summary="Stream the events of a run",
    response_class=StreamingResponse,
    responses={
        **problems(404, 429),
        200: {
            "description": "Events as they happen: `id` is the version, `event` the type, `data` the event as "
            "`/events` has it; `event: end` when the stream is finished",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
    },
)
async def stream(request: Request, caller: ApiCaller, run_id: RunId, last_event_id: LastEvent = None) -> Response:
    """From the start of the run, or after `Last-Event-ID`. The stream ends with the run or with the token."""
    web = state_of(request)
    found = await web.queries.run_page(caller.viewer, run_id)
    whole_id = found.snapshot.state.run_id
    count_stream(request, caller.actor.actor_id)
    return StreamingResponse(
        _events(request, web, whole_id, int(last_event_id or 0)),
        media_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )


async def _events(request: Request, web: WebState, run_id: str, after: int) -> AsyncIterator[str]:
    """Ends without an error where the listener may no longer see it; a program that reconnects gets the reason."""
    yield "retry: 3000\n\n"
    async with aclosing(web.following.run(run_id, after)) as moves:
        while True:
            found = await _found(request, web, run_id, after)
            if found is None:
                return
            for event in found.events:
                after = event.version
                yield f"id: {after}\nevent: {event.type}\ndata: {event.model_dump_json()}\n\n"
            if found.after is not None:
                continue
            if found.finished:
                yield "event: end\ndata: {}\n\n"
                return
            moved = asyncio.ensure_future(anext(moves))
            try:
                while not (await asyncio.wait({moved}, timeout=HEARTBEAT_SECONDS))[0]:
                    if await _listener(request) is None:
                        return
                    yield ": still here\n\n"
            finally:
                moved.cancel()
                await asyncio.wait({moved})


async def _found(request: Request, web: WebState, run_id: str, after: int) -> Events | None:
    """What there is to say now; None where they may not listen any more."""
    while True:
        try:
            caller = await _listener(request)
            if caller is None:
                return None
            return events_after(await web.queries.run_page(caller.viewer, run_id), after, EVENTS_PER_READ)
        except Refusal:
            return None
        except LedgerError:
            await asyncio.sleep(RETRY_SECONDS)  # the listener waits until the ledger is back


async def _listener(request: Request) -> Caller | None:
    """The holder of the token now, None where it is no longer valid or its assistant was stopped."""
    try:
        caller = await token_holder(request)
        await require_not_stopped(state_of(request), caller.actor)
    except (TokenNeeded, NotAllowed):
        return None
    return caller
