"""The HTTP client of connectors: it sends the requests that a flow yields, and reads the responses.

`connectors.http.sending` sends each request. The client promises beyond that, for all connectors:

- one total deadline for all requests of a flow, waiting for the rate and fetching a token included;
- without TLS only this machine itself is spoken to;
- every address, including that of a next page or a token endpoint, is on the list of allowed hosts; redirects are
  never followed, since a followed redirect could carry the credential elsewhere;
- an answer is JSON (RFC 8259), or of the form that the kind names, of a limited size, and has the expected shape;
- each request is tried once, and once more where a 401 shows that a token ended early: a 401 did nothing;
- one mapping from what went wrong to who must react, which a vendor's `Dialect` may refine:

      refused or unreachable before anything was sent    TryAgainError          happened no
      deadline over, connection cut after sending        TryAgainError          happened unknown
      408, 423, 425, 429, 503, a 403 as a rate limit     TryAgainError          happened no, with retry_after
      other 5xx                                          TryAgainError          happened unknown
      412                                                TryAgainError          happened no: it changed since we read it
      401, 403                                           ActionRequiredError    credential_refused
      3xx                                                ActionRequiredError    host_not_allowed or redirected
      not JSON, wrong shape, too large                   ActionRequiredError    happened unknown
      other 4xx, 501                                     RefusedError           happened no
      an error inside a 200                              RefusedError           happened unknown

  `happened` is `no` for a request that only reads, and `unknown` as soon as an earlier request of the same flow has
  changed something;
- our secrets are in no error, no repr and no log line.

A rehearsal (`connectors.rehearsal`) sends requests that read, and tokens' requests, in the same way; a request that
changes something does not reach `_send`.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import AsyncExitStack
from typing import Any, NoReturn, TypeVar
from urllib.parse import quote, urlencode

import httpx

from connectors.abilities import Pace, unpaced
from connectors.elapsed import Deadline
from connectors.errors import ActionRequiredError, ConnectorError, RefusedError, TryAgainError
from connectors.exclusion import current_exclusion
from connectors.http.answers import JSON, BodyForm
from connectors.http.auth import Auth
from connectors.http.dialect import Dialect
from connectors.http.judging import fail, fail_sent, judge
from connectors.http.requests import Answer, Flow, Outgoing, Request
from connectors.http.sending import HttpResponse, NotReceived, new_client, send
from connectors.network.hosts import Redaction, base_url, port_of, read_url, require_allowed
from connectors.network.tls import require_private
from connectors.rehearsal import Rehearsal, RehearsedRequest, Rehearsing

T = TypeVar("T")

DEFAULT_MAX_ANSWER_BYTES = 1_048_576
_MAX_EXCERPT_CHARACTERS = 300
_FORM = "application/x-www-form-urlencoded"


class HttpClient:
    """A long-lived client for one system. Make one at start-up, `aclose` it at the end."""

    def __init__(
        self,
        url: str,
        auth: Auth,
        *,
        allowed_hosts: Collection[str],
        ca_file: str = "",
        max_answer_bytes: int = DEFAULT_MAX_ANSWER_BYTES,
        media_type: str = "application/json",
        body_form: BodyForm = JSON,
        headers: Mapping[str, str] | None = None,
        dialect: Dialect | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`url` is the base address. `headers` are sent with each request. `clock` gives the time in seconds since
        1970, for tokens and signatures.

        Raises `ActionRequiredError`: setting_invalid, host_not_allowed, not_encrypted."""
        self._base = base_url(url)
        self._allowed_hosts = tuple(allowed_hosts)
        self.require_allowed(self._base, setting="url")
        self.auth = auth
        self.auth_lock = asyncio.Lock()
        self.clock = clock
        self.dialect = dialect or Dialect()
        self.max_answer_bytes = max_answer_bytes
        self.media_type = media_type
        self.body_form = body_form
        self.http = new_client(ca_file=ca_file, headers={"Accept": media_type, **(headers or {})})

    def __repr__(self) -> str:
        return f"HttpClient({self._base.host})"

    @property
    def base(self) -> httpx.URL:
        """The base address of the system."""
        return self._base

    async def run(self, flow: Flow[T], *, deadline: float, pace: Pace = unpaced) -> T:
        """Send what the flow yields, within `deadline` seconds in all, and return its result. `pace` is awaited before
        each request. Raises `ConnectorError`, from the flow or from what was sent for it."""
        return await _Run(self, Deadline(deadline), pace).drive(flow)

    async def rehearse(self, flow: Flow[Any], *, deadline: float, pace: Pace = unpaced) -> Rehearsal:
        """What the flow would send. Raises the `ConnectorError` that comes before its first change."""
        rehearsing = Rehearsing()
        run = _Run(self, Deadline(deadline), pace, rehearsing)
        return await rehearsing.of(run.drive(flow))

    async def aclose(self) -> None:
        await self.http.aclose()

    def redact(self, text: str) -> str:
        return Redaction(self.auth.secrets())(text)

    def require_allowed(self, url: httpx.URL, *, setting: str) -> None:
        """Raises `ActionRequiredError`: host_not_allowed, not_encrypted."""
        require_allowed(url.host, port_of(url), self._allowed_hosts)
        require_private(url.host, encrypted=url.scheme == "https", setting=setting)

    def allows(self, url: httpx.URL) -> bool:
        """The same as a question."""
        try:
            self.require_allowed(url, setting="url")
        except ActionRequiredError:
            return False
        return True

    def address(self, request: Request) -> httpx.URL:
        """Where a request goes. Every path segment is quoted, so that an id with a slash or dots in it cannot name
        another resource. Raises `RefusedError("invalid_id")`, `ActionRequiredError`."""
        if request.url:
            url = read_url(request.url, self._base)
            if url is None:
                raise ActionRequiredError(
                    "answer_not_understood", "The next request goes to an invalid address.", happened="no"
                )
            self.require_allowed(url, setting="url")
        else:
            segments = [quote(segment, safe="$") for segment in request.path]  # "$ref" is a segment of OData
            if any(segment in ("", ".", "..") for segment in segments):
                raise RefusedError("invalid_id", "An ID is empty or has only dots.", happened="no")
            path = "/".join([self._base.path.rstrip("/"), *segments])
            url = self._base.copy_with(raw_path=path.encode("ascii"))
        if not request.params:
            return url
        url = url.copy_merge_params(dict(request.params))
        # httpx writes a space as `+`, which only forms have; a query has %20 (RFC 3986), and AWS signs that.
        return url.copy_with(query=url.query.replace(b"+", b"%20"))


