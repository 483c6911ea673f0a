"""The roles that an account is a member of (`pg_auth_members`).

Since PostgreSQL 16 one membership can be granted several times, by different grantors, and each grant is revoked by the
name of its grantor. A grant with ADMIN OPTION that memberships of others depend on is not revoked: CASCADE would end
theirs.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from connectors.abilities import Effect, ReadBack, Reply
from connectors.errors import RefusedError
from connectors.parameters import names_of
from connectors.read_backs import none_left
from connectors.removals import GroupsLeft
from connectors.vendors.postgresql.roles import Role, changing
from connectors.vendors.postgresql.server import Conversation

_DIRECT = sql.SQL(
    "SELECT g.oid::int8 AS oid, g.rolname::text AS name, b.rolname::text AS grantor, m.admin_option, {options}"
    " FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles g ON g.oid = m.roleid"
    " LEFT JOIN pg_catalog.pg_roles b ON b.oid = m.grantor"
    " WHERE m.member = %(oid)s::int8::oid ORDER BY g.rolname, b.rolname"
)
_ALL = sql.SQL(
    "WITH RECURSIVE reached(oid, via) AS ("
    " SELECT roleid, NULL::oid FROM pg_catalog.pg_auth_members WHERE member = %(oid)s::int8::oid"
    " UNION SELECT m.roleid, m.member FROM pg_catalog.pg_auth_members m JOIN reached ON m.member = reached.oid)"
    " SELECT DISTINCT g.rolname::text AS name, v.rolname::text AS via FROM reached"
    " JOIN pg_catalog.pg_roles g ON g.oid = reached.oid JOIN pg_catalog.pg_roles v ON v.oid = reached.via ORDER BY 1, 2"
)
_ALL_OF_MANY = sql.SQL(
    "WITH RECURSIVE reached(member, oid) AS ("
    " SELECT member, roleid FROM pg_catalog.pg_auth_members WHERE member::int8 = ANY(%(oids)s::int8[])"
    " UNION SELECT reached.member, m.roleid FROM pg_catalog.pg_auth_members m JOIN reached ON m.member = reached.oid)"
    " SELECT reached.member::int8 AS member, g.rolname::text AS name FROM reached"
    " JOIN pg_catalog.pg_roles g ON g.oid = reached.oid"
)
_MEMBERS = sql.SQL(
    "SELECT DISTINCT r.rolname::text AS name FROM pg_catalog.pg_auth_members m"
    " JOIN pg_catalog.pg_roles r ON r.oid = m.member WHERE m.roleid = %(oid)s::int8::oid"
    " AND r.rolname <> current_user {used} ORDER BY 1"
)
_KNOWN = sql.SQL("SELECT rolname::text AS name FROM pg_catalog.pg_roles WHERE rolname = ANY(%(names)s::text[])")


@dataclass(frozen=True, slots=True)
class RoleGrant:
    """One grant. `inherit` and `set` are None before PostgreSQL 16, which has them for the whole role only."""

    oid: int
    name: str
    grantor: str | None
    admin: bool
    inherit: bool | None
    set: bool | None

    def shown(self) -> dict[str, Any]:
        return {
            "id": str(self.oid),
            "name": self.name,
            "granted_by": self.grantor,
            "admin_option": self.admin,
            "inherit": self.inherit,
            "set": self.set,
        }

    def options(self) -> dict[str, bool | None]:
        return {"admin_option": self.admin, "inherit": self.inherit, "set": self.set}


async def memberships(talk: Conversation, role: Role) -> list[RoleGrant]:
    options = sql.SQL("m.inherit_option, m.set_option")
    if not talk.has_grantors:
        options = sql.SQL("NULL::boolean AS inherit_option, NULL::boolean AS set_option")
    rows = await talk.rows(_DIRECT.format(options=options), {"oid": role.oid})
    return [
        RoleGrant(r["oid"], r["name"], r["grantor"], r["admin_option"], r["inherit_option"], r["set_option"])
        for r in rows
    ]


def with_whole_memberships(grants: Sequence[RoleGrant]) -> list[dict[str, Any]]:
    """Each grant as evidence, with the options that all grants of the same role give together: a restore grants one
    membership of each role."""
    whole: dict[int, dict[str, bool | None]] = {}
    for grant in grants:
        known = whole.setdefault(grant.oid, dict.fromkeys(grant.options()))
        for name, value in grant.options().items():
            known[name] = value if known[name] is None else bool(known[name] or value)
    return [{**grant.shown(), "membership": whole[grant.oid]} for grant in grants]


async def inherited(talk: Conversation, role: Role) -> list[dict[str, str]]:
    """Roles that are reached through another one: `name`, and `via`."""
    return [dict(row) for row in await talk.rows(_ALL, {"oid": role.oid})]


async def reached_by(talk: Conversation, roles: Collection[Role]) -> Mapping[int, set[str]]:
    """By OID, the names of all roles that each of these is a member of, directly or through others."""
    found: dict[int, set[str]] = {}
    for row in await talk.rows(_ALL_OF_MANY, {"oids": [role.oid for role in roles]}):
        found.setdefault(row["member"], set()).add(row["name"])
    return found


async def members(talk: Conversation, role: Role) -> list[str]:
    """The names of roles that use this one as a group. The creator of a role is its member without any use of it."""
    used = sql.SQL(" AND (m.inherit_option OR m.set_option)") if talk.has_grantors else sql.SQL("")
    return [row["name"] for row in await talk.rows(_MEMBERS.format(used=used), {"oid": role.oid})]


async def _unknown_names(talk: Conversation, wanted: Collection[str]) -> list[str]:
    known = {row["name"] for row in await talk.rows(_KNOWN, {"names": sorted(wanted)})}
    return sorted(set(wanted) - known)


def _to_leave(found: Sequence[RoleGrant], wanted: frozenset[str] | None, keep: frozenset[str]) -> list[RoleGrant]:
    return [each for each in found if (wanted is None or each.name in wanted) and each.name not in keep]


async def leave_groups(talk: Conversation, role: Role, effect: Effect) -> Reply:
    wanted, keep = names_of(effect, "groups"), names_of(effect, "keep") or frozenset()
    left = GroupsLeft()
    to_leave = _to_leave(await memberships(talk, role), wanted, keep)
    for each, shown in zip(to_leave, with_whole_memberships(to_leave), strict=True):
        with left.leaving(shown):
            await _leave(talk, role, each)
    left.not_found(await _unknown_names(talk, (wanted or frozenset()) | keep))
    for name in sorted({each["name"] for each in await inherited(talk, role)} & (wanted or frozenset()) - keep):
        left.failed(name, _nested())
    return Reply(left.reply(talk.happened))


async def _leave(talk: Conversation, role: Role, membership: RoleGrant) -> None:
    grantor = sql.Composed([])
    if talk.has_grantors and membership.grantor is not None:
        grantor = sql.SQL(" GRANTED BY {}").format(sql.Identifier(membership.grantor))
    revoke = sql.SQL("REVOKE {} FROM {}").format(sql.Identifier(membership.name), role.identifier) + grantor
    async with changing(talk, {role.oid: role.name, membership.oid: membership.name}):
        try:
            await talk.rows(revoke)
        except RefusedError as error:
            if membership.admin:
                raise _others_depend(error) from None
            raise
    if any(_is_same(membership, left) for left in await memberships(talk, role)):
        # PostgreSQL warns, and changes nothing.
        raise RefusedError(
            "group_cannot_be_left",
            "The server accepted the command and kept the membership.",
            remedy="Revoke it as the role that granted it.",
            happened="no",
        )


def _is_same(one: RoleGrant, other: RoleGrant) -> bool:
    return (one.oid, one.grantor) == (other.oid, other.grantor)


def _others_depend(error: RefusedError) -> RefusedError:
    return RefusedError(
        "group_cannot_be_left",
        f"{error.detail} Other roles have their membership from this account, by its ADMIN OPTION.",
        remedy="Grant these memberships again as another role and revoke them here, or name the group in the parameter "
        "keep of the step. Offboard never revokes with CASCADE: it would end the access of other people.",
        happened=error.happened,
    )


def _nested() -> RefusedError:
    return RefusedError(
        "nested_membership",
        "The account is still a member through another role.",
        remedy="Name that role in the parameter groups too, or revoke its membership in this one.",
    )


async def look_at_groups(talk: Conversation, role: Role, effect: Effect) -> ReadBack:
    """Each session can read `pg_auth_members`, so an empty list is evidence."""
    wanted, keep = names_of(effect, "groups"), names_of(effect, "keep") or frozenset()
    left = [each.shown() for each in _to_leave(await memberships(talk, role), wanted, keep)]
    through = [each for each in await inherited(talk, role) if wanted is not None and each["name"] in wanted - keep]
    missing = await _unknown_names(talk, (wanted or frozenset()) | keep)
    evidence = {**role.evidence(), "groups": left, "nested_groups": through, "groups_not_found": missing}
    return none_left([*left, *through], evidence, shows_such=not missing)
