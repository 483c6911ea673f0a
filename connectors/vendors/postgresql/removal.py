"""Dropping a role. It is refused while anything refers to it: DROP OWNED, which would delete tables, is never used."""

from __future__ import annotations

from psycopg import sql

from connectors.abilities import Effect, ReadBack, Reply
from connectors.errors import RefusedError, TryAgainError
from connectors.read_backs import deletion
from connectors.vendors.postgresql.memberships import members
from connectors.vendors.postgresql.ownership import held_by
from connectors.vendors.postgresql.roles import Role, require_same, role_with_oid
from connectors.vendors.postgresql.server import Conversation
from connectors.vendors.postgresql.sessions import sessions


async def drop(talk: Conversation, role: Role, effect: Effect) -> Reply:
    held = await held_by(talk, role)
    if not held.nothing:
        raise RefusedError(
            "account_in_use",
            f"Objects refer to the role {role.name}: {held.shown()}.",
            remedy="Hand over what the role owns (hand_over_ownership), and revoke its privileges and default "
            "privileges in each database. Offboard never uses DROP OWNED.",
            happened="no",
        )
    if using := await members(talk, role):
        raise RefusedError(
            "account_in_use",
            f"Other roles are members of {role.name} and would lose what it may do: {', '.join(using)}.",
            remedy="Grant them another role, and revoke their membership in this one.",
            happened="no",
        )
    if await sessions(talk, role):
        raise RefusedError(
            "account_in_use",
            f"The role {role.name} has open sessions.",
            remedy="Put disable_account and end_sessions before this step in the workflow.",
            happened="no",
        )
    async with talk.changing():
        await require_same(talk, {role.oid: role.name})
        await talk.rows(sql.SQL("DROP ROLE {}").format(role.identifier))
        if await role_with_oid(talk, role.oid) is not None:
            raise TryAgainError("changed_meanwhile", "The role was renamed at the same time.", happened=talk.happened)
    return Reply({"dropped": {"oid": role.oid, "rolname": role.name}})


async def look_at_removal(talk: Conversation, role: Role | None, effect: Effect) -> ReadBack:
    """Each session can read `pg_roles`, so a missing OID is evidence."""
    return deletion(None if role is None else role.evidence(), confirmed=True)
