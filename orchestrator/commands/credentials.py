"""Commands that revoke credentials of accounts: API tokens, sessions and sign-ins of command lines.

An event is appended before the credential is changed. If the process stops in between, the request can be repeated,
and a revoked token is refused already, because its revocation is read from the ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from orchestrator.commands.services import Services, packets_in_use
from orchestrator.domain import events as e
from orchestrator.domain.errors import Invalid, NotAllowed
from orchestrator.domain.events.event import Event
from orchestrator.domain.organisation.organisation import Organisation, acting_now, actor_of
from orchestrator.domain.permissions.command_table import CommandName, require
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.permissions.programs import require_safety_owner
from orchestrator.ledger.access.sessions import OpenSession, Sessions
from orchestrator.ledger.access.tokens import Token, Tokens


async def list_tokens(services: Services, tokens: Tokens, actor: Actor, packets: Sequence[str]) -> tuple[Token, ...]:
    """The tokens of all accounts, newest first. For the safety owner of a packet that is in use."""
    await require_owner_of_one(services, actor, packets, "list_tokens")
    return await tokens.made_by()


async def revoke_token(
    services: Services,
    tokens: Tokens,
    actor: Actor,
    packets: Sequence[str],
    token_id: str,
    *,
    reason: str | None = None,
) -> None:
    """One's own, one that the actor made, or, for the safety owner of a packet that is in use, any. Raises `Invalid`
    (`unknown_token`) where there is none that is not revoked, and for accounts that can't revoke it."""
    require("revoke_token", actor)
    token = await tokens.get(token_id) or await _interrupted(services, token_id)
    if token is None or (isinstance(token, Token) and token.revoked_at is not None):
        raise unknown_token()
    in_use = await packets_in_use(services, packets)

    def require_theirs(acting: Actor) -> None:
        if token.made_by == acting.actor_id:
            return
        try:
            require_safety_owner(acting, in_use, "revoke_any_token")
        except NotAllowed:
            raise unknown_token() from None

    require_theirs(actor)
    # A user who signs out of their own command line only ends a sign-in.
    if not token.actor_id == token.made_by == actor.actor_id:
        revoked = e.TokenRevoked(
            token_id=token_id,
            actor_id=token.actor_id,
            by=actor.actor_id,
            human=actor.answers_for,
            reason=reason if actor.human is not None else None,
        )

        def revoke(known: Organisation, now: object) -> Sequence[Event]:
            require_theirs(acting_now(actor, known))
            return [] if token_id in known.revoked_tokens else [revoked]

        await services.runs.update_organisation(revoke, actor.human)
    await tokens.revoke(token_id)


@dataclass(frozen=True, slots=True)
class _Interrupted:
    """A token that the ledger has and that was never stored: its text is known to no one."""

    actor_id: str
    made_by: str


async def _interrupted(services: Services, token_id: str) -> _Interrupted | None:
    """Its program would be listed, and have an owner to be named, until the token expires."""
    programs = (await services.runs.organisation()).programs.values()
    known = next((one for one in programs if one.token_id == token_id and not one.revoked), None)
    return None if known is None else _Interrupted(known.actor_id, known.made_by)


def unknown_token() -> Invalid:
    return Invalid("unknown_token", "You have no such active token.")


async def list_sessions(
    services: Services, sessions: Sessions, actor: Actor, packets: Sequence[str]
) -> tuple[OpenSession, ...]:
    """The sessions of all accounts. For the safety owner of a packet that is in use."""
    await require_owner_of_one(services, actor, packets, "list_sessions")
    return await sessions.open_ones()


async def end_sessions(
    services: Services,
    sessions: Sessions,
    tokens: Tokens,
    actor: Actor,
    packets: Sequence[str],
    actor_id: str,
    *,
    reason: str | None = None,
) -> None:
    """Ends all sessions of an account and the sign-ins of its command lines, at once. Its owner can sign in again: to
    prevent that, the account is closed at the identity provider. Programs that it created keep working. For the safety
    owner of a packet that is in use."""
    ended = e.SessionsEnded(actor_id=actor_id, by=actor.actor_id, human=actor.human, reason=reason)

    def end(known: Organisation, now: object) -> Sequence[Event]:
        actor_of(known, actor_id)
        return [ended]

    await record_as_owner(services, actor, packets, "end_sessions", end, actor.human)
    await sign_out_everywhere(sessions, tokens, actor_id)


async def sign_out_everywhere(sessions: Sessions, tokens: Tokens, actor_id: str) -> None:
    """Ends all sessions of an account and the sign-ins of its command lines, as its identity provider asks. No right is
    checked: the caller has checked the provider's word."""
    await sessions.end_of(actor_id)
    await tokens.revoke_sign_ins(actor_id)


async def record_as_owner(
    services: Services,
    actor: Actor,
    packets: Sequence[str],
    command: CommandName,
    events: Callable[[Organisation, datetime], Sequence[Event]],
    subject: str | None = None,
    require: Callable[[Actor], None] = lambda acting: None,
) -> None:
    """Appends `events` for the safety owner of a packet that is in use. `require` checks more of the actor, with the
    roles of the moment of the append. `subject` is the person whose key encrypts the events' reason."""
    in_use = await packets_in_use(services, packets)

    def decide(known: Organisation, now: datetime) -> Sequence[Event]:
        acting = acting_now(actor, known)
        require_safety_owner(acting, in_use, command)
        require(acting)
        return events(known, now)

    await services.runs.update_organisation(decide, subject)


async def require_owner_of_one(services: Services, actor: Actor, packets: Sequence[str], command: CommandName) -> None:
    require_safety_owner(actor, await packets_in_use(services, packets), command)
