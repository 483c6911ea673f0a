"""The users of the directory.

A user is named by an ID that never changes. A user can be disabled in the console and by the identity provider that
provisions the directory, not by this interface: UserStatus is in responses only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from pydantic import Field

from connectors.abilities import Effect, ReadBack
from connectors.account_set import comparable
from connectors.errors import RefusedError
from connectors.http.flows import Fields, parse, require_account, unexpected
from connectors.http.requests import Flow
from connectors.parameters import account_gone, account_of
from connectors.read_backs import account_missing
from connectors.vendors.aws.caller import identity
from connectors.vendors.aws.identity_center.calls import ListOrNull, ask, listed, to_store
from connectors.vendors.aws.identity_center.settings import IdentityCenterSettings
from connectors.vendors.aws.policy_simulator import role_session

ENTERPRISE = "aws:identitystore:enterprise"
"""The extension with the attributes of SCIM's enterprise user, which is returned only if it is asked for."""
_ID = re.compile(r"([0-9a-f]{10}-)?[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_RESERVED = "AWSReservedSSO_"  # roles that Identity Center makes, in which the name of the session is the user's


class _UserEmail(Fields):
    value: str = Field(default="", alias="Value")
    primary: bool = Field(default=False, alias="Primary")


class _ProviderId(Fields):
    issuer: str = Field(alias="Issuer")
    id: str = Field(alias="Id")


class DirectoryUser(Fields):
    """`created` is in seconds since 1970. `extensions` has what was asked for."""

    id: str = Field(alias="UserId", min_length=1)
    store: str = Field(alias="IdentityStoreId")
    name: str = Field(default="", alias="UserName")
    display_name: str | None = Field(default="", alias="DisplayName")
    status: str | None = Field(default="", alias="UserStatus")
    emails: ListOrNull[_UserEmail] = Field(default=[], alias="Emails")
    external_ids: ListOrNull[_ProviderId] = Field(default=[], alias="ExternalIds")
    revision: str | None = Field(default="", alias="Revision")
    created: float | None = Field(default=None, alias="CreatedAt")
    extensions: dict[str, Any] | None = Field(default=None, alias="Extensions")

    @property
    def active(self) -> bool | None:
        """None where AWS does not say."""
        return {"ENABLED": True, "DISABLED": False}.get(self.status or "")

    @property
    def addresses(self) -> list[str]:
        """The primary one first."""
        return [one.value for one in sorted(self.emails, key=lambda one: not one.primary) if one.value]

    @property
    def employee_number(self) -> str:
        enterprise = (self.extensions or {}).get(ENTERPRISE)
        number = enterprise.get("employeeNumber") if isinstance(enterprise, dict) else None
        return number.strip() if isinstance(number, str) else ""

    @property
    def provisioned_by(self) -> list[str]:
        """The identity providers that gave the user an identifier of theirs."""
        return sorted({one.issuer for one in self.external_ids})

    def evidence(self) -> dict[str, Any]:
        return {"id": self.id, "name": self.name, "status": self.status or ""}


def is_id(text: str) -> bool:
    """Whether a text can be the ID of a user."""
    return _ID.fullmatch(text) is not None


def _in_store(settings: IdentityCenterSettings, user: DirectoryUser) -> DirectoryUser:
    if user.store.rpartition("/")[2] != settings.identity_store_id:
        unexpected("The response shows a user of another identity store than identity_store_id in the settings.")
    return user


def described(
    settings: IdentityCenterSettings, id: str, *, extensions: Sequence[str] = ()
) -> Flow[DirectoryUser | None]:
    """The user with this ID; None where AWS itself says that there is none. Raises
    `ActionRequiredError("answer_not_understood")` for another user, or another identity store."""
    request = to_store(settings, "DescribeUser", UserId=id, **_with(extensions))
    user = yield from ask(request, DirectoryUser, "USER")
    if user is None:
        return None
    if user.id != id:
        unexpected("The response shows another user than the one that was requested.")
    return _in_store(settings, user)


def users(
    settings: IdentityCenterSettings, *, at_most: int | None = None, extensions: Sequence[str] = ()
) -> Flow[list[DirectoryUser]]:
    """All users, or the first `at_most`."""
    items = yield from listed(to_store(settings, "ListUsers", **_with(extensions)), "Users", at_most=at_most)
    return [_in_store(settings, parse(item, DirectoryUser)) for item in items]


def _with(extensions: Sequence[str]) -> dict[str, list[str]]:
    return {"Extensions": list(extensions)} if extensions else {}


def user_of(settings: IdentityCenterSettings, effect: Effect) -> Flow[DirectoryUser | None]:
    """The user of the account; None where AWS itself says that there is none with this ID."""
    user = yield from described(settings, account_of(effect).native_id)
    if user is not None:
        require_account(user.id, effect)
    return user


def user_to_change(settings: IdentityCenterSettings, effect: Effect) -> Flow[DirectoryUser]:
    """Raises `RefusedError`: account_gone, own_account."""
    user = yield from user_of(settings, effect)
    if user is None:
        raise account_gone(effect)
    yield from require_other(settings, user)
    return user


def require_other(settings: IdentityCenterSettings, user: DirectoryUser) -> Flow[None]:
    """Raises `RefusedError("own_account")` for the user in whose session the credential was issued."""
    role, session = role_session((yield from identity(settings.sts_url)))
    if role.startswith(_RESERVED) and comparable(session) == comparable(user.name):
        raise RefusedError(
            "own_account",
            f"{user.name} is the user that Offboard signs in as.",
            remedy="Connect IAM Identity Center with an IAM user or role of Offboard's own, which belongs to no "
            "person.",
            happened="no",
        )


CheckCenterUser = Callable[[IdentityCenterSettings, DirectoryUser, Effect], Flow[ReadBack]]


def with_user(look: CheckCenterUser) -> Callable[[IdentityCenterSettings, Effect], Flow[ReadBack]]:
    """A decorator: what looks at a user becomes a read-back, which reports an account that is not there."""

    def read_back(settings: IdentityCenterSettings, effect: Effect) -> Flow[ReadBack]:
        user = yield from user_of(settings, effect)
        return account_missing() if user is None else (yield from look(settings, user, effect))

    return read_back
