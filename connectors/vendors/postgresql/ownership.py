"""What an account owns, in all databases of the server (`pg_shdepend`), and giving it to another role.

REASSIGN OWNED works in one database, so there is a connection to each. It leaves default privileges and user mappings,
which belong to the role itself: they are shown, and are not owned objects.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg import sql

from connectors.abilities import Effect, ReadBack, Reply
from connectors.errors import RefusedError
from connectors.parameters import text_of
from connectors.read_backs import seen
from connectors.removals import Removals
from connectors.vendors.postgresql.roles import (
    Role,
    as_oid,
    changing,
    role_named,
    role_with_oid,
    roles_where,
    we_are_superuser,
)
from connectors.vendors.postgresql.server import Conversation

SHARED = ""
"""In place of a database: databases and tablespaces, which belong to none."""
_HELD = sql.SQL(
    "SELECT coalesce(d.datname::text, '') AS database, s.deptype::text AS kind,"
    " s.classid IN ('pg_catalog.pg_default_acl'::regclass, 'pg_catalog.pg_user_mapping'::regclass) AS its_own,"
    " count(*) AS objects FROM pg_catalog.pg_shdepend s LEFT JOIN pg_catalog.pg_database d ON d.oid = s.dbid"
    " WHERE s.refclassid = 'pg_catalog.pg_authid'::regclass AND s.refobjid = %(oid)s::int8::oid"
    " GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
)
_MAY_USE = sql.SQL("SELECT pg_catalog.pg_has_role(current_user, %(oid)s::int8::oid, 'USAGE')")
_BY_MAIL = sql.SQL(
    "(lower(r.rolname::text) = lower(%(value)s::text)"
    " OR lower(pg_catalog.shobj_description(r.oid, 'pg_authid')) = lower(%(value)s::text))"
)


class HeldObjects:
    """By database (`SHARED` for what belongs to none), how many objects refer to a role."""

    def __init__(self) -> None:
        self.owned: dict[str, int] = {}
        self.its_own: dict[str, int] = {}
        """Default privileges and user mappings."""
        self.granted: dict[str, int] = {}
        """Objects with privileges for the role, or row security policies that name it."""

    @property
    def nothing(self) -> bool:
        return not (self.owned or self.its_own or self.granted)

    def shown(self) -> dict[str, Any]:
        return {
            "owned_objects": _shown(self.owned),
            "default_privileges_and_user_mappings": _shown(self.its_own),
            "objects_with_privileges": _shown(self.granted),
        }


def _shown(counts: Mapping[str, int]) -> dict[str, int]:
    return {database or "(server)": count for database, count in counts.items()}


async def held_by(talk: Conversation, role: Role) -> HeldObjects:
    held = HeldObjects()
    for row in await talk.rows(_HELD, {"oid": role.oid}):
        owner = row["kind"] == "o"
        counts = held.its_own if row["its_own"] and owner else held.owned if owner else held.granted
        counts[row["database"]] = counts.get(row["database"], 0) + row["objects"]
    return held


async def hand_over(talk: Conversation, role: Role, effect: Effect) -> Reply:
    recipient = await _recipient(talk, role, effect)
    held, handed = await held_by(talk, role), Removals("handed_over", "not_all_handed_over", verb="handed over")
    databases = [name for name in held.owned if name != SHARED]
    if SHARED in held.owned and not databases:
        databases = [talk.settings.database]  # what belongs to no database is handed over in any
    for database in databases:
        with handed.removing({"id": database, "name": database, "objects": held.owned.get(database, 0)}):
            await _reassign(talk, role, recipient, database)
    return Reply({**handed.reply(talk.happened), "to": {"oid": recipient.oid, "rolname": recipient.name}})


async def _reassign(talk: Conversation, role: Role, recipient: Role, database: str) -> None:
    """A role that is no superuser needs the privileges of both roles: it is made their member for this transaction."""
    both = {role.oid: role.name, recipient.oid: recipient.name}
    async with changing(talk, both, database):
        joined: list[str] = []
        if not await we_are_superuser(talk):
            joined = [
                name for oid, name in both.items() if not await talk.value(_MAY_USE, {"oid": oid}, database=database)
            ]
        inherit = sql.SQL(" WITH INHERIT TRUE") if talk.has_grantors else sql.SQL("")
        for name in joined:
            join = sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(name)) + inherit
            await talk.rows(join, database=database)
        command = sql.SQL("REASSIGN OWNED BY {} TO {}").format(role.identifier, recipient.identifier)
        await talk.rows(command, database=database)
        for name in joined:
            await talk.rows(sql.SQL("REVOKE {} FROM CURRENT_USER").format(sql.Identifier(name)), database=database)


async def _recipient(talk: Conversation, role: Role, effect: Effect) -> Role:
    """The role `to_account` (its OID), `to_role` (its name), or the one whose name or comment is the address
    `to_email`."""
    if "to_account" in effect.parameters:
        oid = as_oid(text_of(effect, "to_account"))
        one = await role_with_oid(talk, oid) if oid is not None else None
        found = [] if one is None else [one]
    elif "to_role" in effect.parameters:
        one = await role_named(talk, text_of(effect, "to_role"))
        found = [] if one is None else [one]
    else:
        found = await roles_where(talk, _BY_MAIL, text_of(effect, "to_email"))
    if len(found) != 1:
        raise RefusedError(
            "recipient_ambiguous" if found else "recipient_not_found",
            f"{len(found)} roles match the recipient; exactly one must.",
            remedy="Give the recipient's name in to_role, its OID in to_account, or in to_email an address that is the "
            "name or the comment of one role.",
            happened="no",
        )
    recipient = found[0]
    if recipient.oid == role.oid or recipient.is_predefined or recipient.is_superuser:
        raise RefusedError(
            "recipient_not_usable",
            "The recipient is the account itself, a predefined role or a superuser. A superuser as owner would let "
            "functions with SECURITY DEFINER do everything.",
            remedy="Set another role in the step's parameters.",
            happened="no",
        )
    return recipient


async def look_at_ownership(talk: Conversation, role: Role, effect: Effect) -> ReadBack:
    """Each session can read `pg_shdepend`, which has the owners of all databases."""
    held = await held_by(talk, role)
    return seen(not held.owned, {**role.evidence(), **held.shown()})
