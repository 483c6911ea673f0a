"""Every change that anyone can ask for, one function each. Pages, the command line and assistants call these and
nothing deeper, so that nothing can be done through one door that is refused at another.

A command is decided and recorded first, then the run's workflow is nudged. If Temporal is away the command stands all
the same; the relay nudges once it is back.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from orchestrator.domain import events as e
from orchestrator.domain import gates, operating, requests, surroundings
from orchestrator.domain import packet_history as history
from orchestrator.domain.cutoff import Cutoff
from orchestrator.domain.errors import Invalid
from orchestrator.domain.event import Draft, Event
from orchestrator.domain.event_keys import event_key
from orchestrator.domain.levels import Actor
from orchestrator.domain.packet import Packet
from orchestrator.domain.person import PersonFacts
from orchestrator.domain.progress import Progress
from orchestrator.domain.run import RunState
from orchestrator.domain.standing import World
from orchestrator.engine import Engine, EngineUnavailable
from orchestrator.ledger.keys import Keyring
from orchestrator.ledger.packets import PacketShelf, version_for
from orchestrator.ledger.projections import packet_row
from orchestrator.ledger.records import RowWrite
from orchestrator.ledger.runs import Decided, Runs, drafts

log = logging.getLogger("offboard.commands")


@dataclass(frozen=True, slots=True)
class Office:
    """What a command works with. Without an engine (a ledger's administrator) nudges are left to the relay."""

    runs: Runs
    keyring: Keyring
    engine: Engine | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """What a command came to: the run's version after it, and how many events it caused. `nudged` is false where
    Temporal could not be reached; the relay makes up for it."""

    run_id: str
    version: int
    events: tuple[Event, ...]
    nudged: bool = True


# HR


async def start_run(
    office: Office, actor: Actor, person: PersonFacts, packet: str, cutoff: Cutoff | None, *, urgent: bool = False
) -> Done:
    """Opens a run for a person as HR knows them. Raises `Refusal`; an open run is named in it."""
    person_id = await office.keyring.person_for("hr", person.hr_id)
    assert person_id is not None
    run_id = f"r{secrets.token_hex(8)}"

    def request(open_run: str | None, shelf: PacketShelf, now: datetime) -> e.RunRequested:
        version = version_for(shelf, packet, person)
        return requests.request_run(
            run_id=run_id,
            person_id=person_id,
            person=person,
            cutoff=cutoff,
            urgent=urgent,
            actor=actor,
            packet=shelf.version(version.version),
            phase=version.phase,
            open_run=open_run,
            now=now,
        )

    decided = await office.runs.start(person_id, request, packet)
    return await _done(office, decided)


async def reschedule_run(office: Office, actor: Actor, run_id: str, cutoff: Cutoff) -> Done:
    return await _decide(office, run_id, lambda state, world: requests.reschedule(state, cutoff, actor, world))


async def end_run(office: Office, actor: Actor, run_id: str, reason: str) -> Done:
    return await _decide(office, run_id, lambda state, world: requests.end(state, reason, actor, world))


# Approvers


async def approve_gate(
    office: Office, actor: Actor, run_id: str, gate_id: str, excluded: Sequence[str] = (), reason: str | None = None
) -> Done:
    """Raises `TooLate` with who decided and when, for whoever comes after."""
    return await _decide(
        office,
        run_id,
        lambda state, world: gates.vote(state, gate_id, actor, "approve", tuple(excluded), reason, world),
    )


async def reject_gate(office: Office, actor: Actor, run_id: str, gate_id: str, reason: str) -> Done:
    if not reason.strip():
        raise Invalid("reason_missing", "A rejection needs a reason.", "Say why: --reason TEXT.")
    return await _decide(
        office, run_id, lambda state, world: gates.vote(state, gate_id, actor, "reject", (), reason, world)
    )


# Operators


async def retry_step(
    office: Office, actor: Actor, run_id: str, step: str, *, again: bool = False, reason: str | None = None
) -> Done:
    return await _decide(office, run_id, lambda state, world: operating.retry(state, step, again, reason, actor, world))


async def skip_step(office: Office, actor: Actor, run_id: str, step: str, reason: str) -> Done:
    return await _decide(office, run_id, lambda state, world: operating.skip(state, step, reason, actor, world))


async def settle_match(
    office: Office, actor: Actor, run_id: str, system: str, accounts: Sequence[str], reason: str | None = None
) -> Done:
    return await _decide(
        office, run_id, lambda state, world: operating.settle(state, system, tuple(accounts), reason, actor, world)
    )


async def replan_run(office: Office, actor: Actor, run_id: str, reason: str | None = None) -> Done:
    return await _decide(office, run_id, lambda state, world: operating.replan(state, reason, actor, world))


async def accept_exception(office: Office, actor: Actor, run_id: str, exception_id: str, reason: str) -> Done:
    return await _decide(
        office, run_id, lambda state, world: operating.accept(state, exception_id, reason, actor, world)
    )


async def complete_task(
    office: Office, actor: Actor, run_id: str, task_id: str, outcome: str, evidence: dict[str, Any] | None
) -> Done:
    if outcome not in ("done", "not_done"):
        raise Invalid("unknown_outcome", f"A task cannot end as {outcome!r}.", "Say done or not_done.")
    return await _decide(
        office,
        run_id,
        lambda state, world: operating.complete_task(state, task_id, outcome, evidence, actor, world),
    )


async def hold_run(office: Office, actor: Actor, run_id: str, reason: str | None = None) -> Done:
    return await _decide(office, run_id, lambda state, world: operating.hold(state, reason, actor, world))


async def release_run(office: Office, actor: Actor, run_id: str) -> Done:
    return await _decide(office, run_id, lambda state, world: operating.release(state, actor, world))


async def hold_system(office: Office, actor: Actor, system: str, packet: str, reason: str | None = None) -> bool:
    """Holds back every change on one system, or on all (`*`), in all runs. False if it was held already."""
    current = await _current(office, packet)

    def place(events: Sequence[Event]) -> Sequence[Draft]:
        held = surroundings.holds_of(events).held
        return drafts(operating.hold_system(held, system, reason, actor, current), len(events), actor.human)

    return bool(await office.runs.append_to(e.holds_stream(system), place))


async def release_system(office: Office, actor: Actor, system: str, packet: str) -> bool:
    """Lets changes on a system go on: the relay sees it in the ledger and nudges open runs. False if it was not
    held."""
    current = await _current(office, packet)

    def lift(events: Sequence[Event]) -> Sequence[Draft]:
        held = surroundings.holds_of(events).held
        return drafts(operating.release_system(held, system, actor, current), len(events), None)

    return bool(await office.runs.append_to(e.holds_stream(system), lift))


async def _current(office: Office, packet: str) -> Packet:
    current = (await office.runs.shelf(packet)).current
    if current is None:
        raise Invalid("unknown_packet", f"There is no packet {packet}.", "Name one that was adopted.")
    return current


# The packet's owners


async def adopt_packet(office: Office, actor: Actor, packet: Packet) -> str:
    """Puts a packet's three files into the ledger. Returns the version."""
    stream = history.packet_stream(packet.name)
    await office.runs.append_to(
        stream, lambda events: history.adopt(history.fold(events), packet, actor), _packet_rows(packet.name)
    )
    return packet.version


async def sign_packet(office: Office, actor: Actor, packet: str, version: str, phase: history.Phase | None) -> None:
    await office.runs.append_to(
        history.packet_stream(packet),
        lambda events: history.sign(_known(packet, events), version, actor, phase=phase),
        _packet_rows(packet),
    )


async def move_packet(
    office: Office, actor: Actor, packet: str, version: str, phase: history.Phase, reason: str = ""
) -> None:
    await office.runs.append_to(
        history.packet_stream(packet),
        lambda events: history.move(_known(packet, events), version, phase, actor, reason),
        _packet_rows(packet),
    )


def _known(packet: str, events: Sequence[Event]) -> history.PacketState:
    if not events:
        raise Invalid("unknown_packet", f"There is no packet {packet}.", "Sign its folder to adopt it.")
    return history.fold(events)


def _packet_rows(name: str) -> Callable[[Sequence[Event]], list[RowWrite]]:
    def rows(events: Sequence[Event]) -> list[RowWrite]:
        state = history.fold(events)
        return [RowWrite("packets", {"name": name}, packet_row(state))]

    return rows


# Who acts


async def record_actor(office: Office, actor: Actor, name: str | None = None) -> None:
    """What sign-in found out about an account. Nothing is appended where that is known already."""
    named = name if actor.human is not None else None

    def record(events: Sequence[Event]) -> list[Draft]:
        if surroundings.organisation_of(events).actors.get(actor.actor_id) == actor:
            return []
        event = e.ActorRecorded(
            actor_id=actor.actor_id,
            kind=actor.kind,
            roles=tuple(sorted(actor.roles)),
            human=actor.human,
            managers=tuple(sorted(actor.managers)),
            name=named,
        )
        return [Draft(key=event_key(event, len(events) + 1), event=event, subject=actor.human)]

    await office.runs.append_to(e.ORGANISATION, record)


async def revoke_roles(office: Office, by: Actor, packet: str, actor_id: str, roles: Sequence[str]) -> bool:
    """Takes roles from an account at once: effects it caused are not begun any more. For the safety owner of a packet
    that is in use; a draft, which anybody can adopt, makes nobody an owner here. False if the account had none of
    them."""
    in_use = (await office.runs.shelf(packet)).history.current
    if in_use is None:
        raise Invalid("packet_not_in_use", f"No packet {packet} is in use.", "Name one in shadow, pilot or production.")

    def revoke(events: Sequence[Event]) -> Sequence[Draft]:
        known = surroundings.actor(surroundings.organisation_of(events), actor_id)
        return drafts(operating.revoke_roles(known, roles, by, in_use.safety_owner), len(events), None)

    return bool(await office.runs.append_to(e.ORGANISATION, revoke))


# The way each command on a run takes


async def _decide(office: Office, run_id: str, decide: Callable[[RunState, World], Sequence[Event]]) -> Done:
    return await _done(office, await office.runs.decide(run_id, decide))


async def _done(office: Office, decided: Decided) -> Done:
    nudged = await _nudge(office, decided.state.run_id, decided.progress) if decided.events else True
    return Done(decided.state.run_id, decided.state.version, decided.events, nudged)


async def _nudge(office: Office, run_id: str, hint: Progress) -> bool:
    if office.engine is None:
        return False
    try:
        await office.engine.nudge(run_id, hint)
    except EngineUnavailable:
        log.warning("the engine could not be nudged; the relay will do it")
        return False
    return True
