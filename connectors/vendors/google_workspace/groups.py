"""The groups that an account is a member of, itself or by another group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from connectors.abilities import Effect, ReadBack
from connectors.account_set import comparable, equals_ignoring_case
from connectors.errors import ActionRequiredError, RefusedError
from connectors.http.flows import Fields, found_for_another, parse
from connectors.http.requests import Flow, Operation
from connectors.parameters import account_of, names_of
from connectors.read_backs import account_missing, none_left, seen
from connectors.removals import GroupsLeft, Removals
from connectors.vendors.google_workspace.admin_sdk import (
    DIRECTORY,
    GROUP_MEMBERS,
    GROUPS_READ,
    GoogleWorkspaceSettings,
    is_gone,
    listed,
    quoted,
)
from connectors.vendors.google_workspace.users import WorkspaceUser, some_users, user_of, user_to_change, with_user

GROUP = f"{DIRECTORY}/groups/{{groupKey}}"
MEMBER = f"{GROUP}/members/{{memberKey}}"
LIST_GROUPS = Operation("GET", f"{DIRECTORY}/groups", "directory.groups.list", GROUPS_READ)
GET_GROUP = Operation("GET", GROUP, "directory.groups.get", GROUPS_READ)
GET_MEMBER = Operation("GET", MEMBER, "directory.members.get", GROUPS_READ)
ADD_MEMBER = Operation("POST", f"{GROUP}/members", "directory.members.insert", GROUP_MEMBERS)
CHANGE_MEMBER = Operation("PATCH", MEMBER, "directory.members.patch", GROUP_MEMBERS)
LEAVE_GROUP = Operation("DELETE", MEMBER, "directory.members.delete", GROUP_MEMBERS)
_ROLES = ("", "MEMBER", "MANAGER", "OWNER")
"""From none to the one with the most rights
(developers.google.com/workspace/admin/directory/v1/guides/manage-group-members)."""
MAX_PARENTS_READ = 30
"""Groups whose own groups are read; a request for each."""


class Group(Fields):
    id: str = Field(min_length=1)
    email: str = ""
    name: str | None = None
    aliases: list[str] | None = None

    def is_named(self, name: str) -> bool:
        """By ID, address, alias or name."""
        addresses = (self.email, *(self.aliases or ()))
        return (
            self.id == name
            or any(equals_ignoring_case(address, name) for address in addresses)
            or comparable(self.name or "") == comparable(name)
        )

    def shown(self) -> dict[str, str]:
        return {"id": self.id, "name": self.name or self.email or self.id, "email": self.email}


class _Member(Fields):
    role: str | None = None


def groups_of(key: str) -> Flow[list[Group]]:
    """The groups that a user (by ID) or group (by address) is a direct member of."""
    return (yield from listed(LIST_GROUPS.request(params={"userKey": key}), Group, "groups"))


def groups_by_groups(direct: Sequence[Group]) -> Flow[tuple[list[Group], bool]]:
    """The further groups that the account is a member of because one of its groups is, and whether all were read."""
    known, pending = {group.id for group in direct}, list(direct)
    found: list[Group] = []
    for number, group in enumerate(pending):
        if number == MAX_PARENTS_READ:
            return found, False
        for parent in (yield from groups_of(group.email or group.id)):
            if parent.id not in known:
                known.add(parent.id)
                found.append(parent)
                pending.append(parent)
    return found, True


def role_in(group: Group, user: str) -> Flow[str]:
    """`OWNER`, `MANAGER` or `MEMBER`; empty where the account is not a member any more."""
    answer = yield GET_MEMBER.request(group.id, user, missing_ok=True)
    return "" if answer.missing else parse(answer.body, _Member).role or ""


@dataclass(frozen=True, slots=True)
class _Wanted:
    """`direct` are the groups to leave. `by_groups` are groups in which the account stays by another group that it does
    not leave; `named_by_groups` are those of them that are named in `groups`. `missing` are names in the parameters
    that no group has. `any_shown`: Google shows a group of the account. `complete`: `by_groups` was read to its end."""

    direct: Sequence[Group]
    by_groups: Sequence[Group]
    named_by_groups: Sequence[Group]
    missing: Sequence[str]
    any_shown: bool
    complete: bool


def _wanted_groups(settings: GoogleWorkspaceSettings, effect: Effect) -> Flow[_Wanted]:
    names, keep = names_of(effect, "groups"), names_of(effect, "keep") or frozenset()
    every = yield from groups_of(account_of(effect).native_id)
    others = [name for name in sorted(names or ()) if not _any_named(every, name)]
    unknown = [name for name in sorted(keep) if not _any_named(every, name)]
    missing = []
    for name in dict.fromkeys(others + unknown):
        if not (yield from _group_exists(settings, name)):
            missing.append(name)
    wanted = every if names is None else [group for group in every if any(group.is_named(name) for name in names)]
    direct = [group for group in wanted if not any(group.is_named(name) for name in keep)]
    by_groups: list[Group] = []
    complete = True
    if names is None or set(others) - set(missing):  # otherwise nothing depends on it, and each group is a request
        by_groups, complete = yield from groups_by_groups([group for group in every if group not in direct])
    named = [group for group in by_groups if any(group.is_named(name) for name in others)]
    return _Wanted(direct, by_groups, named, missing, bool(every), complete)


def _any_named(groups: Sequence[Group], name: str) -> bool:
    return any(group.is_named(name) for group in groups)


def _group_exists(settings: GoogleWorkspaceSettings, name: str) -> Flow[bool]:
    if "@" not in name:
        params = {"customer": settings.customer, "query": f"name={quoted(name)}"}
        if _any_named((yield from listed(LIST_GROUPS.request(params=params), Group, "groups")), name):
            return True
        if not name.isalnum():  # neither an address nor an ID
            return False
    try:
        answer = yield GET_GROUP.request(name, missing_ok=True)
    except (ActionRequiredError, RefusedError) as error:
        if error.code not in ("credential_refused", "refused"):
            raise
        return False  # Google refuses so what is an address of another company, or no ID
    return not answer.missing and parse(answer.body, Group).is_named(name)


def leave_groups(settings: GoogleWorkspaceSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    wanted = yield from _wanted_groups(settings, effect)
    left = GroupsLeft()
    for group in wanted.direct:
        shown = group.shown()
        with left.leaving(shown):
            shown["role"] = yield from role_in(group, account_of(effect).native_id)
            yield LEAVE_GROUP.request(group.id, account_of(effect).native_id, missing_ok=True)
    for group in wanted.named_by_groups:
        with left.leaving(group.shown()):
            raise RefusedError(
                "member_by_group",
                "The account is a member of some groups only because another of its groups is.",
                remedy="Remove the account from that other group, or name it in the parameter groups of the step.",
                happened="no",
            )
    left.not_found(wanted.missing)
    return left.reply()


@dataclass(frozen=True, slots=True)
class _Lacking:
    """Of the groups that a run took the account out of: `there` are those in which it has not its former role, each
    with its present one (empty for none), and `deleted` those that Google does not have any more."""

    there: Sequence[tuple[Mapping[str, Any], str]]
    deleted: Sequence[Mapping[str, Any]]


def _former_role(group: Mapping[str, Any]) -> str:
    """A role that is not known counts as the one with the fewest rights."""
    role = group.get("role")
    return role if role in _ROLES[1:] else "MEMBER"


def _lacking_groups(user: WorkspaceUser, taken: Sequence[Mapping[str, Any]]) -> Flow[_Lacking]:
    member_of = {group.id: group for group in (yield from groups_of(user.id))}
    there: list[tuple[Mapping[str, Any], str]] = []
    deleted: list[Mapping[str, Any]] = []
    for group in taken:
        former, now = _former_role(group), ""
        if (known := member_of.get(str(group["id"]))) is not None:
            # To be a member says that the account has at least this role.
            now = "MEMBER" if former == "MEMBER" else (yield from role_in(known, user.id))
        else:
            answer = yield GET_GROUP.request(str(group["id"]), missing_ok=True)
            if answer.missing and is_gone(answer):
                deleted.append(dict(group))
                continue
        if now not in _ROLES or _ROLES.index(now) < _ROLES.index(former):
            there.append((dict(group), now))
    return _Lacking(there, deleted)


def join_groups(settings: GoogleWorkspaceSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    user = yield from user_to_change(settings, effect)
    lacking = yield from _lacking_groups(user, effect.taken)
    given = Removals("joined_groups", "groups_not_joined", verb="added to")
    for group, now in lacking.there:
        role = _former_role(group)
        with given.removing(group):
            if now:
                yield CHANGE_MEMBER.request(str(group["id"]), user.id, json={"role": role})
            else:
                yield ADD_MEMBER.request(str(group["id"]), json={"email": user.email, "role": role})
    return {**given.reply("unknown"), "deleted_groups": lacking.deleted}


@with_user
def look_at_joining(user: WorkspaceUser, effect: Effect) -> Flow[ReadBack]:
    lacking = yield from _lacking_groups(user, effect.taken)
    not_joined = [{**group, "role_now": now} for group, now in lacking.there]
    return seen(not not_joined, {**user.evidence(), "not_joined": not_joined, "deleted_groups": lacking.deleted})


def look_at_groups(settings: GoogleWorkspaceSettings, effect: Effect) -> Flow[ReadBack]:
    user, _ = yield from user_of(effect)
    if user is None:
        return account_missing()
    wanted = yield from _wanted_groups(settings, effect)
    left = [group.shown() for group in (*wanted.direct, *wanted.named_by_groups)]
    proven = wanted.any_shown or (yield from found_for_another((yield from some_users(settings)), groups_of))
    evidence = {
        **user.evidence(),
        "groups": left,
        "groups_by_kept_groups": [group.shown() for group in wanted.by_groups],
        "groups_not_found": wanted.missing,
        "search_proven": proven and wanted.complete,
    }
    return none_left(left, evidence, shows_such=proven and wanted.complete and not wanted.missing)
