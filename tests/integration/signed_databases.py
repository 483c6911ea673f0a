"""Databases on which the staff has signed in and a packet is in production, kept as templates.

An installation begins with sixteen people looked up in HR and nine signatures. That is done once for each packet and
each PostgreSQL server; the next empty database is replaced by a copy.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from orchestrator.domain.packet.packet import Packet

MASTER_KEY = base64.b64encode(bytes(range(32))).decode()
"""Of every installation that is made from a template: persons' keys in it are wrapped under this one."""
TEMPLATE = "migrated_template"
Fill = Callable[[str], Awaitable[None]]


def conninfo(database_url: str, database: str | None = None) -> str:
    """For psycopg itself."""
    url = make_url(database_url)
    return psycopg.conninfo.make_conninfo(
        host=str(url.query.get("host") or url.host), port=url.port, dbname=database or url.database, user=url.username
    )


async def copy_signed(database_url: str, packet: Packet, addresses: bool, fill: Fill) -> bool:
    """Replaces an empty database by a copy of the template for this packet; `fill` signs everything on the database
    whose URL it gets, where there is no template yet. False, and nothing is done, where the database is not empty or
    its server has no migrated template."""
    async with await psycopg.AsyncConnection.connect(conninfo(database_url), autocommit=True) as own:
        [empty] = await (await own.execute("SELECT NOT EXISTS (SELECT FROM ledger.events)")).fetchone() or [False]
    if not empty:
        return False
    name = make_url(database_url).database
    assert name is not None
    signed = f"signed_{packet.name}_{packet.version[:16]}{'_addresses' if addresses else ''}"
    async with await psycopg.AsyncConnection.connect(conninfo(database_url, "postgres"), autocommit=True) as server:
        there = {row[0] for row in await (await server.execute("SELECT datname FROM pg_database")).fetchall()}
        if TEMPLATE not in there:
            return False
        if signed not in there:
            filling = f"{signed}_filling"
            await server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(filling)))
            await _copy(server, filling, TEMPLATE)
            await fill(make_url(database_url).set(database=filling).render_as_string(hide_password=False))
            await server.execute(
                sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(filling), sql.Identifier(signed))
            )
        await server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
        await _copy(server, name, signed)
    return True


async def _copy(server: psycopg.AsyncConnection[tuple[object, ...]], name: str, template: str) -> None:
    await server.execute(
        sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
            sql.Identifier(name), sql.Identifier(template)
        )
    )
