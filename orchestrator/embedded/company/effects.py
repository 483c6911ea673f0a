"""What each HTTP system of the company did, counted; and the ways in which it can be made to misbehave.

`GuardedSystem` wraps a system's ASGI application: it checks the bearer token, serves `/_company/effects` and
`/_company/faults`, and commits the faults. An effect is a change that was *done*: a repeat that changed nothing, or a
request that failed before doing, is none.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import random
import re
import time
from collections import deque
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, get_args
from urllib.parse import unquote_plus

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.embedded.company.http_answers import refuse

Mode = Literal[
    "slow",
    "429",
    "503",
    "limited",
    "expired",
    "fail",
    "lose_reply",
    "nonsense",
    "error_in_200",
    "oversized",
    "one_a_page",
]
MODES = get_args(Mode)
OVERSIZED_BYTES = 8 * 1024 * 1024
IDLE_WITHIN_SECONDS = 20.0  # less than the time-out of a test that asks
CHANGING = ("POST", "PUT", "PATCH", "DELETE")
"""Methods of requests that change something."""
KEY_HEADERS = (b"effect-key", b"idempotency-key")

TRANSPORT = "company.transport"  # in the ASGI scope's state: the connection itself, so that a reply can be lost


@dataclass(frozen=True, slots=True)
class EffectEntry:
    """One change that was done. `key` is what the caller named it, `at` an ISO instant."""

    key: str | None
    action: str
    target: str
    at: str


@dataclass(slots=True)
class Fault:
    """How to misbehave on which requests. `times` None: until removed. `seconds`: the delay of `slow`, the time to come
    back of `429`, `503` and `limited` (a rate limit as a 403 with headers). `expired` is a 401; `one_a_page`
    gives lists one item a page, however many were asked for. `share`: of the requests that it is about, chosen at
    random by `seed`."""

    method: str
    path: str
    mode: Mode
    times: int | None = None
    seconds: float = 0.0
    share: float = 1.0
    seed: int = 0
    committed: int = 0
    _chance: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)  # noqa: S311 - which requests fail is no secret

    @classmethod
    def parse(cls, document: Any) -> Fault:
        """Raises ValueError that names the field."""
        if not isinstance(document, dict):
            raise ValueError("a fault is an object")
        fault = cls(
            method=str(document.get("method", "*")).upper(),
            path=str(document.get("path", "")),
            mode=document.get("mode", ""),
            times=None if document.get("times") is None else int(document["times"]),
            seconds=float(document.get("seconds") or 0.0),
            share=float(document.get("share", 1.0)),
            seed=int(document.get("seed", 0)),
        )
        if fault.mode not in MODES:
            raise ValueError(f"mode: one of {', '.join(MODES)}")
        try:
            re.compile(fault.path)
        except re.error as error:
            raise ValueError(f"path: not a regular expression: {error}") from error
        return fault

    def applies(self, method: str, path: str) -> bool:
        return (
            (self.times is None or self.times > 0)
            and self.method in ("*", method)
            and re.search(self.path, path) is not None
            and (self.share >= 1.0 or self._chance.random() < self.share)
        )


@dataclass(slots=True)
class EffectLog:
    """The effects of one system, oldest first."""

    entries: list[EffectEntry] = field(default_factory=list)

    def record(self, action: str, target: str, key: str | None = None) -> None:
        """`key` defaults to the one that the request being served came with."""
        key = key if key is not None else REQUEST_KEY.get()
        self.entries.append(EffectEntry(key, action, target, datetime.now(UTC).isoformat()))

    def documents(self, after: int = 0) -> list[dict[str, Any]]:
        """All but the first `after`."""
        return [asdict(entry) for entry in self.entries[after:]]


REQUEST_KEY: ContextVar[str | None] = ContextVar("REQUEST_KEY", default=None)
REQUEST_LINE: ContextVar[str] = ContextVar("REQUEST_LINE", default="")
"""Method and path of the request being served, for systems whose routes we do not write ourselves."""


class GuardedSystem:
    """An ASGI application behind a token, a log and faults. Lifespan and websockets are not served."""

    def __init__(self, app: ASGIApp, *, token: str, log: EffectLog) -> None:
        self.app = app
        self.token = token
        self.log = log
        self.faults: list[Fault] = []
        self.requests: deque[str] = deque(maxlen=5000)
        """Method, path and query of the latest requests that came with the right token."""
        self._slowed: set[asyncio.Future[None]] = set()
        self._served: list[str] = []
        self._idle = asyncio.Event()
        self._idle.set()

    async def clear_faults(self) -> int:
        """How often the faults were committed. Also answers the requests that a fault slows down, and returns when they
        are answered: a test that gave one up must not leave an effect to the next test. Refuses with the requests that
        are still in progress after `IDLE_WITHIN_SECONDS`."""
        committed = sum(fault.committed for fault in self.faults)
        self.faults.clear()
        for slowed in self._slowed:
            slowed.cancel()
        try:
            await asyncio.wait_for(self._idle.wait(), IDLE_WITHIN_SECONDS)
        except TimeoutError:
            refuse(409, "still_serving", f"in progress: {', '.join(self._served)}")
        return committed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = {name.lower(): value for name, value in scope["headers"]}
        given = headers.get(b"authorization", b"")
        if not hmac.compare_digest(given, b"Bearer " + self.token.encode()):
            await answer(send, 401, {"error": {"code": "unauthorized", "message": "a bearer token is needed"}})
            return
        method, path = scope["method"], scope["path"]
        if path.startswith("/_company/"):
            await self._serve_company(scope, receive, send)
            return
        REQUEST_KEY.set(next((headers[name].decode("latin-1") for name in KEY_HEADERS if name in headers), None))
        REQUEST_LINE.set(f"{method} {path}")
        query = unquote_plus(scope["query_string"].decode("latin-1"))
        self.requests.append(f"{method} {path}?{query}" if query else f"{method} {path}")
        line = f"{method} {path}"
        self._served.append(line)
        self._idle.clear()
        try:
            await self._serve(scope, receive, send)
        finally:
            self._served.remove(line)
            if not self._served:
                self._idle.set()

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        for fault in self.faults:
            if fault.applies(scope["method"], scope["path"]):
                fault.committed += 1
                if fault.times is not None:
                    fault.times -= 1
                if await self._commit(fault, scope, receive, send):
                    return
        await self.app(scope, receive, send)

    async def _commit(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> bool:
        """Misbehave; true when the request is thereby answered (or never will be)."""
        if fault.mode == "slow":
            slowed = asyncio.get_running_loop().create_future()
            self._slowed.add(slowed)
            try:
                await asyncio.wait({slowed}, timeout=fault.seconds)
            finally:
                self._slowed.discard(slowed)
            return False
        if fault.mode == "one_a_page":
            size = b"count" if b"count=" in scope["query_string"] else b"limit"
            kept = [part for part in scope["query_string"].split(b"&") if part and not part.startswith(size + b"=")]
            await self.app({**scope, "query_string": b"&".join([*kept, size + b"=1"])}, receive, send)
            return True
        if fault.mode == "lose_reply":

            async def nowhere(message: Message) -> None:
                return

            await self.app(scope, receive, nowhere)
            scope["state"][TRANSPORT].abort()
            await asyncio.sleep(0)  # so that the server notices, and does not answer in our place
            return True
        if fault.mode in ("429", "503"):
            retry_after = [(b"retry-after", str(int(fault.seconds)).encode())]
            await answer(send, int(fault.mode), {"error": {"code": "busy", "message": "come back later"}}, retry_after)
        elif fault.mode == "limited":
            reset = str(int(time.time() + fault.seconds) + 1).encode()
            limits = [(b"x-ratelimit-remaining", b"0"), (b"x-ratelimit-reset", reset)]
            await answer(send, 403, {"error": {"code": "rate_limited", "message": "come back later"}}, limits)
        elif fault.mode == "expired":
            await answer(send, 401, {"error": {"code": "expired", "message": "the token has ended"}})
        elif fault.mode == "fail":
            await answer(send, 500, {"error": {"code": "internal", "message": "something broke"}})
        elif fault.mode == "error_in_200":
            await answer(send, 200, {"error": {"code": "locked", "message": "the record is locked"}})
        elif fault.mode == "oversized":
            await answer(send, 200, {"padding": "x" * OVERSIZED_BYTES})
        else:
            await answer(send, 200, b"<html>Welcome to the maintenance page", [(b"content-type", b"text/html")])
        return True

    async def _serve_company(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, path = scope["method"], scope["path"]
        if (method, path) == ("GET", "/_company/effects"):
            await answer(send, 200, {"effects": self.log.documents()})
        elif (method, path) == ("POST", "/_company/faults"):
            try:
                self.faults.append(Fault.parse(json.loads(await body_of(receive))))
            except (ValueError, TypeError) as error:
                await answer(send, 400, {"error": {"code": "bad_fault", "message": str(error)}})
            else:
                await answer(send, 201, {"faults": len(self.faults)})
        elif (method, path) == ("DELETE", "/_company/faults"):
            await answer(send, 200, {"faults": 0, "committed": await self.clear_faults()})
        else:
            await self.app(scope, receive, send)  # a system may have a `/_company` route of its own


async def body_of(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return bytes(body)


async def answer(send: Send, status: int, content: Any, headers: list[tuple[bytes, bytes]] | None = None) -> None:
    """One whole response; anything but bytes goes out as JSON."""
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    names = {name for name, _ in headers or []}
    all_headers = [*(headers or []), (b"content-length", str(len(raw)).encode())]
    if b"content-type" not in names:
        all_headers.append((b"content-type", b"application/json"))
    await send({"type": "http.response.start", "status": status, "headers": all_headers})
    await send({"type": "http.response.body", "body": raw})
