"""The password for the console: IAM calls it the login profile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from connectors.abilities import Effect, ReadBack
from connectors.account_set import comparable
from connectors.http.flows import Fields, unexpected
from connectors.http.requests import Flow
from connectors.read_backs import seen
from connectors.vendors.aws.iam.settings import AwsSettings
from connectors.vendors.aws.iam.users import IamUser, user_to_change, with_user
from connectors.vendors.aws.query import ask, changing, reading, remove


class LoginProfile(Fields):
    name: str = Field(alias="UserName")
    created: str = Field(default="", alias="CreateDate")

    def shown(self, user: IamUser) -> dict[str, str]:
        return {
            "id": "console",
            "name": "console password",
            "created": self.created,
            "last_used": user.password_last_used,
        }


class _ProfileResult(Fields):
    profile: LoginProfile = Field(alias="LoginProfile")


def login_profile(user: IamUser) -> Flow[LoginProfile | None]:
    """None where AWS itself says that the user has no password."""
    found = yield from ask(reading("GetLoginProfile", UserName=user.name, missing_ok=True), _ProfileResult)
    if found is None:
        return None
    if comparable(found.profile.name) != comparable(user.name):
        unexpected("The response shows the login profile of another user than the one that was requested.")
    return found.profile


def remove_console_access(settings: AwsSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    user = yield from user_to_change(settings, effect)
    profile = yield from login_profile(user)
    if profile is None:
        return {"removed": False, "before": None}
    yield from remove(changing("DeleteLoginProfile", UserName=user.name))
    return {"removed": True, "before": profile.shown(user)}


@with_user
def look_at_console_access(settings: AwsSettings, user: IamUser, effect: Effect) -> Flow[ReadBack]:
    """Done where AWS itself says, about a user that it shows, that there is no login profile."""
    profile = yield from login_profile(user)
    return seen(profile is None, {**user.evidence(), "console_access": profile.shown(user) if profile else None})
