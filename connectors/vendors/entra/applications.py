"""Assignments to applications, and the consents that the account gave to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from connectors.abilities import Effect, ReadBack
from connectors.http.flows import Fields, found_for_another
from connectors.http.requests import Flow, Operation
from connectors.parameters import account_of
from connectors.read_backs import none_left, seen
from connectors.removals import Removals
from connectors.vendors.entra.graph import EntraSettings, listed
from connectors.vendors.entra.users import GraphUser, some_users, with_user

LIST_APPS = Operation("GET", "/users/{id}/appRoleAssignments", "users.ListAppRoleAssignments")
UNASSIGN_APP = Operation("DELETE", "/users/{id}/appRoleAssignments/{assignmentId}", "users.DeleteAppRoleAssignments")
LIST_GRANTS = Operation("GET", "/users/{id}/oauth2PermissionGrants", "users.ListOauth2PermissionGrants")
REVOKE_GRANT = Operation(
    "DELETE", "/oauth2PermissionGrants/{id}", "oauth2PermissionGrants.oAuth2PermissionGrant.DeleteOAuth2PermissionGrant"
)


class AppAssignment(Fields):
    id: str = Field(min_length=1)
    principal_type: str | None = Field(default=None, alias="principalType")
    app: str | None = Field(default=None, alias="resourceDisplayName")
    app_id: str | None = Field(default=None, alias="resourceId")
    role: str | None = Field(default=None, alias="appRoleId")

    @property
    def is_own(self) -> bool:
        """Whether it is an assignment of the account itself. Graph lists those of its groups too, and says so; one
        without a type is taken for the account's own, so that it does not stay unseen."""
        return self.principal_type != "Group"

    def shown(self) -> dict[str, str]:
        app = {"id": self.id, "name": self.app or self.app_id or self.id}
        return app | {"app_id": self.app_id or "", "role": self.role or "", "assigned": self.principal_type or ""}


class _Consent(Fields):
    id: str = Field(min_length=1)
    client: str = Field(default="", alias="clientId")
    resource: str | None = Field(default=None, alias="resourceId")
    scope: str | None = None

    def shown(self) -> dict[str, str]:
        return {
            "id": self.id,
            "name": self.client,
            "resource": self.resource or "",
            "scope": (self.scope or "").strip(),
        }


def apps_of(user: str) -> Flow[list[AppAssignment]]:
    return (yield from listed(LIST_APPS.request(user), AppAssignment))


def remove_from_apps(settings: EntraSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    user, by_group, removals = account_of(effect).native_id, [], Removals("removed_from_apps")
    for assignment in (yield from apps_of(user)):
        if not assignment.is_own:  # it ends when the account leaves the group
            by_group.append(assignment.shown())
            continue
        with removals.removing(assignment.shown()):
            yield UNASSIGN_APP.request(user, assignment.id, missing_ok=True)
    return {**removals.reply("unknown"), "assigned_by_group": by_group}


@with_user
def look_at_apps(user: GraphUser, effect: Effect) -> Flow[ReadBack]:
    apps = yield from apps_of(user.id)
    evidence = {**user.evidence(), "apps": [app.shown() for app in apps]}
    shows_such = bool(apps) or (yield from found_for_another((yield from some_users()), apps_of))
    return none_left([app for app in apps if app.is_own], evidence, shows_such=shows_such)


def grants_of(user: str) -> Flow[list[_Consent]]:
    return (yield from listed(LIST_GRANTS.request(user), _Consent))


def revoke_grants(settings: EntraSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    removals = Removals("revoked_grants", verb="revoked")
    for grant in (yield from grants_of(account_of(effect).native_id)):
        with removals.removing(grant.shown()):
            yield REVOKE_GRANT.request(grant.id, missing_ok=True)
    return removals.reply("unknown")


@with_user
def look_at_grants(user: GraphUser, effect: Effect) -> Flow[ReadBack]:
    grants = yield from grants_of(user.id)
    return seen(not grants, {**user.evidence(), "grants": [grant.shown() for grant in grants]})
