"""Administrator roles, assigned to the account itself or by a group."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from connectors.abilities import Effect, ReadBack
from connectors.errors import ActionRequiredError, RefusedError
from connectors.http.connector import SAMPLE_SIZE
from connectors.http.flows import Fields, all_pages, found_for_another, parse
from connectors.http.pages import LinkHeader
from connectors.http.requests import Flow, Operation
from connectors.parameters import account_of
from connectors.read_backs import account_missing, none_left
from connectors.removals import Removals
from connectors.vendors.okta.organisation import OktaSettings, require_scope
from connectors.vendors.okta.users import require_other, user_of

LIST_ROLES = Operation("GET", "/api/v1/users/{userId}/roles", "listAssignedRolesForUser")
UNASSIGN_ROLE = Operation("DELETE", "/api/v1/users/{userId}/roles/{roleAssignmentId}", "unassignRoleFromUser")
LIST_ADMINISTRATORS = Operation("GET", "/api/v1/iam/assignees/users", "listUsersWithRoleAssignments")
_ADMINISTRATORS = LinkHeader(items_at=("value",))  # their next page is in the body; only the first is read


class _Role(Fields):
    id: str = ""
    type: str = ""
    label: str = ""
    assigned: str = Field(default="", alias="assignmentType")

    def shown(self) -> dict[str, str]:
        return {"id": self.id, "name": self.label or self.type, "type": self.type, "assigned": self.assigned}


class _RoleAssignedUser(Fields):
    id: str = Field(min_length=1)


def roles_of(user_id: str) -> Flow[list[_Role]]:
    return [parse(item, _Role) for item in (yield from all_pages(LIST_ROLES.request(user_id), LinkHeader()))]


def remove_admin_roles(settings: OktaSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    require_scope(settings, "remove_admin_roles")
    user, by_group, removals = account_of(effect).native_id, [], Removals("removed_roles")
    yield from require_other(settings, user)
    for role in (yield from roles_of(user)):
        if role.assigned == "GROUP":  # such an assignment belongs to the group
            by_group.append(role.shown())
            continue
        with removals.removing(role.shown()):
            yield UNASSIGN_ROLE.request(user, role.id, missing_ok=True)
    return {**removals.reply("unknown"), "assigned_by_group": by_group}


def look_at_admin_roles(settings: OktaSettings, effect: Effect) -> Flow[ReadBack]:
    """Done where no role is left, a role by a group included: who has it is an administrator."""
    require_scope(settings, "remove_admin_roles")
    user, _ = yield from user_of(effect)
    if user is None:
        return account_missing()
    roles = yield from roles_of(user.id)
    evidence = {**user.evidence(), "roles": [role.shown() for role in roles]}
    return none_left(roles, evidence, shows_such=not roles and (yield from _shows_roles()))


def _shows_roles() -> Flow[bool]:
    """Whether the list of roles shows those of another administrator. Each organisation has one. False where the
    credential may not list administrators."""
    try:
        page = yield LIST_ADMINISTRATORS.request(params={"limit": SAMPLE_SIZE})
    except (ActionRequiredError, RefusedError):
        return False
    administrators = [parse(item, _RoleAssignedUser).id for item in _ADMINISTRATORS.items(page)]
    return (yield from found_for_another(administrators, roles_of))
