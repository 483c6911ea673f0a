"""Actions on users and their console passwords."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

from starlette.responses import Response

from orchestrator.embedded.vendors.simulator import Call, answer
from tests.vendors.aws.account import AwsAccount, AwsUser
from tests.vendors.aws.errors import missing, refusal

DONE: dict[str, Any] = {}


def user_in(simulator: Any, call: Call) -> AwsUser:
    name = call.first("UserName")
    user: AwsUser | None = simulator.state.users.get(name)
    if user is None:
        raise missing(f"The user with name {name}")
    return user


def page(call: Call, name: str, items: list[Any], **more: Any) -> Response:
    """A page of a list; the marker is opaque."""
    start = int(base64.b64decode(call.first("Marker"))) if call.first("Marker") else 0
    end = start + call.page_size(int(call.first("MaxItems", "100")))
    left = {"Marker": base64.b64encode(str(end).encode()).decode()} if end < len(items) else {}
    return answer({name: items[start:end], "IsTruncated": bool(left), **left, **more})


def written(account: AwsAccount, user: AwsUser, *, whole: bool = False) -> dict[str, Any]:
    """The list of users has neither tags nor the boundary (API_ListUsers)."""
    found: dict[str, Any] = {
        "Path": user.path,
        "UserName": user.name,
        "UserId": user.id,
        "Arn": account.arn_of(user),
        "CreateDate": user.created.isoformat(),
    }
    if user.password_last_used:
        found["PasswordLastUsed"] = user.password_last_used.isoformat()
    if whole and user.tags:
        found["Tags"] = tags_of(user)
    if whole and user.boundary:
        found["PermissionsBoundary"] = {
            "PermissionsBoundaryType": "PermissionsBoundaryPolicy",
            "PermissionsBoundaryArn": user.boundary,
        }
    return found


def tags_of(user: AwsUser) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in user.tags.items()]


def get_user(simulator: Any, call: Call) -> Response:
    return answer({"User": written(simulator.state, user_in(simulator, call), whole=True)})


def list_users(simulator: Any, call: Call) -> Response:
    return page(call, "Users", [written(simulator.state, user) for user in simulator.state.users.values()])


def list_tags(simulator: Any, call: Call) -> Response:
    return page(call, "Tags", tags_of(user_in(simulator, call)))


def account_details(simulator: Any, call: Call) -> Response:
    account: AwsAccount = simulator.state
    found = []
    for user in account.users.values():
        one = written(account, user, whole=True)
        one.pop("PasswordLastUsed", None)
        one["GroupList"] = [group.name for group in account.groups_of(user)]
        one["AttachedManagedPolicies"] = [attached(arn) for arn in user.attached]
        one["UserPolicyList"] = [
            {"PolicyName": name, "PolicyDocument": quote(text, safe="")} for name, text in user.inline.items()
        ]
        found.append(one)
    return page(call, "UserDetailList", found)


def attached(arn: str) -> dict[str, str]:
    return {"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn}


def delete_user(simulator: Any, call: Call) -> Response:
    account: AwsAccount = simulator.state
    user = user_in(simulator, call)
    left = {
        "a login profile": user.password,
        "access keys": user.keys,
        "SSH keys": user.ssh_keys,
        "service specific credentials": user.service_credentials,
        "signing certificates": user.certificates,
        "MFA devices": user.devices,
        "policies": user.attached or user.inline,
        "groups": account.groups_of(user),
    }
    for what, there in left.items():
        if there:
            raise refusal(409, "DeleteConflict", f"Cannot delete entity, must remove {what} first.")
    del account.users[user.name]
    return answer(DONE)


def get_login_profile(simulator: Any, call: Call) -> Response:
    user = user_in(simulator, call)
    if not user.password:
        raise missing(f"Login Profile for User {user.name}")
    profile = {"UserName": user.name, "CreateDate": user.created.isoformat(), "PasswordResetRequired": False}
    return answer({"LoginProfile": profile})


def delete_login_profile(simulator: Any, call: Call) -> Response:
    user = user_in(simulator, call)
    if not user.password:
        raise missing(f"Login Profile for User {user.name}")
    user.password = ""
    return answer(DONE)


def valid_document(text: str) -> str:
    """Raises `VendorRefusal` for a policy that IAM does not take."""
    try:
        document = json.loads(text)
        taken = document["Version"] == "2012-10-17" and all(
            one["Effect"] in ("Allow", "Deny") and one["Action"] and one["Resource"] and one.get("Sid", "a").isalnum()
            for one in document["Statement"]
        )
    except (ValueError, KeyError, TypeError):
        taken = False
    if not taken:
        raise refusal(400, "MalformedPolicyDocument", "Syntax errors in policy.")
    return text
