"""Commands on batches. The batch is decided and recorded; the worker's feeder reads it from the ledger."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from orchestrator.commands.services import Services
from orchestrator.domain import events as e
from orchestrator.domain.batches import batch_commands
from orchestrator.domain.batches.batch import BatchState
from orchestrator.domain.events.event import Event
from orchestrator.domain.organisation.organisation import Organisation, acting_now
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.command_table import require
from orchestrator.domain.permissions.levels import Actor


async def propose_batch(
    services: Services,
    actor: Actor,
    batch_id: str,
    packet: Packet,
    rows: Sequence[e.BatchRowProposed],
    *,
    broken: int = 0,
    shadow: bool = False,
) -> None:
    """Records a batch whose rows were checked. `broken` rows of the list are left out. Doing it again changes
    nothing."""
    require("propose_batch", actor)
    starts, now = await services.runs.starts.read()
    await services.runs.batches.propose(
        batch_id,
        services.runs.organisation,
        lambda people: batch_commands.propose(
            batch_id,
            rows,
            broken=broken,
            shadow=shadow,
            packet=packet,
            actor=acting_now(actor, people),
            starts=starts,
            now=now,
        ),
    )


async def start_batch(services: Services, actor: Actor, batch_id: str, count: int) -> bool:
    """`count` is the number of runs as the caller read it. False if the batch was started already."""
    return await _decide(
        services,
        actor,
        batch_id,
        lambda acting, state, packet, people: batch_commands.start(state, count, acting, packet),
    )


async def confirm_batch(services: Services, actor: Actor, batch_id: str) -> bool:
    """The safety owner accepts the number of runs. False if the batch was confirmed already."""
    return await _decide(
        services, actor, batch_id, lambda acting, state, packet, people: batch_commands.confirm(state, acting, packet)
    )


async def hold_batch(services: Services, actor: Actor, batch_id: str) -> bool:
    """No run is started from then on. False if the batch was paused already."""
    return await _decide(
        services,
        actor,
        batch_id,
        lambda acting, state, packet, people: batch_commands.hold(state, acting, packet, people.actors.values()),
    )


async def resume_batch(services: Services, actor: Actor, batch_id: str) -> bool:
    """False if the batch was not paused."""
    return await _decide(
        services, actor, batch_id, lambda acting, state, packet, people: batch_commands.resume(state, acting, packet)
    )


async def cancel_batch(services: Services, actor: Actor, batch_id: str, reason: str) -> bool:
    """No further run is started; those that were started continue."""
    return await _decide(
        services,
        actor,
        batch_id,
        lambda acting, state, packet, people: batch_commands.cancel(
            state, reason, acting, packet, people.actors.values()
        ),
    )


async def _decide(
    services: Services,
    actor: Actor,
    batch_id: str,
    decide: Callable[[Actor, BatchState, Packet, Organisation], Sequence[Event]],
) -> bool:
    """Whether anything was recorded. A batch that the actor does not see is refused like one that does not exist."""
    state = await services.runs.batches.load(batch_id)
    packet = (await services.runs.shelf(state.asked.packet)).current
    assert packet is not None, "a batch is proposed under a packet that there is"

    def decided(people: Organisation, state: BatchState) -> Sequence[Event]:
        return decide(acting_now(actor, people), state, packet, people)

    return bool(await services.runs.batches.decide(batch_id, services.runs.organisation, decided, actor.human))
