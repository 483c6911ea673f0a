"""What signs in for the account besides its password: tokens of apps, app passwords and backup codes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from connectors.abilities import Effect, ReadBack
from connectors.http.flows import Fields, change
from connectors.http.requests import Flow, Operation
from connectors.read_backs import account_missing
from connectors.removals import Removals
from connectors.vendors.google_workspace.admin_sdk import USER_SECURITY, GoogleWorkspaceSettings, listed
from connectors.vendors.google_workspace.users import USER, left_on_list_of, user_of, user_to_change

LIST_TOKENS = Operation("GET", f"{USER}/tokens", "directory.tokens.list", USER_SECURITY)
REVOKE_TOKEN = Operation("DELETE", f"{USER}/tokens/{{clientId}}", "directory.tokens.delete", USER_SECURITY)
LIST_PASSWORDS = Operation("GET", f"{USER}/asps", "directory.asps.list", USER_SECURITY)
DELETE_PASSWORD = Operation("DELETE", f"{USER}/asps/{{codeId}}", "directory.asps.delete", USER_SECURITY)
LIST_CODES = Operation("GET", f"{USER}/verificationCodes", "directory.verificationCodes.list", USER_SECURITY)
INVALIDATE_CODES = Operation(
    "POST", f"{USER}/verificationCodes/invalidate", "directory.verificationCodes.invalidate", USER_SECURITY
)


class _GrantedApp(Fields):
    """The access that the account gave to one app."""

    client: str = Field(min_length=1, alias="clientId")
    app: str | None = Field(default=None, alias="displayText")
    scopes: list[str] | None = None

    def shown(self) -> dict[str, Any]:
        return {"id": self.client, "name": self.app or self.client, "scopes": sorted(self.scopes or ())}


class _AppPassword(Fields):
    id: int = Field(alias="codeId")
    name: str | None = None

    def shown(self) -> dict[str, str]:
        return {"id": str(self.id), "name": self.name or str(self.id)}


class _BackupCode(Fields):
    """Codes are counted. The code itself is a credential, and is not read."""


def tokens_of(user: str) -> Flow[list[_GrantedApp]]:
    return (yield from listed(LIST_TOKENS.request(user), _GrantedApp))


def app_passwords_of(user: str) -> Flow[list[_AppPassword]]:
    return (yield from listed(LIST_PASSWORDS.request(user), _AppPassword))


def count_backup_codes(user: str) -> Flow[int]:
    return len((yield from listed(LIST_CODES.request(user), _BackupCode)))


def revoke_grants(settings: GoogleWorkspaceSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    user = yield from user_to_change(settings, effect)
    removals = Removals("revoked_grants", verb="revoked")
    for token in (yield from tokens_of(user.id)):
        with removals.removing(token.shown()):
            yield REVOKE_TOKEN.request(user.id, token.client, missing_ok=True)
    return removals.reply("unknown")


def look_at_grants(settings: GoogleWorkspaceSettings, effect: Effect) -> Flow[ReadBack]:
    user, _ = yield from user_of(effect)
    if user is None:
        return account_missing()
    tokens = [token.shown() for token in (yield from tokens_of(user.id))]
    evidence = {**user.evidence(), "grants": tokens}
    return (yield from left_on_list_of(settings, effect, tokens, evidence, removed="revoked_grants", query=tokens_of))


def delete_app_passwords(settings: GoogleWorkspaceSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    user = yield from user_to_change(settings, effect)
    removals = Removals("deleted_app_passwords", verb="deleted")
    for password in (yield from app_passwords_of(user.id)):
        with removals.removing(password.shown()):
            yield DELETE_PASSWORD.request(user.id, str(password.id), missing_ok=True)
    return removals.reply("unknown")


def look_at_app_passwords(settings: GoogleWorkspaceSettings, effect: Effect) -> Flow[ReadBack]:
    user, _ = yield from user_of(effect)
    if user is None:
        return account_missing()
    left = [each.shown() for each in (yield from app_passwords_of(user.id))]
    evidence, removed = {**user.evidence(), "app_passwords": left}, "deleted_app_passwords"
    return (yield from left_on_list_of(settings, effect, left, evidence, removed=removed, query=app_passwords_of))


def invalidate_backup_codes(settings: GoogleWorkspaceSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    user = yield from user_to_change(settings, effect)
    before = yield from count_backup_codes(user.id)
    if before:
        yield from change(INVALIDATE_CODES.request(user.id, missing_ok=True), effect)
    return {"backup_codes_before": before}


def look_at_backup_codes(settings: GoogleWorkspaceSettings, effect: Effect) -> Flow[ReadBack]:
    user, _ = yield from user_of(effect)
    if user is None:
        return account_missing()
    count = yield from count_backup_codes(user.id)
    evidence, removed = {**user.evidence(), "backup_codes": count}, "backup_codes_before"
    return (
        yield from left_on_list_of(settings, effect, range(count), evidence, removed=removed, query=count_backup_codes)
    )
