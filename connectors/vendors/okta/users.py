"""Users: suspending, deactivating and deleting them, and ending their sessions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from connectors.abilities import Account, Effect, ReadBack
from connectors.errors import RefusedError
from connectors.http.connector import SAMPLE_SIZE
from connectors.http.flows import Fields, ask, change, parse, require_account
from connectors.http.pages import LinkHeader
from connectors.http.requests import Answer, Flow, Operation, Request
from connectors.http.user_accounts import deleted, deletion_of, read_back_of
from connectors.parameters import account_of
from connectors.read_backs import account_missing, seen
from connectors.vendors.okta.organisation import OktaSettings, is_gone

LIST_USERS = Operation("GET", "/api/v1/users", "listUsers")
GET_USER = Operation("GET", "/api/v1/users/{id}", "getUser")
SUSPEND_USER = Operation("POST", "/api/v1/users/{id}/lifecycle/suspend", "suspendUser")
UNSUSPEND_USER = Operation("POST", "/api/v1/users/{id}/lifecycle/unsuspend", "unsuspendUser")
DEACTIVATE_USER = Operation("POST", "/api/v1/users/{id}/lifecycle/deactivate", "deactivateUser")
DELETE_USER = Operation("DELETE", "/api/v1/users/{id}", "deleteUser")
REVOKE_SESSIONS = Operation("DELETE", "/api/v1/users/{userId}/sessions", "revokeUserSessions")


class _Profile(Fields):
    login: str = ""
    email: str | None = None
    employee_number: str | None = Field(default=None, alias="employeeNumber")


class UserRecord(Fields):
    id: str = Field(min_length=1)
    status: str
    transitioning_to: str | None = Field(default=None, alias="transitioningToStatus")
    profile: _Profile

    def as_account(self) -> Account:
        shown = {
            "login": self.profile.login,
            "email": self.profile.email,
            "employeeNumber": self.profile.employee_number,
        }
        attributes = {name: value for name, value in shown.items() if value}
        active = self.status not in ("SUSPENDED", "DEPROVISIONED")
        return Account(self.id, self.profile.login or self.id, attributes, active)

    def evidence(self) -> dict[str, Any]:
        return {"id": self.id, "login": self.profile.login, "status": self.status}


def user_request(operation: Operation, effect: Effect, params: Mapping[str, str] | None = None) -> Request:
    return operation.request(account_of(effect).native_id, params=params or {}, missing_ok=True)


def user_of(effect: Effect) -> Flow[tuple[UserRecord | None, bool]]:
    """The user, and, where there is none, whether Okta itself says so."""
    answer = yield GET_USER.request(account_of(effect).native_id, missing_ok=True)
    return (None, is_gone(answer)) if answer.missing else (_shown(answer, effect), False)


def _shown(answer: Answer, effect: Effect) -> UserRecord:
    user = parse(answer.body, UserRecord)
    require_account(user.id, effect)
    return user


def some_users() -> Flow[list[str]]:
    """The ids of the first users that Okta lists without a condition."""
    page = yield LIST_USERS.request(params={"limit": SAMPLE_SIZE})
    return [parse(item, UserRecord).id for item in LinkHeader().items(page)]


def require_other(settings: OktaSettings, user_id: str) -> Flow[None]:
    """Raises `RefusedError("own_account")` for the administrator to whom the API token of Offboard belongs: Okta
    accepts it only while the account is active and has its roles. A service app belongs to no account."""
    if settings.client_id:
        return
    me = yield from ask(GET_USER.request("me"), UserRecord)
    if me.id == user_id:
        raise RefusedError(
            "own_account",
            "The account is the administrator to whom the API token of Offboard belongs.",
            remedy="Connect Okta with a service app, or with an API token of an administrator who is no person, "
            "restart the workers, and retry the step.",
            happened="no",
        )


with_user = read_back_of(user_of)


def suspend(settings: OktaSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    before = _shown((yield from change(user_request(GET_USER, effect), effect)), effect)
    if before.status not in ("SUSPENDED", "DEPROVISIONED"):  # Okta refuses to suspend an account twice
        yield from require_other(settings, before.id)
        yield from change(user_request(SUSPEND_USER, effect), effect)
    return {"before": before.status}


def look_at_suspension(settings: OktaSettings, effect: Effect) -> Flow[ReadBack]:
    user, _ = yield from user_of(effect)
    if user is None:
        return account_missing()
    # Neither a suspended nor a deactivated account can sign in.
    return seen(user.status in ("SUSPENDED", "DEPROVISIONED"), user.evidence())


def unsuspend(settings: OktaSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    before = _shown((yield from change(user_request(GET_USER, effect), effect)), effect)
    if before.status == "DEPROVISIONED":
        raise RefusedError(
            "account_deactivated",
            "The account was deactivated since, and its applications may have deleted its data.",
            remedy="Activate the account in Okta if the person needs it again, then retry or skip the step.",
            happened="no",
        )
    if before.status == "SUSPENDED":  # Okta refuses it for any other account
        yield from change(user_request(UNSUSPEND_USER, effect), effect)
    return {"before": before.status}


def look_at_unsuspension(settings: OktaSettings, effect: Effect) -> Flow[ReadBack]:
    user, _ = yield from user_of(effect)
    if user is None:
        return account_missing()
    return seen(user.status not in ("SUSPENDED", "DEPROVISIONED"), user.evidence())


def deactivate(settings: OktaSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    before = _shown((yield from change(user_request(GET_USER, effect), effect)), effect)
    if "DEPROVISIONED" not in (before.status, before.transitioning_to):
        yield from require_other(settings, before.id)
        yield from change(user_request(DEACTIVATE_USER, effect, {"sendEmail": "false"}), effect)
    return {"before": before.status}


def look_at_deactivation(settings: OktaSettings, effect: Effect) -> Flow[ReadBack]:
    user, _ = yield from user_of(effect)
    return account_missing() if user is None else seen(user.status == "DEPROVISIONED", user.evidence())


def delete(settings: OktaSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    user, gone = yield from user_of(effect)
    if user is not None and user.status != "DEPROVISIONED":
        raise RefusedError(
            "not_deactivated",
            f"The account has the status {user.status}; Okta deletes deactivated accounts only.",
            remedy="Add a step that deactivates the account to the needs of this step.",
            happened="no",
        )
    if user is not None:
        answer = yield user_request(DELETE_USER, effect, {"sendEmail": "false"})
        gone = not answer.missing or is_gone(answer)
    return deleted(gone=gone, already=user is None, lacks="Okta's error code", system="the organisation")


look_at_deletion = deletion_of(user_of)


def revoke_sessions(settings: OktaSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    yield from change(user_request(REVOKE_SESSIONS, effect, {"oauthTokens": "true", "forgetDevices": "true"}), effect)
    return {"revoked": ["sessions", "oauth_tokens", "remembered_devices"]}
