"""How the tests reach the accounts of a PostgreSQL server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import psycopg

from connectors.abilities import Account, Connector, Effect, Lookup
from connectors.registry import connect
from orchestrator.embedded.postgres import PostgresServer

DATABASES = ("accounts one", "accounts_two")
CREDENTIAL = "offboard_connector"

RunStatement = Callable[..., Awaitable[list[tuple[Any, ...]]]]
MakeRole = Callable[..., Awaitable[str]]


def settings(postgres: PostgresServer, user: str) -> dict[str, str]:
    host = psycopg.conninfo.conninfo_to_dict(postgres.conninfo("postgres"))["host"]
    return {"host": str(host), "user": user, "password": "s3cret-word"}


def connector_as(postgres: PostgresServer, user: str, **others: str) -> Connector:
    given = settings(postgres, user) | others
    return connect("postgresql", given, allowed_hosts=[given["host"]])


async def found(connector: Connector, name: str) -> Account:
    (account,) = await connector.find_accounts([Lookup("rolname", name)])
    return account


async def act(connector: Connector, ability: str, account: Account, **parameters: Any) -> tuple[Any, Any]:
    """The reply's detail, and what is read back afterwards."""
    effect = Effect(ability, f"run-1/{ability}/1", account, parameters, deadline=10.0)
    reply = await connector.attempt(effect)
    return reply.detail, await connector.read_back(effect)


async def look(connector: Connector, ability: str, account: Account, **parameters: Any) -> Any:
    return await connector.read_back(Effect(ability, "run-1/look/1", account, parameters, deadline=10.0))


async def session(postgres: PostgresServer, role: str, database: str = "postgres") -> psycopg.AsyncConnection[Any]:
    return await psycopg.AsyncConnection.connect(postgres.conninfo(database, user=role), autocommit=True)
