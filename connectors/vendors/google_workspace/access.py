"""Tokens of a service account that acts for an administrator (domain-wide delegation).

Google refuses a token request as a whole if one of its scopes is not granted to the service account. There is a token
for each scope, so that a missing scope stops only the abilities that need it, and its error names it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping

from connectors.errors import ActionRequiredError
from connectors.http.requests import Flow, Outgoing
from connectors.http.tokens import JwtBearer, SigningKey
from connectors.vendors.google_workspace.admin_sdk import GoogleWorkspaceSettings

_CLOCK_SECONDS = 60
_UNAUTHORIZED = "unauthorized_client"  # developers.google.com/identity/protocols/oauth2/service-account


class DelegatedTokens:
    """See `connectors.http.auth.Auth`. Requests name their scope."""

    def __init__(self, settings: GoogleWorkspaceSettings) -> None:
        """Raises `ActionRequiredError`: setting_invalid, setting_missing."""
        self._issuer, key, key_id = _service_account(settings)
        self._key = SigningKey(key, key_id=key_id)
        self._url, self._subject = settings.token_url, settings.admin_email
        self._tokens: dict[str, JwtBearer] = {}

    def __repr__(self) -> str:
        return "DelegatedTokens()"

    def headers(self, outgoing: Outgoing, now: float) -> Flow[Mapping[str, str]]:
        scope = outgoing.scope
        if scope not in self._tokens:
            self._tokens[scope] = JwtBearer(
                self._url,
                issuer=self._issuer,
                key=self._key,
                subject=self._subject,
                scope=scope,
                scope_in_assertion=True,
                clock_seconds=_CLOCK_SECONDS,
            )
        try:
            return (yield from self._tokens[scope].headers(outgoing, now))
        except ActionRequiredError as error:
            if error.code != "credential_refused":
                raise
            raise _refused(error.detail, scope) from None

    def refused(self, sent: Mapping[str, str]) -> bool:
        for token in self._tokens.values():  # each drops the token that was sent, if it is its own
            token.refused(sent)
        return True

    def secrets(self) -> Collection[str]:
        return [secret for token in self._tokens.values() for secret in token.secrets()]


def _refused(detail: str, scope: str) -> ActionRequiredError:
    if _UNAUTHORIZED in detail:
        return ActionRequiredError(
            "rights_missing",
            f"Google issues no token with the scope {scope}. {detail}",
            remedy=f"Add the scope {scope} to the service account's client ID in the Admin console: Security, Access "
            "and data control, API controls, Manage domain-wide delegation.",
            happened="no",
        )
    return ActionRequiredError(
        "credential_refused",
        detail,
        remedy="Check that admin_email is the primary address of an active administrator, that the key belongs to the "
        "service account and was not deleted, and that this machine's clock is right.",
        happened="no",
    )


def _service_account(settings: GoogleWorkspaceSettings) -> tuple[str, str, str]:
    """The service account's address, its private key, and the key's ID. No error repeats a part of the key."""
    key, email = settings.private_key.get_secret_value().strip(), settings.service_account_email
    if not key.startswith("{"):
        if not email:
            raise ActionRequiredError(
                "setting_missing",
                "The private key is not a JSON file, so it does not name its service account.",
                remedy="Set service_account_email, or set private_key to the content of the key's JSON file.",
                happened="no",
            )
        return email, key, ""
    try:
        file = json.loads(key)
        parts = [file[name] for name in ("client_email", "private_key", "private_key_id")]
        valid = file["type"] == "service_account" and all(isinstance(part, str) and part for part in parts)
    except (ValueError, KeyError, TypeError):
        valid = False
    if not valid:
        raise ActionRequiredError(
            "setting_invalid",
            "private_key begins as JSON, but is not the key file of a service account.",
            remedy="Set private_key to the content of the file that Google offered when the key was made.",
            happened="no",
        ) from None
    return email or parts[0], parts[1], parts[2]
