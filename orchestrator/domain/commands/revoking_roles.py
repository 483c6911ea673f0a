"""The command that takes roles from an account."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

from orchestrator.domain import events as e
from orchestrator.domain.commands.operating import require_one_of
from orchestrator.domain.events.event import Event
from orchestrator.domain.permissions.command_table import require
from orchestrator.domain.permissions.levels import Actor


def revoke_roles(
    known: Actor, roles: Collection[str], by: Actor, safety_owner: str, reason: str | None = None,
    revoked: Mapping[str, Collection[str]] = MappingProxyType({}),
) -> list[Event]:  # fmt: skip
    """Takes roles from an account at once. `safety_owner` is the role that owns a packet's platform file. Nothing
    happens where the account has none of the roles. `revoked` are its roles that are revoked already, with the accounts
    that revoked them: a revocation by another account is recorded beside it, because one by the leaver, or by people
    who report to the leaver, does not count in the leaver's own run (`roles_kept`)."""
    require("revoke_roles", by)
    require_one_of(by, (safety_owner,))
    others = {role for role, accounts in revoked.items() if by.actor_id not in accounts}
    gone = tuple(sorted((known.roles | others) & set(roles)))
    return [e.RolesRevoked(actor_id=known.actor_id, roles=gone, by=by.actor_id, reason=reason)] if gone else []
