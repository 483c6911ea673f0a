"""A client of the API for one account: returns documents, and raises `ServerRefused` for a refusal.

Every POST carries an `Idempotency-Key` of its own, and is sent again under it where the answer was lost: nothing is
done twice. Nothing is sent in the clear but to this machine itself.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from orchestrator.cli.command_trace import current_trace
from orchestrator.cli.terminal.local_refusals import LocalRefusal
from orchestrator.documents.document import Document
from orchestrator.domain.errors import Fact
from orchestrator.settings import LOOPBACK

if TYPE_CHECKING:
    import httpx

API = "/api/v1"
RUNS = f"{API}/runs/"
ANSWER_TIMEOUT_SECONDS = 30.0
"""Seconds for one answer. Some wait for a worker that asks HR first, who is asked up to 8 seconds."""
CONNECT_TIMEOUT_SECONDS = 5.0
STREAM_TIMEOUT_SECONDS = 45.0
"""Seconds without a word after which a stream counts as lost; the server says every 15 that it lives."""
RETRY_PAUSES_SECONDS = (0.3, 1.0, 2.0, 4.0)
"""Seconds before a request is sent again whose answer was lost."""
RECONNECT_SECONDS, MAX_RECONNECT_SECONDS = 1.0, 10.0
"""Seconds before a lost stream is opened again, and how long that may become."""


class ServerRefused(LocalRefusal):
    """What the server refused (RFC 9457): place and cause, and facts for a remedy. `remedy` is the server's own, which
    speaks of the API: the terminal uses it for codes that its table does not have."""

    def __init__(
        self, status: int, code: str, message: str, remedy: str = "", facts: Mapping[str, Fact] | None = None
    ) -> None:
        super().__init__(code, message, remedy)
        self.status = status
        self.facts = facts or {}


class Unreachable(LocalRefusal):
    """There was no answer."""


@dataclass(frozen=True, slots=True)
class StreamedEvent:
    """An event of a run as the stream tells it."""

    version: int
    document: Document


def address(given: str) -> str:
    """`https://HOST` or `https://HOST:PORT`. Raises `Invalid` for anything else, but for this machine's own address."""
    text = given.strip().rstrip("/")
    parts = urlsplit(text if "://" in text else f"https://{text}")
    try:
        port = parts.port
    except ValueError:
        port = -1
    host = parts.hostname or ""
    if not host or port == -1 or parts.path or parts.query or parts.fragment or parts.username is not None:
        raise LocalRefusal(
            "not_an_address",
            f"{given[:200]!r} is not the address of a server.",
            "Use https://HOST or https://HOST:PORT.",
        )
    if parts.scheme != "https" and not (parts.scheme == "http" and host in LOOPBACK):
        raise LocalRefusal(
            "not_encrypted",
            f"{given[:200]} is not encrypted: your token could be intercepted.",
            "Use https://. http:// is accepted for this machine's own address only.",
        )
    named = f"[{host}]" if ":" in host else host
    standard = {"https": 443, "http": 80}[parts.scheme]
    return f"{parts.scheme}://{named}" + (f":{port}" if port is not None and port != standard else "")


