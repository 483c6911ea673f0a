"""The one way in which connectors exchange JSON with a system over HTTP: it sends what a flow yields.

What is promised here, once, for all of them:

- one total deadline for all requests of a flow: waiting for the rate, fetching a token, name lookup, connection,
  request, answer and body;
- TLS certificates are verified; without TLS only this machine itself is spoken to;
- every address, including that of a next page or a token endpoint, is on the list of allowed hosts; redirects are
  never followed, since a followed redirect could carry the credential elsewhere;
- an answer is read up to a cap on its unpacked bytes; it must be JSON (RFC 8259) and have the expected shape;
- each request is tried once, and once more where a 401 shows that a token ended early: a 401 did nothing;
- one mapping from what went wrong to who must react, which a vendor's `Dialect` may refine:

      refused or unreachable before anything was sent    TryAgainError          happened no
      deadline over, connection cut after sending        TryAgainError          happened unknown
      408, 425, 429, 503, a 403 that is a rate limit     TryAgainError          happened no, with retry_after
      other 5xx                                          TryAgainError          happened unknown
      412                                                TryAgainError          happened no: it changed since we read it
      401, 403                                           ActionRequiredError    credential_refused
      3xx                                                ActionRequiredError    host_not_allowed or redirected
      not JSON, wrong shape, too large                   ActionRequiredError    happened unknown
      other 4xx, 501                                     RefusedError           happened no
      an error inside a 200                              RefusedError           happened unknown

  `happened` is `no` for a request that only reads, and `unknown` as soon as an earlier request of the same flow has
  changed something;
- our secrets are in no error, no repr and no log line; httpx's own log lines, which name addresses, are dropped.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any, Literal, NoReturn, TypeVar
from urllib.parse import quote, urlencode

import httpx

from connectors.abilities import Pace, unpaced
from connectors.errors import ActionRequiredError, ConnectorError, RefusedError, TryAgainError
from connectors.http.answers import ACCEPTED_ENCODINGS, json_or_none, read_json, unpacker_for
from connectors.http.auth import Auth
from connectors.http.dialect import Dialect, Verdict
from connectors.http.hosts import Redaction, base_url, port_of, require_allowed
from connectors.http.requests import Answer, Flow, Outgoing, Request
from connectors.http.tls import require_private, trust

T = TypeVar("T")
Happened = Literal["no", "unknown"]

DEFAULT_MAX_ANSWER_BYTES = 1_048_576
_EXCERPT_BYTES = 300
_FORM = "application/x-www-form-urlencoded"


class _NoAddresses(logging.Filter):
    """httpx writes every URL it asks at INFO, httpcore more at DEBUG; both hold names and mail addresses."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING


_NO_ADDRESSES = _NoAddresses()
_HTTP_LOGGERS = ("httpx", "httpcore", "httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy")


