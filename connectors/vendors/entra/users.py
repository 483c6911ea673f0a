"""Users: disabling them, ending their sessions, deleting them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from connectors.abilities import Account, Effect, ReadBack
from connectors.errors import RefusedError
from connectors.http.connector import SAMPLE_SIZE
from connectors.http.flows import Fields, change, parse, require_account
from connectors.http.requests import Answer, Flow, Operation, Request
from connectors.http.user_accounts import deleted, deletion_of, read_back_of
from connectors.parameters import account_of
from connectors.read_backs import account_missing, seen
from connectors.vendors.entra.graph import PAGES, EntraSettings, is_gone

LIST_USERS = Operation("GET", "/users", "users.user.ListUser")
GET_USER = Operation("GET", "/users/{id}", "users.user.GetUser")
UPDATE_USER = Operation("PATCH", "/users/{id}", "users.user.UpdateUser")
DELETE_USER = Operation("DELETE", "/users/{id}", "users.user.DeleteUser")
REVOKE_SESSIONS = Operation("POST", "/users/{id}/revokeSignInSessions", "users.user.revokeSignInSessions")
_EXTERNAL = "#EXT#"  # in the user principal name of a guest who signs in at another tenant
FOUND_BY = ("userPrincipalName", "mail", "employeeId", "onPremisesSamAccountName")
SELECT = ",".join(
    (
        "id",
        *FOUND_BY,
        "accountEnabled",
        "userType",
        "onPremisesSyncEnabled",
        "signInSessionsValidFromDateTime",
        "licenseAssignmentStates",
    )
)


class _License(Fields):
    sku: str | None = Field(default=None, alias="skuId")
    group: str | None = Field(default=None, alias="assignedByGroup")

    def shown(self) -> dict[str, str]:
        return {"id": self.sku or "", "name": self.sku or "", "assigned_by_group": self.group or ""}


class GraphUser(Fields):
    id: str = Field(min_length=1)
    principal_name: str | None = Field(default=None, alias="userPrincipalName")
    mail: str | None = None
    employee_id: str | None = Field(default=None, alias="employeeId")
    sam_account_name: str | None = Field(default=None, alias="onPremisesSamAccountName")
    enabled: bool | None = Field(default=None, alias="accountEnabled")
    type: str | None = Field(default=None, alias="userType")
    synced: bool | None = Field(default=None, alias="onPremisesSyncEnabled")
    sessions_valid_from: str | None = Field(default=None, alias="signInSessionsValidFromDateTime")
    licenses: list[_License] | None = Field(default=None, alias="licenseAssignmentStates")

    @property
    def label(self) -> str:
        name = self.principal_name or self.id
        return f"{name} (guest)" if self.type == "Guest" else name

    def as_account(self) -> Account:
        shown = {
            "userPrincipalName": self.principal_name,
            "mail": self.mail,
            "employeeId": self.employee_id,
            "onPremisesSamAccountName": self.sam_account_name,
            "userType": self.type,
        }
        return Account(self.id, self.label, {name: value for name, value in shown.items() if value}, self.enabled)

    def evidence(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "name": self.label,
            "enabled": self.enabled,
            "synchronised_from_premises": bool(self.synced),
        }


class _Revoked(Fields):
    value: bool | None = None


def get_user(native_id: str) -> Request:
    return GET_USER.request(native_id, params={"$select": SELECT}, missing_ok=True)


def some_users() -> Flow[list[str]]:
    """The ids of the first users that Graph lists without a condition."""
    page = yield LIST_USERS.request(params={"$top": SAMPLE_SIZE, "$select": SELECT})
    return [parse(item, GraphUser).id for item in PAGES.items(page)]


def user_of(effect: Effect) -> Flow[tuple[GraphUser | None, bool]]:
    """The user, and, where there is none, whether Graph itself says so."""
    answer = yield get_user(account_of(effect).native_id)
    return (None, is_gone(answer)) if answer.missing else (_shown(answer, effect), False)


def user_to_change(effect: Effect) -> Flow[GraphUser]:
    return _shown((yield from change(get_user(account_of(effect).native_id), effect)), effect)


def _shown(answer: Answer, effect: Effect) -> GraphUser:
    user = parse(answer.body, GraphUser)
    require_account(user.id, effect)
    return user


def user_with_id(native_id: str) -> Flow[list[GraphUser]]:
    answer = yield get_user(native_id)
    user = None if answer.missing else parse(answer.body, GraphUser)
    return [user] if user is not None and user.id == native_id else []


with_user = read_back_of(user_of)


def disable(settings: EntraSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    before = yield from user_to_change(effect)
    if before.enabled is not False:
        yield from change(UPDATE_USER.request(before.id, json={"accountEnabled": False}, missing_ok=True), effect)
    return {"enabled_before": before.enabled, "synchronised_from_premises": bool(before.synced)}


def look_at_status(settings: EntraSettings, effect: Effect) -> Flow[ReadBack]:
    user, _ = yield from user_of(effect)
    if user is None:
        return account_missing()
    return seen(None if user.enabled is None else not user.enabled, user.evidence())


def enable(settings: EntraSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    before = yield from user_to_change(effect)
    if before.enabled is not True:
        yield from change(UPDATE_USER.request(before.id, json={"accountEnabled": True}, missing_ok=True), effect)
    return {"enabled_before": before.enabled, "synchronised_from_premises": bool(before.synced)}


def look_at_enabling(settings: EntraSettings, effect: Effect) -> Flow[ReadBack]:
    user, _ = yield from user_of(effect)
    if user is None:
        return account_missing()
    return seen(user.enabled, user.evidence())


def revoke_sessions(settings: EntraSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    before = yield from user_to_change(effect)
    if _EXTERNAL in (before.principal_name or "").upper():
        raise RefusedError(
            "signs_in_elsewhere",
            "The account is a guest who signs in at another tenant; Entra does not end such sessions.",
            remedy="Disable the account, and ask the other organisation to end the sessions.",
            happened="no",
        )
    answer = yield from change(REVOKE_SESSIONS.request(before.id, missing_ok=True), effect)
    if answer.body is not None and parse(answer.body, _Revoked).value is False:
        raise RefusedError("not_revoked", "Entra answered that the sessions were not revoked.", happened="unknown")
    after, _ = yield from user_of(effect)
    return {
        "sessions_valid_from_before": before.sessions_valid_from,
        "sessions_valid_from": after.sessions_valid_from if after else None,
    }


def delete(settings: EntraSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    user, gone = yield from user_of(effect)
    if user is not None:
        answer = yield DELETE_USER.request(user.id, missing_ok=True)
        gone = not answer.missing or is_gone(answer)
    return deleted(gone=gone, already=user is None, lacks="Graph's error code", system="Microsoft Graph")


look_at_deletion = deletion_of(user_of)
