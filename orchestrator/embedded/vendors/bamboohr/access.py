"""Who asks, and what they may see: an API key is the user name of Basic authentication, with any password; an access
token is a Bearer token: https://documentation.bamboohr.com/docs/getting-started. Both have the access level of their
user: what it hides is left out of an answer, without an error."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.responses import Response

from orchestrator.embedded.vendors.bamboohr.errors import refusal
from orchestrator.embedded.vendors.bamboohr.records import BambooEmployee, BambooToken, BambooUser
from orchestrator.embedded.vendors.simulator import Call, VendorRefusal, answer

if TYPE_CHECKING:
    from orchestrator.embedded.vendors.bamboohr.simulator import BambooSimulator


@dataclass
class BambooCaller:
    """`token` is None for an API key."""

    user: BambooUser
    token: BambooToken | None = None

    def sees(self, employee: BambooEmployee) -> bool:
        return self.user.sees is None or employee.id in self.user.sees


def caller(bamboo: BambooSimulator, call: Call) -> BambooCaller:
    scheme, _, text = call.headers.get("authorization", "").partition(" ")
    company = bamboo.state
    if scheme == "Basic":
        try:
            key = base64.b64decode(text, validate=True).decode().partition(":")[0]
        except ValueError:
            key = ""
        user = company.users.get(company.keys.get(key, 0))
        if user is None or not user.enabled:
            raise refusal(401, "Invalid API key")
        return BambooCaller(user)
    token = company.tokens.get(text) if scheme == "Bearer" else None
    if token is None or (token.expires is not None and token.expires <= bamboo.now()):
        raise VendorRefusal(bamboo.expired())
    user = company.users[token.user]
    if not user.enabled:
        raise refusal(401, "The user is disabled")
    return BambooCaller(user, token)


def issue_token(bamboo: BambooSimulator, call: Call) -> Response:
    """A new access token for a refresh token, which is used up: `POST /token.php?request=token`."""
    form = call.body or {}
    if call.first("request") != "token" or form.get("grant_type") != "refresh_token":
        return answer({"error": "unsupported_grant_type"}, 400)
    old = bamboo.state.refresh_tokens.pop(str(form.get("refresh_token", "")), None)
    if old is None or not form.get("client_id") or not form.get("client_secret"):
        return answer({"error": "invalid_grant"}, 400)
    access, refresh = bamboo.state.new_tokens(bamboo.state.users[old.user], *old.scopes)
    return answer(
        {
            "access_token": access.value,
            "expires_in": 3600,
            "token_type": "Bearer",
            "scope": " ".join(access.scopes),
            "refresh_token": refresh.value,
            "companyDomain": bamboo.state.domain,
        }
    )