class Server:
    """`over` is what to say where the token is not accepted: the cause, and the remedy. `transport` is how it is
    reached, where that is not the network."""

    def __init__(
        self,
        url: str,
        token: str | None = None,
        over: tuple[str, str] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        import httpx  # by the commands that ask a server: --help and administrators' commands start faster without it

        self.url = address(url)
        self._over = over
        self._ahead = timedelta(0)
        self._client = httpx.AsyncClient(
            base_url=f"{self.url}{API}",
            headers={"Accept": "application/json"},
            timeout=httpx.Timeout(ANSWER_TIMEOUT_SECONDS, connect=CONNECT_TIMEOUT_SECONDS),
            follow_redirects=False,  # a token is sent to its own server only
            # Proxies and authorities of the environment are for what is elsewhere.
            trust_env=urlsplit(self.url).hostname not in LOOPBACK,
            transport=transport,
            verify=self.url.startswith("https:"),  # without TLS, no certificates have to be loaded
        )
        self.act_with(token)

    def act_with(self, token: str | None) -> None:
        if token is not None:
            self._client.headers["Authorization"] = f"Bearer {token}"

    async def __aenter__(self) -> Server:
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.__aexit__(None, None, None)

    def now(self) -> datetime:
        """The server's clock, to the second."""
        return datetime.now(UTC) + self._ahead

    async def get(self, *path: str, **query: Any) -> Document:
        """`path` is in parts, each as it is: an id may hold what an address may not."""
        given = {name: value for name, value in query.items() if value is not None}
        return self._document(await self._send("GET", path, params=given))

    async def post(
        self,
        *path: str,
        body: Mapping[str, Any] | None = None,
        file: tuple[str, bytes] | None = None,
        with_nulls: bool = False,
    ) -> Document:
        """The answer, also where it is not final (202). Parts of the body that are None are left out, unless they
        mean something; `file` is a name and its content, sent as a form."""
        key = {"Idempotency-Key": str(uuid.uuid4())}
        if file is not None:
            return self._document(await self._send("POST", path, headers=key, files={"file": file}))
        given = {name: value for name, value in (body or {}).items() if with_nulls or value is not None}
        return self._document(await self._send("POST", path, headers=key, json=given))

    async def delete(self, *path: str, body: Mapping[str, Any] | None = None) -> None:
        self._document(await self._send("DELETE", path, **({"json": body} if body else {})))

    async def run(self, named: str, *, events: bool = False) -> Document:
        """A run by its id or a beginning of it that fits one only; with everything that happened in it, if wanted."""
        if not named.strip():
            raise LocalRefusal("unknown_run", "The run's ID is missing.", "To list runs: offboard runs.")
        found = await self.get("runs", named, events=events or None)
        if not events:
            found.pop("events", None)
        return found

    async def follow(
        self, run_id: str, after: int, lost: Callable[[], None] = lambda: None
    ) -> AsyncGenerator[StreamedEvent, None]:
        """What happens in a run after that version, until nothing comes any more. A stream that breaks is opened again
        where it was: no event is missed, and none is reported twice. `lost` is called where that takes more than a
        try."""
        pause, opened = RECONNECT_SECONDS, False
        while True:
            try:
                async with AsyncExitStack() as stack:
                    async for kind, data, version in self._stream(stack, run_id, after):
                        pause, opened = RECONNECT_SECONDS, True
                        if kind == "end":
                            return
                        if version > after:
                            after = version
                            yield StreamedEvent(version, json.loads(data))
            except ServerRefused as error:
                if error.status < 500 or not opened:
                    raise
            except Unreachable:
                pass  # a client that follows a run has just read it here
            if pause == RECONNECT_SECONDS * 2:
                lost()
            await asyncio.sleep(pause)
            pause = min(pause * 2, MAX_RECONNECT_SECONDS)

    async def _stream(self, stack: AsyncExitStack, run_id: str, after: int) -> AsyncIterator[tuple[str, str, int]]:
        """Server-Sent Events (WHATWG HTML, section 9.2.6) as kind, data and id; comments are passed over."""
        import httpx

        request = self._client.stream(
            "GET",
            _path(("runs", run_id, "stream")),
            headers={"Accept": "text/event-stream", "Last-Event-ID": str(after)},
            timeout=httpx.Timeout(STREAM_TIMEOUT_SECONDS, connect=CONNECT_TIMEOUT_SECONDS),
        )
        try:
            response = await stack.enter_async_context(request)
            if response.status_code != 200:
                await response.aread()
                self._document(response)
            yield "opened", "", after
            kind, data, version = "", "", after
            async for line in _lines(response):
                name, _, value = line.partition(":")
                value = value.removeprefix(" ")
                if not line:
                    if kind:
                        yield kind, data, version
                    kind, data = "", ""
                elif name == "event":
                    kind = value
                elif name == "data":
                    data += value
                elif name == "id" and value.isdigit():
                    version = int(value)
        except httpx.TransportError as error:
            raise self._silent(error) from error

    async def _send(self, method: str, path: Sequence[str], **how: Any) -> httpx.Response:
        """Where no server answers, that is reported at once; a request that may have arrived is sent again."""
        import httpx

        trace = current_trace.get()
        if trace is not None:
            how["headers"] = {**how.get("headers", {}), **trace.request_headers(method, path)}
        lost = False
        for pause in (*RETRY_PAUSES_SECONDS, None):
            try:
                response = await self._client.request(method, _path(path), **how)
                if trace is not None:
                    trace.heard(path, response.headers, _started(response))
            except httpx.TransportError as error:
                lost = lost or not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
                if pause is None or not lost or isinstance(error, httpx.UnsupportedProtocol):
                    raise self._silent(error, perhaps_done=lost and method != "GET") from error
            else:
                if pause is None or not (response.status_code == 409 and _code(response) == "request_under_way"):
                    return response
            await asyncio.sleep(pause)
        raise AssertionError("the last attempt returns or raises")

    def _document(self, response: httpx.Response) -> Document:
        self._note_time(response)
        kind = response.headers.get("content-type", "").partition(";")[0]
        if response.status_code == 204:
            return {}
        if response.is_success and kind == "application/json":
            document: Document = response.json()
            return document
        if kind == "application/problem+json":
            raise self._refused(response.status_code, response.json())
        raise ServerRefused(
            502,
            "not_offboard",
            f"{self.url} responds with {response.status_code}, but not like an Offboard server.",
            "Check the address and any proxy in front of the server.",
        )

    def _refused(self, status: int, problem: Mapping[str, Any]) -> ServerRefused:
        code, detail, remedy = (str(problem.get(name) or "") for name in ("code", "detail", "remedy"))
        if status == 401 and self._over is not None:
            return ServerRefused(status, "sign_in_over", *self._over)
        if code == "invalid_request" and problem.get("errors"):
            # The path in the request is for programs; people see it as an option of the command.
            wrong = (f"{str(one['where']).partition('.')[2]}: {one['what']}" for one in problem["errors"])
            return ServerRefused(status, code, f"Invalid input: {'; '.join(wrong)}", "See --help.")
        facts = problem.get("facts")
        known = {name: value for name, value in facts.items() if isinstance(value, str | int)} if facts else {}
        return ServerRefused(status, code, detail or str(problem.get("title") or status), remedy, known)

    def _silent(self, error: httpx.TransportError, *, perhaps_done: bool = False) -> Unreachable:
        why = str(error).strip() or {"ReadTimeout": "timed out"}.get(type(error).__name__, type(error).__name__)
        if perhaps_done:
            return Unreachable(
                "answer_lost",
                f"The response of {self.url} was lost ({why}). The change may or may not have been made.",
                "Once the server responds again, check the run's state before you try again.",
            )
        remedy = "Check the address, and that Offboard is running there."
        return Unreachable("unreachable", f"{self.url} does not respond ({why}).", remedy)

    def _note_time(self, response: httpx.Response) -> None:
        try:
            said = parsedate_to_datetime(response.headers["date"])
        except (KeyError, ValueError):
            return
        ahead = said - datetime.now(UTC)
        # It tells whole seconds, a moment ago: clocks that agree are not made to differ.
        self._ahead = ahead if abs(ahead) > timedelta(seconds=2) else timedelta(0)


def _path(parts: Sequence[str]) -> str:
    return "/" + "/".join(quote(part, safe="") for part in parts)


def _started(response: httpx.Response) -> str | None:
    """The run that a request has started."""
    location = response.headers.get("location", "")
    return location.removeprefix(RUNS) if location.startswith(RUNS) and response.is_success else None


def _code(response: httpx.Response) -> str:
    try:
        return str(response.json().get("code"))
    except (ValueError, AttributeError):
        return ""


async def _lines(response: httpx.Response) -> AsyncIterator[str]:
    """Lines end with a line feed and with nothing else that Unicode takes for one: a name may hold such."""
    rest = b""
    async for chunk in response.aiter_bytes():
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line.removesuffix(b"\r").decode()
