"""The groups that an account is a member of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import Field

from connectors.abilities import Effect, ReadBack
from connectors.account_set import comparable
from connectors.http.flows import Fields, all_pages, parse
from connectors.http.pages import LinkHeader
from connectors.http.requests import Flow, Operation
from connectors.parameters import account_of, names_of
from connectors.read_backs import none_left, seen
from connectors.removals import GroupsLeft, Removals
from connectors.vendors.okta.organisation import OktaSettings, is_gone
from connectors.vendors.okta.users import UserRecord, with_user

LIST_GROUPS = Operation("GET", "/api/v1/users/{id}/groups", "listUserGroups")
FIND_GROUPS = Operation("GET", "/api/v1/groups", "listGroups")
LEAVE_GROUP = Operation("DELETE", "/api/v1/groups/{groupId}/users/{userId}", "unassignUserFromGroup")
JOIN_GROUP = Operation("PUT", "/api/v1/groups/{groupId}/users/{userId}", "assignUserToGroup")
GET_GROUP = Operation("GET", "/api/v1/groups/{groupId}", "getGroup")
_OWN_GROUP = "OKTA_GROUP"  # groups of other types belong to an application or to Okta, and cannot be left here


class _GroupProfile(Fields):
    name: str = ""


class _Group(Fields):
    id: str = Field(min_length=1)
    type: str
    profile: _GroupProfile = _GroupProfile()

    def shown(self) -> dict[str, str]:
        return {"id": self.id, "name": self.profile.name, "type": self.type}

    def is_named(self, name: str) -> bool:
        return self.id == name or comparable(self.profile.name) == comparable(name)


def groups_of(effect: Effect) -> Flow[list[_Group]]:
    request = LIST_GROUPS.request(account_of(effect).native_id)
    return [parse(item, _Group) for item in (yield from all_pages(request, LinkHeader()))]


def _wanted_groups(effect: Effect) -> Flow[tuple[list[_Group], list[str], bool]]:
    """The account's groups that are named in `groups`, by name or id, else all that can be left in Okta; the names
    that no group has; and whether Okta showed any group, as it does for each account (Everyone)."""
    names, every = names_of(effect, "groups"), (yield from groups_of(effect))
    if names is None:
        return [group for group in every if group.type == _OWN_GROUP], [], bool(every)
    missing = []
    for name in sorted(names):
        if not any(group.is_named(name) for group in every) and not (yield from _group_exists(name)):
            missing.append(name)
    return [group for group in every if any(group.is_named(name) for name in names)], missing, bool(every)


def _group_exists(name: str) -> Flow[bool]:
    text = json.dumps(name, ensure_ascii=False)
    request = FIND_GROUPS.request(params={"search": f"profile.name eq {text} or id eq {text}"})
    found = [parse(item, _Group) for item in (yield from all_pages(request, LinkHeader()))]
    return any(group.is_named(name) for group in found)


def leave_groups(settings: OktaSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    groups, missing, _ = yield from _wanted_groups(effect)
    left = GroupsLeft()
    for group in groups:
        with left.leaving(group.shown()):
            yield LEAVE_GROUP.request(group.id, account_of(effect).native_id, missing_ok=True)
    left.not_found(missing)
    return left.reply()


def _not_member_of(effect: Effect) -> Flow[tuple[list[dict[str, Any]], list[dict[str, Any]], list[_Group]]]:
    """Of the groups that a run removed the account from and it is not in: those that there are, and those that were
    deleted. And the groups that it is in."""
    groups = yield from groups_of(effect)
    member_of = {group.id for group in groups}
    there: list[dict[str, Any]] = []
    deleted: list[dict[str, Any]] = []
    for group in effect.taken:
        if group["id"] not in member_of:
            answer = yield GET_GROUP.request(str(group["id"]), missing_ok=True)
            (deleted if answer.missing and is_gone(answer) else there).append(dict(group))
    return there, deleted, list(groups)


def join_groups(settings: OktaSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    there, deleted, _ = yield from _not_member_of(effect)
    given = Removals("joined_groups", "groups_not_joined", verb="added to")
    for group in there:
        with given.removing(group):
            yield JOIN_GROUP.request(str(group["id"]), account_of(effect).native_id)
    return {**given.reply(), "deleted_groups": deleted}


@with_user
def look_at_joining(user: UserRecord, effect: Effect) -> Flow[ReadBack]:
    lacking, deleted, groups = yield from _not_member_of(effect)
    shown = {"groups": [group.shown() for group in groups], "not_joined": lacking, "deleted_groups": deleted}
    return seen(not lacking, {**user.evidence(), **shown})


@with_user
def look_at_groups(user: UserRecord, effect: Effect) -> Flow[ReadBack]:
    groups, missing, shown = yield from _wanted_groups(effect)
    evidence = {**user.evidence(), "groups": [group.shown() for group in groups], "groups_not_found": missing}
    return none_left(groups, evidence, shows_such=shown and not missing)
