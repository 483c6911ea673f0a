"""Assignments to applications, and the grants that the account gave to them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import Field

from connectors.abilities import Effect, ReadBack
from connectors.http.flows import Fields, all_pages, change, found_for_another, parse
from connectors.http.list_evidence import left_on_list
from connectors.http.pages import LinkHeader
from connectors.http.requests import Flow, Operation
from connectors.parameters import account_of
from connectors.read_backs import account_missing, none_left
from connectors.removals import Removals
from connectors.vendors.okta.check import reads_every_user
from connectors.vendors.okta.organisation import PAGE_SIZE, OktaSettings, require_scope
from connectors.vendors.okta.users import some_users, user_of, user_request

LIST_APPS = Operation("GET", "/api/v1/apps", "listApplications")
UNASSIGN_APP = Operation("DELETE", "/api/v1/apps/{appId}/users/{userId}", "unassignUserFromApplication")
LIST_GRANTS = Operation("GET", "/api/v1/users/{userId}/grants", "listUserGrants")
REVOKE_GRANTS = Operation("DELETE", "/api/v1/users/{userId}/grants", "revokeUserGrants")


class _AppUser(Fields):
    scope: str = ""


class _AppUsers(Fields):
    user: _AppUser = _AppUser()


class _App(Fields):
    id: str = Field(min_length=1)
    label: str = ""
    embedded: _AppUsers = Field(default=_AppUsers(), alias="_embedded")

    @property
    def assigned(self) -> str:
        """`USER` for an assignment of the account itself, `GROUP` for one by a group, empty where Okta shows none."""
        return self.embedded.user.scope

    def shown(self) -> dict[str, str]:
        return {"id": self.id, "name": self.label, "assigned": self.assigned}


class _Grant(Fields):
    client: str = Field(default="", alias="clientId")
    scope: str = Field(default="", alias="scopeId")


def apps_of(user: str) -> Flow[list[_App]]:
    """Applications that the user is assigned to, itself or by a group, also inactive ones."""
    request = LIST_APPS.request(
        params={
            "filter": f"user.id eq {json.dumps(user)}",
            "expand": f"user/{user}",
            "includeNonDeleted": "true",
            "limit": PAGE_SIZE,
        }
    )
    return [parse(item, _App) for item in (yield from all_pages(request, LinkHeader()))]


def remove_from_apps(settings: OktaSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    require_scope(settings, "remove_from_apps")
    user, by_group, removals = account_of(effect).native_id, [], Removals("removed_from_apps")
    for app in (yield from apps_of(user)):
        if app.assigned == "GROUP":  # Okta ends it when the account leaves the group
            by_group.append(app.shown())
            continue
        with removals.removing(app.shown()):
            yield UNASSIGN_APP.request(app.id, user, params={"sendEmail": "false"}, missing_ok=True)
    return {**removals.reply("unknown"), "assigned_by_group": by_group}


def look_at_apps(settings: OktaSettings, effect: Effect) -> Flow[ReadBack]:
    require_scope(settings, "remove_from_apps")
    user, _ = yield from user_of(effect)
    if user is None:
        return account_missing()
    apps = yield from apps_of(user.id)
    evidence = {**user.evidence(), "apps": [app.shown() for app in apps]}
    shows_such = bool(apps) or (yield from found_for_another((yield from some_users()), apps_of))
    return none_left([app for app in apps if app.assigned != "GROUP"], evidence, shows_such=shows_such)


def grants_of(user: str) -> Flow[list[dict[str, Any]]]:
    request = LIST_GRANTS.request(user, params={"limit": PAGE_SIZE})
    found = [parse(item, _Grant) for item in (yield from all_pages(request, LinkHeader()))]
    return [grant.model_dump() for grant in found]


def revoke_grants(settings: OktaSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    before = yield from grants_of(account_of(effect).native_id)
    if before:
        yield from change(user_request(REVOKE_GRANTS, effect), effect)
    return {"grants": before}


def look_at_grants(settings: OktaSettings, effect: Effect) -> Flow[ReadBack]:
    """In many organisations no user has given a consent, so that no other account's grants can be found either."""
    user, _ = yield from user_of(effect)
    if user is None:
        return account_missing()
    grants = yield from grants_of(user.id)
    return (
        yield from left_on_list(
            grants,
            {**user.evidence(), "grants": grants},
            effect,
            removed="grants",
            others=_other_grants(),
            permitted=reads_every_user(settings),
        )
    )


def _other_grants() -> Flow[bool | None]:
    return (yield from found_for_another((yield from some_users()), grants_of)) or None
