"""Memberships that a run revoked, granted again with their former options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from psycopg import sql

from connectors.abilities import Effect, ReadBack, Reply
from connectors.errors import RefusedError
from connectors.read_backs import seen
from connectors.removals import Removals
from connectors.vendors.postgresql.memberships import memberships
from connectors.vendors.postgresql.roles import Role, as_oid, changing, role_with_oid
from connectors.vendors.postgresql.server import Conversation

_OPTIONS: Final = ("admin_option", "inherit", "set")


@dataclass(frozen=True, slots=True)
class _FormerMembership:
    """One that the account had. `options` are the former ones that are known, `lacking` those of them that it has not
    now; `joined` is whether it is a member now, by any grant."""

    taken: Mapping[str, Any]
    group: Role
    options: Mapping[str, bool]
    lacking: Sequence[str]
    joined: bool

    @property
    def missing(self) -> bool:
        return not self.joined or bool(self.lacking)

    @property
    def shown(self) -> dict[str, Any]:
        """Under its present name."""
        return {"id": str(self.group.oid), "name": self.group.name, **self.options}


async def _found(
    talk: Conversation, role: Role, taken: Sequence[Mapping[str, Any]]
) -> tuple[list[_FormerMembership], list[Mapping[str, Any]]]:
    """The memberships that a run took, and the groups that there are no longer."""
    now = await memberships(talk, role)
    found: list[_FormerMembership] = []
    dropped: list[Mapping[str, Any]] = []
    for one in taken:
        oid = as_oid(str(one["id"]))
        group = await role_with_oid(talk, oid) if oid is not None else None
        if group is None:
            dropped.append(dict(one))
            continue
        # Evidence of an earlier version has one grant only.
        former = one.get("membership") or one
        options = {name: former[name] for name in _OPTIONS if isinstance(former.get(name), bool)}
        grants = [grant.options() for grant in now if grant.oid == oid]
        lacking = [
            name
            for name, had in options.items()
            if had and _known_here(talk, name) and not any(grant[name] for grant in grants)
        ]
        found.append(_FormerMembership(one, group, options, lacking, bool(grants)))
    return found, dropped


def _known_here(talk: Conversation, option: str) -> bool:
    """Before PostgreSQL 16 a membership has no options besides ADMIN OPTION."""
    return option == "admin_option" or talk.has_grantors


async def join_groups(talk: Conversation, role: Role, effect: Effect) -> Reply:
    found, dropped = await _found(talk, role, effect.taken)
    given = Removals("joined_groups", "groups_not_joined", verb="added to")
    for membership in found:
        if membership.missing:
            with given.removing(membership.shown):
                await _join(talk, role, membership)
    return Reply({**given.reply(talk.happened), "deleted_groups": dropped})


async def _join(talk: Conversation, role: Role, membership: _FormerMembership) -> None:
    group = membership.group
    if group.name != membership.taken.get("name"):
        raise RefusedError(
            "group_cannot_be_joined",
            f"The role had the name {membership.taken.get('name')} when the membership was revoked.",
            remedy="Check that it is the same role, and grant the membership by hand.",
            happened="no",
        )
    grant = sql.SQL("GRANT {} TO {}").format(group.identifier, role.identifier) + _with(talk, membership)
    async with changing(talk, {role.oid: role.name, group.oid: group.name}):
        await talk.rows(grant)
    [after], _ = await _found(talk, role, [membership.taken])
    if after.missing:
        # PostgreSQL warns, and changes nothing.
        raise RefusedError(
            "group_cannot_be_joined",
            "The server accepted the command and did not grant the membership.",
            remedy="Grant it as a role with ADMIN OPTION on the group.",
            happened="no",
        )


def _with(talk: Conversation, membership: _FormerMembership) -> sql.Composed:
    """An option of a membership that there is already is not taken from it."""
    if not talk.has_grantors:
        return sql.Composed([sql.SQL(" WITH ADMIN OPTION")] if membership.options.get("admin_option") else [])
    words = {
        name: value for name, value in membership.options.items() if name in membership.lacking or not membership.joined
    }
    if not words:
        return sql.Composed([])
    each = [
        sql.SQL("{} {}").format(sql.SQL(_WORDS[name]), sql.SQL("TRUE" if value else "FALSE"))
        for name, value in words.items()
    ]
    return sql.SQL(" WITH ") + sql.SQL(", ").join(each)


_WORDS: Final[Mapping[str, Any]] = {"admin_option": "ADMIN", "inherit": "INHERIT", "set": "SET"}


async def look_at_joining(talk: Conversation, role: Role, effect: Effect) -> ReadBack:
    found, dropped = await _found(talk, role, effect.taken)
    not_joined = [membership.shown for membership in found if membership.missing]
    return seen(not not_joined, {**role.evidence(), "not_joined": not_joined, "deleted_groups": dropped})
