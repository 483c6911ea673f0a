"""The services that commands use, their results, and the function that every command on a run goes through."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from orchestrator.deciding.runs import RestsOn, Runs
from orchestrator.deciding.snapshots import RunDecision
from orchestrator.documents.runs.questions import Started
from orchestrator.domain.errors import Invalid, Refusal
from orchestrator.domain.events.event import Event
from orchestrator.domain.organisation.organisation import acting_now
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions import visibility
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.run.comparison.twins import followed
from orchestrator.domain.run.progress import Progress
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World
from orchestrator.engine import Engine, EngineUnavailable
from orchestrator.ledger.persons.keys import Keyring

log = logging.getLogger("offboard.commands")


@dataclass(frozen=True, slots=True)
class Services:
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


@dataclass(frozen=True, slots=True)
class Received:
    """The answer to a request that was received and is looked at by others. It is the same in every such case, and says
    nothing about what there is."""

    message: str = "The request was received and will be reviewed."


@dataclass(frozen=True, slots=True)
class GateOutcome:
    """What became of one gate of a selection: `done`, or why not."""

    run_id: str
    gate_id: str
    done: Done | None = None
    refused: Refusal | None = None


def started(done: Done | Received) -> Started:
    """The result of `start_run` as a worker's answer to `StartAsked`."""
    if isinstance(done, Received):
        return Started(message=done.message)
    return Started(run_id=done.run_id, version=done.version, events=len(done.events), nudged=done.nudged)


async def packets_in_use(services: Services, packets: Sequence[str]) -> list[Packet]:
    """Those of these packets that are in shadow, pilot or production, as they work today."""
    shelves = [await services.runs.shelf(name) for name in packets]
    return [shelf.version(shelf.history.current.version) for shelf in shelves if shelf.history.current is not None]


async def active_people(services: Services) -> dict[str, Actor]:
    """The known accounts of people who have not left, by id."""
    known = (await services.runs.organisation()).actors
    departed = await services.runs.ledger.departed({one.human for one in known.values() if one.human is not None})
    return {id_: one for id_, one in known.items() if one.kind == "person" and one.human not in departed}


async def decide_on(
    services: Services,
    actor: Actor,
    run_id: str,
    decide: Callable[[Actor, RunState, World], Sequence[Event]],
    *,
    rests_on: RestsOn | None = None,
    about_twins: bool = False,
    wakes_always: bool = True,
) -> Done:
    """`about_twins`: the command is also for a dry run beside a run, which follows that run in all else.
    `wakes_always` off: the run's workflow sleeps on if nothing is made due.

    `decide` gets the actor with the roles of the same read as the run. The append is refused, and decided again,
    where an account has changed since."""

    def seen(state: RunState, world: World) -> Sequence[Event]:
        acting = acting_now(actor, world)
        visibility.require_visible(state, acting, world)
        if state.twin_of is not None and not about_twins:
            raise Invalid(
                "dry_run_follows",
                f"Dry run {run_id} belongs to run {state.twin_of}, and follows what is decided there.",
            )
        return decide(acting, state, world)

    decided = await services.runs.decide(run_id, seen, by_account=True, rests_on=rests_on)
    return await finish(services, decided, wakes_always=wakes_always)


async def finish(services: Services, decided: RunDecision, *, wakes_always: bool = True) -> Done:
    nudged = True
    if decided.events and not wakes_always and decided.makes_nothing_due:
        await services.runs.passed_over(decided)
    elif decided.events:
        nudged = await nudge(services, decided.state.run_id, decided.progress)
    twin = decided.state.asked.twin
    if twin is not None and (decided.state.version == len(decided.events) or any(followed(decided.events, None))):
        await nudge(services, twin)  # it was opened with the run, or follows it
    return Done(decided.state.run_id, decided.state.version, decided.events, nudged)


async def nudge(services: Services, run_id: str, hint: Progress | None = None) -> bool:
    """Wakes the run's workflow. False where Temporal could not be reached; the relay makes up for it."""
    if services.engine is None:
        return False
    try:
        await services.engine.nudge(run_id, hint)
    except EngineUnavailable:
        log.warning("Temporal could not be notified; the relay notifies it later")
        return False
    return True
