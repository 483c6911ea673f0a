"""Administrator roles: assigned to the account, by a group, and super administrators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from pydantic import Field

from connectors.abilities import Effect, ReadBack
from connectors.errors import RefusedError
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
ASSIGN_ROLE = Operation("POST", f"{_CUSTOMER}/roleassignments", "directory.roleAssignments.insert", ROLES)
UNASSIGN_ROLE = Operation(
    "DELETE", f"{_CUSTOMER}/roleassignments/{{roleAssignmentId}}", "directory.roleAssignments.delete", ROLES
)
MAKE_ADMIN = Operation("POST", f"{USER}/makeAdmin", "directory.users.makeAdmin", USERS)
_MAX_TRIED = 5
_SUPER_ADMINISTRATOR = {"id": "super_administrator", "name": "super administrator"}
"""Google has an operation of its own for super administrators."""


class _AdminRole(Fields):
    id: str = Field(min_length=1, alias="roleId")
    name: str = Field(default="", alias="roleName")


class _Assignment(Fields):
    id: str = Field(min_length=1, alias="roleAssignmentId")
    role: str = Field(default="", alias="roleId")
    assignee: str = Field(default="", alias="assignedTo")
    scope: str | None = Field(default=None, alias="scopeType")
    org_unit: str | None = Field(default=None, alias="orgUnitId")
    condition: str | None = None
    expires: dict[str, Any] | None = Field(default=None, alias="expirationDetails")

    def shown(self, user: WorkspaceUser, names: Mapping[str, str]) -> dict[str, Any]:
        """`assigns` is what assigns the role again, without the account."""
        return {
            "id": self.id,
            "name": names.get(self.role) or self.role,
            "by_group": "" if self.assignee == user.id else self.assignee,
            "scope": self.org_unit or self.scope or "",
            "assigns": self.assigns,
        }

    @property
    def assigns(self) -> dict[str, Any]:
        limits = {"orgUnitId": self.org_unit, "condition": self.condition, "expirationDetails": self.expires}
        given = {name: value for name, value in limits.items() if value}
        return {"roleId": self.role, "scopeType": self.scope or "CUSTOMER", **given}


def _assignments_of(settings: GoogleWorkspaceSettings, key: str) -> Flow[list[_Assignment]]:
    params = {"userKey": key, "includeIndirectRoleAssignments": "true"}
    return (yield from listed(LIST_ASSIGNMENTS.request(settings.customer, params=params), _Assignment))


def _shows_roles(settings: GoogleWorkspaceSettings) -> Flow[bool]:
    """Whether the same query finds the role of another administrator."""
    every = pages("items").items((yield LIST_ASSIGNMENTS.request(settings.customer)))
    assignees = [one.assignee for one in (parse(item, _Assignment) for item in every) if one.assignee]
    query = partial(_assignments_of, settings)
    return (yield from found_for_another(list(dict.fromkeys(assignees))[:_MAX_TRIED], query))


def roles_of(settings: GoogleWorkspaceSettings, user: WorkspaceUser) -> Flow[list[dict[str, Any]]]:
    """The account's own roles, and those by a group, which have its ID in `by_group`."""
    assignments = yield from _assignments_of(settings, user.id)
    roles = (yield from listed(LIST_ROLES.request(settings.customer), _AdminRole)) if assignments else []
    names = {role.id: role.name for role in roles}
    return [assignment.shown(user, names) for assignment in assignments]


def removable_roles(user: WorkspaceUser, roles: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those that `remove_roles` removes; `roles` are all that the account has."""
    own = [role for role in roles if not role["by_group"]]
    return [_SUPER_ADMINISTRATOR, *own] if user.is_admin else own


def remove_roles(settings: GoogleWorkspaceSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    user = yield from user_to_change(settings, effect)
    roles, removals = (yield from roles_of(settings, user)), Removals("removed_roles")
    if user.is_admin:
        with removals.removing(_SUPER_ADMINISTRATOR):
            yield from change(MAKE_ADMIN.request(user.id, json={"status": False}, missing_ok=True), effect)
    for role in roles:
        if not role["by_group"]:
            with removals.removing(role):
                yield UNASSIGN_ROLE.request(settings.customer, role["id"], missing_ok=True)
    return {**removals.reply("unknown"), "by_group": [role for role in roles if role["by_group"]]}


def _lacking_roles(
    settings: GoogleWorkspaceSettings, user: WorkspaceUser, taken: Sequence[Mapping[str, Any]]
) -> Flow[list[Mapping[str, Any]]]:
    """Of the roles that a run removed, those that the account does not have in the same place."""
    assigned = yield from _assignments_of(settings, user.id)
    own = {_place(one.assigns) for one in assigned if one.assignee == user.id}
    return [one for one in taken if not (user.is_admin if _is_super(one) else _place(one.get("assigns") or {}) in own)]


def _place(assigns: Mapping[str, Any]) -> tuple[Any, Any]:
    return assigns.get("roleId"), assigns.get("orgUnitId")


def _is_super(role: Mapping[str, Any]) -> bool:
    return bool(role["id"] == _SUPER_ADMINISTRATOR["id"])


def add_roles(settings: GoogleWorkspaceSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    user = yield from user_to_change(settings, effect)
    given = Removals("added_roles", "roles_not_added", verb="added")
    lacking = yield from _lacking_roles(settings, user, effect.taken)
    if any(_is_super(role) for role in lacking):
        with given.removing(_SUPER_ADMINISTRATOR):
            yield from change(MAKE_ADMIN.request(user.id, json={"status": True}, missing_ok=True), effect)
        # Google can assign a role together with it.
        lacking = yield from _lacking_roles(settings, user, [role for role in lacking if not _is_super(role)])
    for role in lacking:
        with given.removing(role):
            yield ASSIGN_ROLE.request(settings.customer, json={**_recorded(role), "assignedTo": user.id})
    return given.reply("unknown")


def _recorded(role: Mapping[str, Any]) -> Mapping[str, Any]:
    """Raises `RefusedError("role_not_recorded")` for what was removed before Offboard recorded the role's ID."""
    assigns = role.get("assigns")
    if not isinstance(assigns, Mapping) or not assigns.get("roleId"):
        raise RefusedError(
            "role_not_recorded",
            "The run did not record the ID of the role.",
            remedy="Assign the role in the Admin console, then skip the step.",
            happened="no",
        )
    return assigns


def look_at_added_roles(settings: GoogleWorkspaceSettings, effect: Effect) -> Flow[ReadBack]:
    user, _ = yield from user_of(effect)
    if user is None:
        return account_missing()
    lacking = yield from _lacking_roles(settings, user, effect.taken)
    not_said = user.is_admin is None and any(_is_super(role) for role in effect.taken)
    evidence = {**user.evidence(), "roles_not_added": [dict(role) for role in lacking]}
    return seen(None if not_said else not lacking, evidence)


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
