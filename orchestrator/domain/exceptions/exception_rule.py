"""The shape of an exception rule: when exceptions of a kind open and close, their repairs and their texts.

`exceptions.py` has the rules.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, StrEnum

from orchestrator.domain import events as e
from orchestrator.domain.exceptions.owners import with_team
from orchestrator.domain.organisation.duties import roles_left_alone
from orchestrator.domain.organisation.services import without_owner_after
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.planning.missing_connectors import MISSING_CODES, missing_systems
from orchestrator.domain.planning.searching import searched_systems
from orchestrator.domain.planning.uncovered import uncovered_systems
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import StepReadiness, World
from orchestrator.domain.run.watch.watching import returned


class Repair(StrEnum):
    """What people can do about an exception. Each is a command of the domain."""

    SETTLE = "settle"
    """Say which of the found accounts are the person's."""
    COMPLETE_TASK = "complete_task"
    """Complete the open task of the step."""
    RETRY = "retry"
    """Try the step once more under the same effect key."""
    RETRY_ANEW = "retry_anew"
    """Try the step once more under a new effect key, although the first attempt may have taken effect."""
    DO_BY_HAND = "do_by_hand"
    """Report that the step was done by hand, with evidence."""
    SKIP = "skip"
    REPLAN = "replan"
    REPLAN_UNDER_VERSION = "replan_under_version"
    """Re-plan the run under the packet version in use."""
    ACCEPT = "accept"
    """Close the exception with a reason. What still has to be done stays to be done."""
    WAIVE = "waive"
    """Accept the problem until a date, with a reason. The exception stays, and is open again from then on."""
    NAME_DECIDER = "name_decider"
    """Name an account that decides a gate or review; two people name the same one."""
    END = "end"
    """Cancel the run."""
    RELEASE_STARTS = "release_starts"
    """Two people release a limit on starts, which closes the exception."""


class Subject(Enum):
    """What a trigger is asked about, and with which id: in a round, all subjects of one member come before the next."""

    RUN = "the run: an empty id"
    SECOND_REQUEST = "each request for a person who has an open run: its number"
    SEARCHED_SYSTEM = "each system that was searched at least once"
    PERSON = "the person: an empty id"
    UNASKED_SYSTEM = "each system without any search, unless it is on hold"
    OPEN_QUESTION = "each system whose accounts are still a question, once there is a plan"
    GATE = "each gate"
    STEP = "each step that is not final"
    TASK = "each task"
    REVIEW = "each review"
    SERVICE = "each service of the leaver for which no one answers after the cutoff: its account"
    CONNECTOR_MISSING = "each system whose connector is missing: in this process, or where it was searched"
    HELD_SYSTEM = "each system of the workflow on which changes are paused"
    ROLE = "each role in Offboard that only the leaver has: its name"
    UNCOVERED_SYSTEM = "each system that the packet version in use covers, and the run's version does not"
    RETURNED = "each access that a check after the close found, and that is not dealt with"
    UNCHECKED_SYSTEM = "each system that could not be read at a check after the close"


@dataclass(frozen=True, slots=True)
class ExceptionContext:
    """The input of rules. `unsettled` are the systems on which people still have to confirm the person's accounts,
    `undecidable` the gates and reviews that too few people can decide. `close_digests` has what people would sign now
    to close the run (`approvals/close_gates.py`)."""

    state: RunState
    readiness: Mapping[str, StepReadiness]
    world: World
    unsettled: tuple[str, ...]
    undecidable: Collection[str] = ()
    close_digests: Mapping[str, str] = field(default_factory=dict)

    @property
    def patience(self) -> timedelta:
        """For how long something may fail or wait before it becomes an exception."""
        return self.world.pinned.workflow.thresholds.retries_become_exception_after


def subjects(subject: Subject, context: ExceptionContext) -> list[str]:
    """The ids that a trigger about this subject is asked with."""
    state, world = context.state, context.world
    match subject:
        case Subject.RUN | Subject.PERSON:
            return [""]
        case Subject.SECOND_REQUEST:
            return [str(number) for _, number in state.second_requests]
        case Subject.SEARCHED_SYSTEM:
            return list(state.accounts.searches)
        case Subject.UNASKED_SYSTEM:
            return [
                s for s in searched_systems(world.pinned) if s not in state.accounts.searches and s not in world.holds
            ]
        case Subject.OPEN_QUESTION:
            return list(context.unsettled) if state.plan.first_planned_at is not None else []
        case Subject.GATE:
            return list(state.decisions.gates)
        case Subject.STEP:
            return [step_id for step_id in state.plan.steps if not state.work.steps[step_id].at_rest]
        case Subject.TASK:
            return list(state.work.tasks)
        case Subject.REVIEW:
            return list(state.work.exceptions)
        case Subject.SERVICE:
            return list(services_left_alone(state, world))
        case Subject.ROLE:
            return list(roles_only_the_leaver_has(state, world))
        case Subject.HELD_SYSTEM:
            named = dict.fromkeys(step.system for step in world.pinned.workflow.steps if step.system is not None)
            return [s for s in named if e.EVERYTHING in world.holds or s in world.holds]
        case Subject.UNCOVERED_SYSTEM:
            return list(not_covered(state, world))
        case Subject.RETURNED:
            return list(returned(state))
        case Subject.UNCHECKED_SYSTEM:
            return list(state.watch.failing)
        case Subject.CONNECTOR_MISSING:
            looks = state.accounts.searches.items()
            failing = [system for system, look in looks if look.code in MISSING_CODES]
            return list(dict.fromkeys([*failing, *missing_systems(state, world.pinned, world.abilities)]))


