"""Commands of a packet's owners: a version is adopted, signed, moved and objected to. A refusal is recorded in the
packet's stream before it is answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from connectors.registry import SYSTEM_CLASSES
from orchestrator.commands.run_commands import hold_run
from orchestrator.commands.services import Services, packets_in_use
from orchestrator.deciding.appending import append_to
from orchestrator.deciding.packet_shelf import PacketShelf, shelf_of
from orchestrator.domain.commands import pausing
from orchestrator.domain.errors import Invalid, NotAllowed, TooLate
from orchestrator.domain.events.event import Draft, Event
from orchestrator.domain.organisation.organisation import Organisation, acting_now
from orchestrator.domain.packet.class_steps import expanded
from orchestrator.domain.packet.history import objections, packet_phases, packet_state
from orchestrator.domain.packet.history.packet_events import FORWARD, OpenRuns, Phase, packet_stream
from orchestrator.domain.packet.history.refusals import recording
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.permissions.programs import require_known_safety_owner
from orchestrator.ledger.book.projections import packet_row
from orchestrator.ledger.book.records import RowWrite


async def adopt_packet(
    services: Services,
    actor: Actor,
    packet: Packet,
    packets: Sequence[str],
    answers: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Puts a packet's three files into the ledger, with the systems of its steps for every system of a class. Returns
    the version. `packets` are the names of those there are:
    once one is in use, a further one has a platform file that the same safety owners own, or is brought by one of them.
    `answers` are the objections that the version answers, each with a sentence.
    """
    packet = expanded(packet, services.runs.abilities, SYSTEM_CLASSES)
    in_use = await packets_in_use(services, packets)

    def adopt(people: Organisation, events: Sequence[Event]) -> Sequence[Draft]:
        acting, shelf = acting_now(actor, people), shelf_of(events)
        with recording(shelf.history, "adopt", packet.version, acting):
            if packet.name not in {known.name for known in in_use}:
                require_known_safety_owner(acting, packet, in_use)
            adopted = packet_phases.adopt(shelf.history, packet, acting, shelf.production, shelf.adopted_files)
            return [*adopted, *objections.answer(shelf.history, packet.version, answers, acting)]

    await _decide(services, packet.name, adopt)
    return packet.version


async def refused_adoption(services: Services, actor: Actor, packet: Packet, refused: NotAllowed) -> None:
    """Records a refusal to adopt these files that was found before they were checked, and raises it."""

    def refuse(people: Organisation, events: Sequence[Event]) -> Sequence[Draft]:
        with recording(packet_state.fold(events), "adopt", packet.version, acting_now(actor, people)):
            raise refused

    await _decide(services, packet.name, refuse)


async def sign_packet(
    services: Services,
    actor: Actor,
    packet: str,
    version: str,
    phase: Phase | None,
    packets: Sequence[str],
) -> None:
    """`packets` are the names of those there are, as for `adopt_packet`, of which others may be in use since."""
    require_known_owner = await _known_owners(services, packet, version, packets)

    def sign(people: Organisation, events: Sequence[Event]) -> Sequence[Draft]:
        acting, shelf = acting_now(actor, people), _known(packet, events, people)
        with recording(shelf.history, "sign", version, acting, phase):
            require_known_owner(acting, people)
            needed = shelf.required_signatures(version)
            return packet_phases.sign(shelf.history, version, acting, phase=phase, required=needed)

    await _decide(services, packet, sign)


async def object_to_packet(services: Services, actor: Actor, packet: str, version: str, reason: str) -> None:
    """Keeps the version from going forward until the author withdraws the objection."""

    def object_to(people: Organisation, events: Sequence[Event]) -> Sequence[Draft]:
        acting, state = acting_now(actor, people), _known(packet, events, people).history
        with recording(state, "object", version, acting):
            return objections.object_to(state, version, acting, reason)

    await _decide(services, packet, object_to)


async def withdraw_objection(services: Services, actor: Actor, packet: str, version: str, objection: str) -> None:
    def withdraw(people: Organisation, events: Sequence[Event]) -> Sequence[Draft]:
        acting, state = acting_now(actor, people), _known(packet, events, people).history
        with recording(state, "withdraw", version, acting):
            return objections.withdraw_objection(state, version, objection, acting)

    await _decide(services, packet, withdraw)


