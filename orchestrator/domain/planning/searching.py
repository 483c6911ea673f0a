"""Which systems have to be searched for the person's accounts now, and by which values.

A system is asked for a plan, again when it did not answer, and once more to confirm the plan before a change. Each
system is on its own here: one that is down does not delay the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from orchestrator.domain.events import SystemSearched
from orchestrator.domain.organisation.person import PersonFacts
from orchestrator.domain.packet.packet import Packet, SystemSpec
from orchestrator.domain.planning import matching
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import StepReadiness, World, backoff, look_is_old, needs_fresh_look

Purpose = Literal["plan", "confirm"]


@dataclass(frozen=True, slots=True)
class SearchesDue:
    """`systems` with what each is asked for; `until` is when the next failed one is due again."""

    systems: tuple[tuple[str, Purpose], ...] = ()
    until: datetime | None = None


def searched_systems(packet: Packet) -> list[str]:
    """The systems of the workflow in which accounts are looked for, in the order of its steps."""
    named = dict.fromkeys(step.system for step in packet.workflow.steps if step.system is not None)
    return [system for system in named if packet.platform.systems[system].match]


def searches_due(state: RunState, world: World, readiness_by_step: Mapping[str, StepReadiness]) -> SearchesDue:
    if state.finished or state.held or "*" in world.holds or state.asked.facts is None:
        return SearchesDue()
    searched = searched_systems(world.pinned)
    unconfirmed = {
        state.plan.steps[id_].system for id_, where in readiness_by_step.items() if where.waits_for == "fresh_look"
    }
    if unconfirmed:
        # One look at the whole company before the first change, not one before each system's; also at systems where
        # there was nothing when the plan was made, since there may be something now.
        unconfirmed |= {
            step.system
            for step in state.plan.steps.values()
            if not state.work.steps[step.step_id].may_have_taken_effect and needs_fresh_look(state, step, world)
        }
        without_steps = set(searched) - {step.system for step in state.plan.steps.values()}
        unconfirmed |= {system for system in without_steps if look_is_old(state, system, world)}
    if state.plan.planned_at is not None and all(where.kind == "final" for where in readiness_by_step.values()):
        # All steps are done: one last search, for accounts that were created after the plan.
        unconfirmed |= unseen_since_cutoff(state, world)
    # An exception says that the search is retried, also once no step needs it any more: the run stays open until then.
    unconfirmed |= {
        one.opened.system
        for one in state.work.open_exceptions()
        if one.opened.kind == "search_failed" and one.opened.system is not None
    }
    due: list[tuple[str, Purpose]] = []
    later: list[datetime] = []
    for system in searched:
        look = state.accounts.searches.get(system)
        wanted = state.wants_plan_from(system)
        if not (wanted or system in unconfirmed) or system in world.holds:
            continue
        again_at = look.tried_at + backoff(look.failures) if look is not None and look.failures else None
        if again_at is not None and world.now < again_at:
            later.append(again_at)
        else:
            due.append((system, "plan" if wanted else "confirm"))
    return SearchesDue(tuple(due), min(later, default=None))


def unseen_since_cutoff(state: RunState, world: World) -> set[str]:
    """Systems that have not been searched since the cutoff; none before it, and none in a run that changes nothing."""
    if world.now < state.cutoff or state.asked.phase == "shadow":
        return set()
    return {
        system
        for system in searched_systems(world.pinned)
        if (look := state.accounts.searches.get(system)) is None or look.at is None or look.at < state.cutoff
    }


def queue_of(system: str, world: World) -> str | None:
    """The task queue in which a system is searched, None for the installation's own. Like the connection it is the
    current packet's: where a system can be reached from is a matter of today."""
    return reached_by(system, world.pinned, world.current).queue


def reached_by(system: str, pinned: Packet, current: Packet) -> SystemSpec:
    """How a run reaches a system: as the current packet says, while that names the same connector. With another
    connector, or another version of it, the packet version that the run started under decides: its steps were planned
    and approved for that connector."""
    planned_for = pinned.platform.systems[system]
    today = current.platform.systems.get(system)
    return today if today is not None and today.connector == planned_for.connector else planned_for


def all_asked(state: RunState, packet: Packet, holds: Set[str] = frozenset()) -> bool:
    """Every system has been asked since a plan was wanted, whether it answered or not. A system on hold is not asked,
    and delays no other system: its steps continue once it is released. Nor does a system that the run got with a later
    packet version, until it was searched."""
    added = set(state.plan.added.values()) - state.accounts.searches.keys()
    systems = (system for system in searched_systems(packet) if system not in holds and system not in added)
    looks = (state.accounts.searches.get(system) for system in systems)
    return all(look is not None and look.tried_at >= state.plan.wanted_since for look in looks)


def judge(
    person: PersonFacts, packet: Packet, system: str, purpose: Purpose, accounts: Sequence[matching.FoundAccount]
) -> SystemSearched:
    """What a system's answer means for this person."""
    found = matching.match_accounts(person, packet.platform.systems[system].match, accounts)
    matched = (found.account.account_id,) if found.account is not None and found.outcome == "matched" else ()
    return SystemSearched(
        system=system,
        purpose=purpose,
        outcome=found.outcome,
        accounts=matched,
        candidates=tuple(sorted(candidate.account_id for candidate in found.candidates)),
        matched_on=",".join(found.keys),
        code=found.conflict or "",
    )


def unsettled(state: RunState, packet: Packet) -> Iterable[str]:
    """Systems where it is still a question which accounts are theirs."""
    for system in searched_systems(packet):
        if state.accounts.of(system) is not None:
            continue
        found = state.accounts.planned_on.get(system)
        if found is not None and found.outcome == "none" and not packet.platform.systems[system].expected:
            continue
        yield system
