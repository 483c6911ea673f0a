"""The IAM user of an account.

An account is named by the user's ID (AIDA…), which never changes. Actions take the user's name, which can change and
can be given to another user. So each act first reads which ID the name has now, and looks for the ID where it has
another one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pydantic import Field

from connectors.abilities import Effect, ReadBack
from connectors.account_set import comparable
from connectors.errors import RefusedError
from connectors.http.flows import Fields, parse, unexpected
from connectors.http.requests import Flow
from connectors.parameters import account_gone, account_of
from connectors.read_backs import account_missing
from connectors.vendors.aws.iam.caller import caller
from connectors.vendors.aws.iam.settings import AwsSettings
from connectors.vendors.aws.query import Items, ask, listed, reading

_NAME = re.compile(r"[\w+=,.@-]{1,128}", re.ASCII)
_ARN = re.compile(r"arn:[\w-]+:iam::(\d{12}):user(/.*)")


class Tag(Fields):
    key: str = Field(alias="Key")
    value: str = Field(alias="Value")


class _Boundary(Fields):
    arn: str = Field(default="", alias="PermissionsBoundaryArn")


class IamUser(Fields):
    """A user, as GetUser shows it. In the list of all users it has neither tags nor a boundary."""

    id: str = Field(alias="UserId", min_length=1)
    name: str = Field(alias="UserName", min_length=1)
    arn: str = Field(alias="Arn")
    path: str = Field(default="/", alias="Path")
    created: str = Field(default="", alias="CreateDate")
    password_last_used: str = Field(default="", alias="PasswordLastUsed")
    tags: Items[Tag] = Field(default=[], alias="Tags")
    boundary: _Boundary | None = Field(default=None, alias="PermissionsBoundary")

    def evidence(self) -> dict[str, Any]:
        return {"id": self.id, "name": self.name}


class _UserResult(Fields):
    user: IamUser = Field(alias="User")


def is_name(text: str) -> bool:
    """Whether a text can be the name of a user."""
    return _NAME.fullmatch(text) is not None


def name_in(arn: str) -> str:
    """The name of the user in an ARN, empty if it is not the ARN of a user."""
    found = _ARN.fullmatch(arn)
    return found[2].rpartition("/")[2] if found else ""


def in_account(settings: AwsSettings, user: IamUser) -> IamUser:
    """Raises `ActionRequiredError("answer_not_understood")` for a user of another AWS account."""
    found = _ARN.fullmatch(user.arn)
    if found is None or found[1] != settings.account_id:
        unexpected("The response shows a user of another AWS account than account_id in the settings.")
    return user


def user_named(settings: AwsSettings, name: str) -> Flow[IamUser | None]:
    """Raises `ActionRequiredError("answer_not_understood")` for another user or another AWS account."""
    found = yield from ask(reading("GetUser", UserName=name, missing_ok=True), _UserResult)
    if found is None:
        return None
    if comparable(found.user.name) != comparable(name):
        unexpected("The response shows another user than the one that was requested.")
    return in_account(settings, found.user)


def users(settings: AwsSettings, *, at_most: int | None = None) -> Flow[list[IamUser]]:
    """All users, or the first `at_most`."""
    size = "1000" if at_most is None else str(min(at_most, 1000))
    items = yield from listed(reading("ListUsers", MaxItems=size), "Users", at_most=at_most)
    return [in_account(settings, parse(item, IamUser)) for item in items]


def user_of(settings: AwsSettings, effect: Effect) -> Flow[IamUser | None]:
    """The user of the account, by its ID; None where AWS lists no user with the ID."""
    account = account_of(effect)
    name = account.attributes.get("userName") or account.label
    user = (yield from user_named(settings, name)) if is_name(name) else None
    if user is not None and user.id == account.native_id:
        return user
    for listed_user in (yield from users(settings)):
        if listed_user.id == account.native_id:
            user = yield from user_named(settings, listed_user.name)  # with its tags and boundary
            return user if user is not None and user.id == account.native_id else None
    return None


def user_to_change(settings: AwsSettings, effect: Effect) -> Flow[IamUser]:
    """Raises `RefusedError`: account_gone, own_account."""
    user = yield from user_of(settings, effect)
    if user is None:
        raise account_gone(effect)
    yield from require_other(settings, user)
    return user


def require_other(settings: AwsSettings, user: IamUser) -> Flow[None]:
    """Raises `RefusedError("own_account")`, and `ActionRequiredError("wrong_account")`."""
    if (yield from caller(settings)).id == user.id:
        raise RefusedError(
            "own_account",
            f"{user.name} is the user that Offboard signs in as.",
            remedy="Connect the AWS account with a user of Offboard's own, which belongs to no person.",
            happened="no",
        )


CheckUser = Callable[[AwsSettings, IamUser, Effect], Flow[ReadBack]]


def with_user(look: CheckUser) -> Callable[[AwsSettings, Effect], Flow[ReadBack]]:
    """A decorator: what looks at a user becomes a read-back, which reports an account that is not there."""

    def read_back(settings: AwsSettings, effect: Effect) -> Flow[ReadBack]:
        user = yield from user_of(settings, effect)
        return account_missing() if user is None else (yield from look(settings, user, effect))

    return read_back
