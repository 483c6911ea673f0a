"""Roles: those that are assigned for the organisation, a workspace or a channel, and administrators and owners.

Assigned roles (docs.slack.dev/reference/methods/admin.roles.listAssignments) are system roles, such as the users
administrator, and managers of channels. Administrators and owners are no assigned roles: `admin.users.setRegular`
takes those away. A guest is never set to regular, which would give more access.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from connectors.abilities import Effect, ReadBack
from connectors.http.flows import Fields, all_pages, parse
from connectors.http.list_evidence import left_on_list
from connectors.http.requests import Flow, Operation
from connectors.read_backs import account_missing
from connectors.removals import Removals
from connectors.vendors.slack.answers import LIMIT, known, with_cursor
from connectors.vendors.slack.credential import SlackAccess, SlackCredential
from connectors.vendors.slack.users import (
    LIST_ADMIN_USERS,
    ListedUser,
    SlackMember,
    unless_primary,
    user_of,
    user_to_change,
)

LIST_ASSIGNMENTS = Operation("GET", "/api/admin.roles.listAssignments")
REMOVE_ASSIGNMENTS = Operation("POST", "/api/admin.roles.removeAssignments")
SET_REGULAR = Operation("POST", "/api/admin.users.setRegular", "admin_users_setRegular")
_ENTITIES_AT_ONCE = 10  # docs.slack.dev/reference/methods/admin.roles.removeAssignments, too_many_entities


class Assignment(Fields):
    """`entity_id` is the ID of the organisation, a workspace or a channel."""

    role_id: str = Field(min_length=1)
    entity_id: str = Field(min_length=1)
    user_id: str = ""

    def shown(self) -> dict[str, str]:
        return {"id": self.role_id, "name": f"{self.role_id} of {self.entity_id}", "entity": self.entity_id}


@dataclass(frozen=True, slots=True)
class Roles:
    """`assigned` are the user's, `administers` the organisation and the workspaces in which the user is an
    administrator or owner. `others`: whether Slack showed such of another user; None where no user has any."""

    assigned: list[Assignment]
    administers: list[str]
    others: bool | None

    def shown(self) -> list[dict[str, str]]:
        named = [{"id": place, "name": f"administrator of {place}"} for place in self.administers]
        return [*(one.shown() for one in self.assigned), *named]


def assignments() -> Flow[list[Assignment]]:
    """All of the organisation: Slack takes no filter for users."""
    request = LIST_ASSIGNMENTS.request(params={"limit": LIMIT})
    return [parse(one, Assignment) for one in (yield from all_pages(request, with_cursor("role_assignments")))]


def _administrators(workspace: str) -> Flow[set[str]]:
    params = {"team_id": workspace, "include_admins": "true", "include_owners": "true", "limit": LIMIT}
    listed = yield from all_pages(LIST_ADMIN_USERS.request(params=params), with_cursor("users"))
    return {parse(item, ListedUser).id for item in listed}


def roles_of(credential: SlackCredential, user: SlackMember) -> Flow[Roles]:
    every = yield from assignments()
    known_user = user.enterprise_user
    administers = [credential.place] if known_user is not None and (known_user.is_admin or known_user.is_owner) else []
    others = {one.user_id for one in every} - {user.id}
    for workspace in user.workspaces(credential):
        found = yield from _administrators(workspace)
        administers += [workspace] if user.id in found else []
        others |= found - {user.id}
    assigned = [one for one in every if one.user_id == user.id]
    return Roles(assigned, administers, True if others else None)


def remove_admin_roles(access: SlackAccess, effect: Effect) -> Flow[Mapping[str, Any]]:
    credential = yield from access.require("remove_admin_roles")
    user = yield from user_to_change(access, effect)
    roles, removals = (yield from roles_of(credential, user)), Removals("removed_roles")
    for role in dict.fromkeys(one.role_id for one in roles.assigned):
        entities = [one.entity_id for one in roles.assigned if one.role_id == role]
        for start in range(0, len(entities), _ENTITIES_AT_ONCE):
            chunk = entities[start : start + _ENTITIES_AT_ONCE]
            with removals.removing({"id": role, "name": f"{role} of {', '.join(chunk)}"}):
                yield REMOVE_ASSIGNMENTS.request(json={"role_id": role, "entity_ids": chunk, "user_ids": [user.id]})
    for place in [] if user.guest else roles.administers:  # the organisation first: Slack refuses the others before it
        with removals.removing({"id": place, "name": f"administrator of {place}"}), unless_primary(user):
            yield SET_REGULAR.request(json={"team_id": place, "user_id": user.id})
    return removals.reply("unknown")


def look_at_roles(access: SlackAccess, effect: Effect) -> Flow[ReadBack]:
    credential = yield from access.require("remove_admin_roles")
    user = yield from user_of(access, effect)
    if user is None:
        return account_missing()
    roles = yield from roles_of(credential, user)
    left = roles.shown()
    return (
        yield from left_on_list(
            left,
            {**user.evidence(), "roles": left},
            effect,
            removed="removed_roles",
            others=known(roles.others),
            permitted=known(credential.scopes is not None),  # without the scopes, Slack refuses both lists
        )
    )
