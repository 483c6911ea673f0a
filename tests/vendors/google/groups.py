"""Groups and their members."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from orchestrator.embedded.vendors.simulator import Call, VendorRefusal, answer
from tests.vendors.google import documents
from tests.vendors.google.errors import error, invalid, not_found
from tests.vendors.google.pages import page
from tests.vendors.google.users import CONDITION, value_of
from tests.vendors.google.workspace import GoogleGroup

if TYPE_CHECKING:
    from tests.vendors.google.simulator import GoogleSimulator


def group_of(google: GoogleSimulator, call: Call) -> GoogleGroup:
    group = google.state.find_group(call.given["group"])
    if group is None:
        raise not_found("groupKey")
    return group


def list_groups(google: GoogleSimulator, call: Call) -> Response:
    """All, or those with `userKey` as a direct member: a user by ID or address, or a group by address. `query` has
    conditions `name=` and `email=`, https://developers.google.com/workspace/admin/directory/v1/guides/search-groups."""
    found = list(google.state.groups.values())
    if text := call.first("query"):
        for name, _, value in CONDITION.findall(text):
            if name not in ("name", "email"):
                raise invalid(f"Invalid Input: Bad value {name} for query")
            found = [one for one in found if getattr(one, name).casefold() == value_of(value)]
    if key := call.first("userKey"):
        member = google.state.find_user(key) or (google.state.find_group(key) if "@" in key else None)
        if member is None:
            raise not_found("userKey")
        found = google.state.groups_of(member.id)
    elif "customer" not in call.query and "domain" not in call.query:
        raise VendorRefusal(error(400, "badRequest", "Bad Request"))
    return page(
        call, "admin#directory#groups", "groups", [documents.group(one) for one in found], default=200, most=200
    )


def get_group(google: GoogleSimulator, call: Call) -> Response:
    return answer(documents.group(group_of(google, call)))


def list_members(google: GoogleSimulator, call: Call) -> Response:
    roles = set(call.first("roles", "OWNER,MANAGER,MEMBER").upper().split(","))
    members = group_of(google, call).members.items()
    shown = [documents.member(google.state, id, role) for id, role in members if role in roles]
    return page(call, "admin#directory#members", "members", shown, default=200, most=200)


def _key(google: GoogleSimulator, call: Call, group: GoogleGroup) -> str:
    user = google.state.find_user(call.given["member"])
    id = user.id if user else call.given["member"]
    if id not in group.members:
        raise not_found("memberKey")
    return id


def get_member(google: GoogleSimulator, call: Call) -> Response:
    group = group_of(google, call)
    id = _key(google, call, group)
    return answer(documents.member(google.state, id, group.members[id]))


def add_member(google: GoogleSimulator, call: Call) -> Response:
    group = group_of(google, call)
    user = google.state.find_user(call.body.get("email") or call.body.get("id", ""))
    if user is None:
        raise not_found("memberKey")
    if user.id in group.members:
        raise VendorRefusal(error(409, "duplicate", "Member already exists."))
    group.members[user.id] = call.body.get("role", "MEMBER")
    return answer(documents.member(google.state, user.id, group.members[user.id]))


def change_member(google: GoogleSimulator, call: Call) -> Response:
    group = group_of(google, call)
    id = _key(google, call, group)
    group.members[id] = call.body.get("role", group.members[id])
    return answer(documents.member(google.state, id, group.members[id]))


def remove_member(google: GoogleSimulator, call: Call) -> Response:
    group = group_of(google, call)
    del group.members[_key(google, call, group)]
    return answer(None, 204)
