"""User groups of workspaces, such as @marketing.

Slack replaces a group's whole list of members and takes no condition. So the list is read just before it is written,
and compared afterwards; and it is exclusive, since a second run that read the list before would add the account of the
first one again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import Field

from connectors.abilities import Effect, ReadBack
from connectors.account_set import comparable
from connectors.errors import RefusedError, TryAgainError
from connectors.http.flows import Fields, ask, parse, unexpected
from connectors.http.list_evidence import left_on_list
from connectors.http.requests import Flow, Operation
from connectors.parameters import names_of
from connectors.read_backs import account_missing, none_left
from connectors.removals import GroupsLeft
from connectors.vendors.slack.answers import known, said_ok
from connectors.vendors.slack.credential import SlackAccess, SlackCredential
from connectors.vendors.slack.users import SlackMember, user_of, user_to_change

LIST_GROUPS = Operation("GET", "/api/usergroups.list", "usergroups_list")
LIST_MEMBERS = Operation("GET", "/api/usergroups.users.list", "usergroups_users_list")
SET_MEMBERS = Operation("POST", "/api/usergroups.users.update", "usergroups_users_update")
DISABLE_GROUP = Operation("POST", "/api/usergroups.disable", "usergroups_disable")


class UserGroup(Fields):
    """`deleted_at` is 0 for a group that is not disabled. `is_idp_group` and `is_membership_locked` are in Slack's
    answers and not in its documents; `auto_type` is that of the groups of administrators and owners, which Slack
    fills."""

    id: str = Field(min_length=1)
    team_id: str = ""
    name: str = ""
    handle: str = ""
    deleted_at: int = Field(default=0, alias="date_delete")
    auto_type: str | None = None
    auto_provision: bool = False
    is_idp_group: bool = False
    is_membership_locked: bool = False
    users: list[str] = Field(default=[])

    @property
    def is_filled_elsewhere(self) -> bool:
        return bool(self.auto_type) or self.auto_provision or self.is_idp_group or self.is_membership_locked

    def shown(self) -> dict[str, str]:
        return {"id": self.id, "name": self.handle or self.name or self.id, "workspace": self.team_id}

    def is_named(self, name: str) -> bool:
        return self.id == name or comparable(name.removeprefix("@")) in (comparable(self.handle), comparable(self.name))


class GroupMembers(Fields):
    users: list[str]


def groups_in(workspace: str) -> Flow[list[UserGroup]]:
    """All groups of a workspace that are not disabled, with their members. Slack lists them on one page."""
    answer = yield LIST_GROUPS.request(params={"team_id": workspace, "include_users": "true"})
    said_ok(answer)
    listed = answer.body.get("usergroups")
    if not isinstance(listed, list):
        unexpected("The answer has no list in usergroups.")
    groups = [parse(item, UserGroup) for item in listed]
    return [group for group in groups if not group.deleted_at]


class _Groups:
    """The groups of the user's workspaces: those that have the user, of the names in `groups` if it was given; the
    names that no group has; and whether any group has another member."""

    def __init__(self, user: SlackMember, every: list[UserGroup], names: Iterable[str] | None) -> None:
        self.any_listed = bool(every)
        self.others = any(set(group.users) - {user.id} for group in every)
        having = [group for group in every if user.id in group.users]
        self.of_user = having if names is None else [one for one in having if any(map(one.is_named, names))]
        self.missing = [name for name in sorted(names or ()) if not any(one.is_named(name) for one in every)]
        self.shows_more = len(having) > len(self.of_user)


def user_groups(credential: SlackCredential, user: SlackMember, effect: Effect) -> Flow[_Groups]:
    every: list[UserGroup] = []
    for workspace in user.workspaces(credential):
        every += yield from groups_in(workspace)
    return _Groups(user, every, names_of(effect, "groups"))


def leave_groups(access: SlackAccess, effect: Effect) -> Flow[Mapping[str, Any]]:
    """`members_before` has the members of each group just before it was left, so that the list can be restored."""
    credential = yield from access.require("remove_from_user_groups")
    disable = _disables(effect)
    user = yield from user_to_change(access, effect)
    groups = yield from user_groups(credential, user, effect)
    left, before, disabled = GroupsLeft(), {}, []
    for group in groups.of_user:
        with left.leaving(group.shown()):
            members = yield from _members(group)
            if user.id not in members:
                continue
            before[group.id] = members
            if (yield from _leave(group, user, members, disable=disable)):
                disabled.append(group.shown())
    left.not_found(groups.missing)
    return {**left.reply("unknown"), "disabled_groups": disabled, "members_before": before}


def _disables(effect: Effect) -> bool:
    value = effect.parameters.get("disable_emptied", False)
    if not isinstance(value, bool):
        raise RefusedError(
            "parameter_invalid",
            f"{effect.ability} needs disable_emptied as true or false.",
            remedy="Correct disable_emptied in workflow.yaml.",
            happened="no",
        )
    return value


def _members(group: UserGroup) -> Flow[list[str]]:
    request = LIST_MEMBERS.request(params={"team_id": group.team_id, "usergroup": group.id})
    request = request.excluding(f"user group {group.id}")
    return (yield from ask(request, GroupMembers)).users


def _leave(group: UserGroup, user: SlackMember, members: list[str], *, disable: bool) -> Flow[bool]:
    """Whether the group was disabled, since it would have had no member."""
    if group.is_filled_elsewhere:
        raise RefusedError(
            "group_filled_elsewhere",
            "Its members come from the identity provider or from a role, and Slack lets them be changed only there.",
            remedy="Remove the account from the group in the identity provider or with remove_from_idp_groups, and an "
            "administrator's or owner's role with remove_admin_roles.",
            happened="no",
        )
    rest = [one for one in members if one != user.id]
    place = {"team_id": group.team_id, "usergroup": group.id}
    if not rest:
        if not disable:
            raise RefusedError(
                "last_member",
                "The account is its only member, and a user group of Slack cannot be empty.",
                remedy="Add another member in Slack, or set disable_emptied: true in the step's parameters, so that "
                "the group is disabled.",
                happened="no",
            )
        yield DISABLE_GROUP.request(json=place)
        return True
    yield SET_MEMBERS.request(json={**place, "users": ",".join(rest)})
    if user.id in (yield from _members(group)):
        raise TryAgainError(
            "changed_meanwhile", "Another client wrote the list of members at the same time.", happened="unknown"
        )
    return False


def look_at_groups(access: SlackAccess, effect: Effect) -> Flow[ReadBack]:
    credential = yield from access.require("remove_from_user_groups")
    user = yield from user_of(access, effect)
    if user is None:
        return account_missing()
    groups = yield from user_groups(credential, user, effect)
    workspaces = user.workspaces(credential)
    shown = [group.shown() for group in groups.of_user]
    evidence = {
        **user.evidence(),
        "user_groups": shown,
        "groups_not_found": groups.missing,
        "asked_in": workspaces,
    }
    if groups.missing or not workspaces:
        return none_left(shown, evidence, shows_such=False)
    return (
        yield from left_on_list(
            shown,
            evidence,
            effect,
            removed="left_groups",
            others=known(True if groups.others else False if groups.any_listed else None),
            permitted=known(credential.scopes is not None),  # without the scope, Slack refuses the list
            shows_more=groups.shows_more,
        )
    )