def keep_addresses_out_of_logs() -> None:
    """For this process, from now on. Everything that uses httpx calls this first."""
    for name in _HTTP_LOGGERS:
        logging.getLogger(name).addFilter(_NO_ADDRESSES)


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
        dialect: Dialect | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`url` is the base address. `clock` gives the time in seconds since 1970, for tokens and signatures.

        Raises `ActionRequiredError`: setting_invalid, host_not_allowed, not_encrypted."""
        self._base = base_url(url)
        self._allowed_hosts = tuple(allowed_hosts)
        self.require_allowed(self._base, setting="url")
        keep_addresses_out_of_logs()
        self.auth = auth
        self.auth_lock = asyncio.Lock()
        self.clock = clock
        self.dialect = dialect or Dialect()
        self.max_answer_bytes = max_answer_bytes
        self.media_type = media_type
        self.http = httpx.AsyncClient(
            headers={"Accept": media_type, "Accept-Encoding": ACCEPTED_ENCODINGS},
            verify=trust(ca_file),
            follow_redirects=False,
            timeout=None,  # noqa: S113 - a flow has one total deadline over all of it
            trust_env=False,  # an environment variable must not reroute a credential
        )

    def __repr__(self) -> str:
        return f"HttpClient({self._base.host})"

    async def run(self, flow: Flow[T], *, deadline: float, pace: Pace = unpaced) -> T:
        """Send what the flow yields, within `deadline` seconds in all, and return its result. `pace` is awaited before
        each request. Raises `ConnectorError`, from the flow or from what was sent for it."""
        return await _Run(self, asyncio.get_running_loop().time() + deadline, pace).drive(flow)

    async def aclose(self) -> None:
        await self.http.aclose()

    def redact(self, text: str) -> str:
        return Redaction(self.auth.secrets())(text)

    def require_allowed(self, url: httpx.URL, *, setting: str) -> None:
        """Raises `ActionRequiredError`: host_not_allowed, not_encrypted."""
        require_allowed(url.host, port_of(url), self._allowed_hosts)
        require_private(url.host, encrypted=url.scheme == "https", setting=setting)

    def address(self, request: Request) -> httpx.URL:
        """Where a request goes. Every path segment is quoted, so that an id with a slash or dots in it cannot name
        another resource. Raises `RefusedError("invalid_id")`, `ActionRequiredError`."""
        if request.url:
            try:
                url = self._base.join(request.url)
                usable = url.scheme in ("http", "https") and bool(url.host) and not url.userinfo
            except httpx.InvalidURL:
                usable = False
            if not usable:
                raise ActionRequiredError(
                    "answer_not_understood", "A request goes to what is not an address.", happened="no"
                ) from None
            self.require_allowed(url, setting="url")
        else:
            segments = [quote(segment, safe="") for segment in request.path]
            if any(segment in ("", ".", "..") for segment in segments):
                raise RefusedError("invalid_id", "An id is empty or made of dots only.", happened="no")
            path = "/".join([self._base.path.rstrip("/"), *segments])
            url = self._base.copy_with(raw_path=path.encode("ascii"))
        return url.copy_merge_params(dict(request.params)) if request.params else url


class _Run:
    """One flow under one deadline."""

    def __init__(self, client: HttpClient, until: float, pace: Pace) -> None:
        self._client = client
        self._until = until
        self._pace = pace
        self._changed = False

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

    async def _answer(self, request: Request) -> Answer:
        try:
            url = self._client.address(request)
        except RefusedError:
            if request.missing_ok:  # what cannot be named is not there
                return Answer(404)
            raise
        if not request.authenticated:
            return self._judge(request, *await self._send(request, url, {}))
        outgoing = _outgoing(request, url, self._client.media_type)
        credential = await self._credential(request, outgoing)
        response, body = await self._send(request, url, credential, outgoing.content)
        if response.status_code == 401 and self._client.auth.refused(credential):
            credential = await self._credential(request, outgoing)
            response, body = await self._send(request, url, credential, outgoing.content)
        return self._judge(request, response, body)

    async def _credential(self, request: Request, outgoing: Outgoing) -> Mapping[str, str]:
        """The headers that show who we are; several requests at once share one token request."""
        try:
            async with asyncio.timeout_at(self._until):
                await self._client.auth_lock.acquire()
        except TimeoutError:
            _fail(TryAgainError, "deadline_over", f"No token for {request.method} in time.", happened="no")
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

    async def _send(
        self, request: Request, url: httpx.URL, credential: Mapping[str, str], content: bytes | None = None
    ) -> tuple[httpx.Response, bytes]:
        """Send once. Nothing is said about the status yet."""
        client = self._client
        method, sent = request.method, False

        async def on_trace(event: str, _: Mapping[str, Any]) -> None:
            nonlocal sent
            sent = sent or event.endswith("send_request_headers.started")

        outgoing = _outgoing(request, url, client.media_type)
        headers = {**outgoing.headers, **credential}
        try:
            async with asyncio.timeout_at(self._until):
                await self._pace()
                async with client.http.stream(
                    method,
                    url,
                    content=content or outgoing.content or None,
                    headers=headers,
                    extensions={"trace": on_trace},
                ) as response:
                    return response, await self._read(request, response)
        except TimeoutError:
            # `from None` in `_fail`: what httpx raises carries the request, and with it our credential.
            self._broken(
                request, TryAgainError, "deadline_over", f"{method} {url.path} was not answered in time.", sent
            )
        except httpx.ConnectError as error:
            certificate = "CERTIFICATE" in str(error).upper()
            _fail(
                ActionRequiredError if certificate else TryAgainError,
                "certificate_refused" if certificate else "unreachable",
                f"No connection to {url.host}: {error}",
                remedy="Give the system a certificate that ca_file or the public authorities vouch for."
                if certificate
                else "Check that the system is up and can be reached from this worker.",
                happened="no",
            )
        except (httpx.TransportError, httpx.InvalidURL) as error:
            self._broken(
                request, TryAgainError, "connection_lost", f"{method} {url.path}: {type(error).__name__}", sent
            )

    async def _read(self, request: Request, response: httpx.Response) -> bytes:
        """The body, unpacked. httpx would unpack all of a small packed body before its size could be seen."""
        limit, body = self._client.max_answer_bytes, bytearray()
        try:
            unpacker = unpacker_for(response.headers.get("content-encoding", ""))
            async for chunk in response.aiter_raw():
                body += unpacker.unpack(chunk, limit + 1 - len(body))
                if len(body) > limit:
                    self._broken(
                        request, ActionRequiredError, "answer_too_large",
                        f"The answer to {request.method} is larger than {limit} bytes.",
                        remedy="Check what the system sends; raise max_answer_bytes if it is right.",
                    )  # fmt: skip
            unpacker.finish()
        except ValueError as error:
            self._broken(request, ActionRequiredError, "answer_not_understood", f"The answer is broken: {error}.")
        return bytes(body)

    def _judge(self, request: Request, response: httpx.Response, body: bytes) -> Answer:
        status, url, method = response.status_code, response.url, request.method
        said = f"{method} {url.path} was answered with {status}: {body[:_EXCERPT_BYTES].decode(errors='replace')}"
        if 300 <= status < 400:
            self._redirected(request, response)
        headers = {name.lower(): value for name, value in response.headers.items()}
        success = 200 <= status < 300
        value = self._json(request, url, body) if success else json_or_none(body)
        dialect = self._client.dialect if request.authenticated else Dialect()
        verdict = Verdict.CREDENTIAL if status == 401 else dialect.verdict(status, value, headers)
        answer = Answer(status, value, headers, str(url))
        match verdict:
            case Verdict.DONE:
                self._changed = self._changed or request.changes
                return answer
            case Verdict.MISSING if request.missing_ok:  # the flow decides; it sees whether the body is the system's
                return Answer(404, value, headers, str(url))
            case Verdict.MISSING:
                _fail(RefusedError, "not_found", said, happened="no")
            case Verdict.CREDENTIAL:
                _fail(
                    ActionRequiredError, "credential_refused", said, happened="no",
                    remedy="Renew the system's credential, or give it the rights that this ability needs.",
                )  # fmt: skip
            case Verdict.CHANGED_MEANWHILE:
                _fail(TryAgainError, "changed_meanwhile", said, happened="no")
            case Verdict.RATE_LIMITED | Verdict.RETRY:
                code = "too_many_requests" if verdict is Verdict.RATE_LIMITED else "system_failed"
                _fail(TryAgainError, code, said, happened="no", retry_after=dialect.retry_after(headers))
            case Verdict.FAILED:
                retry_after = dialect.retry_after(headers)
                self._broken(request, TryAgainError, "system_failed", said, retry_after=retry_after)
        raise RefusedError(
            "error_in_answer" if success else "refused",
            said,
            remedy="Read what the system said; change the account there or the step's parameters.",
            happened="unknown" if success and request.changes else "no",
        )

    def _json(self, request: Request, url: httpx.URL, body: bytes) -> Any:
        try:
            return read_json(body)
        except ValueError:
            self._broken(
                request, ActionRequiredError, "answer_not_understood",
                f"The answer to {request.method} {url.path} is not JSON.",
                remedy="Check that url is the system's interface and not a page or a proxy.",
            )  # fmt: skip

    def _redirected(self, request: Request, response: httpx.Response) -> NoReturn:
        url = response.url
        try:
            target = url.join(response.headers.get("location", ""))
            self._client.require_allowed(target, setting="url")
            elsewhere = target.host != url.host
        except (httpx.InvalidURL, ActionRequiredError):
            elsewhere = True
        self._broken(
            request,
            ActionRequiredError,
            "host_not_allowed" if elsewhere else "redirected",
            f"{request.method} {url.path} was answered with a redirect, which is never followed.",
            remedy="Set url to the address that the system answers at.",
        )

    def _broken(
        self,
        request: Request,
        error: type[ConnectorError],
        code: str,
        detail: str,
        sent: bool = True,
        *,
        remedy: str = "",
        retry_after: float | None = None,
    ) -> NoReturn:
        """Fail where a request that was sent may have taken effect."""
        happened: Happened = "unknown" if sent and request.changes else "no"
        _fail(error, code, detail, remedy=remedy, happened=happened, retry_after=retry_after)


def _fail(
    error: type[ConnectorError],
    code: str,
    detail: str,
    *,
    happened: Happened,
    remedy: str = "",
    retry_after: float | None = None,
) -> NoReturn:
    raise error(code, detail, remedy=remedy, happened=happened, retry_after=retry_after) from None


def _outgoing(request: Request, url: httpx.URL, media_type: str) -> Outgoing:
    headers = dict(request.headers)
    content = b""
    if request.json is not None:
        content = json.dumps(request.json, ensure_ascii=False, allow_nan=False).encode()
        headers["Content-Type"] = media_type
    elif request.form is not None:
        content = urlencode(request.form).encode("ascii")
        headers["Content-Type"] = _FORM
    return Outgoing(request.method, url, headers, content)
