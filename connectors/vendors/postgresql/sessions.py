"""Signing in, and open sessions (`pg_stat_activity`).

VALID UNTIL and the password are for password sign-ins only: peer, certificate, LDAP and other sign-ins heed NOLOGIN.
"""

from __future__ import annotations

import asyncio
from typing import Any

from psycopg import sql

from connectors.abilities import Effect, ReadBack, Reply
from connectors.read_backs import seen
from connectors.vendors.postgresql.roles import Role, changing
from connectors.vendors.postgresql.server import Conversation

_LOOKS, _BETWEEN = 20, 0.1
_SESSIONS = sql.SQL(
    "SELECT pid, datname::text AS database, backend_type, application_name, host(client_addr) AS client,"
    " backend_start::text AS since, state FROM pg_catalog.pg_stat_activity WHERE usesysid = %(oid)s::int8::oid"
    " AND pid <> pg_catalog.pg_backend_pid() ORDER BY pid"
)
_END = sql.SQL(
    "SELECT pid, pg_catalog.pg_terminate_backend(pid) AS signalled FROM pg_catalog.pg_stat_activity"
    " WHERE usesysid = %(oid)s::int8::oid AND pid <> pg_catalog.pg_backend_pid()"
)
_PREPARED = sql.SQL("SELECT count(*) FROM pg_catalog.pg_prepared_xacts WHERE owner = %(name)s::text")


async def disable(talk: Conversation, role: Role, effect: Effect) -> Reply:
    if role.can_login:
        async with changing(talk, {role.oid: role.name}):
            await talk.rows(sql.SQL("ALTER ROLE {} NOLOGIN").format(role.identifier))
    return Reply({"rolname": role.name, "can_login": {"before": role.can_login, "after": False}})


async def look_at_login(talk: Conversation, role: Role, effect: Effect) -> ReadBack:
    return seen(not role.can_login, {**role.evidence(), "open_sessions": len(await sessions(talk, role))})


async def enable(talk: Conversation, role: Role, effect: Effect) -> Reply:
    if not role.can_login:
        async with changing(talk, {role.oid: role.name}):
            await talk.rows(sql.SQL("ALTER ROLE {} LOGIN").format(role.identifier))
    return Reply({"rolname": role.name, "can_login": {"before": role.can_login, "after": True}})


async def look_at_enabling(talk: Conversation, role: Role, effect: Effect) -> ReadBack:
    return seen(role.can_login, role.evidence())


async def sessions(talk: Conversation, role: Role) -> list[dict[str, Any]]:
    """Every session is shown with its role; the rest only to itself, and to members of pg_read_all_stats."""
    return [dict(row) for row in await talk.rows(_SESSIONS, {"oid": role.oid})]


async def prepared_transactions(talk: Conversation, role: Role) -> int:
    return int(await talk.value(_PREPARED, {"name": role.name}))


async def end_sessions(talk: Conversation, role: Role, effect: Effect) -> Reply:
    """All backends, also those for replication. Transactions that are open are rolled back."""
    ended: set[int] = set()
    for _ in range(_LOOKS):
        open_now = await sessions(talk, role)
        if not open_now:
            break
        talk.changed()
        ended |= {row["pid"] for row in await talk.rows(_END, {"oid": role.oid})}
        await asyncio.sleep(_BETWEEN)  # a backend ends at its next look for interrupts
    return Reply({"rolname": role.name, "ended_sessions": len(ended), "can_sign_in_again": role.can_login})


async def look_at_sessions(talk: Conversation, role: Role, effect: Effect) -> ReadBack:
    """Done where no session is left. A role with LOGIN can sign in again: the evidence says so."""
    left = await sessions(talk, role)
    return seen(not left, {**role.evidence(), "sessions": left, "can_sign_in_again": role.can_login})