def services_left_alone(state: RunState, world: World) -> tuple[str, ...]:
    """The accounts of the leaver's services for which no one answers once this run has passed its cutoff. A dry run
    locks no one out."""
    if state.asked.phase == "shadow" or state.restores is not None:
        return ()
    return without_owner_after(state.asked.person_id, world.programs, world.actors, world.departed, world.now)


def roles_only_the_leaver_has(state: RunState, world: World) -> tuple[str, ...]:
    """None in a dry run and in a restore, which lock no one out."""
    if state.asked.phase == "shadow" or state.restores is not None:
        return ()
    return roles_left_alone(state.asked.person_id, world.actors.values(), world.departed)


def not_covered(state: RunState, world: World) -> tuple[str, ...]:
    """None in a dry run, which removes no access, and in a world that was read before the run took its version."""
    if state.asked.phase == "shadow" or state.packet_version != world.pinned.version:
        return ()
    return uncovered_systems(world.pinned, world.current)


@dataclass(frozen=True, slots=True)
class Wanted:
    """An exception that should exist now.

    Its id is made of the kind and `about`. Where it is `recurring`, `about` is a step or a system, and the exception
    opens again, under a new id, once the one before is closed; otherwise it opens once. `due` takes the place of the
    rule's.
    """

    about: str
    recurring: bool = False
    step_id: str | None = None
    system: str | None = None
    gate_id: str | None = None
    code: str = ""
    due: datetime | None = None


@dataclass(frozen=True, slots=True)
class Trigger:
    """`wanted` gets the id of one subject and returns the exception that it calls for, None where there is none."""

    subject: Subject
    wanted: Callable[[ExceptionContext, str], Wanted | None]


Overcome = Callable[[ExceptionContext, e.ExceptionOpened], bool]
"""Whether the reason of an open exception is gone, so that it closes automatically."""


@dataclass(frozen=True, slots=True)
class ExceptionRule:
    """Everything that is particular to one kind of exception.

    `title` is a label without personal data, in the case of a sentence; mails use it too. `meaning` and `remedy` are
    sentences: what happened, and what people can do, in words that fit a page, the API and a terminal alike.
    """

    kind: e.ExceptionKind
    title: str
    meaning: str
    remedy: str
    repairs: tuple[Repair, ...]
    """The usual one first. Entry points offer those that the domain allows to the person who looks."""
    opens: tuple[Trigger, ...]
    overcome: Overcome
    closed_by: frozenset[Repair] = frozenset()
    """Which of retry and replan close it at once; after the other one it closes when it is overcome. Settling, skipping
    and accepting always close."""
    owners: Callable[[Packet], tuple[str, ...]] = lambda packet: (packet.approvals.exceptions.owner,)
    """The roles that look after it."""
    due_within: Callable[[Packet], timedelta] = lambda packet: packet.approvals.exceptions.due_within
    accepted_by: Callable[[Packet], tuple[str, ...]] | None = None
    """The roles that can accept it, if not all of its owners can."""
    is_review: bool = False
    """Whether it is a review of what the run's requester did: the requester cannot close it."""
    people_only: bool = False
    """Whether assistants and services have nothing to do with it: their inbox leaves it out."""
    waived_when_accepted: bool = False
    """Whether accepting it leaves its cause as it is: a run in which it was accepted is not completed without
    exceptions."""
    outlives_run: bool = False
    """Whether it stays open when a person cancels the run."""
    tried_automatically: bool = False
    """Whether attempts go on while it is open."""
    depends_on_levels: bool = False
    """Whether changes of levels or roles may resolve it: runs with an open one are then checked again."""

    def owners_for(self, packet: Packet, system: str | None) -> tuple[str, ...]:
        """The owners of an exception about this system, or about none."""
        return with_team(self.owners(packet), packet, system)

    def roles_that_accept(self, opened: e.ExceptionOpened, packet: Packet) -> tuple[str, ...]:
        """`packet` is the version of the run."""
        return self.accepted_by(packet) if self.accepted_by is not None else opened.owners


def stamp(at: datetime) -> str:
    """An instant as a part of an exception's id."""
    return f"{at.timestamp():.6f}"
