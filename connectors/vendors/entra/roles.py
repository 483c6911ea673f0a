"""Directory roles: assigned, by a group, and eligible (Privileged Identity Management)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from connectors.abilities import Effect, ReadBack
from connectors.errors import ActionRequiredError, RefusedError
from connectors.http.flows import Fields, found_for_another, parse
from connectors.http.requests import Flow, Operation, Request
from connectors.parameters import account_of
from connectors.read_backs import account_missing, none_left
from connectors.removals import Removals
from connectors.vendors.entra.graph import PAGES, DirectoryObject, EntraSettings, listed, quoted
from connectors.vendors.entra.groups import LIST_ALL_MEMBERSHIPS, memberships_of, shows_memberships
from connectors.vendors.entra.permissions import READ_ELIGIBLE_ROLES, may_read
from connectors.vendors.entra.users import user_of

LIST_ROLES = Operation(
    "GET", "/roleManagement/directory/roleAssignments", "roleManagement.directory.ListRoleAssignments"
)
UNASSIGN_ROLE = Operation(
    "DELETE", "/roleManagement/directory/roleAssignments/{id}", "roleManagement.directory.DeleteRoleAssignments"
)
LIST_ELIGIBLE_ROLES = Operation(
    "GET",
    "/roleManagement/directory/roleEligibilityScheduleInstances",
    "roleManagement.directory.ListRoleEligibilityScheduleInstances",
)
REQUEST_ELIGIBILITY = Operation(
    "POST",
    "/roleManagement/directory/roleEligibilityScheduleRequests",
    "roleManagement.directory.CreateRoleEligibilityScheduleRequests",
)

_GLOBAL_ADMINISTRATOR = "62e90394-69f5-4237-9190-012177145e10"  # in every tenant: learn.microsoft.com, "built-in roles"
_MAX_TRIED = 5


class _RoleDefinition(Fields):
    name: str | None = Field(default=None, alias="displayName")


class _RoleAssignment(Fields):
    """An assignment of a directory role."""

    id: str = Field(min_length=1)
    role: str | None = Field(default=None, alias="roleDefinitionId")
    scope: str | None = Field(default=None, alias="directoryScopeId")
    principal: str | None = Field(default=None, alias="principalId")
    definition: _RoleDefinition | None = Field(default=None, alias="roleDefinition")

    def shown(self) -> dict[str, str]:
        name = self.definition.name if self.definition else None
        return {"id": self.id, "name": name or self.role or self.id, "scope": self.scope or ""}


class _EligibleRole(_RoleAssignment):
    """A directory role that the account can activate (Privileged Identity Management)."""

    member_type: str | None = Field(default=None, alias="memberType")

    def shown(self) -> dict[str, str]:
        return super().shown() | {"eligible": self.member_type or "yes"}


def _of_principal(operation: Operation, user: str) -> Request:
    return operation.request(params={"$filter": f"principalId eq {quoted(user)}", "$expand": "roleDefinition"})


def roles_of(user: str) -> Flow[list[_RoleAssignment]]:
    return (yield from listed(_of_principal(LIST_ROLES, user), _RoleAssignment))


def roles_by_group(
    user: str, assigned: Sequence[_RoleAssignment]
) -> Flow[tuple[list[DirectoryObject], list[DirectoryObject]]]:
    """Roles that the account has by a group, and all that it is a member of. Graph lists its own roles there too."""
    own = {role.role for role in assigned}
    objects = yield from memberships_of(user, LIST_ALL_MEMBERSHIPS)
    return [item for item in objects if item.is_a("directoryRole") and item.role_template not in own], objects


def _shows_roles() -> Flow[bool]:
    """Whether the filter by account finds the role of a global administrator, of whom each tenant has one. Graph needs
    a condition to list roles."""
    condition = f"roleDefinitionId eq {quoted(_GLOBAL_ADMINISTRATOR)}"
    administrators = yield from listed(LIST_ROLES.request(params={"$filter": condition}), _RoleAssignment)
    principals = [one.principal for one in administrators if one.principal]
    return (yield from found_for_another(principals[:_MAX_TRIED], roles_of))


def _shows_eligible_roles(settings: EntraSettings) -> Flow[bool]:
    """The same of eligible roles, which can be listed without a condition. A tenant that lists none has none, if the
    app may read them all."""
    try:
        every = PAGES.items((yield PAGES.first(LIST_ELIGIBLE_ROLES.request())))
    except RefusedError as error:
        if error.code != "not_found":
            raise
        return True
    principals = [one.principal for item in every if (one := parse(item, _EligibleRole)).principal]
    if not every:
        return (yield from may_read(settings, READ_ELIGIBLE_ROLES))
    return (yield from found_for_another(principals[:_MAX_TRIED], eligible_roles_of))


def eligible_roles_of(user: str) -> Flow[list[_EligibleRole]]:
    try:
        return (yield from listed(_of_principal(LIST_ELIGIBLE_ROLES, user), _EligibleRole))
    except RefusedError as error:
        if error.code != "not_found":  # what `DIALECT` makes of a tenant without the licence for eligible roles
            raise
        return []


def remove_roles(settings: EntraSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    user, removals = account_of(effect).native_id, Removals("removed_roles")
    assigned = yield from roles_of(user)
    for role in assigned:
        with removals.removing(role.shown()):
            yield UNASSIGN_ROLE.request(role.id, missing_ok=True)
    groups_roles, _ = yield from roles_by_group(user, assigned)
    by_group = [role.shown() for role in groups_roles]
    try:
        eligible = yield from eligible_roles_of(user)
    except (ActionRequiredError, RefusedError) as error:
        removals.failed("eligible roles", error)
        eligible = []
    for one in eligible:
        if one.member_type == "Group":  # such an eligibility belongs to the group
            by_group.append(one.shown())
            continue
        with removals.removing(one.shown()):
            body = {
                "action": "adminRemove",
                "principalId": user,
                "roleDefinitionId": one.role,
                "directoryScopeId": one.scope,
                "justification": "The person leaves.",
            }
            yield REQUEST_ELIGIBILITY.request(json=body)
    return {**removals.reply("unknown"), "by_group": by_group}


def look_at_roles(settings: EntraSettings, effect: Effect) -> Flow[ReadBack]:
    """Done where no role is left, a role by a group included: an account with it is an administrator."""
    user, _ = yield from user_of(effect)
    if user is None:
        return account_missing()
    roles = yield from roles_of(user.id)
    by_group, memberships = yield from roles_by_group(user.id, roles)
    left = [role.shown() for role in roles] + [role.shown() for role in by_group]
    try:
        eligible = yield from eligible_roles_of(user.id)
        left += [role.shown() for role in eligible]
        shown = bool(left) or (yield from _shows_eligible_roles(settings))
    except (ActionRequiredError, RefusedError):
        shown = False
    evidence = {**user.evidence(), "roles": left, "eligible_roles_shown": shown}
    shows_such = not left and shown and (yield from _shows_roles())
    shows_such = shows_such and (yield from shows_memberships(memberships, LIST_ALL_MEMBERSHIPS))
    return none_left(left, evidence, shows_such=shows_such)
