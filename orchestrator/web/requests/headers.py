"""The middleware around every response: security headers, size limits of requests, and one log line without names.

Plain ASGI, so that streams of events pass through as they come.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import HTTPException
from python_multipart.multipart import parse_options_header
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orchestrator.web.requests.concurrency import SLOT, STREAMS, ConcurrencyLimiter, Slot, StreamLimit

log = logging.getLogger("offboard.web")

MAX_BODY_BYTES = 1024 * 1024
"""Bytes of a request."""
MAX_UPLOAD_BYTES = 12 * 1024 * 1024
"""Of one that carries files: ten MiB of evidence, and what a form adds."""
TAKES_FILES = re.compile(r"(/api/v1)?/runs/[^/]+/tasks/[^/]+(/files)?|/batches")
"""Where those go, and nothing else of that size."""
MAX_REPORT_BYTES = 64 * 1024
"""Of what HR's system sends, which has to be here whole before it can be seen whether it is signed."""
REPORTS = "/api/v1/hooks/"
HEALTH_CHECKS = ("/api/v1/health", "/api/v1/readiness")
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
ALWAYS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",  # with `no-referrer` browsers say `Origin: null` of our own forms (Fetch, 3.1)
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=()",
}
TOO_LARGE = {
    "title": "Request too large", "status": 413, "code": "too_large",
    "detail": "The request exceeds the size limit.",
    "remedy": "Send a smaller request. An evidence file can have at most 10 MiB.",
}  # fmt: skip
NO_ADDRESS = {
    "title": "Malformed request", "status": 400, "code": "bad_request",
    "detail": "The address contains a NUL character.", "remedy": "Correct the address.",
}  # fmt: skip

NO_TEXT = {
    "title": "Malformed request", "status": 400, "code": "bad_request",
    "detail": "The form is not in UTF-8.", "remedy": "Send the form with the charset utf-8, or without a charset.",
}  # fmt: skip


class TooLarge(HTTPException):
    """A request went on beyond what it may have."""

    def __init__(self) -> None:
        super().__init__(413, "The request exceeds the size limit.")


