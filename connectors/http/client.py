"""One way to exchange JSON with a system over HTTP, for every connector that does.

What is promised here, once, for all of them:

- one total deadline over name lookup, connection, request, answer and body, shared by all requests of a `Call`;
- TLS certificates are verified; without TLS only this machine itself is spoken to;
- only allowed hosts; redirects are never followed (a followed redirect could carry the credential elsewhere);
- an answer larger than the cap is not read to its end; it must be JSON (RFC 8259) and have the expected shape;
- one mapping from what went wrong to who must react:

      refused or unreachable before anything was sent    TryAgainError          happened no
      deadline over, connection cut after sending        TryAgainError          happened unknown
      408, 425, 429, 503                                 TryAgainError          happened no, with retry_after
      other 5xx                                          TryAgainError          happened unknown
      412                                                TryAgainError          happened no: it changed since we read it
      401, 403                                           ActionRequiredError    credential_refused
      3xx                                                ActionRequiredError    host_not_allowed or redirected
      not JSON, wrong shape, too large                   ActionRequiredError    happened unknown
      other 4xx, 501                                     RefusedError           happened no
      an error inside a 200                              RefusedError           happened unknown

  `happened` is `no` for a request that only reads, and `unknown` as soon as an earlier request of the same call has
  changed something;
- our secrets are in no error, no repr and no log line; httpx's own log lines, which name addresses, are dropped.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Collection, Mapping
from typing import Any, Literal, NoReturn, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from connectors.abilities import Reachability
from connectors.errors import ActionRequiredError, ConnectorError, RefusedError, TryAgainError
from connectors.http.answers import Answer, json_or_none, read_json, read_retry_after
from connectors.http.hosts import Redaction, require_allowed
from connectors.http.tls import require_private, trust

Shape = TypeVar("Shape", bound=BaseModel)
Happened = Literal["no", "unknown"]

_READS = frozenset({"GET", "HEAD"})
_EXCERPT_BYTES = 300


class HttpSettings(BaseModel):
    """What every HTTP connector must be told."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(description="address of the system's interface, https://host/path")
    token: SecretStr = Field(description="bearer token (RFC 6750)")
    ca_file: str = Field(default="", description="certificates to trust instead of the public ones (PEM file)")
    max_answer_bytes: int = Field(default=1_048_576, gt=0, description="largest answer that is read, in bytes")


class Fields(BaseModel):
    """The part of an answer that a connector relies on; whatever else a system sends is left alone."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class _NoAddresses(logging.Filter):
    """httpx writes every URL it asks at INFO, httpcore more at DEBUG; both hold names and mail addresses."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING


_NO_ADDRESSES = _NoAddresses()
_HTTP_LOGGERS = ("httpx", "httpcore", "httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy")


def keep_addresses_out_of_logs() -> None:
    """For this process, from now on. Whoever uses httpx calls this first."""
    for name in _HTTP_LOGGERS:
        logging.getLogger(name).addFilter(_NO_ADDRESSES)


class JsonHttp:
    """A long-lived client for one system. Make one at start-up, `aclose` it at the end."""

    def __init__(
        self,
        settings: HttpSettings,
        *,
        allowed_hosts: Collection[str],
        media_type: str = "application/json",
    ) -> None:
        url = _base_url(settings.url)
        self._allowed_hosts = tuple(allowed_hosts)
        self._base = url
        require_allowed(url.host, _port(url), self._allowed_hosts)
        require_private(url.host, encrypted=url.scheme == "https", setting="url")
        keep_addresses_out_of_logs()
        self._max_bytes = settings.max_answer_bytes
        self._media_type = media_type
        token = settings.token.get_secret_value()
        if not (token.isascii() and token.isprintable() and token.strip()):  # a header cannot carry it
            raise ActionRequiredError(
                "setting_invalid",
                "The token is empty or holds characters that no token has.",
                remedy="Copy the token again.",
                happened="no",
            )
        self.redact = Redaction([token])
        self._client = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {token}", "Accept": media_type, "Accept-Encoding": "identity"},
            verify=trust(settings.ca_file) if url.scheme == "https" else True,
            follow_redirects=False,
            timeout=None,  # noqa: S113 - a Call puts one total deadline over all of it
            trust_env=False,  # an environment variable must not reroute a credential
        )

    def __repr__(self) -> str:
        return f"JsonHttp({self._base.host})"

    def call(self, deadline: float) -> Call:
        """Begin what must end within `deadline` seconds."""
        return Call(self, asyncio.get_running_loop().time() + deadline)

    async def check(self, *path: str, deadline: float, missing_ok: bool = False) -> Reachability:
        """Whether `GET path` is answered and our credential accepted. Never raises a `ConnectorError`."""
        try:
            answer = await self.call(deadline).send("GET", *path, missing_ok=missing_ok)
        except ConnectorError as error:
            return Reachability(False, f"{error.code}. {error.remedy}".strip())
        if answer.body is None:  # such as a gateway's 404, which says nothing about the system behind it
            return Reachability(False, "answer_not_understood. Look whether url is the system's interface.")
        return Reachability(True, "answered, credential accepted")

    async def aclose(self) -> None:
        await self._client.aclose()

    def address(self, path: tuple[str, ...]) -> httpx.URL:
        """Every path segment is quoted, so that an id with a slash or dots in it cannot name another resource."""
        segments = [quote(segment, safe="") for segment in path]
        if any(segment in ("", ".", "..") for segment in segments):
            raise RefusedError("invalid_id", "An id is empty or made of dots only.", happened="no")
        return self._base.copy_with(raw_path="/".join([self._base.path.rstrip("/"), *segments]).encode("ascii"))


