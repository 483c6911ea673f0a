"""Administrator roles: assigned to the account, by a group, and super administrators."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from pydantic import Field

from connectors.abilities import Effect, ReadBack
from connectors.http.flows import Fields, change, found_for_another, parse
from connectors.http.requests import Flow, Operation
from connectors.read_backs import account_missing, none_left, seen
from connectors.removals import Removals
from connectors.vendors.google_workspace.admin_sdk import (
    DIRECTORY,
    ROLES,
    ROLES_READ,
    USERS,
    GoogleWorkspaceSettings,
    listed,
    pages,
)
from connectors.vendors.google_workspace.users import USER, WorkspaceUser, user_of, user_to_change

_CUSTOMER = f"{DIRECTORY}/customer/{{customer}}"
LIST_ROLES = Operation("GET", f"{_CUSTOMER}/roles", "directory.roles.list", ROLES_READ)
LIST_ASSIGNMENTS = Operation("GET", f"{_CUSTOMER}/roleassignments", "directory.roleAssignments.list", ROLES_READ)
UNASSIGN_ROLE = Operation(
    "DELETE", f"{_CUSTOMER}/roleassignments/{{roleAssignmentId}}", "directory.roleAssignments.delete", ROLES
)
MAKE_ADMIN = Operation("POST", f"{USER}/makeAdmin", "directory.users.makeAdmin", USERS)
_MAX_TRIED = 5


class _AdminRole(Fields):
    id: str = Field(min_length=1, alias="roleId")
    name: str = Field(default="", alias="roleName")


class _Assignment(Fields):
    id: str = Field(min_length=1, alias="roleAssignmentId")
    role: str = Field(default="", alias="roleId")
    assignee: str = Field(default="", alias="assignedTo")
    scope: str | None = Field(default=None, alias="scopeType")
    org_unit: str | None = Field(default=None, alias="orgUnitId")

    def shown(self, user: WorkspaceUser, names: Mapping[str, str]) -> dict[str, str]:
        return {
            "id": self.id,
            "name": names.get(self.role) or self.role,
            "by_group": "" if self.assignee == user.id else self.assignee,
            "scope": self.org_unit or self.scope or "",
        }


def _assignments_of(settings: GoogleWorkspaceSettings, key: str) -> Flow[list[_Assignment]]:
    params = {"userKey": key, "includeIndirectRoleAssignments": "true"}
    return (yield from listed(LIST_ASSIGNMENTS.request(settings.customer, params=params), _Assignment))


def _shows_roles(settings: GoogleWorkspaceSettings) -> Flow[bool]:
    """Whether the same query finds the role of another administrator."""
    every = pages("items").items((yield LIST_ASSIGNMENTS.request(settings.customer)))
    assignees = [one.assignee for one in (parse(item, _Assignment) for item in every) if one.assignee]
    query = partial(_assignments_of, settings)
    return (yield from found_for_another(list(dict.fromkeys(assignees))[:_MAX_TRIED], query))


def roles_of(settings: GoogleWorkspaceSettings, user: WorkspaceUser) -> Flow[list[dict[str, str]]]:
    """The account's own roles, and those by a group, which have its ID in `by_group`."""
    assignments = yield from _assignments_of(settings, user.id)
    roles = (yield from listed(LIST_ROLES.request(settings.customer), _AdminRole)) if assignments else []
    names = {role.id: role.name for role in roles}
    return [assignment.shown(user, names) for assignment in assignments]


def remove_roles(settings: GoogleWorkspaceSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    user = yield from user_to_change(settings, effect)
    roles, removals = (yield from roles_of(settings, user)), Removals("removed_roles")
    if user.is_admin:  # Google has an operation of its own for super administrators
        with removals.removing({"id": "super_administrator", "name": "super administrator"}):
            yield from change(MAKE_ADMIN.request(user.id, json={"status": False}, missing_ok=True), effect)
    for role in roles:
        if not role["by_group"]:
            with removals.removing(role):
                yield UNASSIGN_ROLE.request(settings.customer, role["id"], missing_ok=True)
    return {**removals.reply("unknown"), "by_group": [role for role in roles if role["by_group"]]}


def look_at_roles(settings: GoogleWorkspaceSettings, effect: Effect) -> Flow[ReadBack]:
    """Done where no role is left, one by a group included, and Google says that the account is no administrator."""
    user, _ = yield from user_of(effect)
    if user is None:
        return account_missing()
    roles = yield from roles_of(settings, user)
    administrator = user.is_admin, user.is_delegated_admin
    evidence = {
        **user.evidence(),
        "roles": roles,
        "super_administrator": user.is_admin,
        "delegated_administrator": user.is_delegated_admin,
    }
    if any(administrator) and not roles:
        return seen(False, evidence)
    shown = not roles and None not in administrator and (yield from _shows_roles(settings))
    return none_left(roles, evidence, shows_such=shown)
