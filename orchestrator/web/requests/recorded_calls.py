"""Records every request of an AI assistant before it is answered, refused ones as well: no record, no answer."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.domain import events as e
from orchestrator.ledger.book.errors import LedgerError
from orchestrator.web.access.caller import Caller, TokenNeeded, token_holder
from orchestrator.web.state import WebState

log = logging.getLogger("offboard.web")

_RUN_ID = re.compile(r"r[0-9a-f]{16}")


class RecordedCalls:
    """Plain ASGI, as a stream of events is recorded when it begins. `refuse` answers where a request can't be recorded.
    The event has the route's template and never the address, which could name a person."""

    def __init__(
        self, app: ASGIApp, *, web: WebState, refuse: Callable[[Request, LedgerError], Awaitable[Response]]
    ) -> None:
        self._app = app
        self._web = web
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        replaced = started = False

        async def recorded(message: Message) -> None:
            nonlocal replaced, started
            if replaced:
                return
            if message["type"] == "http.response.start":
                try:
                    await self._record(scope, message["status"])
                except LedgerError as error:
                    replaced = True
                    log.error("a request of an assistant could not be recorded: %s", error)
                    await (await self._refuse(Request(scope), error))(scope, receive, send)
                    return
                started = True
            await send(message)

        try:
            await self._app(scope, receive, recorded)
        except Exception:
            if not started and not replaced:  # it is answered further out
                await self._record(scope, 500)
            raise

    async def _record(self, scope: Scope, status: int) -> None:
        state = scope.get("state", {})
        caller = state.get("caller") or await _sender(scope)
        if caller is None or caller.actor.kind != "assistant" or state.get("problem") == "assistant_limited":
            return  # what is beyond the limit has one event a minute
        call = e.AssistantCalled(
            operation=f"{scope['method']} {getattr(scope.get('route'), 'path', '-')}",
            run_id=_run(scope),
            status=status,
            code=state.get("problem"),
        )
        await self._web.assistant_calls.record(caller.actor.actor_id, call)


async def _sender(scope: Scope) -> Caller | None:
    """Of a request that was refused before its token was looked at, such as one with an unknown parameter."""
    if not any(name == b"authorization" for name, _ in scope["headers"]):
        return None
    try:
        return await token_holder(Request(scope))
    except TokenNeeded:
        return None


def _run(scope: Scope) -> str | None:
    """The run that the address names by its whole ID: an address can have any other text in this place."""
    named = str(scope.get("path_params", {}).get("run_id", ""))
    return named if _RUN_ID.fullmatch(named) else None