class EdgeMiddleware:
    """The outermost layer. `secure` has browsers come over TLS from now on (RFC 6797); `fault` answers what no one
    foresaw, here and not further out, where a server would write the error's words into its log."""

    def __init__(
        self, app: ASGIApp, *, secure: bool, fault: Callable[[Request, Exception], Awaitable[Response]]
    ) -> None:
        self._app = app
        self._fault = fault
        self._turns = ConcurrencyLimiter()
        self._streams = StreamLimit()
        self._headers = [(name.encode(), value.encode()) for name, value in ALWAYS.items()]
        if secure:
            self._headers.append((b"strict-transport-security", b"max-age=31536000; includeSubDomains"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 0
        headers = dict(scope["headers"])
        left = _largest(scope["path"], headers.get(b"content-type", b""))
        streams = scope["path"].endswith("/stream")
        whole = False  # whether all of the request is here
        declared = headers.get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > left:
            await _say(TOO_LARGE, scope, send, self._headers)
            return
        if "\0" in scope["path"] or b"%00" in scope["query_string"]:
            await _say(NO_ADDRESS, scope, send, self._headers)
            return
        if _other_charset(scope):
            await _say(NO_TEXT, scope, send, self._headers)
            return
        whose = hashlib.sha256(headers.get(b"authorization") or headers.get(b"cookie", b"")).digest()
        turn = scope[SLOT] = Slot(self._turns, whose, health=scope["path"] in HEALTH_CHECKS)
        scope[STREAMS] = self._streams

        async def counted() -> Message:
            nonlocal left, whole
            if whole:
                return await receive()
            # A client that sends slowly, or nothing more, does not use a slot while it is waited for.
            turn.give_up()
            message = await receive()
            if not (streams and status):  # a stream that has begun lasts, and is no part of the turns
                await turn.take()
            whole = not message.get("more_body", False)
            left -= len(message.get("body", b""))
            if left < 0:
                raise TooLarge
            return message

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if streams:
                    turn.give_up()
                given = list(message.get("headers", []))
                names = {name.lower() for name, _ in given}
                given += [(name, value) for name, value in self._headers if name not in names]
                if b"cache-control" not in names:
                    given.append((b"cache-control", b"no-store"))
                if (traced := scope.get("state", {}).get("traceresponse")) is not None:
                    given.append((b"traceresponse", traced.encode()))
                message = {**message, "headers": given}
            await send(message)

        try:
            await turn.take()
            await self._app(scope, counted, sent)
        except TooLarge:
            if not status:
                await _say(TOO_LARGE, scope, send, self._headers)
        except Exception as error:
            try:
                answer = await self._fault(Request(scope), error)
            except Exception as worse:  # what draws the page may be what failed
                log.error("fault: %s", type(worse).__name__)
                answer = PlainTextResponse("An unexpected error occurred. Contact the server's administrator.", 500)
            if not status:
                await answer(scope, receive, sent)
        finally:
            turn.give_up()
            if (caller := scope.get("state", {}).get("caller")) is not None:
                self._turns.proved(whose, caller.actor.actor_id)
            self._streams.ended(scope)
            # The route's own pattern: never a path's values, and no query string.
            route = getattr(scope.get("route"), "path", "-")
            milliseconds = (time.perf_counter() - started) * 1000
            log.info("%s %s %d %.0f ms%s", scope["method"], route, status, milliseconds, _by(scope, status))


def _by(scope: Scope, status: int) -> str:
    """The end of the log line of a sign-in or a refused request: the account's id, which says nothing about a person
    (OWASP ASVS 5.0, 16.2.1 and 16.3.1). A refused form answers with a redirect, so its status does not show it."""
    state = scope.get("state", {})
    account = state.get("account")
    if account is None:
        return ""
    if state.get("refused") or status >= 400:
        return f" refused {account}"
    said = "signed in" if state.get("signs_in") else "signed out" if state.get("signed_out") else ""
    return f" {said} {account}" if said else ""


def _other_charset(scope: Scope) -> bool:
    """Whether a form with parts names another charset than UTF-8 (RFC 7578 section 5.1.2). It would be decoded with any
    codec of Python, some of which make characters that cannot be stored."""
    kinds = (parse_options_header(value) for name, value in scope["headers"] if name == b"content-type")
    return any(
        kind == b"multipart/form-data" and options.get(b"charset", b"utf-8").lower() not in (b"utf-8", b"utf8")
        for kind, options in kinds
    )


def _largest(path: str, kind: bytes) -> int:
    """Bytes."""
    if path.startswith(REPORTS):
        return MAX_REPORT_BYTES
    upload = kind.startswith(b"multipart/form-data") and TAKES_FILES.fullmatch(path)
    return MAX_UPLOAD_BYTES if upload else MAX_BODY_BYTES


_PAGE = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    '<meta name="color-scheme" content="light dark"><title>{title} · Offboard</title>'
    '<link rel="stylesheet" href="/static/offboard.css"><link rel="stylesheet" href="/static/parts.css"></head>'
    '<body><main><h1>{title}</h1><p>{detail} {remedy}</p><p><a class="button" href="/">Go to the inbox</a></p></main>'
    "</body></html>"
)
"""Complete without a template: it is sent before anything is known about the caller."""


async def _say(problem: dict[str, Any], scope: Scope, send: Send, headers: list[tuple[bytes, bytes]]) -> None:
    if scope["path"].startswith("/api/"):
        body = json.dumps({"type": f"urn:offboard:problem:{problem['code']}", **problem}).encode()
        kind = b"application/problem+json"
    else:
        body, kind = _PAGE.format(**problem).encode(), b"text/html; charset=utf-8"
    start = [(b"content-type", kind), (b"cache-control", b"no-store"), *headers]
    await send({"type": "http.response.start", "status": problem["status"], "headers": start})
    await send({"type": "http.response.body", "body": body})
