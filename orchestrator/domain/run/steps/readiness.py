"""The readiness of each step: final, ready, waiting, or stopped until a person acts.

This is the check that is made before every effect, afresh from the ledger. "Not yet" is an answer, not an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

from orchestrator.domain.organisation.organisation import DelegationState
from orchestrator.domain.organisation.services import TokenProgram
from orchestrator.domain.packet.ability import Catalogue
from orchestrator.domain.packet.packet import Packet, SystemSpec
from orchestrator.domain.permissions.grants import highest_level
from orchestrator.domain.permissions.levels import Actor, Level
from orchestrator.domain.permissions.parties import is_party
from orchestrator.domain.planning.plan import PlannedStep, depends_on_cutoff, sends_cutoff
from orchestrator.domain.run.decisions import Approval
from orchestrator.domain.run.legal_holds import kept_by_legal_hold
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.hand_overs import left_out_before
from orchestrator.domain.run.time import LONG_AGO
from orchestrator.domain.run.work import ReadingAgain, is_about_selection

WaitsFor = Literal[
    "predecessors", "time", "gate", "another_attempt", "lease", "hold", "fresh_look", "open_question", "task",
    "exception", "level", "plan", "legal_hold", "nothing",
]  # fmt: skip

LEASE_GRACE_SHARE = 0.5
"""Of a step's deadline, what its lease lasts beyond everything that the attempt itself may take; at least a second."""
MAX_BACKOFF = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class World:
    """Everything outside the run that a decision about it needs, read from the ledger in the same round.

    `pinned` is the packet that the run started under, `current` today's; `abilities` is what the connectors can do;
    `holds` are the systems on hold, `*` for everything; `actors` are the known ones by id, with the roles that they
    still have; `delegations` says who decides for whom; `programs` are the services and assistants by account.
    `held_since` has, by system, the version of its holds at which the latest one began, and `held_by` the accounts that
    placed it.
    `kept_roles` are the revoked roles, by account, that still count in this run for what was decided and requested in
    it (`roles_kept`).
    `departed` are the people, by opaque id, who have no access to Offboard any more since their own cutoff has passed.
    `restored_at` is when it was last noticed that an older copy of the ledger had been restored: what was done before
    may not be recorded.
    `read_at` is the reading of a steady clock (seconds) at which all this was read.
    """

    now: datetime
    pinned: Packet
    current: Packet
    abilities: Catalogue = field(default_factory=dict)
    holds: frozenset[str] = frozenset()
    held_since: Mapping[str, int] = field(default_factory=dict)
    held_by: Mapping[str, frozenset[str]] = field(default_factory=dict)
    actors: Mapping[str, Actor] = field(default_factory=dict)
    delegations: tuple[DelegationState, ...] = ()
    programs: Mapping[str, TokenProgram] = field(default_factory=dict)
    departed: frozenset[str] = frozenset()
    restored_at: datetime | None = None
    kept_roles: Mapping[str, frozenset[str]] = field(default_factory=dict)
    read_at: float = 0.0
    # Looked up once a world, since every step asks; a changed world (`replace`) begins again.
    _levels: dict[tuple[str, str, str], Level | None] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )

    def level_of(self, actor_id: str, system: str, workflow: str) -> Level | None:
        """How far an actor may go on a system in a workflow; None is "not even read". For the effects that an actor
        caused."""
        asked = (actor_id, system, workflow)
        if asked not in self._levels:
            actor = self.rested_on.get(actor_id)
            self._levels[asked] = (
                highest_level(self.pinned.platform, self.current.platform, actor, system, workflow)
                if actor is not None and not self._maker_left(actor)
                else None
            )
        return self._levels[asked]

    def system_today(self, system: str) -> SystemSpec | None:
        """As today's version of the packet has it, so that its support is that of today; else as the run's has it."""
        return self.current.platform.systems.get(system) or self.pinned.platform.systems.get(system)

    @property
    def rested_on(self) -> Mapping[str, Actor]:
        """The known accounts with the roles on which their votes and the effects that they caused rest."""
        kept = {
            account: actor.model_copy(update={"roles": actor.roles | roles})
            for account, roles in self.kept_roles.items()
            if (actor := self.actors.get(account)) is not None
        }
        return {**self.actors, **kept} if kept else self.actors

    def _maker_left(self, actor: Actor) -> bool:
        """An assistant does nothing any more once the person who created its token has left."""
        return actor.kind == "assistant" and actor.maker is not None and actor.maker.human in self.departed

    def later(self, at: float) -> World:
        """The same world at `at` (seconds of the process's monotonic clock), read at `read_at`."""
        return replace(self, now=self.now + timedelta(seconds=max(at - self.read_at, 0.0)), read_at=at)

    def after(self, recorded_at: datetime) -> World:
        """The same world at a later time, after `recorded_at`. A process estimates the time since its last read and may
        be behind the times that the database has recorded since; the next event always has the latest time."""
        return self if self.now > recorded_at else replace(self, now=recorded_at + timedelta(microseconds=1))


