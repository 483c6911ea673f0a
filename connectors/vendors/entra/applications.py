"""Assignments to applications, and the consents that the account gave to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from connectors.abilities import Effect, ReadBack
from connectors.errors import ActionRequiredError, RefusedError
from connectors.http.flows import Fields, found_for_another, parse
from connectors.http.list_evidence import found_for_known, left_on_list
from connectors.http.requests import Flow, Operation
from connectors.parameters import account_of
from connectors.read_backs import account_missing, none_left
from connectors.removals import Removals
from connectors.vendors.entra.graph import PAGES, EntraSettings, listed
from connectors.vendors.entra.permissions import READ_CONSENTS, may_read
from connectors.vendors.entra.users import GraphUser, some_users, user_of, with_user

LIST_APPS = Operation("GET", "/users/{id}/appRoleAssignments", "users.ListAppRoleAssignments")
UNASSIGN_APP = Operation("DELETE", "/users/{id}/appRoleAssignments/{assignmentId}", "users.DeleteAppRoleAssignments")
LIST_GRANTS = Operation("GET", "/users/{id}/oauth2PermissionGrants", "users.ListOauth2PermissionGrants")
LIST_ALL_GRANTS = Operation(
    "GET", "/oauth2PermissionGrants", "oauth2PermissionGrants.oAuth2PermissionGrant.ListOAuth2PermissionGrant"
)
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
    type: str | None = Field(default=None, alias="consentType")
    principal: str | None = Field(default=None, alias="principalId")

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


def look_at_grants(settings: EntraSettings, effect: Effect) -> Flow[ReadBack]:
    user, _ = yield from user_of(effect)
    if user is None:
        return account_missing()
    grants = [grant.shown() for grant in (yield from grants_of(user.id))]
    return (
        yield from left_on_list(
            grants,
            {**user.evidence(), "grants": grants},
            effect,
            removed="revoked_grants",
            others=_other_grants(effect),
            permitted=may_read(settings, READ_CONSENTS),
        )
    )


def _other_grants(effect: Effect) -> Flow[bool | None]:
    """Of accounts that the tenant's own list of consents names."""
    try:
        page = yield PAGES.first(LIST_ALL_GRANTS.request(params={"$filter": "consentType eq 'Principal'"}))
    except (ActionRequiredError, RefusedError):
        return False  # what may read the consents of an account may read this list
    consents = [parse(item, _Consent) for item in PAGES.items(page)]
    principals = [one.principal for one in consents if one.type == "Principal" and one.principal]
    return (yield from found_for_known(principals, grants_of, effect))
