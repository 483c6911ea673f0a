"""What an identity provider says when a session there has ended (OpenID Connect Back-Channel Logout 1.0)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.web.access.provider_documents import is_text

EVENT = "http://schemas.openid.net/event/backchannel-logout"
MAX_AGE_SECONDS = 600
"""Of a logout token. Its id is kept for longer."""
LARGEST_TOKEN = 16_384
"""Characters."""


@dataclass(frozen=True, slots=True)
class LoggedOut:
    """`subject` is that of `Identity`; `token_id` the token's own, which is used once."""

    subject: str
    token_id: str


def logged_out(
    header: Mapping[str, Any], claims: Mapping[str, Any], *, issuer: str, client_id: str, leeway: int
) -> LoggedOut:
    """Section 2.6, for a token whose signature was checked. Raises `ValueError`.

    All sessions of the subject end, so a token that names only a session (`sid`) is refused: set the provider to send
    `sub`, as most do."""
    now = time.time()
    audience = claims.get("aud")
    issued_at, expires_at = _seconds(claims.get("iat")), _seconds(claims.get("exp"))
    events = claims.get("events")
    held = {
        "typ": str(header.get("typ", "JWT")).lower().removeprefix("application/") in ("jwt", "logout+jwt"),
        "iss": claims.get("iss") == issuer,
        "aud": client_id in (audience if isinstance(audience, list) else [audience]),
        "iat": now - MAX_AGE_SECONDS - leeway <= issued_at <= now + leeway,
        "exp": expires_at > now - leeway,
        "events": isinstance(events, dict) and isinstance(events.get(EVENT), dict),
        "no nonce": "nonce" not in claims,
        "jti": _is_text(claims.get("jti")),
        "sub": _is_text(claims.get("sub")),
    }
    if wrong := [name for name, holds in held.items() if not holds]:
        raise ValueError(f"a logout token needs {', '.join(wrong)}")
    return LoggedOut(f"{claims['iss']} {claims['sub']}", str(claims["jti"]))


def _seconds(value: object) -> float:
    """Since 1970; 0 for what is no time."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


def _is_text(value: object) -> bool:
    return is_text(value) and 0 < len(value) <= 255