@dataclass(frozen=True, slots=True)
class StepReadiness:
    """`until` is when time alone may change the answer; None where only an event can."""

    kind: Literal["final", "ready", "waiting", "stopped"]
    waits_for: WaitsFor = "nothing"
    until: datetime | None = None
    caused_by: tuple[str, ...] = ()


FINAL_READINESS = StepReadiness("final")


def readiness(state: RunState, step: PlannedStep, world: World) -> StepReadiness:
    """Where one step stands now. Pure; the order of the checks is the order in which a person would want to hear."""
    known = state.work.steps[step.step_id]
    if known.at_rest:
        return FINAL_READINESS
    if state.finished:
        return StepReadiness("stopped", "nothing")
    if known.reading_again is not None:
        return _reading_readiness(state, step, known.reading_again, world)
    if known.status in ("failed", "unknown"):
        return StepReadiness("stopped", "task" if known.status == "unknown" else "exception")
    if _on_hold(state, step, world):
        return StepReadiness("waiting", "hold")
    if not _predecessors_done(state, step, world):
        return StepReadiness("waiting", "predecessors")
    if step.account_id and not _account_still_matches(state, step, world):
        asked = not account_gone(state, step, world)
        return StepReadiness("stopped", "open_question" if asked else "exception")
    if step.system in state.accounts.changed_systems:
        # Once a person ordered a new plan, the system is searched until it answers.
        waits = state.wants_plan_from(step.system)
        return StepReadiness("waiting", "plan") if waits else StepReadiness("stopped", "exception")
    if state.plan.stale and step.level > Level.PREPARE:
        return StepReadiness("waiting", "plan")
    dates = (due_at(state, step), shows_leaving_from(state, step, world))
    due = max((date for date in dates if date is not None), default=None)
    if due is not None and world.now < due:
        return StepReadiness("waiting", "time", due)
    if step.gate is None and (step.uncertain or _on_unconfirmed_account(state, step)):
        return StepReadiness("stopped", "exception")
    gated = step.gate is not None and not state.goes_before_gates(step)
    if gated and (step.digest in state.decisions.excluded or step.digest in state.decisions.rejected):
        return StepReadiness("stopped", "exception")
    if kept_by_legal_hold(state, step, world.pinned, world.abilities):
        return StepReadiness("waiting", "legal_hold")
    if gated:
        if (approval := approval_in_force(state, step, world)) is None:
            return StepReadiness("waiting", "gate")
        if _on_unconfirmed_account(state, step) and not _approved_by_another(state, step.system, approval, world):
            return StepReadiness("stopped", "exception")
    caused_by = who_caused(state, step)
    if not step.is_task and not levels_suffice(state, step, caused_by, world):
        return StepReadiness("stopped", "level")
    if step.is_task:
        return StepReadiness("ready", caused_by=caused_by)
    if known.lease_until is not None and world.now < known.lease_until:
        return StepReadiness("waiting", "lease", known.lease_until)
    may_be_in_flight = known.in_flight_until is not None and not known.may_have_taken_effect
    if may_be_in_flight and known.in_flight_until is not None and world.now < known.in_flight_until:
        # A repeat under a new key waits until the call before it has had its effect, or will have none.
        return StepReadiness("waiting", "lease", known.in_flight_until)
    if known.retry_at is not None and world.now < known.retry_at:
        return StepReadiness("waiting", "another_attempt", known.retry_at)
    if not known.may_have_taken_effect and needs_fresh_look(state, step, world):
        return StepReadiness("waiting", "fresh_look")
    return StepReadiness("ready", caused_by=caused_by)


def _on_hold(state: RunState, step: PlannedStep, world: World) -> bool:
    return state.held or "*" in world.holds or bool(step.system and step.system in world.holds)


