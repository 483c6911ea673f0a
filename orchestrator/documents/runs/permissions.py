"""What the viewer of a run can do in it, as pages and API offer it.

There is no second set of permissions: each command is tried with the rules of the domain that decide it when it is
sent, and the result is discarded. An offered command can still be refused, since other users act meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from orchestrator.domain.approvals import gates, naming, rejections
from orchestrator.domain.commands import (
    doing_by_hand,
    erasing,
    exception_commands,
    extending,
    legal_holding,
    operating,
    pausing,
    replaying,
    requests,
    restoring,
)
from orchestrator.domain.commands.replaying import Scope
from orchestrator.domain.commands.starts import making_urgent
from orchestrator.domain.errors import Refusal
from orchestrator.domain.events.event import Event
from orchestrator.domain.permissions.embargo import change_embargo
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.permissions.urgent import SignIn
from orchestrator.domain.run.cutoff import Cutoff
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World

SAID = "said"
"""A placeholder where the rules need a reason."""


@dataclass(frozen=True, slots=True)
class DryRun:
    """How a command would end now: `instead_of` is the account for which the viewer would act, `refused` why it
    would not be done."""

    refused: Refusal | None = None
    instead_of: str | None = None

    @property
    def allowed(self) -> bool:
        return self.refused is None


@dataclass(frozen=True, slots=True)
class Permissions:
    """`actor` is the viewer."""

    state: RunState
    world: World
    actor: Actor

    def approve(self, gate_id: str) -> DryRun:
        return self._vote(gate_id, "approve")

    def reject(self, gate_id: str) -> DryRun:
        return self._vote(gate_id, "reject")

    def complete(self, task_id: str) -> DryRun:
        said = {"note": SAID}
        return self._try(lambda: operating.complete_task(self.state, task_id, "done", said, self.actor, self.world))

    def accept(self, exception_id: str) -> DryRun:
        return self._try(lambda: exception_commands.accept(self.state, exception_id, SAID, self.actor, self.world))

    def waive(self, exception_id: str) -> DryRun:
        soon = self.world.now + timedelta(days=1)
        return self._try(
            lambda: exception_commands.waive(self.state, exception_id, soon, SAID, None, self.actor, self.world)
        )

    def assign(self, exception_id: str) -> DryRun:
        return self._try(lambda: exception_commands.assign(self.state, exception_id, "", None, self.actor, self.world))

    def snooze(self, exception_id: str) -> DryRun:
        return self._try(
            lambda: exception_commands.snooze(self.state, exception_id, None, None, self.actor, self.world)
        )

    def comment(self, exception_id: str) -> DryRun:
        return self._try(lambda: exception_commands.comment(self.state, exception_id, SAID, self.actor))

    def name_decider(self, exception_id: str, decider: str) -> DryRun:
        return self._try(lambda: naming.name_decider(self.state, exception_id, decider, SAID, self.actor, self.world))

    def settle(self, system: str) -> DryRun:
        """With another answer than the one that was given: an answer is given once."""
        found = self.state.accounts.planned_on.get(system)
        one = found.candidates[:1] if found is not None else ()
        one = () if self.state.accounts.settled.get(system) == one else one
        return self._try(lambda: operating.settle(self.state, system, one, SAID, self.actor, self.world))

    def retry(self, step_id: str) -> DryRun:
        return self._try(lambda: operating.retry(self.state, step_id, False, None, self.actor, self.world))

    def do_by_hand(self, step_id: str) -> DryRun:
        said = {"note": SAID}
        return self._try(lambda: doing_by_hand.do_by_hand(self.state, step_id, said, self.actor, self.world))

    def skip(self, step_id: str) -> DryRun:
        return self.skip_steps([step_id])

    def skip_steps(self, step_ids: Sequence[str]) -> DryRun:
        return self._try(lambda: operating.skip_steps(self.state, step_ids, SAID, self.actor, self.world))

    def replan(self) -> DryRun:
        return self._try(lambda: operating.replan(self.state, SAID, self.actor, self.world))

    def restore(self) -> DryRun:
        return self._try(lambda: self._restored())

    def _restored(self) -> Sequence[Event]:
        requester = self.actor
        return restoring.restore(self.state, "", SAID, None, self.actor, requester, self.world)[1]

    def may_restore(self) -> bool:
        """Whether a restore of the run is offered: something was removed that comes back, or a task."""
        return self.restore().allowed

    def replay(self, scope: Scope) -> DryRun:
        return self._try(lambda: replaying.replay(self.state, scope, None, None, self.actor, self.world))

    def may_replay(self) -> bool:
        """Whether a replay of the run, or of a part of it, is offered: something was done, and can be done again."""
        refused = self.replay(Scope()).refused
        if refused is None or refused.code != "nothing_to_replay":
            return refused is None
        return any(known.status in ("verified", "attested") for known in self.state.work.steps.values())

    def may_erase(self) -> bool:
        return erasing.may_erase(self.state, self.actor, self.world)

    def replan_under_version(self) -> DryRun:
        version = self.world.current.version
        return self._try(lambda: extending.extend(self.state, version, None, self.actor, self.world))

    def replan_for(self, exception_id: str) -> DryRun:
        """As a repair of this exception: a re-plan that leaves a step rejected or excluded repairs nothing."""
        opened = self.state.work.exceptions[exception_id].opened
        refused = rejections.refused_digests(self.state)
        for digest, gate_id in refused.items():
            if gate_id == opened.gate_id and rejections.stays_refused(self.state, opened, frozenset({digest})):
                stays = rejections.why_not_taken_back(self.state, gate_id, digest, self.actor, SAID, self.world)
                if stays is not None:
                    return DryRun(stays)
        return self.replan()

    def hold(self) -> bool:
        """Whether the viewer can pause the run, take over its pause, or change the end of it."""
        earlier, latest = self.world.now + timedelta(minutes=1), pausing.latest_end(self.world)
        later = latest or (self.state.held_until or self.world.now) + timedelta(days=1)
        return self.take_over() or any(
            self._events(lambda until=until: pausing.hold(self.state, None, self.actor, self.world, until))  # type: ignore[misc]
            for until in (earlier, later)
        )

    def take_over(self) -> bool:
        """Whether a pause by the viewer takes the place of the present one, or is the first."""
        return bool(self._events(lambda: pausing.hold(self.state, None, self.actor, self.world)))

    def would_resume(self) -> list[str]:
        """The roles that can resume the run if the viewer pauses it."""
        return pausing.who_resumes(self.actor, self.world)

    def release(self) -> bool:
        return bool(self._events(lambda: pausing.release(self.state, self.actor, self.world)))

    def place_legal_hold(self) -> bool:
        return self._try(lambda: legal_holding.place(self.state, SAID, self.actor, self.world)).allowed

    def lift_legal_hold(self, hold_id: str) -> DryRun:
        return self._try(lambda: legal_holding.lift(self.state, hold_id, SAID, self.actor, self.world))

    def make_urgent(self) -> bool:
        """After a recent sign-in."""
        recent = SignIn(recent=True)
        return bool(self._events(lambda: making_urgent.make_urgent(self.state, None, self.actor, self.world, recent)))

    def end(self) -> DryRun:
        return self._try(lambda: requests.end(self.state, SAID, self.actor, self.world))

    def reschedule(self) -> bool:
        """In one direction at least."""
        days = (timedelta(days=1), timedelta(days=-1))
        return any(self.move(Cutoff(instant=self.state.cutoff + by, zone=self.state.zone, local="")) for by in days)

    def move(self, moved: Cutoff) -> bool:
        return self._try(lambda: requests.reschedule(self.state, moved, self.actor, self.world)).allowed

    def embargo(self) -> bool:
        return self._try(lambda: change_embargo(self.state, None, (), self.actor, self.world)).allowed

    def together(self, gate_id: str) -> bool:
        """Whether the packet lets several of these gates be decided in one go."""
        try:
            gates.require_together(self.state, gate_id, self.world)
        except Refusal:
            return False
        return True

    def _vote(self, gate_id: str, verdict: str) -> DryRun:
        return self._try(lambda: gates.vote(self.state, gate_id, self.actor, verdict, (), SAID, self.world))

    def _events(self, decide: Callable[[], Sequence[Event]]) -> Sequence[Event]:
        try:
            return decide()
        except Refusal:
            return ()

    def _try(self, decide: Callable[[], Sequence[Event]]) -> DryRun:
        try:
            events = decide()
        except Refusal as refused:
            return DryRun(refused)
        said = (getattr(event, "on_behalf_of", None) for event in events)
        return DryRun(instead_of=next((by for by in said if by is not None), None))
