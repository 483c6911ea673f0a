"""A vendor's errors over HTTP: what they mean, and when to try again.

The defaults are HTTP's own (RFC 9110, RFC 6585). A vendor's `Dialect` adds where its error code is in a body, and what
a pair of status and code means where that differs from what the status alone means.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Any

MAX_RETRY_AFTER_SECONDS = 86_400.0
"""A system that names a later time than a day is asked again after a day."""
_EPOCH_SECONDS_FROM = 1_000_000_000.0  # a larger number is a time since 1970, a smaller one a number of seconds
_EPOCH_MILLISECONDS_FROM = 1_000_000_000_000.0


class Verdict(Enum):
    """What an answer means for the request."""

    DONE = "done"  # a success, or the state is already the wanted one
    MISSING = "missing"  # as a 404
    RETRY = "retry"  # nothing happened; the same request may be answered later
    RATE_LIMITED = "rate_limited"  # nothing happened; too many requests
    CHANGED_MEANWHILE = "changed_meanwhile"  # nothing happened; what was read before is out of date
    FAILED = "failed"  # the system failed, and may have done it
    CREDENTIAL = "credential"  # the credential or its rights are not accepted
    REFUSED = "refused"  # the same request will be refused again


def no_code(body: Any) -> str:
    """For systems whose errors have no code in the body."""
    return ""


def error_member(body: Any) -> bool:
    """Whether a body has a member `error` or `errors` that is not empty."""
    return isinstance(body, dict) and bool(body.get("error") or body.get("errors"))


def no_right_lacking(headers: Mapping[str, str]) -> bool:
    """For systems that answer a missing right with a 403, and a 404 only for what is not there."""
    return False


@dataclass(frozen=True, slots=True)
class Dialect:
    """`code` finds a vendor's error code in a body, empty where there is none. `verdicts` are looked up by status and
    code. `failed_success` says of the body of a 2xx whether there is an error in it; its code is looked up in
    `verdicts` too. `limit_headers` name headers that say when to come back, by name in lower case: a number of
    seconds, a date, or a time since 1970. `remaining_headers` say how many requests are left. `limit_seconds` is when
    to come back after a rate limit where no header says it, None where the vendor names no time. `lacks_right` says of
    the headers of a 404 whether the credential lacks a right, where the vendor hides so what it may not see.
    `message_header` names the header, in lower case, with the reason of an error, where the vendor has one."""

    code: Callable[[Any], str] = no_code
    verdicts: Mapping[tuple[int, str], Verdict] = field(default_factory=dict)
    failed_success: Callable[[Any], bool] = error_member
    limit_headers: tuple[str, ...] = (
        "retry-after",  # RFC 9110 section 10.2.3
        "x-ratelimit-reset",  # GitHub, GitLab, Slack's SCIM API
        "x-rate-limit-reset",  # Okta
        "ratelimit-reset",  # draft-ietf-httpapi-ratelimit-headers-07
    )
    remaining_headers: tuple[str, ...] = ("x-ratelimit-remaining", "x-rate-limit-remaining", "ratelimit-remaining")
    limit_seconds: float | None = None
    lacks_right: Callable[[Mapping[str, str]], bool] = no_right_lacking
    message_header: str = ""

    def message(self, headers: Mapping[str, str], body: str) -> str:
        """What the system says about an error."""
        return f"{headers.get(self.message_header, '')} {body}".strip()

    def verdict(self, status: int, body: Any, headers: Mapping[str, str]) -> Verdict:
        """What an answer with this status means; not asked for redirects and for 401, which mean the same for all.

        A 403 that names a time to come back, or says that no requests are left, is a rate limit and not a missing
        right (GitHub's secondary limits: docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api)."""
        if 200 <= status < 300 and not self.failed_success(body):
            return Verdict.DONE
        code = self.code(body)
        if code and (status, code) in self.verdicts:
            return self.verdicts[status, code]
        if (status, "") in self.verdicts:
            return self.verdicts[status, ""]
        if status == 403 and self._limited(headers):
            return Verdict.RATE_LIMITED
        if status == 404 and self.lacks_right(headers):
            return Verdict.CREDENTIAL
        return _meaning_of(status)

    def retry_after(self, headers: Mapping[str, str], verdict: Verdict = Verdict.RATE_LIMITED) -> float | None:
        """In how many seconds to come back after an answer with this verdict, None where nothing says so in a known
        form. A time at which the count of requests starts again does not matter while some are left: then another limit
        was met."""
        for name in self.limit_headers:
            seconds = read_retry_after(headers.get(name))
            if seconds is not None and (name == "retry-after" or not self._left(headers)):
                return seconds
        return self.limit_seconds if verdict is Verdict.RATE_LIMITED else None

    def _limited(self, headers: Mapping[str, str]) -> bool:
        if read_retry_after(headers.get("retry-after")) is not None:
            return True
        return any(headers.get(name, "").strip() == "0" for name in self.remaining_headers)

    def _left(self, headers: Mapping[str, str]) -> bool:
        """Whether a header says that requests are left."""
        return any(headers.get(name, "0").strip() not in ("0", "") for name in self.remaining_headers)


def _meaning_of(status: int) -> Verdict:
    if status == 404:
        return Verdict.MISSING
    if status == 403:
        return Verdict.CREDENTIAL
    if status == 412:
        return Verdict.CHANGED_MEANWHILE
    if status == 429:
        return Verdict.RATE_LIMITED
    if status in (408, 423, 425, 503):
        return Verdict.RETRY
    if status >= 500 and status != 501:
        return Verdict.FAILED
    return Verdict.REFUSED


def read_retry_after(value: str | None) -> float | None:
    """A number of seconds, a date (RFC 9110 section 10.2.3), or a time since 1970 in seconds or milliseconds. None
    for anything else."""
    if value is None:
        return None
    text = value.strip()
    if text.replace(".", "", 1).isdecimal():
        seconds = float(text)
        if seconds >= _EPOCH_MILLISECONDS_FROM:
            seconds /= 1000
        if seconds >= _EPOCH_SECONDS_FROM:
            seconds -= time.time()
    else:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - time.time()
        except (ValueError, TypeError, IndexError, OverflowError):  # the parser lets several through
            return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS)