def _reading_readiness(state: RunState, step: PlannedStep, again: ReadingAgain, world: World) -> StepReadiness:
    """Where a step stands that is done and is read again. Reading changes nothing, so it needs no approval."""
    if _on_hold(state, step, world):
        return StepReadiness("waiting", "hold")
    if again.retry_at is not None and world.now < again.retry_at:
        return StepReadiness("waiting", "another_attempt", again.retry_at)
    return StepReadiness("ready")


def approval_in_force(state: RunState, step: PlannedStep, world: World) -> Approval | None:
    """The decision that lets this step run now. One from before a hand-over was skipped does not let a step run that
    deletes data or cannot be undone, and one of an account that turns out to be the requester's or the leaver's lets no
    step run."""
    approval = state.approval_of(step, world.now)
    if approval is None or any(is_party(state, known) for known in _decided_by(state, approval, world)):
        return None
    decided_at = state.decisions.gates[approval.gate_id].decided_at or LONG_AGO
    left_out = left_out_before(state, step, world.pinned, world.abilities)
    return approval if all(at < decided_at for _, at in left_out) else None


def _decided_by(state: RunState, approval: Approval, world: World) -> list[Actor]:
    """The known accounts that an approval rests on, and those that voted for them in their absence."""
    votes = [vote for vote, _ in state.decisions.gates[approval.gate_id].votes]
    accounts = {*approval.by, *(vote.by for vote in votes if vote.on_behalf_of in approval.by)}
    return [world.actors[account] for account in accounts if account in world.actors]


def _account_still_matches(state: RunState, step: PlannedStep, world: World) -> bool:
    """A step that was begun stays in the run; it goes on only while its account is known to be the person's."""
    return step.account_id in (state.accounts.of(step.system) or ())


def _on_unconfirmed_account(state: RunState, step: PlannedStep) -> bool:
    """Whether the step changes an account that one person selected and no second person has confirmed."""
    return bool(step.account_id) and step.level > Level.PREPARE and state.selection_unconfirmed(step.system)


def _approved_by_another(state: RunState, system: str, approval: Approval, world: World) -> bool:
    """Whether a person approved who is not the one that selected the accounts on the system."""
    selector = world.actors.get(state.accounts.settled_by.get(system, ""))
    votes = [vote for vote, _ in state.decisions.gates[approval.gate_id].votes if vote.verdict == "approve"]
    return selector is None or any(not selector.is_person(vote.human) for vote in votes)


def account_gone(state: RunState, step: PlannedStep, world: World) -> bool:
    """Whether a step stays in the run whose account turned out not to be the person's, or is no longer there. Several
    possible accounts are a question: the step's can be the person's still."""
    if not step.account_id or _account_still_matches(state, step, world):
        return False
    if state.accounts.of(step.system) is not None:
        return True
    found = state.accounts.planned_on.get(step.system)
    none = found is None or found.outcome == "none"
    return none and not world.pinned.platform.systems[step.system].expected


def ready_since(state: RunState, step: PlannedStep, world: World) -> datetime:
    """Since when a step that is ready now could have been carried out and was not."""
    known = state.work.steps[step.step_id]
    if known.reading_again is not None:
        return known.reading_again.retry_at or known.reading_again.since
    instants = [state.plan.planned_at, known.changed_at, known.lease_until, known.retry_at, due_at(state, step)]
    instants += [shows_leaving_from(state, step, world)]
    instants += [state.work.steps[o.step_id].changed_at for o in state.plan.steps.values() if o.name in step.needs]
    approval = state.decisions.approved.get(step.digest)
    instants += [state.decisions.gates[approval.gate_id].decided_at] if approval is not None else []
    look = state.accounts.searches.get(step.system)
    instants += [look.at] if look is not None else []
    instants += [x.closed_at for x in state.work.exceptions.values() if is_about_selection(x.opened, step.system)]
    instants += [hold.lifted_at for hold in state.legal_holds]
    return max((instant for instant in instants if instant is not None), default=LONG_AGO)


def _predecessors_done(state: RunState, step: PlannedStep, world: World) -> bool:
    first = state.goes_before_gates(step)
    for other in state.plan.steps.values():
        if other.name not in step.needs or state.work.steps[other.step_id].final:
            continue
        if step.removes_access and state.legal_hold and _waits_for_legal_hold(state, other, world):
            continue  # a legal hold keeps data, and never access
        if first and not state.goes_before_gates(other) and not _records_first(state, other, step):
            continue  # an urgent run does not leave access open for the sake of a hand-over
        return False
    # What a step needs may lie on a system whose accounts are still a question: then it is not done yet.
    return first or state.plan.open_steps.isdisjoint(step.needs)


