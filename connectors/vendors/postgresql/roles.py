"""A role as the catalogue shows it, and the check that it is still the account that was found.

The native id is the role's OID: a name can be given to another role. PostgreSQL's commands take names, so the name is
read in the same transaction, before the change and after it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from connectors.abilities import Effect
from connectors.errors import ActionRequiredError, RefusedError, TryAgainError
from connectors.parameters import account_gone, account_of
from connectors.vendors.postgresql.server import Conversation, ServerRow

_MAX_OID = 2**32 - 1
POWERS = {
    "rolsuper": "superuser", "rolcreaterole": "createrole", "rolcreatedb": "createdb", "rolreplication": "replication",
    "rolbypassrls": "bypassrls",
}  # fmt: skip
_COLUMNS = sql.SQL(
    "SELECT r.oid::int8 AS oid, r.rolname::text AS rolname, r.rolcanlogin, r.rolsuper, r.rolcreaterole, r.rolcreatedb,"
    " r.rolreplication, r.rolbypassrls, r.rolinherit, r.rolconnlimit, r.rolvaliduntil::text AS valid_until,"
    " r.oid = (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user) AS is_ours,"
    " pg_catalog.shobj_description(r.oid, 'pg_authid') AS comment FROM pg_catalog.pg_roles r "
)
_BY_OID = _COLUMNS + sql.SQL("WHERE r.oid = %(oid)s::int8::oid")
_LOGINS = _COLUMNS + sql.SQL("WHERE r.rolname !~ '^pg_' AND r.rolcanlogin ORDER BY r.oid LIMIT %(at_most)s::int8")
_BY_NAME = _COLUMNS + sql.SQL("WHERE r.rolname = %(name)s::text")


@dataclass(frozen=True, slots=True)
class Role:
    oid: int
    name: str
    can_login: bool
    powers: tuple[str, ...]
    valid_until: str | None
    """In ISO 8601; also `infinity`. It ends passwords only: other ways to sign in do not heed it."""
    comment: str | None
    inherits: bool
    connection_limit: int
    is_ours: bool
    """The role that we are signed in as."""

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(self.name)

    @property
    def is_superuser(self) -> bool:
        return "superuser" in self.powers

    @property
    def is_predefined(self) -> bool:
        """PostgreSQL reserves these names."""
        return self.name.startswith("pg_")

    def evidence(self) -> dict[str, Any]:
        return {
            "oid": self.oid,
            "rolname": self.name,
            "can_login": self.can_login,
            "attributes": list(self.powers),
            "valid_until": self.valid_until,
        }


def role_of(row: ServerRow) -> Role:
    return Role(
        oid=row["oid"],
        name=row["rolname"],
        can_login=row["rolcanlogin"],
        powers=tuple(word for column, word in POWERS.items() if row[column]),
        valid_until=row["valid_until"],
        comment=row["comment"],
        inherits=row["rolinherit"],
        connection_limit=row["rolconnlimit"],
        is_ours=bool(row["is_ours"]),
    )


async def roles_where(talk: Conversation, condition: sql.SQL, value: str) -> list[Role]:
    """Without the roles that PostgreSQL predefines."""
    query = _COLUMNS + sql.SQL("WHERE r.rolname !~ '^pg_' AND ") + condition + sql.SQL(" ORDER BY r.oid")
    return [role_of(row) for row in await talk.rows(query, {"value": value})]


async def login_roles(talk: Conversation, at_most: int) -> list[Role]:
    """The roles that can sign in, or the first ones up to the number; without those that PostgreSQL predefines."""
    return [role_of(row) for row in await talk.rows(_LOGINS, {"at_most": at_most})]


async def role_with_oid(talk: Conversation, oid: int, database: str = "") -> Role | None:
    rows = await talk.rows(_BY_OID, {"oid": oid}, database=database)
    return role_of(rows[0]) if rows else None


async def role_named(talk: Conversation, name: str) -> Role | None:
    """Exactly."""
    rows = await talk.rows(_BY_NAME, {"name": name})
    return role_of(rows[0]) if rows else None


def oid_of(effect: Effect) -> int:
    """Raises `RefusedError`: account_needed, invalid_id."""
    oid = as_oid(account_of(effect).native_id)
    if oid is None:
        raise RefusedError(
            "invalid_id",
            "The account's native ID is not the OID of a role.",
            remedy="Re-plan the run to search for the account again.",
            happened="no",
        )
    return oid


def as_oid(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and 0 < int(text[:11]) <= _MAX_OID else None


async def account(talk: Conversation, effect: Effect) -> Role | None:
    """The account's role; None if the server has none with this OID. Raises `RefusedError`: account_needed, invalid_id,
    changed_meanwhile where the OID belongs to a role of another name than the one that was found."""
    role = await role_with_oid(talk, oid_of(effect))
    found = account_of(effect).attributes.get("rolname")
    if role is not None and found is not None and role.name != found:
        raise RefusedError(
            "changed_meanwhile",
            f"The role with the OID {role.oid} was {found} when the account was found, and is {role.name} now.",
            remedy="Check whose role it is, and re-plan the run to search for the account again.",
            happened="no",
        )
    return role


async def account_to_change(talk: Conversation, effect: Effect) -> Role:
    """Raises `RefusedError`: account_gone and those of `account`, own_account; `ActionRequiredError("rights_missing")`
    for a superuser, which only a superuser can change."""
    role = await account(talk, effect)
    if role is None:
        raise account_gone(effect)
    if role.is_ours or role.is_predefined:
        raise RefusedError(
            "own_account",
            "The account is the role that Offboard signs in as, or one that PostgreSQL predefines.",
            remedy="Give Offboard a role of its own, and re-plan the run.",
            happened="no",
        )
    if role.is_superuser and not await we_are_superuser(talk):
        raise ActionRequiredError(
            "rights_missing",
            f"{role.name} is a superuser. Only a superuser can change the role or end its sessions.",
            remedy="Let a superuser change it, such as by ALTER ROLE … NOSUPERUSER, then retry.",
            happened="no",
        )
    return role


async def we_are_superuser(talk: Conversation) -> bool:
    return bool(await talk.value(sql.SQL("SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user")))


@asynccontextmanager
async def changing(talk: Conversation, names: Mapping[int, str], database: str = "") -> AsyncIterator[None]:
    """A transaction in which the OIDs belong to these names, before the change and after it; otherwise it is rolled
    back. Raises `TryAgainError("changed_meanwhile")`."""
    async with talk.changing(database):
        await require_same(talk, names, database)
        yield
        await require_same(talk, names, database)


async def require_same(talk: Conversation, names: Mapping[int, str], database: str = "") -> None:
    """Raises `TryAgainError("changed_meanwhile")`."""
    for oid, name in names.items():
        now = await role_with_oid(talk, oid, database)
        if now is None or now.name != name:
            raise TryAgainError(
                "changed_meanwhile", "A role was renamed or dropped at the same time.", happened=talk.happened
            )
