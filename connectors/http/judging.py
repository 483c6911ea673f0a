"""Turns a response into the answer that the flow gets, or into the `ConnectorError` that is raised in it.

The client and the replay of recordings both use `judge`; `connectors.http.client` has the table of its results.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

import httpx

from connectors.errors import ActionRequiredError, ConnectorError, Happened, RefusedError, TryAgainError
from connectors.http.dialect import Dialect, Verdict
from connectors.http.requests import Answer, Request
from connectors.network.hosts import read_url


def judge(
    request: Request,
    answer: Answer,
    dialect: Dialect,
    *,
    excerpt: Callable[[], str],
    allowed: Callable[[httpx.URL], bool],
) -> Answer:
    """The answer for the flow: its `status` is 2xx, or 404 where the request allowed it. `excerpt` gives the beginning
    of the body, without secrets, for errors. `allowed` decides whether a redirect goes to an allowed host. Raises
    `ConnectorError`."""
    status, headers = answer.status, answer.headers
    url = httpx.URL(answer.url)
    if 300 <= status < 400:
        _redirected(request, url, headers.get("location", ""), allowed)
    if not request.authenticated:
        dialect = Dialect()  # a token endpoint answers as OAuth has it, and not as the vendor's interface does
    verdict = Verdict.CREDENTIAL if status == 401 else dialect.verdict(status, answer.body, headers)
    if verdict is Verdict.DONE:
        return answer
    if verdict is Verdict.MISSING and request.missing_ok:  # the flow sees whether the body is the system's own
        return Answer(404, answer.body, headers, answer.url)
    success = 200 <= status < 300
    said = f"{request.method} {url.path} was answered with {status}: {excerpt()}"
    match verdict:
        case Verdict.MISSING:
            fail(RefusedError, "not_found", said, happened="no")
        case Verdict.CREDENTIAL:
            fail(
                ActionRequiredError,
                "credential_refused",
                said,
                happened="no",
                remedy="Renew the system's credential, or grant it the permissions that this ability needs.",
            )
        case Verdict.CHANGED_MEANWHILE:
            fail(TryAgainError, "changed_meanwhile", said, happened="no")
        case Verdict.RATE_LIMITED | Verdict.RETRY:
            code = "too_many_requests" if verdict is Verdict.RATE_LIMITED else "system_failed"
            fail(TryAgainError, code, said, happened="no", retry_after=dialect.retry_after(headers, verdict))
        case Verdict.FAILED:
            fail_sent(request, TryAgainError, "system_failed", said, retry_after=dialect.retry_after(headers, verdict))
    raise RefusedError(
        "error_in_answer" if success else "refused",
        said,
        remedy="Check the system's message; correct the account there or the step's parameters."
        if request.changes
        else "Check the system's message; if it refuses the search, choose another match attribute in platform.yaml.",
        happened="unknown" if success and request.changes else "no",
    )


def _redirected(request: Request, url: httpx.URL, location: str, allowed: Callable[[httpx.URL], bool]) -> NoReturn:
    target = read_url(location, url)
    elsewhere = target is None or target.host != url.host or not allowed(target)
    fail_sent(
        request,
        ActionRequiredError,
        "host_not_allowed" if elsewhere else "redirected",
        f"{request.method} {url.path} responded with a redirect, which is not followed.",
        remedy="Set url to the final address of the system.",
    )


def fail_sent(
    request: Request,
    error: type[ConnectorError],
    code: str,
    detail: str,
    sent: bool = True,
    *,
    remedy: str = "",
    retry_after: float | None = None,
) -> NoReturn:
    """Raise `error`. The effect is unknown where the request was sent and changes something."""
    happened: Happened = "unknown" if sent and request.changes else "no"
    fail(error, code, detail, remedy=remedy, happened=happened, retry_after=retry_after)


def fail(
    error: type[ConnectorError],
    code: str,
    detail: str,
    *,
    happened: Happened,
    remedy: str = "",
    retry_after: float | None = None,
) -> NoReturn:
    raise error(code, detail, remedy=remedy, happened=happened, retry_after=retry_after) from None
