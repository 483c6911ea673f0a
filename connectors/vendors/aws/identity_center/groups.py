"""Removes a user from groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import Field

from connectors.abilities import Effect, ReadBack
from connectors.account_set import comparable
from connectors.http.flows import Fields
from connectors.http.requests import Flow
from connectors.parameters import names_of
from connectors.read_backs import none_left
from connectors.removals import GroupsLeft
from connectors.vendors.aws.identity_center.calls import ask, remove, to_store
from connectors.vendors.aws.identity_center.evidence import none_on_list
from connectors.vendors.aws.identity_center.memberships import GroupMembership, group_ids, memberships
from connectors.vendors.aws.identity_center.settings import IdentityCenterSettings
from connectors.vendors.aws.identity_center.users import DirectoryUser, user_to_change, with_user


class _GroupId(Fields):
    id: str = Field(alias="GroupId", min_length=1)


class _LeavingGroups:
    """The groups to leave: those in the parameter `groups`, or all, but for those in `keep`. Both have names, without
    case."""

    def __init__(self, every: Sequence[GroupMembership], effect: Effect) -> None:
        self._named = names_of(effect, "groups")
        named = None if self._named is None else {comparable(name) for name in self._named}
        keep = {comparable(name) for name in names_of(effect, "keep") or ()}
        self._every = every
        self.memberships = [
            one
            for one in every
            if comparable(one.name) not in keep and (named is None or comparable(one.name) in named)
        ]

    def missing(self, settings: IdentityCenterSettings) -> Flow[list[str]]:
        """Names in `groups` that no group of the directory has."""
        known = {comparable(one.name) for one in self._every}
        found = []
        for name in sorted(self._named or ()):
            if comparable(name) not in known and not (yield from _exists(settings, name)):
                found.append(name)
        return found


def _exists(settings: IdentityCenterSettings, name: str) -> Flow[bool]:
    unique = {"AttributePath": "displayName", "AttributeValue": name}
    request = to_store(settings, "GetGroupId", AlternateIdentifier={"UniqueAttribute": unique})
    return (yield from ask(request, _GroupId, "GROUP")) is not None


def leave_groups(settings: IdentityCenterSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    user = yield from user_to_change(settings, effect)
    leaving = _LeavingGroups((yield from memberships(settings, user.id)), effect)
    missing = yield from leaving.missing(settings)
    left = GroupsLeft()
    for one in leaving.memberships:
        with left.leaving(one.shown()):
            request = to_store(settings, "DeleteGroupMembership", MembershipId=one.id)
            yield from remove(request, "GROUP_MEMBERSHIP")
    left.not_found(missing)
    return left.reply("unknown")


@with_user
def look_at_groups(settings: IdentityCenterSettings, user: DirectoryUser, effect: Effect) -> Flow[ReadBack]:
    groups = yield from memberships(settings, user.id)
    leaving = _LeavingGroups(groups, effect)
    left = [one.shown() for one in leaving.memberships]
    missing = yield from leaving.missing(settings)
    evidence = {**user.evidence(), "groups": [one.shown() for one in groups], "groups_not_found": missing}
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
            query=group_ids,
            action="identitystore:ListGroupMembershipsForMember",
            shows_more=len(groups) > len(left),
        )
    )
