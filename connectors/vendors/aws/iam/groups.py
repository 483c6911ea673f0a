"""The groups of a user. IAM has no groups in groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from connectors.abilities import Effect, ReadBack
from connectors.account_set import comparable
from connectors.http.flows import Fields, parse
from connectors.http.requests import Flow
from connectors.parameters import names_of
from connectors.read_backs import none_left, seen
from connectors.removals import GroupsLeft, Removals
from connectors.vendors.aws.iam.evidence import none_on_list
from connectors.vendors.aws.iam.policies import IamGroup, groups_of
from connectors.vendors.aws.iam.settings import AwsSettings
from connectors.vendors.aws.iam.users import IamUser, user_to_change, with_user
from connectors.vendors.aws.query import apply, ask, changing, listed, reading, remove


class _Leaving:
    """The groups to leave: those in the parameter `groups`, or all, but for those in `keep`. Both have names, without
    case. `missing` are names in `groups` that no group of the AWS account has."""

    def __init__(self, every: Sequence[IamGroup], effect: Effect) -> None:
        self._named = names_of(effect, "groups")
        named = None if self._named is None else {comparable(name) for name in self._named}
        keep = {comparable(name) for name in names_of(effect, "keep") or ()}
        self._every = every
        self.groups = [
            group
            for group in every
            if comparable(group.name) not in keep and (named is None or comparable(group.name) in named)
        ]

    def missing(self) -> Flow[list[str]]:
        known = {comparable(group.name) for group in self._every}
        found = []
        for name in sorted(self._named or ()):
            if comparable(name) not in known and (yield from group_named(name)) is None:
                found.append(name)
        return found


class _GroupResult(Fields):
    group: IamGroup = Field(alias="Group")


def group_named(name: str) -> Flow[IamGroup | None]:
    found = yield from ask(reading("GetGroup", GroupName=name, MaxItems="1", missing_ok=True), _GroupResult)
    return None if found is None else found.group


def leave_groups(settings: AwsSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    user = yield from user_to_change(settings, effect)
    leaving = _Leaving((yield from groups_of(user.name)), effect)
    missing = yield from leaving.missing()
    left = GroupsLeft()
    for group in leaving.groups:
        with left.leaving(group.shown()):
            yield from remove(changing("RemoveUserFromGroup", GroupName=group.name, UserName=user.name))
    left.not_found(missing)
    return left.reply("unknown")


@with_user
def look_at_groups(settings: AwsSettings, user: IamUser, effect: Effect) -> Flow[ReadBack]:
    groups = yield from groups_of(user.name)
    leaving = _Leaving(groups, effect)
    left = [group.shown() for group in leaving.groups]
    missing = yield from leaving.missing()
    evidence = {**user.evidence(), "groups": [group.shown() for group in groups], "groups_not_found": missing}
    if missing:
        return none_left(left, evidence, shows_such=False)
    return (
        yield from none_on_list(
            settings,
            user,
            effect,
            left,
            evidence,
            removed="left_groups",
            query=groups_of,
            actions=("iam:ListGroupsForUser",),
            shows_more=len(groups) > len(left),
        )
    )


def _group(taken: Mapping[str, Any]) -> Flow[IamGroup | None]:
    """As it is now, also under another name; None if IAM does not have it any more."""
    known = yield from group_named(str(taken["name"]))
    if known is not None and known.id == taken["id"]:
        return known
    every = [parse(item, IamGroup) for item in (yield from listed(reading("ListGroups"), "Groups"))]
    return next((group for group in every if group.id == taken["id"]), None)


def _lacking_groups(
    user: IamUser, taken: Sequence[Mapping[str, Any]]
) -> Flow[tuple[list[IamGroup], list[dict[str, Any]]]]:
    """The groups that the user is no member of, and those that IAM does not have any more."""
    member_of = {group.id for group in (yield from groups_of(user.name))}
    lacking: list[IamGroup] = []
    deleted: list[dict[str, Any]] = []
    for one in taken:
        if one["id"] in member_of:
            continue
        group = yield from _group(one)
        if group is None:
            deleted.append(dict(one))
        else:
            lacking.append(group)
    return lacking, deleted


def join_groups(settings: AwsSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    user = yield from user_to_change(settings, effect)
    lacking, deleted = yield from _lacking_groups(user, effect.taken)
    given = Removals("joined_groups", "groups_not_joined", verb="added to")
    for group in lacking:
        with given.removing(group.shown()):
            yield from apply(changing("AddUserToGroup", GroupName=group.name, UserName=user.name), effect)
    return {**given.reply("unknown"), "deleted_groups": deleted}


@with_user
def look_at_joining(settings: AwsSettings, user: IamUser, effect: Effect) -> Flow[ReadBack]:
    lacking, deleted = yield from _lacking_groups(user, effect.taken)
    not_joined = [group.shown() for group in lacking]
    return seen(not not_joined, {**user.evidence(), "not_joined": not_joined, "deleted_groups": deleted})
