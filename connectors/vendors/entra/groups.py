"""The groups that an account is a member of."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from connectors.abilities import Effect, ReadBack
from connectors.errors import RefusedError
from connectors.http.flows import found_for_another, parse
from connectors.http.requests import Flow, Operation
from connectors.parameters import account_of, names_of
from connectors.read_backs import none_left, seen
from connectors.removals import GroupsLeft, Removals
from connectors.vendors.entra.graph import DirectoryObject, EntraSettings, is_gone, listed, quoted
from connectors.vendors.entra.users import GraphUser, some_users, with_user

LIST_MEMBERSHIPS = Operation("GET", "/users/{id}/memberOf", "users.ListMemberOf")
LIST_ALL_MEMBERSHIPS = Operation("GET", "/users/{id}/transitiveMemberOf", "users.ListTransitiveMemberOf")
GET_GROUP = Operation("GET", "/groups/{id}", "groups.group.GetGroup")
FIND_GROUPS = Operation("GET", "/groups", "groups.group.ListGroup")
LEAVE_GROUP = Operation("DELETE", "/groups/{id}/members/{memberId}/$ref", "groups.DeleteRefMembers")
JOIN_GROUP = Operation("POST", "/groups/{id}/members/$ref", "groups.CreateRefMembers")
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def memberships_of(user: str, operation: Operation = LIST_MEMBERSHIPS) -> Flow[list[DirectoryObject]]:
    return (yield from listed(operation.request(user), DirectoryObject))


def shows_memberships(found: Collection[Any], operation: Operation = LIST_MEMBERSHIPS) -> Flow[bool]:
    """Whether Graph is known to show memberships: some of the account (`found`), or of another one."""
    if found:
        return True
    return (yield from found_for_another((yield from some_users()), lambda user: memberships_of(user, operation)))


def _wanted_groups(effect: Effect) -> Flow[tuple[list[DirectoryObject], list[str], list[DirectoryObject]]]:
    """The account's direct groups that are named in `groups`, by name or id, else all; without those in `keep`. And
    the names in the two parameters that no group has, and all that Graph showed."""
    names, keep = names_of(effect, "groups"), names_of(effect, "keep") or frozenset()
    objects = yield from memberships_of(account_of(effect).native_id)
    every = [item for item in objects if item.is_a("group")]
    missing = []
    for name in sorted((names or frozenset()) | keep):
        if not any(group.is_named(name) for group in every) and not (yield from _group_exists(name)):
            missing.append(name)
    wanted = every if names is None else [group for group in every if any(group.is_named(name) for name in names)]
    return [group for group in wanted if not any(group.is_named(name) for name in keep)], missing, objects


def _group_exists(name: str) -> Flow[bool]:
    by_name = FIND_GROUPS.request(params={"$filter": f"displayName eq {quoted(name)}", "$select": "id,displayName"})
    if any(group.is_named(name) for group in (yield from listed(by_name, DirectoryObject))):
        return True
    if not _ID.fullmatch(name):  # Graph refuses anything else in place of an id
        return False
    answer = yield GET_GROUP.request(name, params={"$select": "id,displayName"}, missing_ok=True)
    return not answer.missing and parse(answer.body, DirectoryObject).id == name


def leave_groups(settings: EntraSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    groups, missing, _ = yield from _wanted_groups(effect)
    left = GroupsLeft()
    for group in groups:
        reason = group.kept_because
        with left.leaving(group.shown() | ({"name": f"{group.name} ({reason})"} if reason else {})):
            if reason:
                raise RefusedError(
                    "group_cannot_be_left",
                    "Graph cannot remove the account from some groups.",
                    remedy="Remove the account where the group is managed, or name the group in the parameter keep of "
                    "the step.",
                    happened="no",
                )
            yield LEAVE_GROUP.request(group.id, account_of(effect).native_id, missing_ok=True)
    left.not_found(missing)
    return left.reply()


def _not_member_of(effect: Effect) -> Flow[tuple[list[dict[str, Any]], list[dict[str, Any]], list[DirectoryObject]]]:
    """Of the groups that a run removed the account from and it is not in: those that there are, and those that were
    deleted. And the groups that it is in."""
    objects = yield from memberships_of(account_of(effect).native_id)
    groups = [item for item in objects if item.is_a("group")]
    member_of = {group.id for group in groups}
    there: list[dict[str, Any]] = []
    deleted: list[dict[str, Any]] = []
    for group in effect.taken:
        if group["id"] not in member_of:
            answer = yield GET_GROUP.request(str(group["id"]), params={"$select": "id,displayName"}, missing_ok=True)
            (deleted if answer.missing and is_gone(answer) else there).append(dict(group))
    return there, deleted, groups


def join_groups(settings: EntraSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    there, deleted, _ = yield from _not_member_of(effect)
    given = Removals("joined_groups", "groups_not_joined", verb="added to")
    for group in there:
        with given.removing(group):
            member = settings.reference("directoryObjects", account_of(effect).native_id)
            yield JOIN_GROUP.request(group["id"], json=member)
    return {**given.reply(), "deleted_groups": deleted}


@with_user
def look_at_joining(user: GraphUser, effect: Effect) -> Flow[ReadBack]:
    lacking, deleted, groups = yield from _not_member_of(effect)
    shown = {"groups": [group.shown() for group in groups], "not_joined": lacking, "deleted_groups": deleted}
    return seen(not lacking, {**user.evidence(), **shown})


@with_user
def look_at_groups(user: GraphUser, effect: Effect) -> Flow[ReadBack]:
    groups, missing, shown = yield from _wanted_groups(effect)
    evidence = {**user.evidence(), "groups": [group.group() for group in groups], "groups_not_found": missing}
    shows_such = not missing and (yield from shows_memberships(shown))
    return none_left(groups, evidence, shows_such=shows_such)
