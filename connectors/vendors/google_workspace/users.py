"""Users: suspending them, signing them out, deleting them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from pydantic import Field

from connectors.abilities import Account, Effect, ReadBack
from connectors.account_set import equals_ignoring_case, value_shown
from connectors.errors import RefusedError
from connectors.http.connector import SAMPLE_SIZE
from connectors.http.flows import Fields, change, found_for_another, parse, require_account
from connectors.http.list_evidence import left_on_list
from connectors.http.requests import Answer, Flow, Operation, Request
from connectors.http.user_accounts import deleted, deletion_of, read_back_of
from connectors.parameters import account_of
from connectors.read_backs import seen
from connectors.vendors.google_workspace.admin_sdk import (
    DIRECTORY,
    USER_SECURITY,
    USERS,
    USERS_READ,
    GoogleWorkspaceSettings,
    is_gone,
    pages,
)

USER = f"{DIRECTORY}/users/{{userKey}}"
LIST_USERS = Operation("GET", f"{DIRECTORY}/users", "directory.users.list", USERS_READ)
GET_USER = Operation("GET", USER, "directory.users.get", USERS_READ)
UPDATE_USER = Operation("PUT", USER, "directory.users.update", USERS)
DELETE_USER = Operation("DELETE", USER, "directory.users.delete", USERS)
SIGN_OUT = Operation("POST", f"{USER}/signOut", "directory.users.signOut", USER_SECURITY)


class _ExternalId(Fields):
    value: str | None = None


class _Relation(Fields):
    value: str | None = None
    type: str | None = None


class WorkspaceUser(Fields):
    id: str = Field(min_length=1)
    email: str = Field(min_length=1, alias="primaryEmail")
    aliases: list[str] | None = None
    fixed_aliases: list[str] | None = Field(default=None, alias="nonEditableAliases")
    external_ids: list[_ExternalId] | None = Field(default=None, alias="externalIds")
    relations: list[_Relation] | None = None
    suspended: bool | None = None
    archived: bool | None = None
    org_unit: str | None = Field(default=None, alias="orgUnitPath")
    is_admin: bool | None = Field(default=None, alias="isAdmin")
    is_delegated_admin: bool | None = Field(default=None, alias="isDelegatedAdmin")
    in_two_step: bool | None = Field(default=None, alias="isEnrolledIn2Sv")
    two_step_enforced: bool | None = Field(default=None, alias="isEnforcedIn2Sv")
    last_login: str | None = Field(default=None, alias="lastLoginTime")
    customer: str | None = Field(default=None, alias="customerId")

    @property
    def addresses(self) -> list[str]:
        return [self.email, *(self.aliases or ()), *(self.fixed_aliases or ())]

    @property
    def manager(self) -> str:
        """The address of the manager, empty where Google has none."""
        return next((each.value or "" for each in self.relations or () if each.type == "manager"), "")

    @property
    def signs_in(self) -> bool | None:
        """Whether the account can sign in; None where Google does not show it."""
        if self.suspended or self.archived:
            return False
        return None if self.suspended is None else True

    def has_address(self, address: str) -> bool:
        return any(equals_ignoring_case(each, address) for each in self.addresses)

    def as_account(self, asked: str = "") -> Account:
        """With those of its addresses and external IDs that equal `asked`, where it has several."""
        shown = {
            "primaryEmail": self.email,
            "email": value_shown(self.addresses, [asked]),
            "externalId": value_shown([item.value for item in self.external_ids or () if item.value], [asked]),
        }
        attributes = {name: value for name, value in shown.items() if value}
        privileged = bool(self.is_admin or self.is_delegated_admin)
        secondary = frozenset() if equals_ignoring_case(self.email, attributes.get("email", "")) else {"email"}
        return Account(self.id, self.email, attributes, self.signs_in, privileged, frozenset(secondary))

    def evidence(self) -> dict[str, Any]:
        return {"id": self.id, "name": self.email, "suspended": self.suspended, "archived": bool(self.archived)}


def users_on_first_page(settings: GoogleWorkspaceSettings) -> Flow[list[WorkspaceUser]]:
    """The first users that Google lists without a condition."""
    answer = yield LIST_USERS.request(params={"customer": settings.customer, "maxResults": SAMPLE_SIZE})
    return [parse(item, WorkspaceUser) for item in pages("users").items(answer)]


def some_users(settings: GoogleWorkspaceSettings) -> Flow[list[str]]:
    """Their ids."""
    return [user.id for user in (yield from users_on_first_page(settings))]


def acts_for_super_administrator(settings: GoogleWorkspaceSettings) -> Flow[bool]:
    """Whether Google says that Offboard acts for a super administrator, who has all privileges
    (support.google.com/a/answer/2405986). Google issues no token without the scope that a request needs."""
    answer = yield get_user(settings.admin_email)
    if answer.missing:
        return False
    administrator = parse(answer.body, WorkspaceUser)
    return administrator.has_address(settings.admin_email) and bool(administrator.is_admin)


def left_on_list_of(
    settings: GoogleWorkspaceSettings,
    effect: Effect,
    left: Collection[Any],
    evidence: Mapping[str, Any],
    *,
    removed: str,
    query: Callable[[str], Flow[Collection[Any] | int]],
) -> Flow[ReadBack]:
    """Whether nothing is left on one of Google's lists about one user. `query` reads the list of a user (by ID);
    `removed` is as in `left_on_list`."""
    return (
        yield from left_on_list(
            left,
            evidence,
            effect,
            removed=removed,
            others=_found_for_others(settings, query),
            permitted=acts_for_super_administrator(settings),
        )
    )


def _found_for_others(
    settings: GoogleWorkspaceSettings, query: Callable[[str], Flow[Collection[Any] | int]]
) -> Flow[bool | None]:
    return (yield from found_for_another((yield from some_users(settings)), query)) or None


def get_user(key: str) -> Request:
    return GET_USER.request(key, missing_ok=True)


def user_of(effect: Effect) -> Flow[tuple[WorkspaceUser | None, bool]]:
    """The user, and, where there is none, whether Google itself says so."""
    answer = yield get_user(account_of(effect).native_id)
    return (None, is_gone(answer)) if answer.missing else (_shown(answer, effect), False)


def user_to_change(settings: GoogleWorkspaceSettings, effect: Effect) -> Flow[WorkspaceUser]:
    """Raises `RefusedError("own_administrator")`: without that account, Offboard could change nothing any more."""
    user = _shown((yield from change(get_user(account_of(effect).native_id), effect)), effect)
    _require_other(settings, user)
    return user


def _require_other(settings: GoogleWorkspaceSettings, user: WorkspaceUser) -> None:
    if user.has_address(settings.admin_email):
        raise RefusedError(
            "own_administrator",
            "The account is the administrator for whom Offboard acts (admin_email).",
            remedy="Set admin_email to another administrator, restart the workers, and retry the step.",
            happened="no",
        )


def _shown(answer: Answer, effect: Effect) -> WorkspaceUser:
    user = parse(answer.body, WorkspaceUser)
    require_account(user.id, effect)
    return user


with_user = read_back_of(user_of)


def suspend(settings: GoogleWorkspaceSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    before = yield from user_to_change(settings, effect)
    if before.signs_in is not False:
        yield from change(UPDATE_USER.request(before.id, json={"suspended": True}, missing_ok=True), effect)
    return {"suspended_before": before.suspended, "archived_before": bool(before.archived)}


def unsuspend(settings: GoogleWorkspaceSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    before = yield from user_to_change(settings, effect)
    if before.archived:
        raise RefusedError(
            "account_archived",
            "The account was archived since, and needs another licence before it can sign in.",
            remedy="Take the account out of the archive in the Admin console, then retry or skip the step.",
            happened="no",
        )
    if before.suspended is not False:
        yield from change(UPDATE_USER.request(before.id, json={"suspended": False}, missing_ok=True), effect)
    return {"suspended_before": before.suspended}


@with_user
def look_at_unsuspension(user: WorkspaceUser, effect: Effect) -> Flow[ReadBack]:
    return seen(user.signs_in, user.evidence())
    yield  # makes this a generator, which sends nothing


@with_user
def look_at_status(user: WorkspaceUser, effect: Effect) -> Flow[ReadBack]:
    return seen(None if user.signs_in is None else not user.signs_in, user.evidence())
    yield  # makes this a generator, which sends nothing


def sign_out(settings: GoogleWorkspaceSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    user = yield from user_to_change(settings, effect)
    yield from change(SIGN_OUT.request(user.id, missing_ok=True), effect)
    return {"ended": ["web_sessions", "device_sessions"]}


def delete(settings: GoogleWorkspaceSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    user, gone = yield from user_of(effect)
    if user is not None:
        _require_other(settings, user)
        answer = yield DELETE_USER.request(user.id, missing_ok=True)
        gone = not answer.missing or is_gone(answer)
    return deleted(gone=gone, already=user is None, lacks="Google's error form", system="the Admin SDK")


look_at_deletion = deletion_of(user_of)
