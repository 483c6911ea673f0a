"""Updates of open pages (Server-Sent Events of the HTML standard): the stream reports that the page's data has
changed, and never how; the page loads again, and the viewer's permission is checked again.

A stream never reports changes that the viewer may not see, not even that one happened. It ends with the session, with
the permission to see the run, and if the ledger is unavailable: the page then shows this, and connects again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Hashable
from typing import Literal, TypeVar

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from orchestrator.domain.errors import Refusal
from orchestrator.ledger.book.errors import LedgerError
from orchestrator.reading.exception_lists import ExceptionLists
from orchestrator.reading.run_lists import RunLists
from orchestrator.web.access.caller import Caller, PageCaller, SignInNeeded, session_caller
from orchestrator.web.pages.lists import exceptions, inbox, runs
from orchestrator.web.pages.run.run_access import as_unknown
from orchestrator.web.requests.concurrency import count_stream
from orchestrator.web.state import state_of

router = APIRouter()

HEARTBEAT_SECONDS = 15.0
"""Seconds of silence after which a comment is sent, so that proxies keep the line open, and the
listener's session is checked."""
PAUSE_SECONDS = 0.5
"""Seconds between two reads of a list by one page."""
STILL_HERE = ": still here\n\n"
AWAY = "event: away\ndata: {}\n\n"
"""The last message of a stream that cannot report anything more."""
HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}

T = TypeVar("T")
Silence = Literal["silence"]
Watched = Callable[[Caller], Awaitable[Hashable]]


@router.get("/runs/stream")
async def all_runs(request: Request, caller: PageCaller) -> Response:
    """When the first page of a list of runs has changed; the query is the list's."""
    web, query = state_of(request), request.query_params
    asked, sort = runs.wanted(query), runs.sorting(query)
    lists = RunLists(web.database, web.queries)

    async def load(caller: Caller) -> Hashable:
        found, counts = await lists.page_and_counts(caller.viewer, asked, sort, None, runs.PAGE_SIZE)
        return tuple((line.run_id, line.version) for line in found.lines), tuple(sorted(counts.by_state.items()))

    return _stream(request, caller, _lists(request, caller, load))


@router.get("/inbox/stream")
async def waiting(request: Request, caller: PageCaller) -> Response:
    """When what waits has changed; the query is the inbox's."""
    web = state_of(request)
    mine, kinds = inbox.wanted(request.query_params)

    async def load(caller: Caller) -> Hashable:
        found = await web.queries.inbox(caller.viewer, kinds, mine=mine, limit=inbox.PAGE_SIZE)
        return tuple((item.run_id, item.id, item.roles, str(item.detail)) for item in found.items), found.after is None

    return _stream(request, caller, _lists(request, caller, load))


@router.get("/exceptions/stream")
async def all_exceptions(request: Request, caller: PageCaller) -> Response:
    """When the first page of a list of exceptions has changed; the query is the list's."""
    web, asked = state_of(request), exceptions.wanted(request.query_params)
    lists = ExceptionLists(web.database, web.queries)

    async def load(caller: Caller) -> Hashable:
        found = await lists.page(caller.viewer, asked, None, exceptions.PAGE_SIZE)
        counts = await lists.counts(caller.viewer, asked)
        return tuple((line.run_id, line.id, line.disposition) for line in found.lines), counts.closed

    return _stream(request, caller, _lists(request, caller, load))


@router.get("/runs/{run_id}/stream")
async def one_run(request: Request, caller: PageCaller, run_id: str) -> Response:
    """When something happened in a run. Raises `Invalid` (`unknown_run`) like its page."""
    with as_unknown():
        found = await state_of(request).queries.find_run(caller.viewer, run_id)
    return _stream(request, caller, _run(request, found))


async def _run(request: Request, run_id: str) -> AsyncGenerator[str, None]:
    web = state_of(request)
    known = (await web.services.runs.load(run_id)).state.version
    yield _message(known)
    async with contextlib.aclosing(_or_silence(web.following.run(run_id, known, patient=False))) as moved:
        async for version in moved:
            now = await _still(request)
            if now is None:
                return
            try:
                await web.queries.find_run(now.viewer, run_id)
            except Refusal:
                return  # it is hidden from them now
            yield STILL_HERE if version == "silence" else _message(version)


async def _lists(request: Request, caller: Caller, look: Watched) -> AsyncGenerator[str, None]:
    following, number = state_of(request).following, 0
    seen = await look(caller)
    yield _message(number)
    async with contextlib.aclosing(_or_silence(following.any(patient=False))) as moved:
        async for tick in moved:
            now = await _still(request)
            if now is None:
                return
            if tick == "silence":
                yield STILL_HERE
                continue
            try:
                found = await look(now)
            except Refusal:
                continue
            if found != seen:
                seen, number = found, number + 1
                yield _message(number)
            await asyncio.sleep(PAUSE_SECONDS)


async def _still(request: Request) -> Caller | None:
    """The listener, as they are now; None once their session is over."""
    if await request.is_disconnected():
        return None
    try:
        return await session_caller(request)
    except SignInNeeded:
        return None


async def _or_silence(moved: AsyncGenerator[T, None]) -> AsyncGenerator[T | Silence, None]:
    """What comes, and "silence" at each heartbeat: these keep their own time, and tell nothing of what came."""
    clock = asyncio.get_running_loop().time
    beat = clock() + HEARTBEAT_SECONDS
    waiting: asyncio.Future[T] | None = None
    try:
        while True:
            waiting = waiting or asyncio.ensure_future(anext(moved))
            await asyncio.wait({waiting}, timeout=max(beat - clock(), 0.0))
            if clock() >= beat:
                beat = clock() + HEARTBEAT_SECONDS
                yield "silence"
            elif waiting.done():
                done, waiting = waiting, None
                try:
                    found = done.result()
                except StopAsyncIteration:
                    return
                yield found
    finally:
        if waiting is not None:
            waiting.cancel()
            with contextlib.suppress(asyncio.CancelledError, StopAsyncIteration):
                await waiting
        await moved.aclose()


def _message(number: int) -> str:
    return f"id: {number}\ndata: {number}\n\n"


async def _while_there(events: AsyncGenerator[str, None]) -> AsyncIterator[str]:
    async with contextlib.aclosing(events) as words:
        try:
            async for word in words:
                yield word
        except LedgerError:
            yield AWAY


def _stream(request: Request, caller: Caller, events: AsyncGenerator[str, None]) -> StreamingResponse:
    count_stream(request, caller.actor.actor_id)
    return StreamingResponse(_while_there(events), media_type="text/event-stream", headers=HEADERS)
