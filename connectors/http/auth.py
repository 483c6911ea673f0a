"""Authentication of requests with a fixed credential.

An `Auth` adds headers to each request. One that first needs a token yields the token request, so that it is sent by
the same client, under the same deadline, rate and list of allowed hosts (`connectors.http.tokens`).
"""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping
from typing import Protocol

from connectors.errors import ActionRequiredError
from connectors.http.requests import Flow, Outgoing


class Auth(Protocol):
    def headers(self, outgoing: Outgoing, now: float) -> Flow[Mapping[str, str]]:
        """Yields the requests that a token takes, if any, and returns the headers to add. `now` is the time in seconds
        since 1970. Raises `ActionRequiredError("credential_refused")`."""
        ...

    def refused(self, sent: Mapping[str, str]) -> bool:
        """A request with the headers `sent` was answered with a 401: whether it is worth sending once more, since the
        token it carried is dropped and the next one is new."""
        ...

    def secrets(self) -> Collection[str]:
        """What must not appear in an error or a log line."""
        ...


class StaticHeaders:
    """The same headers on each request, such as two keys."""

    def __init__(self, headers: Mapping[str, str], secrets: Collection[str]) -> None:
        """Raises `ActionRequiredError("setting_invalid")` for a value that no header can carry."""
        for value in (*headers.values(), *secrets):
            if not (value.isascii() and value.isprintable() and value.strip()):
                raise ActionRequiredError(
                    "setting_invalid",
                    "The credential is empty, or has characters that are not allowed in a header.",
                    remedy="Copy the credential again.",
                    happened="no",
                )
        self._headers = dict(headers)
        self._secrets = tuple(secrets)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self._headers)})"

    def headers(self, outgoing: Outgoing, now: float) -> Flow[Mapping[str, str]]:
        return self._headers
        yield  # pragma: no cover - makes this a generator, which sends nothing

    def refused(self, sent: Mapping[str, str]) -> bool:
        return False

    def secrets(self) -> Collection[str]:
        return self._secrets


class BearerToken(StaticHeaders):
    """RFC 6750 section 2.1. `scheme` replaces `Bearer` where a vendor calls it otherwise, such as Okta's SSWS."""

    def __init__(self, token: str, *, scheme: str = "Bearer") -> None:
        super().__init__({"Authorization": f"{scheme} {token}"}, [token])


class NamedHeaders(StaticHeaders):
    """Keys in headers that the vendor names, such as `PRIVATE-TOKEN`."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        super().__init__(keys, list(keys.values()))


class BasicAuth(StaticHeaders):
    """RFC 7617, in UTF-8 (section 2.1)."""

    def __init__(self, username: str, password: str) -> None:
        if ":" in username or not username.isprintable() or not password.isprintable() or not password.strip():
            raise ActionRequiredError(
                "setting_invalid",
                "The user name has a colon, or the user name or password has characters that are not allowed.",
                remedy="Copy user name and password again.",
                happened="no",
            )
        encoded = base64.b64encode(f"{username}:{password}".encode()).decode("ascii")
        super().__init__({"Authorization": f"Basic {encoded}"}, [encoded])
        self._secrets = (password, encoded)