async def move_packet(
    services: Services,
    actor: Actor,
    packet: str,
    version: str,
    phase: Phase,
    packets: Sequence[str],
    reason: str = "",
    open_runs: OpenRuns | None = "continue",
    running: Sequence[str] = (),
) -> None:
    """`packets` are as for `sign_packet`. Moving a version back, or retiring it, needs the answer what happens to its
    open runs: `running` are the ids of those that the actor sees. Raises `Invalid` (`open_runs_unanswered`) where there
    are some and `open_runs` is None; with "pause", the refusal of the first run that the actor cannot pause. Nothing is
    moved then. The same move again pauses the runs that an interrupted one has not paused."""
    forward = phase in FORWARD[1:]
    require_known_owner = await _known_owners(services, packet, version, packets if forward else ())

    def move(people: Organisation, events: Sequence[Event]) -> Sequence[Draft]:
        acting, shelf = acting_now(actor, people), _known(packet, events, people)
        with recording(shelf.history, "move", version, acting, phase):
            require_known_owner(acting, people)
            needs, lacks = shelf.required_signatures(version), shelf.missing_support(version)
            return packet_phases.move(
                shelf.history,
                version,
                phase,
                acting,
                reason,
                open_runs or "continue",
                required=needs,
                missing_support=lacks,
            )

    def check(people: Organisation, events: Sequence[Event]) -> Sequence[Draft]:
        move(people, events)
        return ()

    await _decide(services, packet, check)  # what is refused in any case comes before questions about open runs
    known = (await services.runs.shelf(packet)).history.version(version)
    back = phase == known.phase or packet_phases.moves_back(known.phase, phase)
    pausing = running if back and open_runs == "pause" else ()
    if back and running and open_runs is None:
        raise Invalid(
            "open_runs_unanswered",
            f"{len(running)} {'run' if len(running) == 1 else 'runs'} of version {known.version[:12]} "
            f"{'is' if len(running) == 1 else 'are'} open.",
        )
    for run_id in pausing:
        await _require_pausable(services, actor, run_id, reason)
    await _decide(services, packet, move)
    for run_id in pausing:
        try:
            await hold_run(services, actor, run_id, reason or None)
        except TooLate:
            continue  # it has finished since


async def _require_pausable(services: Services, actor: Actor, run_id: str, reason: str) -> None:
    run = await services.runs.load(run_id)
    try:
        pausing.hold(run.state, reason or None, actor, run.world)
    except TooLate:
        return
    except NotAllowed as refused:
        refused.message = f"Run {run_id} can't be paused: {refused.message}"
        raise


async def _known_owners(
    services: Services, packet: str, version: str, packets: Sequence[str]
) -> Callable[[Actor, Organisation], None]:
    """A draft may be older than what is in use: when it was adopted no one was there who had to answer for it. Either
    the actor or the user who adopted it has to be a safety owner today. Returns the check of an actor."""
    shelf = await services.runs.shelf(packet)
    in_use = await packets_in_use(services, packets)
    if shelf.history.newest is None or packet in {known.name for known in in_use}:
        return lambda actor, people: None
    adopted = shelf.version(shelf.history.version(version).version)

    def require_one(actor: Actor, people: Organisation) -> None:
        by = people.actors.get(shelf.adopted_by(adopted.version), actor)
        try:
            require_known_safety_owner(by, adopted, in_use)
        except NotAllowed:
            require_known_safety_owner(actor, adopted, in_use)

    return require_one


def _known(packet: str, events: Sequence[Event], people: Organisation) -> PacketShelf:
    if not events:
        raise _unknown(packet)
    return shelf_of(events).counted(people.actors)


def _unknown(packet: str) -> Invalid:
    return Invalid("unknown_packet", f"There is no packet {packet}.")


def _packet_rows(name: str) -> Callable[[Sequence[Event]], list[RowWrite]]:
    def rows(events: Sequence[Event]) -> list[RowWrite]:
        state = packet_state.fold(events)
        return [RowWrite("packets", {"name": name}, packet_row(state))]

    return rows


async def _decide(
    services: Services, packet: str, decide: Callable[[Organisation, Sequence[Event]], Sequence[Draft]]
) -> None:
    """Appends to the packet's stream what `decide` returns."""
    await append_to(
        services.runs.ledger, packet_stream(packet), services.runs.organisation, decide, _packet_rows(packet)
    )
