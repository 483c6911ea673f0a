"""What the account has: attributes, memberships, owned objects, privileges, sessions."""

from __future__ import annotations

from typing import Any

from psycopg import sql

from connectors.abilities import Effect, ReadBack
from connectors.errors import ActionRequiredError
from connectors.read_backs import seen
from connectors.vendors.postgresql.memberships import inherited, members, memberships, with_whole_memberships
from connectors.vendors.postgresql.ownership import SHARED, HeldObjects, held_by
from connectors.vendors.postgresql.roles import Role
from connectors.vendors.postgresql.server import Conversation
from connectors.vendors.postgresql.sessions import prepared_transactions, sessions

_NAMES = sql.SQL(
    "SELECT o.type, o.identity FROM pg_catalog.pg_shdepend s"
    " CROSS JOIN LATERAL pg_catalog.pg_identify_object(s.classid, s.objid, s.objsubid) o"
    " WHERE s.refclassid = 'pg_catalog.pg_authid'::regclass AND s.refobjid = %(oid)s::int8::oid AND s.deptype = 'o'"
    " AND s.dbid = (CASE WHEN %(shared)s THEN 0::oid"
    "  ELSE (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) END)"
    " ORDER BY 1, 2 LIMIT %(limit)s"
)
_DEFAULTS = sql.SQL(
    "SELECT coalesce(n.nspname::text, '') AS schema, a.defaclobjtype::text AS objects, a.defaclacl::text AS privileges"
    " FROM pg_catalog.pg_default_acl a LEFT JOIN pg_catalog.pg_namespace n ON n.oid = a.defaclnamespace"
    " WHERE a.defaclrole = %(oid)s::int8::oid ORDER BY 1, 2"
)
_SETTINGS = sql.SQL(
    "SELECT coalesce(d.datname::text, '') AS database, s.setconfig::text AS settings"
    " FROM pg_catalog.pg_db_role_setting s LEFT JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase"
    " WHERE s.setrole = %(oid)s::int8::oid ORDER BY 1"
)


async def snapshot(talk: Conversation, role: Role, effect: Effect) -> ReadBack:
    held = await held_by(talk, role)
    evidence = {
        **role.evidence(),
        "comment": role.comment,
        "inherits": role.inherits,
        "connection_limit": role.connection_limit,
        "settings": [dict(row) for row in await talk.rows(_SETTINGS, {"oid": role.oid})],
        "groups": with_whole_memberships(await memberships(talk, role)),
        "nested_groups": await inherited(talk, role),
        "members": await members(talk, role),
        "sessions": await sessions(talk, role),
        "prepared_transactions": await prepared_transactions(talk, role),
        **held.shown(),
        **await _in_databases(talk, role, held),
    }
    return seen(True, evidence)


async def _in_databases(talk: Conversation, role: Role, held: HeldObjects) -> dict[str, Any]:
    """Names within a limit; a database that we may not connect to is listed."""
    limit, names, defaults, not_read = talk.settings.max_names, {}, {}, []
    if SHARED in held.owned:
        names["(server)"] = await _names(talk, role, "", limit, shared=True)
    for database in sorted({*held.owned, *held.its_own} - {SHARED}):
        try:
            names[database] = await _names(talk, role, database, limit, shared=False)
            found = await talk.rows(_DEFAULTS, {"oid": role.oid}, database=database)
        except ActionRequiredError:
            not_read.append(database)
            continue
        if found:
            defaults[database] = [dict(row) for row in found]
    return {"owned_names": names, "default_privileges": defaults, "databases_not_read": not_read}


async def _names(talk: Conversation, role: Role, database: str, limit: int, *, shared: bool) -> list[str]:
    values = {"oid": role.oid, "shared": shared, "limit": limit}
    return [f"{row['type']} {row['identity']}" for row in await talk.rows(_NAMES, values, database=database)]
