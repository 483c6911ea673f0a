"""Actions of the Identity Store."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from orchestrator.embedded.vendors.simulator import Call, answer
from tests.vendors.aws.identity_center.answers import in_page, not_there, refused
from tests.vendors.aws.identity_center.directory import STORE, CenterGroup, CenterUser, IdentityCenter

ENTERPRISE = "aws:identitystore:enterprise"


def _require_store(call: Call) -> None:
    if call.body["IdentityStoreId"] != STORE:
        raise not_there("IDENTITY_STORE")


def _arn(kind: str, id: str) -> str:
    return f"arn:aws:identitystore:::{kind}/{id}"


def _external(pair: tuple[str, str]) -> dict[str, Any]:
    return {"ExternalIds": [{"Issuer": pair[0], "Id": pair[1]}]} if pair[1] else {}


def _user(user: CenterUser, call: Call) -> dict[str, Any]:
    found: dict[str, Any] = {
        "IdentityStoreId": STORE,
        "UserId": user.id,
        "UserArn": _arn("user", user.id),
        "Revision": str(user.revision),
        "UserName": user.name,
        "DisplayName": user.name,
        "Emails": [{"Value": user.email, "Primary": True}],
        "UserStatus": "ENABLED" if user.enabled else "DISABLED",
        "CreatedAt": user.created.timestamp(),
        **_external(user.external),
    }
    if ENTERPRISE in call.body.get("Extensions", ()) and user.employee_number:
        found["Extensions"] = {ENTERPRISE: {"employeeNumber": user.employee_number}}
    return found


def _person(simulator: Any, id: str) -> CenterUser:
    user: CenterUser | None = simulator.state.people.get(id)
    if user is None:
        raise not_there("USER")
    return user


def list_users(simulator: Any, call: Call) -> Response:
    _require_store(call)
    return in_page(call, "Users", [_user(user, call) for user in simulator.state.people.values()])


def describe_user(simulator: Any, call: Call) -> Response:
    _require_store(call)
    return answer(_user(_person(simulator, call.body["UserId"]), call))


def get_user_id(simulator: Any, call: Call) -> Response:
    """The only valid paths are userName and emails.value (API_GetUserId)."""
    _require_store(call)
    path, value = _unique(call)
    if path not in ("userName", "emails.value"):
        raise refused("ValidationException", f"{path} is not a unique attribute")
    for user in simulator.state.people.values():
        if value.lower() == (user.name if path == "userName" else user.email).lower():
            return answer({"IdentityStoreId": STORE, "UserId": user.id, "UserArn": _arn("user", user.id)})
    raise not_there("USER")


def _unique(call: Call) -> tuple[str, str]:
    unique = call.body["AlternateIdentifier"]["UniqueAttribute"]
    return unique["AttributePath"], unique["AttributeValue"]


def delete_user(simulator: Any, call: Call) -> Response:
    _require_store(call)
    center: IdentityCenter = simulator.state
    user = _person(simulator, call.body["UserId"])
    if call.body.get("Revision", str(user.revision)) != str(user.revision):
        raise refused("ConflictException", "The user was changed.", Reason="CONCURRENT_MODIFICATION")
    del center.people[user.id]
    for team in center.teams.values():
        team.members.pop(user.id, None)
    return answer({})


def list_memberships(simulator: Any, call: Call) -> Response:
    _require_store(call)
    user = _person(simulator, call.body["MemberId"]["UserId"])
    found = [
        {
            "IdentityStoreId": STORE,
            "MembershipId": team.members[user.id],
            "GroupId": team.id,
            "MembershipArn": _arn("membership", team.members[user.id]),
            "MemberId": {"UserId": user.id},
        }
        for team in simulator.state.teams_of(user.id)
    ]
    return in_page(call, "GroupMemberships", found)


def describe_group(simulator: Any, call: Call) -> Response:
    _require_store(call)
    team: CenterGroup | None = simulator.state.teams.get(call.body["GroupId"])
    if team is None:
        raise not_there("GROUP")
    found = {
        "IdentityStoreId": STORE,
        "GroupId": team.id,
        "GroupArn": _arn("group", team.id),
        "Revision": "1",
        "DisplayName": team.name,
        **_external(team.external),
    }
    return answer(found)


def get_group_id(simulator: Any, call: Call) -> Response:
    _require_store(call)
    path, value = _unique(call)
    for team in simulator.state.teams.values():
        if path == "displayName" and team.name.lower() == value.lower():
            return answer({"IdentityStoreId": STORE, "GroupId": team.id, "GroupArn": _arn("group", team.id)})
    raise not_there("GROUP")


def delete_membership(simulator: Any, call: Call) -> Response:
    _require_store(call)
    id = call.body["MembershipId"]
    for team in simulator.state.teams.values():
        for user, membership in team.members.items():
            if membership == id:
                del team.members[user]
                return answer({})
    raise not_there("GROUP_MEMBERSHIP")
