"""Tokens of apps, app passwords, backup codes, admin roles and mobile devices of a user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from orchestrator.embedded.vendors.simulator import Call, VendorRefusal, answer
from tests.vendors.google import documents
from tests.vendors.google.errors import error, invalid, not_found
from tests.vendors.google.pages import page
from tests.vendors.google.users import changed_user, user_of

if TYPE_CHECKING:
    from tests.vendors.google.simulator import GoogleSimulator

WIPES = {
    "admin_remote_wipe": "WIPING",
    "admin_account_wipe": "ACCOUNT_WIPING",
    "block": "BLOCKED",
    "approve": "APPROVED",
}


def _list(kind: str, items: list[Any]) -> Response:
    return answer({"kind": kind, "etag": '"list"', **({"items": items} if items else {})})


def list_tokens(google: GoogleSimulator, call: Call) -> Response:
    """One for each app to which the user gave access."""
    user, workspace = user_of(google, call), google.state
    by_client = {one.client: one for one in workspace.tokens.values() if one.user == user.id}
    return _list(
        "admin#directory#tokenList",
        [
            {
                "kind": "admin#directory#token",
                "etag": '"1"',
                "clientId": id,
                "userKey": user.id,
                "anonymous": False,
                "displayText": workspace.clients[id].name,
                "nativeApp": False,
                "scopes": one.scopes,
            }
            for id, one in by_client.items()
            if workspace.clients[id].key is None
        ],
    )


def revoke_token(google: GoogleSimulator, call: Call) -> Response:
    if not google.state.revoke(changed_user(google, call), call.given["client"]):
        raise not_found("clientId")
    return answer(None, 204)


def list_app_passwords(google: GoogleSimulator, call: Call) -> Response:
    user = user_of(google, call)
    return _list(
        "admin#directory#aspList",
        [
            {
                "kind": "admin#directory#asp",
                "etag": '"1"',
                "codeId": id,
                "name": name,
                "userKey": user.id,
                "creationTime": "1700000000000",
                "lastTimeUsed": "0",
            }
            for id, name in user.app_passwords.items()
        ],
    )


def remove_app_password(google: GoogleSimulator, call: Call) -> Response:
    user = changed_user(google, call)
    if user.app_passwords.pop(int(call.given["code"]), None) is None:
        raise not_found("codeId")
    return answer(None, 204)


def list_backup_codes(google: GoogleSimulator, call: Call) -> Response:
    user = user_of(google, call)
    return _list(
        "admin#directory#verificationCodesList",
        [
            {"kind": "admin#directory#verificationCode", "etag": '"1"', "userId": user.id, "verificationCode": code}
            for code in user.backup_codes
        ],
    )


def end_backup_codes(google: GoogleSimulator, call: Call) -> Response:
    changed_user(google, call).backup_codes.clear()
    return answer(None, 204)


def list_role_assignments(google: GoogleSimulator, call: Call) -> Response:
    found = list(google.state.role_assignments.values())
    if key := call.first("userKey"):
        user, group = google.state.find_user(key), google.state.find_group(key)
        if user is not None:
            found = google.state.assignments_of(user, indirect=call.flag("includeIndirectRoleAssignments"))
        elif group is not None:
            found = [one for one in found if one.assignee == group.id]
        else:
            raise not_found("userKey")
    shown = [documents.role_assignment(one, google.state) for one in found]
    return page(call, "admin#directory#roleAssignments", "items", shown, default=100, most=200)


def add_role_assignment(google: GoogleSimulator, call: Call) -> Response:
    role, key = call.body.get("roleId", ""), call.body.get("assignedTo", "")
    assignee = google.state.users.get(key) or google.state.groups.get(key)
    if role not in google.state.roles:
        raise not_found("roleId")
    if assignee is None:
        raise not_found("assignedTo")
    if any((one.role, one.assignee) == (role, key) for one in google.state.role_assignments.values()):
        raise VendorRefusal(error(409, "duplicate", "The role is assigned already."))
    return answer(documents.role_assignment(google.state.assign_role(role, assignee), google.state))


def remove_role_assignment(google: GoogleSimulator, call: Call) -> Response:
    if google.state.role_assignments.pop(call.given["assignment"], None) is None:
        raise not_found("roleAssignmentId")
    return answer(None, 204)


def list_roles(google: GoogleSimulator, call: Call) -> Response:
    shown = [
        {
            "kind": "admin#directory#role",
            "etag": '"1"',
            "roleId": id,
            "roleName": name,
            "isSystemRole": True,
            "isSuperAdminRole": id == "1",
        }
        for id, name in google.state.roles.items()
    ]
    return page(call, "admin#directory#roles", "items", shown, default=100, most=100)


def list_devices(google: GoogleSimulator, call: Call) -> Response:
    """`query=email:ADDRESS` are the devices of a user."""
    email = call.first("query").partition("email:")[2].strip("'\"").casefold()
    found = [
        one
        for one in google.state.devices.values()
        if not email or google.state.users[one.user].email.casefold() == email
    ]
    shown = [documents.device(google.state, one) for one in found]
    return page(call, "admin#directory#mobiledevices", "mobiledevices", shown, default=100, most=100)


def act_on_device(google: GoogleSimulator, call: Call) -> Response:
    device = google.state.devices.get(call.given["device"])
    if device is None:
        raise not_found("resourceId")
    action = call.body.get("action", "")
    if action not in WIPES:
        raise invalid("Invalid Input: action")
    device.status = WIPES[action]
    return answer(None, 204)