class _Run:
    """One flow under one deadline. With `rehearsing`, its changes are written down instead of sent."""

    def __init__(
        self, client: HttpClient, deadline: Deadline, pace: Pace, rehearsing: Rehearsing | None = None
    ) -> None:
        self._client = client
        self._deadline = deadline
        self._pace = pace
        self._rehearsing = rehearsing
        self._changed = False
        self._thing = ""
        self._exclusion = AsyncExitStack()

    async def drive(self, flow: Flow[T]) -> T:
        try:
            request = next(flow)
            while True:
                try:
                    answer = await self._answer(request)
                except ConnectorError as error:
                    request = flow.throw(error)  # a flow may know what a refusal means for it
                else:
                    request = flow.send(answer)
        except StopIteration as done:
            result: T = done.value
            return result
        except ConnectorError as error:
            error.detail = self._client.redact(error.detail)
            if self._changed:
                error.happened = "unknown"
            raise error from None
        finally:
            flow.close()
            await self._exclusion.aclose()

    async def _answer(self, request: Request) -> Answer:
        try:
            url = self._client.address(request)
        except RefusedError:
            if request.missing_ok:  # what cannot be named is not there
                return Answer(404)
            raise
        if self._rehearsing is not None and request.authenticated:
            self._rehearsing.note(_rehearsed(request))
        if self._rehearsing is not None and request.changes:
            return Answer(200, {}, {}, str(url))
        if request.exclusive and self._rehearsing is None:
            await self._exclude_others_from(request.exclusive)
        outgoing = _outgoing(request, url, self._client.media_type)
        if not request.authenticated:
            return self._judge(request, await self._send(request, outgoing, {}))
        credential = await self._credential(request, outgoing)
        received = await self._send(request, outgoing, credential)
        if received.status == 401 and self._client.auth.refused(credential):
            credential = await self._credential(request, outgoing)
            received = await self._send(request, outgoing, credential)
        return self._judge(request, received)

    async def _exclude_others_from(self, thing: str) -> None:
        """A flow has one thing at a time, so that two flows never wait for each other."""
        if thing == self._thing:
            return
        self._thing = ""
        await self._exclusion.aclose()
        claim = current_exclusion()(f"{self._client.base} {thing}", self._deadline.left)
        if not await self._exclusion.enter_async_context(claim):
            fail(TryAgainError, "change_in_progress", "Another run is changing the same list.", happened="no")
        self._thing = thing

    async def _credential(self, request: Request, outgoing: Outgoing) -> Mapping[str, str]:
        """The headers that show who we are; several requests at once share one token request."""
        try:
            async with self._deadline.timeout():
                await self._client.auth_lock.acquire()
        except TimeoutError:
            fail(TryAgainError, "deadline_over", f"No token was received for {request.method} in time.", happened="no")
        try:
            flow = self._client.auth.headers(outgoing, self._client.clock())
            asked = next(flow)
            while True:
                try:
                    answer = await self._answer(asked)
                except ConnectorError as error:
                    asked = flow.throw(error)
                else:
                    asked = flow.send(answer)
        except StopIteration as done:
            headers: Mapping[str, str] = done.value
            return headers
        finally:
            self._client.auth_lock.release()

    async def _send(self, request: Request, outgoing: Outgoing, credential: Mapping[str, str]) -> HttpResponse:
        """Send once. The body is complete and unpacked; the status is not judged yet."""
        try:
            received = await send(
                self._client.http,
                outgoing.method,
                outgoing.url,
                deadline=self._deadline,
                max_bytes=self._client.max_answer_bytes,
                headers={**outgoing.headers, **credential},
                content=outgoing.content or None,
                pace=self._pace,
            )
        except NotReceived as failed:
            self._not_received(request, outgoing, failed)
        if not received.complete:
            fail_sent(
                request,
                ActionRequiredError,
                "answer_too_large",
                f"The response to {request.method} is larger than {self._client.max_answer_bytes} bytes.",
                remedy="Check the response of the system; raise max_answer_bytes if it is correct.",
            )
        if received.unreadable:
            detail = f"The answer is broken: {received.unreadable}."
            fail_sent(request, ActionRequiredError, "answer_not_understood", detail)
        return received

    def _not_received(self, request: Request, outgoing: Outgoing, failed: NotReceived) -> NoReturn:
        url = outgoing.url
        error: type[ConnectorError] = TryAgainError
        remedy = ""
        match failed.code:
            case "deadline_over":
                detail = f"{request.method} {url.path} had no response in time."
            case "connection_lost":
                detail = f"{request.method} {url.path}: {failed.detail}"
            case "unreachable":
                detail = f"No connection to {url.host}: {failed.detail}"
                remedy = "Check that the system is running and that this worker can reach it."
            case "certificate_refused":
                error = ActionRequiredError
                detail = f"No connection to {url.host}: {failed.detail}"
                remedy = "Give the system a certificate that ca_file or the public authorities vouch for."
        fail_sent(request, error, failed.code, detail, failed.sent, remedy=remedy)

    def _judge(self, request: Request, received: HttpResponse) -> Answer:
        body = received.body

        headers = {name.lower(): value for name, value in received.headers.items()}

        def excerpt() -> str:
            # Redacted before it is cut: a part of a secret would not be recognised.
            said = self._client.dialect.message(headers, body.decode(errors="replace"))
            return self._client.redact(said)[:_MAX_EXCERPT_CHARACTERS]

        form = self._client.body_form if request.authenticated else JSON  # a token endpoint answers as OAuth has it
        read = 200 <= received.status < 300
        value = self._value(request, received, form) if read else form.read_or_none(body)
        answer = Answer(received.status, value, headers, str(received.url))
        judged = judge(request, answer, self._client.dialect, excerpt=excerpt, allowed=self._client.allows)
        self._changed = self._changed or (request.changes and not judged.missing)
        return judged

    def _value(self, request: Request, received: HttpResponse, form: BodyForm) -> Any:
        try:
            return form.read(received.body)
        except ValueError:
            fail_sent(
                request,
                ActionRequiredError,
                "answer_not_understood",
                f"The response to {request.method} {received.url.path} is not {form.name}.",
                remedy="Check that url is the address of the system's API, not of a page or a proxy.",
            )


def _rehearsed(request: Request) -> RehearsedRequest:
    """Without ids: as the operation that made the request has it, or else only with the number of its segments."""
    operation = request.operation
    if operation is None:
        return RehearsedRequest(request.method, "/{}" * max(len(request.path), 1), "", request.changes)
    return RehearsedRequest(request.method, operation.path, operation.operation_id, request.changes)


def _outgoing(request: Request, url: httpx.URL, media_type: str) -> Outgoing:
    headers = dict(request.headers)
    content = b""
    if request.json is not None:
        content = json.dumps(request.json, ensure_ascii=False, allow_nan=False).encode()
        headers["Content-Type"] = media_type
    elif request.form is not None:
        content = urlencode(request.form).encode("ascii")
        headers["Content-Type"] = _FORM
    return Outgoing(request.method, url, headers, content, request.scope)
