"""What all requests to one Okta organisation share: where it is, the credential and its scopes, pages and errors."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pydantic import Field, SecretStr

from connectors.errors import ActionRequiredError
from connectors.http.auth import Auth, BearerToken
from connectors.http.connector import HttpSettings
from connectors.http.requests import Answer
from connectors.http.tokens import PrivateKeyJwt, SigningKey

SCOPES = "okta.users.read okta.users.manage okta.groups.read okta.groups.manage"
"""What a service app asks for unless `scopes` says otherwise: all abilities but those in `MORE_SCOPES`. Okta's
description names a `read` scope for each operation that reads, and nothing says that `manage` includes it."""
MORE_SCOPES = {
    "remove_from_apps": "okta.apps.read okta.apps.manage",
    "remove_admin_roles": "okta.roles.read okta.roles.manage",
    "revoke_api_tokens": "okta.apiTokens.read okta.apiTokens.manage",
}
"""The scopes that an ability needs beyond `SCOPES`."""
_USERS = "okta.users.read okta.users.manage"
SCOPES_NEEDED = {
    "snapshot_access": "okta.users.read okta.groups.read",
    "suspend_account": _USERS,
    "revoke_sessions": _USERS,
    "unsuspend_account": _USERS,
    "remove_from_groups": f"{_USERS} okta.groups.read okta.groups.manage",
    "add_to_groups": f"{_USERS} okta.groups.read okta.groups.manage",
    "reset_factors": _USERS,
    "revoke_grants": _USERS,
    "deactivate_account": _USERS,
    "delete_account": _USERS,
    **{ability: f"{_USERS} {scopes}" for ability, scopes in MORE_SCOPES.items()},
}
"""All scopes of each ability, separated by spaces."""
_READ_ROLES = "okta.roles.read"
_NOT_FOUND = "E0000007"  # developer.okta.com/docs/reference/error-codes
PAGE_SIZE = "200"
TOKENS_LAST = timedelta(hours=1)
"""Access tokens of Okta's own authorization server last so long for services that check them without asking Okta; a
custom server can be set to 5 minutes to 24 hours (support.okta.com, "Lifetime of the Okta Minted JSON Web Tokens")."""
SETTLE_TIME = timedelta(minutes=1)  # deactivation and deletion may go on after they were accepted


class OktaSettings(HttpSettings):
    """How to reach one Okta organisation: with an API token, or with a service app's private key."""

    url: str = Field(description="address of the organisation, such as https://example.okta.com")
    token: SecretStr = Field(default=SecretStr(""), description="API token; or set client_id and private_key")
    client_id: str = Field(default="", description="client ID of a service app, instead of an API token")
    private_key: SecretStr = Field(
        default=SecretStr(""), description="the service app's private key, as PEM or JSON Web Key"
    )
    key_id: str = Field(default="", description="the key's ID in the service app")
    scopes: str = Field(
        default=SCOPES,
        description="scopes that the service app is granted, separated by spaces; `remove_from_apps`, "
        "`remove_admin_roles` and `revoke_api_tokens` need read and manage of okta.apps, okta.roles and "
        "okta.apiTokens besides the default",
    )

    @property
    def reads_roles(self) -> bool:
        """False for a service app without the scope. An API token has the rights of its administrator, which Okta
        knows."""
        return not self.client_id or _READ_ROLES in self.scopes.split()

    def lacks_scope_for(self, ability: str) -> str | None:
        """The scopes, separated by spaces, that a service app would need for the ability and that `scopes` lacks."""
        needed = SCOPES_NEEDED[ability].split() if self.client_id else []
        return " ".join(scope for scope in needed if scope not in self.scopes.split()) or None


def auth_of(settings: OktaSettings) -> Auth:
    token, key = settings.token.get_secret_value(), settings.private_key.get_secret_value()
    if token and not (settings.client_id or key):
        return BearerToken(token, scheme="SSWS")
    if settings.client_id and key and not token:
        signing_key = SigningKey(key, key_id=settings.key_id)
        url = f"{settings.url.rstrip('/')}/oauth2/v1/token"
        return PrivateKeyJwt(url, client_id=settings.client_id, key=signing_key, scope=settings.scopes)
    raise ActionRequiredError(
        "setting_missing",
        "Okta needs either a token, or client_id and private_key.",
        remedy="Set one of the two, not both.",
        happened="no",
    )


def error_code(body: Any) -> str:
    return str(body.get("errorCode", "")) if isinstance(body, dict) else ""


def is_gone(answer: Answer) -> bool:
    return error_code(answer.body) == _NOT_FOUND


def require_scope(settings: OktaSettings, ability: str) -> None:
    """Before any request of the ability: a token that Okta issued without the scope would be refused half-way."""
    if (missing := settings.lacks_scope_for(ability)) is not None:
        raise ActionRequiredError(
            "rights_missing",
            f"The setting scopes lacks {missing}.",
            remedy=f"Grant the service app {missing}, and add this to scopes in platform.yaml.",
            happened="no",
        )
