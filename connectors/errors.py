"""The errors of connectors, named after the party that must react.

    ConnectorError
    ├── TryAgainError          the system or the way to it failed; later may be better
    ├── ActionRequiredError    a person must change something first: a credential, a setting, the system
    └── RefusedError           the system refused; it will refuse the same attempt again

`happened` says what the caller may assume: `no` (certainly no effect), or `unknown` (it may have taken effect, so
read back before anything else). `code` is short, stable and free of personal data: it may be logged and counted.
`detail` is for the person who repairs it and may hold personal data, never a secret: it is stored encrypted only.
"""

from __future__ import annotations

from typing import Literal

from connectors.abilities import Reachability
from connectors.boundary.storable import storable_text

Happened = Literal["no", "unknown"]


class ConnectorError(Exception):
    """Root of the tree. `str(error)` is the code alone, so that an accidental log line holds no personal data."""

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        remedy: str = "",
        happened: Happened = "unknown",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.detail = storable_text(detail)
        self.remedy = remedy
        self.happened: Happened = happened
        self.retry_after = retry_after  # seconds, when the system named a time (RFC 9110 section 10.2.3)


class TryAgainError(ConnectorError):
    """Unreachable, timed out, too many requests, 5xx."""


class ActionRequiredError(ConnectorError):
    """A credential missing or refused, a host that is not allowed, an answer that makes no sense."""


class RefusedError(ConnectorError):
    """The system refused: a 4xx that a repeat will not change, an LDAP constraint, an error inside a 200."""


def not_reachable(error: ConnectorError) -> Reachability:
    """The result of a check that ended with this error."""
    return Reachability(False, f"{error.code}. {error.remedy}".strip(), error.code)