class Call:
    """One attempt or one look, of one or more requests, under one deadline."""

    def __init__(self, system: JsonHttp, until: float) -> None:
        self._system = system
        self._until = until
        self._changed = False

    async def send(
        self,
        method: str,
        *path: str,
        params: Mapping[str, str] | None = None,
        document: Any = None,
        headers: Mapping[str, str] | None = None,
        missing_ok: bool = False,
    ) -> Answer:
        """Send one request. A 404 raises `RefusedError("not_found")`, or is returned where `missing_ok`."""
        system = self._system
        try:
            url = system.address(path)
        except RefusedError:
            if missing_ok:  # what cannot be named is not there
                return Answer(404, None, None)
            raise
        if params:
            url = url.copy_merge_params(dict(params))
        sent = False

        async def on_trace(event: str, _: Mapping[str, Any]) -> None:
            nonlocal sent
            sent = sent or event.endswith("send_request_headers.started")

        request_headers = dict(headers or {})
        content = None
        if document is not None:
            content = json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
            request_headers["Content-Type"] = system._media_type
        try:
            async with (
                asyncio.timeout_at(self._until),
                system._client.stream(
                    method, url, content=content, headers=request_headers, extensions={"trace": on_trace}
                ) as response,
            ):
                body = await self._read(method, response)
        except TimeoutError:
            # `from None` here and below: what httpx raises carries the request, and with it our credential.
            self._fail(
                TryAgainError, "deadline_over", f"{method} {url.path} was not answered in time.",
                method=method, happened="unknown" if sent else "no",
            )  # fmt: skip
        except httpx.ConnectError as error:
            certificate = "CERTIFICATE" in str(error).upper()
            self._fail(
                ActionRequiredError if certificate else TryAgainError,
                "certificate_refused" if certificate else "unreachable",
                f"No connection to {url.host}: {error}",
                remedy="Give the system a certificate that ca_file or the public authorities vouch for."
                if certificate
                else "Look whether the system is up and can be reached from this worker.",
                method=method, happened="no",
            )  # fmt: skip
        except (httpx.TransportError, httpx.InvalidURL) as error:
            self._fail(
                TryAgainError, "connection_lost", f"{method} {url.path}: {type(error).__name__}",
                method=method, happened="unknown" if sent else "no",
            )  # fmt: skip
        return self._judge(method, url, response, body, missing_ok=missing_ok)

    def parse(self, answer: Answer, shape: type[Shape]) -> Shape:
        """The answer's body as `shape`. Raises `ActionRequiredError("answer_not_understood")`."""
        return self.parse_value(answer.body, shape)

    def parse_value(self, value: Any, shape: type[Shape]) -> Shape:
        """A part of an answer as `shape`. The error names the fields that are wrong, never their values."""
        try:
            return shape.model_validate(value)
        except ValidationError as error:
            places = ", ".join(
                f"{'.'.join(str(part) for part in problem['loc']) or 'answer'}: {problem['type']}"
                for problem in error.errors(include_input=False, include_context=False, include_url=False)[:5]
            )
            self._fail(ActionRequiredError, "answer_not_understood", f"Unexpected {shape.__name__}: {places}")

    def unexpected(self, what: str) -> NoReturn:
        """Raise `ActionRequiredError("answer_not_understood")` with what was wrong."""
        self._fail(ActionRequiredError, "answer_not_understood", what)

    async def _read(self, method: str, response: httpx.Response) -> bytes:
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            self._fail(
                ActionRequiredError, "answer_not_understood", "The answer came compressed, unasked.",
                method=method, happened="unknown",
            )  # fmt: skip
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > self._system._max_bytes:
                self._fail(
                    ActionRequiredError, "answer_too_large",
                    f"The answer to {method} is larger than {self._system._max_bytes} bytes.",
                    remedy="Look at what the system sends; raise max_answer_bytes if it is right.",
                    method=method, happened="unknown",
                )  # fmt: skip
        return bytes(body)

    def _judge(self, method: str, url: httpx.URL, response: httpx.Response, body: bytes, *, missing_ok: bool) -> Answer:
        status = response.status_code
        said = f"{method} {url.path} was answered with {status}: {body[:_EXCERPT_BYTES].decode(errors='replace')}"
        if 300 <= status < 400:
            self._redirected(method, url, response)
        if status in (401, 403):
            self._fail(
                ActionRequiredError, "credential_refused", said, method=method, happened="no",
                remedy="Renew the system's token, or give it the rights that this ability needs.",
            )  # fmt: skip
        if status == 404 and not missing_ok:
            self._fail(RefusedError, "not_found", said, method=method, happened="no")
        if status == 412:
            self._fail(TryAgainError, "changed_meanwhile", said, method=method, happened="no")
        if status in (408, 425, 429) or (status >= 500 and status != 501):
            self._fail(
                TryAgainError,
                "too_many_requests" if status == 429 else "system_failed",
                said,
                method=method,
                happened="no" if status in (408, 425, 429, 503) else "unknown",
                retry_after=read_retry_after(response.headers.get("retry-after")),
            )
        if status >= 400 and status != 404:
            self._fail(
                RefusedError, "refused", said, method=method, happened="no",
                remedy="Read what the system said; change the account there or the step's parameters.",
            )  # fmt: skip
        if status == 404:  # whoever allowed it decides; a body that is not JSON tells them it was not the system's own
            return Answer(status, json_or_none(body), None)
        value = self._parse(method, url, body)
        if 200 <= status < 300:
            if isinstance(value, dict) and (value.get("error") or value.get("errors")):
                self._fail(
                    RefusedError, "error_in_answer", said, method=method, happened="unknown",
                    remedy="Read what the system said and look at the account there.",
                )  # fmt: skip
            self._changed = self._changed or method not in _READS
        return Answer(status, value, response.headers.get("etag"))

    def _parse(self, method: str, url: httpx.URL, body: bytes) -> Any:
        try:
            return read_json(body)
        except ValueError:
            self._fail(
                ActionRequiredError, "answer_not_understood", f"The answer to {method} {url.path} is not JSON.",
                remedy="Look whether the url is the system's interface and not a page or a proxy.",
                method=method, happened="unknown",
            )  # fmt: skip

    def _redirected(self, method: str, url: httpx.URL, response: httpx.Response) -> NoReturn:
        try:
            target = url.join(response.headers.get("location", ""))
            require_allowed(target.host, _port(target), self._system._allowed_hosts)
            elsewhere = target.host != url.host
        except (httpx.InvalidURL, ActionRequiredError):
            elsewhere = True
        self._fail(
            ActionRequiredError,
            "host_not_allowed" if elsewhere else "redirected",
            f"{method} {url.path} was answered with a redirect, which is never followed.",
            remedy="Set url to the address that the system answers at.",
            method=method, happened="unknown",
        )  # fmt: skip

    def _fail(
        self,
        error: type[ConnectorError],
        code: str,
        detail: str,
        *,
        remedy: str = "",
        method: str = "GET",
        happened: Happened = "no",
        retry_after: float | None = None,
    ) -> NoReturn:
        if method in _READS:
            happened = "no"
        raise error(
            code,
            self._system.redact(detail),
            remedy=remedy,
            happened="unknown" if self._changed else happened,
            retry_after=retry_after,
        ) from None


def _base_url(text: str) -> httpx.URL:
    try:
        url = httpx.URL(text)
        usable = url.scheme in ("http", "https") and bool(url.host) and not url.userinfo and not url.query
    except httpx.InvalidURL:
        usable = False
    if not usable:
        raise ActionRequiredError(
            "setting_invalid",
            "The setting url is not an address of the form https://host/path.",
            remedy="Write url without user name, password or query.",
            happened="no",
        ) from None
    return url


def _port(url: httpx.URL) -> int:
    return url.port or (443 if url.scheme == "https" else 80)
