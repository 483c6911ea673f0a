"""One HTTP request and its answer. Connectors and webhooks send every HTTP request with `send`.

- One deadline covers waiting for the rate, name lookup, connection, request, answer and body. It is asked again just
  before the headers and each piece of the body leave.
- Certificates are verified; redirects are not followed; environment variables such as proxies are ignored.
- A body is unpacked while it is read, and no more than a limit of unpacked bytes is kept.
- httpx's own log lines, which name addresses, are dropped.
- Where there is no answer, `NotReceived` is raised with a code. An error of httpx carries the request, and with it the
  credential, so it is neither the cause nor the context of what is raised here.

Callers check the address first: connectors with `connectors.network.hosts`, webhooks with their own list of hosts.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Literal

import anyio
import httpx

from connectors.abilities import Pace, unpaced
from connectors.elapsed import Deadline
from connectors.http.answers import ACCEPTED_ENCODINGS, unpacker_for
from connectors.network.tls import trust

_PIECE_BYTES = 16_384
_TOO_LATE = "There was no response in time."
Code = Literal["deadline_over", "certificate_refused", "unreachable", "connection_lost"]
RequestObserver = Callable[[str], AbstractContextManager[Callable[[int], None]]]
"""Gets the method of a request, and the status once there is a response. Never the address, the headers or the body."""
_observer: ContextVar[RequestObserver | None] = ContextVar("observer of requests", default=None)


@contextmanager
def requests_observed(observer: RequestObserver) -> Iterator[None]:
    """Every request that is sent in this block, in this task and in those that it starts."""
    token = _observer.set(observer)
    try:
        yield
    finally:
        _observer.reset(token)


def _unobserved(method: str) -> AbstractContextManager[Callable[[int], None]]:
    return nullcontext(lambda status: None)


class NotReceived(Exception):
    """There is no answer. `sent` is whether the request had begun to leave, so that it may have been carried out.
    `detail` says what happened, and may hold what the other side said."""

    def __init__(self, code: Code, detail: str, *, sent: bool) -> None:
        super().__init__(code)
        self.code: Code = code
        self.detail = detail
        self.sent = sent


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """`body` is unpacked. `complete` is false where it was longer than the limit; then it is the beginning.
    `unreadable` says why the body could not be unpacked, and is empty where it could."""

    status: int
    url: httpx.URL
    headers: httpx.Headers
    body: bytes
    complete: bool = True
    unreadable: str = ""


class _NoAddresses(logging.Filter):
    """httpx writes every URL it asks at INFO, httpcore more at DEBUG; both hold names and mail addresses."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING


_NO_ADDRESSES = _NoAddresses()
_HTTP_LOGGERS = ("httpx", "httpcore", "httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy")


def new_client(
    *, encrypted: bool = True, ca_file: str = "", headers: Mapping[str, str] | None = None
) -> httpx.AsyncClient:
    """A client for `send`. `headers` are sent with each request. `ca_file` names certificates to trust instead of the
    public ones. Raises `ActionRequiredError("setting_invalid")` where they cannot be read."""
    for name in _HTTP_LOGGERS:
        logging.getLogger(name).addFilter(_NO_ADDRESSES)
    return httpx.AsyncClient(
        headers={"Accept-Encoding": ACCEPTED_ENCODINGS, **(headers or {})},
        verify=trust(ca_file if encrypted else ""),
        follow_redirects=False,
        timeout=None,  # noqa: S113 - `send` has one total deadline over all of it
        trust_env=False,  # an environment variable must not reroute a credential, or an address that was checked
    )


async def send(
    client: httpx.AsyncClient,
    method: str,
    url: httpx.URL | str,
    *,
    deadline: Deadline,
    max_bytes: int,
    headers: Mapping[str, str] | None = None,
    content: bytes | None = None,
    server_name: str | None = None,
    pace: Pace = unpaced,
) -> HttpResponse:
    """Send one request, once. It does not leave after `deadline`. `max_bytes` limits the unpacked body. `server_name`
    is the name whose certificate counts, where `url` has an address instead. `pace` is awaited first. Raises
    `NotReceived`, and what `pace` raises."""
    sent = False

    async def on_trace(event: str, _: Mapping[str, Any]) -> None:
        """The headers follow at once, without a turn of the event loop."""
        nonlocal sent
        if event.endswith("send_request_headers.started"):
            deadline.require_time()
            sent = True

    all_headers, body = dict(headers or {}), None
    if content is not None:
        all_headers["Content-Length"] = str(len(content))
        body = _in_pieces(content, deadline)
    extensions: dict[str, Any] = {"trace": on_trace}
    if server_name is not None:
        extensions["sni_hostname"] = server_name
    try:
        async with deadline.timeout():
            await pace()
    except TimeoutError:
        raise NotReceived("deadline_over", _TOO_LATE, sent=False) from None
    with (_observer.get() or _unobserved)(method) as responded:
        try:
            # A time-out of asyncio could interrupt httpcore while it closes the connection, which then stays open.
            with anyio.fail_after(deadline.left):
                async with client.stream(
                    method, url, headers=all_headers, content=body, extensions=extensions
                ) as response:
                    responded(response.status_code)
                    return await _read(response, max_bytes)
        except TimeoutError:
            failed = NotReceived("deadline_over", _TOO_LATE, sent=sent)
        except httpx.ConnectError as error:
            refused = "CERTIFICATE" in str(error).upper()
            failed = NotReceived("certificate_refused" if refused else "unreachable", str(error), sent=False)
        except Exception as error:  # httpx lets errors of the libraries below it through, for names, ports and answers
            failed = NotReceived("connection_lost", type(error).__name__, sent=sent)
        raise failed


async def _in_pieces(content: bytes, deadline: Deadline) -> AsyncIterator[bytes]:
    """The next piece is taken when the one before it has left. Raises `TimeoutError`; a body without its end has no
    effect (RFC 9112 section 8)."""
    for begin in range(0, len(content), _PIECE_BYTES):
        deadline.require_time()
        yield content[begin : begin + _PIECE_BYTES]


async def _read(response: httpx.Response, max_bytes: int) -> HttpResponse:
    """httpx would unpack all of a small packed body before its size could be seen, so the body is unpacked here."""
    body, unreadable = bytearray(), ""
    try:
        unpacker = unpacker_for(response.headers.get("content-encoding", ""))
        async for chunk in response.aiter_raw():
            body += unpacker.unpack(chunk, max_bytes + 1 - len(body))
            if len(body) > max_bytes:
                break
        else:
            unpacker.finish()
    except ValueError as error:
        unreadable = str(error)
    return HttpResponse(
        response.status_code,
        response.url,
        response.headers,
        bytes(body[:max_bytes]),
        complete=len(body) <= max_bytes,
        unreadable=unreadable,
    )
