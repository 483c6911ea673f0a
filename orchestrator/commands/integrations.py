"""What concerns other programs: tokens with which services and assistants act here, and webhooks that tell them what
happened. For the safety owner of a packet that is in use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from orchestrator.commands.administration import record_actor
from orchestrator.commands.credentials import record_as_owner, require_owner_of_one, unknown_token
from orchestrator.commands.services import Services, packets_in_use
from orchestrator.deciding.packet_shelf import PacketShelf
from orchestrator.domain import events as e
from orchestrator.domain.errors import Invalid, NotAllowed
from orchestrator.domain.organisation.services import can_answer
from orchestrator.domain.permissions.levels import Actor, ActorKind, Level
from orchestrator.domain.permissions.programs import require_harmless_roles, require_own_grants
from orchestrator.ledger.access.keyed_requests import new_id
from orchestrator.ledger.access.tokens import MAX_TOKEN_LIFETIME, Token, Tokens, new_token_id
from orchestrator.ledger.engine.webhooks import Webhook, Webhooks, new_webhook_number, unknown_webhook


async def make_token(
    services: Services,
    tokens: Tokens,
    actor: Actor,
    packets: Sequence[str],
    *,
    name: str,
    kind: ActorKind,
    roles: Sequence[str],
    up_to: Level,
    lasts: timedelta,
    deputy: str | None = None,
) -> tuple[str, Token]:
    """A token for a service or an assistant: its text, which cannot be had again, and what is kept of it. The account
    behind it is recorded like one that signed in, so that what it causes is checked like everything else. `packets`
    are the names of those there are. `deputy` is the account to which a service passes when `actor` leaves."""
    await require_owner_of_one(services, actor, packets, "make_token")
    in_use = await packets_in_use(services, packets)
    require_harmless_roles(kind, roles, in_use)
    require_own_grants(actor, kind, roles, in_use)
    if not timedelta() < lasts <= MAX_TOKEN_LIFETIME:
        raise Invalid("token_lasts", f"A token works for at most {MAX_TOKEN_LIFETIME.days} days.")
    if deputy is not None:
        if kind != "service":
            raise Invalid("deputy_of_service", "Only a service has a deputy: an assistant ends with its creator.")
        await _require_owners(services, actor.actor_id, deputy)
    token_id = new_id("token", new_token_id)
    program = Actor(actor_id=f"s_{token_id}", kind=kind, roles=frozenset(roles), up_to=up_to, maker_human=actor.human)
    await record_actor(services, program)
    await record_as_owner(
        services,
        actor,
        packets,
        "make_token",
        lambda known, now: [
            e.TokenMade(
                token_id=token_id,
                actor_id=program.actor_id,
                up_to=up_to.value,
                by=actor.actor_id,
                human=actor.human,
                deputy=deputy,
                expires_at=now + lasts,
            )
        ],
        require=lambda acting: require_own_grants(acting, kind, roles, in_use),
    )
    return await tokens.make(
        program.actor_id, label=name, made_by=actor.actor_id, up_to=up_to, lasts=lasts, token_id=token_id
    )


async def change_service_owners(
    services: Services,
    tokens: Tokens,
    actor: Actor,
    packets: Sequence[str],
    token_id: str,
    owner: str,
    deputy: str | None = None,
) -> None:
    """`owner` answers for the service of this token from now on, and `deputy` once the owner can't. For the safety
    owner of a packet that is in use. Raises `Invalid` for a token that does not exist or is revoked, for an
    assistant's, and for accounts that can't answer for a service."""
    await require_owner_of_one(services, actor, packets, "change_service_owners")
    token = await tokens.get(token_id)
    if token is None or token.revoked_at is not None:
        raise unknown_token()
    known = (await services.runs.organisation()).actors.get(token.actor_id)
    if known is None or known.kind != "service":
        raise Invalid("deputy_of_service", "Only a service has an owner and a deputy.")
    await _require_owners(services, owner, deputy)
    changed = e.ServiceOwnersChanged(
        token_id=token_id, actor_id=token.actor_id, owner=owner, deputy=deputy, by=actor.actor_id, human=actor.human
    )
    await record_as_owner(services, actor, packets, "change_service_owners", lambda known, now: [changed])


async def _require_owners(services: Services, owner: str, deputy: str | None) -> None:
    organisation = await services.runs.organisation()
    departed = await services.runs.departures.departed(organisation)
    for account in (owner, *([deputy] if deputy is not None else ())):
        if not can_answer(organisation.actors.get(account), departed):
            raise Invalid(
                "owner_unsuitable",
                f"The account {account[:60]} can't answer for a service: it must be a person with a record in HR and a "
                "role here who has not left.",
            )
    if deputy is not None and organisation.actors[owner].is_person(organisation.actors[deputy].human):
        raise Invalid("owner_unsuitable", "The owner and the deputy must be different people.")


async def add_webhook(
    services: Services,
    webhooks: Webhooks,
    actor: Actor,
    packets: Sequence[str],
    *,
    url: str,
    hosts: Sequence[str],
    types: Sequence[str] = (),
    only: Sequence[str] | None = None,
) -> tuple[Webhook, str]:
    """A webhook and its secret, which is not shown again. `only` are packets whose events it gets, None for all:
    those that the actor is a safety owner of, and all only for that of all that are in use."""
    await require_owner_of_one(services, actor, packets, "add_webhook")
    for name in only or ():
        if name not in packets:
            raise Invalid("unknown_packet", f"There is no packet {name[:60]}.")
    shelves = await _shelves(services, packets)

    def require_reach(acting: Actor) -> None:
        reach = _reach(shelves, acting)
        if not reach.covers(only):
            raise NotAllowed(
                "not_an_owner",
                "Only the safety owner of every packet that the webhook covers can add it.",
                packets=", ".join(sorted(reach.names)) or "none",
            )

    require_reach(actor)
    hook_id = f"w_{new_id('webhook', new_webhook_number)}"
    await webhooks.require_addable(url, hosts, types, only, hook_id)
    covered = tuple(only) if only is not None else None
    added = e.WebhookAdded(hook_id=hook_id, packets=covered, by=actor.actor_id, human=actor.human)
    await record_as_owner(services, actor, packets, "add_webhook", lambda known, now: [added], require=require_reach)
    return await webhooks.add(url, hosts, actor.actor_id, types, only, hook_id=hook_id)


async def list_webhooks(
    services: Services, webhooks: Webhooks, actor: Actor, packets: Sequence[str]
) -> tuple[Webhook, ...]:
    """Those about packets that the actor is a safety owner of, and no others."""
    await require_owner_of_one(services, actor, packets, "list_webhooks")
    reach = _reach(await _shelves(services, packets), actor)
    return tuple(hook for hook in await webhooks.all() if reach.covers(hook.packets))


async def replace_webhook_secret(
    services: Services, webhooks: Webhooks, actor: Actor, packets: Sequence[str], hook_id: str
) -> str:
    """The new secret, which cannot be had again; the former one signs beside it for a day."""
    await require_owner_of_one(services, actor, packets, "replace_webhook_secret")
    require_covered = await _covered(services, webhooks, packets, hook_id)
    require_covered(actor)
    replaced = e.WebhookSecretReplaced(hook_id=hook_id, by=actor.actor_id, human=actor.human)
    await record_as_owner(
        services, actor, packets, "replace_webhook_secret", lambda known, now: [replaced], require=require_covered
    )
    return await webhooks.replace_secret(hook_id)


async def disable_webhook(
    services: Services,
    webhooks: Webhooks,
    actor: Actor,
    packets: Sequence[str],
    hook_id: str,
    *,
    reason: str | None = None,
) -> None:
    await require_owner_of_one(services, actor, packets, "disable_webhook")
    require_covered = await _covered(services, webhooks, packets, hook_id)
    require_covered(actor)
    disabled = e.WebhookDisabled(hook_id=hook_id, by=actor.actor_id, human=actor.human, reason=reason)
    await record_as_owner(
        services, actor, packets, "disable_webhook", lambda known, now: [disabled], actor.human, require_covered
    )
    await webhooks.disable(hook_id)


@dataclass(frozen=True, slots=True)
class _Reach:
    """The packets whose safety owner the actor is, and whether these are all packets in use."""

    names: frozenset[str]
    whole: bool

    def covers(self, packets: Sequence[str] | None) -> bool:
        return self.whole if packets is None else self.names.issuperset(packets)


async def _shelves(services: Services, packets: Sequence[str]) -> list[PacketShelf]:
    return [await services.runs.shelf(name) for name in packets]


def _reach(shelves: Sequence[PacketShelf], actor: Actor) -> _Reach:
    owned = {s.current.name for s in shelves if s.current and s.current.platform.safety_owner in actor.roles}
    return _Reach(frozenset(owned), all(s.history.name in owned for s in shelves if s.history.current is not None))


async def _covered(
    services: Services, webhooks: Webhooks, packets: Sequence[str], hook_id: str
) -> Callable[[Actor], None]:
    """The check that an actor's packets cover the webhook: one about other people's packets is not there for them."""
    shelves, covered = await _shelves(services, packets), (await webhooks.get(hook_id)).packets

    def require_covered(actor: Actor) -> None:
        if not _reach(shelves, actor).covers(covered):
            raise unknown_webhook(hook_id)

    return require_covered
