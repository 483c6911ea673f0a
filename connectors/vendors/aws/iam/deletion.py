"""Deletion of a user."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.abilities import Effect, ReadBack
from connectors.errors import RefusedError
from connectors.http.requests import Flow
from connectors.read_backs import deletion
from connectors.vendors.aws.iam.console import login_profile
from connectors.vendors.aws.iam.credentials import SORTS, credentials_of
from connectors.vendors.aws.iam.mfa import devices_of
from connectors.vendors.aws.iam.permissions import may
from connectors.vendors.aws.iam.policies import groups_of, inline_policies, policies_to_remove
from connectors.vendors.aws.iam.sessions import POLICY_NAME
from connectors.vendors.aws.iam.settings import AwsSettings
from connectors.vendors.aws.iam.users import IamUser, require_other, user_of, users
from connectors.vendors.aws.query import changing, remove


def _entries(user: IamUser) -> Flow[dict[str, list[str]]]:
    """What the user has that other abilities remove, by sort."""
    found = {
        "console access": ["password"] if (yield from login_profile(user)) else [],
        "groups": [group.name for group in (yield from groups_of(user.name))],
        "policies": [policy["name"] for policy in (yield from policies_to_remove(user.name))],
        "MFA devices": [device.shown()["name"] for device in (yield from devices_of(user.name))],
    }
    for sort in SORTS:
        found[sort.key.replace("_", " ")] = [one.id for one in (yield from credentials_of(sort, user.name))]
    return {name: names for name, names in found.items() if names}


def delete_user(settings: AwsSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    """Removes nothing else but the policy of `revoke_sessions`, which has no meaning without the user. IAM refuses to
    delete a user who has anything left; this is found out before anything is changed."""
    user = yield from user_of(settings, effect)
    if user is None:
        return {"deleted": True, "already_gone": True}
    yield from require_other(settings, user)
    entries = yield from _entries(user)
    if entries:
        named = "; ".join(f"{name}: {', '.join(sorted(names))}" for name, names in entries.items())
        raise RefusedError(
            "account_in_use",
            f"{user.name} still has {named}.",
            remedy="Run the steps that remove these first, such as remove_from_groups and delete_access_keys.",
            happened="no",
        )
    if POLICY_NAME in (yield from inline_policies(user.name)):
        yield from remove(changing("DeleteUserPolicy", UserName=user.name, PolicyName=POLICY_NAME))
    yield from remove(changing("DeleteUser", UserName=user.name))
    return {"deleted": True, "already_gone": False, "before": user.evidence()}


def look_at_deletion(settings: AwsSettings, effect: Effect) -> Flow[ReadBack]:
    """Done if the list of all users lacks the ID, and shows another user or is proven to be complete."""
    user = yield from user_of(settings, effect)
    if user is not None:
        return deletion(user.evidence(), confirmed=False)
    shows_users = bool((yield from users(settings, at_most=1))) or (yield from may(settings, ["iam:ListUsers"], "*"))
    return deletion(None, confirmed=shows_users)