def _waits_for_legal_hold(state: RunState, step: PlannedStep, world: World) -> bool:
    """Whether a legal hold keeps the step, or a step that it needs, from running."""
    if state.work.steps[step.step_id].final:
        return False
    return kept_by_legal_hold(state, step, world.pinned, world.abilities) or any(
        _waits_for_legal_hold(state, other, world) for other in state.plan.steps.values() if other.name in step.needs
    )


def _records_first(state: RunState, other: PlannedStep, step: PlannedStep) -> bool:
    """What was there is recorded before it is taken away, even in an urgent run: on the same system that costs a
    moment. Once that has failed it no longer keeps access open."""
    untried = state.work.steps[other.step_id].status in ("planned", "started")
    return other.level == Level.READ and other.system == step.system and untried


def due_at(state: RunState, step: PlannedStep) -> datetime | None:
    """The instant before which a step does not begin; urgent access cuts begin at once."""
    if step.anchor == "approval" or state.goes_before_gates(step):
        return None
    return state.cutoff + step.offset


def pause_reported_at(state: RunState, patience: timedelta) -> datetime:
    """When a pause of a system that keeps access open is reported to HR: `patience` after access was to be removed."""
    return (state.requested_at if state.asked.urgent else max(state.cutoff, state.requested_at)) + patience


def shows_leaving_from(state: RunState, step: PlannedStep, world: World) -> datetime | None:
    """A change in the HR system would show the leaving to everyone who reads HR. Under an embargo it waits for the end
    of the embargo or the cutoff, whichever is first. None for a run that was never under one, and for other steps."""
    if step.system != world.pinned.platform.hr.system or step.level <= Level.READ:
        return None
    over = state.embargo_until or state.embargo_ended_at
    return min(over, state.cutoff) if over is not None else None


def who_caused(state: RunState, step: PlannedStep) -> tuple[str, ...]:
    """The accounts whose level an effect rests on: those that approved it, or else the requester; and the operator who
    ordered it once more (who replaces the requester, and never those who approve). Where the cutoff was moved, the
    account that moved it replaces the requester for steps that depend on the cutoff, and is added for those that send
    it to a system. The account that made the run urgent replaces the requester for what runs before approval."""
    ordered_by = state.work.steps[step.step_id].ordered_by
    approval = state.decisions.approved.get(step.digest) if step.gate is not None else None
    if approval is not None:
        mover = state.moved_by if sends_cutoff(step) else None
        return (*approval.by, *(added for added in (mover, ordered_by) if added and added not in approval.by))
    if ordered_by:
        return (ordered_by,)
    if state.made_urgent is not None and step.gate is not None and state.goes_before_gates(step):
        return (state.made_urgent[0].by,)
    return (state.moved_by if state.moved_by and depends_on_cutoff(step) else state.asked.requested_by,)


def levels_suffice(state: RunState, step: PlannedStep, caused_by: tuple[str, ...], world: World) -> bool:
    levels = (world.level_of(actor_id, step.system, state.asked.packet) for actor_id in caused_by)
    return all(granted is not None and granted >= step.level for granted in levels)


def needs_fresh_look(state: RunState, step: PlannedStep, world: World) -> bool:
    """Before anything is staged or changed the accounts are found again: after the plan was first made, after the
    step fell due, and not longer ago than the packet allows."""
    if not step.system or not step.account_id or step.level <= Level.PREPARE:
        return False
    return look_is_old(state, step.system, world, due_at(state, step) or LONG_AGO)


def look_is_old(state: RunState, system: str, world: World, not_before: datetime = LONG_AGO) -> bool:
    look = state.accounts.searches.get(system)
    seen = look.at if look is not None and look.at is not None else LONG_AGO
    oldest = max(not_before, world.now - world.pinned.workflow.thresholds.accounts_fresh_for)
    return seen < oldest or seen <= (state.plan.first_planned_at or LONG_AGO)


def backoff(failures: int) -> timedelta:
    """1, 2, 4 … seconds, at most five minutes, after the given number of failures in a row."""
    return min(timedelta(seconds=2 ** min(failures - 1, 20)), MAX_BACKOFF)
