"""Whatever people, systems, crashes and clocks do in whatever order: what must always be so, is.

A failure prints the steps that led to it and a line `@reproduce_failure(...)` that runs them again.

Over 400 lines: one state machine, whose rules and invariants read each other's state.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from orchestrator.domain import events as e
from orchestrator.domain.approvals import gates
from orchestrator.domain.approvals.deciders import PeopleByRole, deciders
from orchestrator.domain.approvals.delegation import delegate
from orchestrator.domain.commands import exception_commands, operating, pausing, replaying, requests
from orchestrator.domain.errors import Refusal
from orchestrator.domain.organisation.organisation import Organisation, fold_organisation
from orchestrator.domain.permissions.embargo import EmbargoTerms, change_embargo
from orchestrator.domain.permissions.grants import granted_level
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.planning.plan import PlannedStep
from orchestrator.domain.run.consequences import with_consequences
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.steps import AttemptResult, Intent, begin, reading, verdict
from tests.domain.run_world import (
    ANNA,
    BEN,
    DAY,
    DONE,
    EVENING,
    HOUR,
    HR,
    LEA,
    MINUTE,
    MONDAY,
    OLE,
    PERSON_ID,
    ROBOT,
    SAM,
    Story,
    account,
    actor,
    cutoff,
    packet,
)

ADA = actor("ada", "approver", "operator", "requester", human=PERSON_ID)
REPORT = actor("rep", "approver", above=[PERSON_ID])
ANNA_TOO = actor("anna-admin", "approver", "operator", human="h-anna")
PAT = actor("pat")  # without any role: decides for others or not at all
ALL = (HR, ANNA, ANNA_TOO, BEN, LEA, OLE, SAM, ROBOT, ADA, REPORT, PAT)
ACTORS = st.sampled_from(ALL)

CREW = ("sam", "anna", "ben", "ole")

PACKETS = (
    packet(),
    # No gate before anything but money; no one to escalate to; a blind system; impatient.
    packet(
        workflow=("ability: freeze, needs: [disable], at: cutoff, gate: access}", "ability: freeze, needs: [look]}"),
        approvals=("decide_within: P1D, escalate_to: [lead], valid_for: P7D", "decide_within: PT2H, valid_for: PT8H"),
    ),
    packet(
        workflow=("ability: disable, needs", "ability: notify, needs"),
        approvals=("quorum: 2", "quorum: 1"),
    ),
    packet(workflow=("ability: sessions, needs: [disable]", "ability: tokens, needs: [disable, hand_over]")),
)  # fmt: skip
STRICTER = (
    ("{who: approver, up_to: change}", "{who: approver, up_to: stage}"),
    ("{who: operator, up_to: change}", "{who: operator, systems: [code], up_to: change}"),
)
SYSTEMS = ("code", "cards")
FOUND = st.sampled_from(("one", "one", "one", "other", "two", "weak", "none", "down"))
ANSWERS = st.builds(
    AttemptResult,
    error=st.sampled_from(("none", "none", "try_again", "action_required", "refused")),
    happened=st.sampled_from(("no", "unknown")),
    code=st.sampled_from(("", "busy")),
    retry_after=st.sampled_from((None, None, 1.0, 90.0, 1e7)),
    read=st.sampled_from((None, "done", "done", "not_done", "unknown")),
)
JUMPS = st.sampled_from((
    timedelta(seconds=1), timedelta(seconds=40), 3 * MINUTE, 20 * MINUTE, 2 * HOUR, 9 * HOUR, DAY, 8 * DAY,
))  # fmt: skip


class Attempts(RuleBasedStateMachine):
    """One run. `effects` counts, as a system would, how often each effect was really done under each key."""

    def __init__(self) -> None:
        super().__init__()
        self.flying: list[Intent] = []
        self.finished_as: str | None = None
        self.reopened = 0
        self.effects: Counter[str] = Counter()
        self.unsure: Counter[tuple[str, int]] = Counter()
        self.before: tuple[RunState, Any] | None = None

    @initialize(
        which=st.sampled_from(PACKETS),
        urgent=st.booleans(),
        phase=st.sampled_from(("production", "pilot", "shadow")),
        ahead=st.sampled_from((-DAY, timedelta(0), 3 * HOUR, 9 * HOUR, 40 * DAY)),
        found=FOUND,
        well=st.sampled_from((0, 3, 6, 9, 12, 15)),
        hidden=st.sampled_from((None, None, HOUR, 20 * DAY)),
    )
    def start(
        self, which: Any, urgent: bool, phase: str, ahead: timedelta, found: str, well: int, hidden: timedelta | None
    ) -> None:
        embargo = EmbargoTerms(MONDAY + hidden, CREW) if hidden is not None else None
        self.story = Story(which, urgent=urgent, phase=phase, at=EVENING + ahead, ready=False, embargo=embargo)
        self.story.knows(*ALL)
        self.finds("code", found)
        self.all_goes_well(well)

    @rule(times=st.integers(1, 8))
    def all_goes_well(self, times: int) -> None:
        """Chance alone seldom gets far, so now and then everyone does what they should."""
        for _ in range(times):
            state, now = self.story.state, self.story.progress
            tasks = [id_ for id_, task in state.work.tasks.items() if task.open and task.opened.kind == "work"]
            if state.finished:
                return
            if now.search:
                self.search()
            elif self.story.open_gates():
                self.everyone_approves()
            elif now.steps and not self.is_read_again(now.steps[0].step_id):
                self.finish_one(self.begin_one(now.steps[0].step_id), DONE, crashed=False)
            elif now.steps:
                self.story.read_again(now.steps[0].step_id)
            elif tasks:
                self.complete_one(tasks[0], OLE, "done")
            else:
                self.alarm()

    def do(self, caused: Any) -> None:
        try:
            events = caused()
        except Refusal as refusal:
            assert refusal.code and refusal.message
            return
        self.story.append(list(events))

    # Systems

    @rule(system=st.sampled_from(SYSTEMS), found=FOUND)
    def finds(self, system: str, found: str) -> None:
        one, other = account(system), account(system, "other")
        self.story.finds[system] = {
            "one": [one],
            "other": [other],
            "two": [one, other],
            "none": [],
            "down": None,
            "weak": [account(system, "namesake", number="E-9")],
        }[found]

    @precondition(lambda self: not self.story.state.finished)
    @rule()
    def search(self) -> None:
        self.story.later(timedelta(milliseconds=1))
        self.story.search()

    # Attempts and crashes

    def is_read_again(self, step_id: str) -> bool:
        return self.story.state.work.steps[step_id].reading_again is not None

    def due_attempts(self) -> list[str]:
        return [due.step_id for due in self.story.progress.steps if not self.is_read_again(due.step_id)]

    @precondition(lambda self: self.due_attempts())
    @rule(data=st.data())
    def begin_step(self, data: st.DataObject) -> None:
        self.begin_one(data.draw(st.sampled_from(self.due_attempts())))

    @precondition(lambda self: len(self.due_attempts()) < len(self.story.progress.steps))
    @rule(data=st.data(), outcome=st.sampled_from(("done", "done", "not_done", "unknown")))
    def read_step_again(self, data: st.DataObject, outcome: str) -> None:
        due = [due.step_id for due in self.story.progress.steps if self.is_read_again(due.step_id)]
        self.story.read_again(data.draw(st.sampled_from(due)), outcome)

    def begin_one(self, step_id: str) -> Intent:
        state, world = self.story.state, self.story.world
        intent = begin(state, step_id, world)
        assert intent is not None, "what progress calls ready begins"
        self.check_intent(state, world, intent)
        self.story.append([intent.started])
        self.flying.append(intent)
        return intent

    def check_intent(self, state: RunState, world: Any, intent: Intent) -> None:
        step, started = intent.step, intent.started
        early = state.urgent and step.cuts_access and step.reversible != "no"
        assert not state.finished and not state.held
        assert "*" not in world.holds and step.system not in world.holds
        assert state.asked.phase != "shadow" or step.level <= "prepare"
        for other in state.plan.steps.values():
            if other.name in step.needs and not (early and not _early(state, other)):
                assert state.work.steps[other.step_id].final, f"{step.name} before {other.name}"
        if step.anchor == "cutoff" and not early:
            assert world.now >= state.cutoff + step.offset
        if step.gate is not None and not early:
            decided = _approving(self.story, step)
            assert decided is not None, f"{step.name} without an approval"
            assert world.now < decided.valid_until and state.cutoff <= decided.valid_until
            assert set(decided.rests_on or decided.by) <= set(started.caused_by)
        assert started.caused_by
        for actor_id in started.caused_by:
            who: Actor = world.actors[actor_id]
            for file in (world.pinned.platform, world.current.platform):
                level = granted_level(file.levels, who, step.system, "leaver")
                assert level is not None and step.level <= level, f"{actor_id} has not the level for {step.name}"
        lease = state.work.steps[step.step_id].lease_until
        assert lease is None or lease <= world.now, "two live leases"
        if intent.may_act and step.repeat == "never":
            assert self.unsure[step.step_id, started.generation] == 0, f"{step.name} twice in one generation"

    @precondition(lambda self: self.flying)
    @rule(data=st.data(), answer=ANSWERS, crashed=st.sampled_from((False, False, False, True)))
    def end_attempt(self, data: st.DataObject, answer: AttemptResult, crashed: bool) -> None:
        """Any attempt that is under way, also one that froze long ago, ends: with an answer, or with its process."""
        self.finish_one(data.draw(st.sampled_from(self.flying)), answer, crashed)

    def finish_one(self, intent: Intent, answer: AttemptResult, crashed: bool) -> None:
        self.flying.remove(intent)
        which = (intent.step.step_id, intent.started.generation)
        if not intent.may_act:
            shown = "done" if answer.read == "done" and intent.look_first else "not_done"
            answer = replace(answer, error="none", read=shown, acted=shown == "done")
        elif answer.happened == "unknown" or answer.error == "none" or crashed:
            self.unsure[which] += 1
            self.effects[intent.started.effect_key] += 1
        if not intent.step.read_back and answer.read is not None:
            answer = replace(answer, read=None)
        if crashed:
            return
        result = verdict(self.story.state, intent, answer, self.story.now)
        if result is not None:
            self.story.append([result])

    @precondition(lambda self: self.due_attempts())
    @rule(answers=st.lists(st.tuples(ANSWERS, st.booleans()), min_size=1, max_size=4))
    def systems_answer_as_they_like(self, answers: list[tuple[AttemptResult, bool]]) -> None:
        for answer, crashed in answers:
            if due := self.due_attempts():
                self.finish_one(self.begin_one(due[-1]), answer, crashed)
            self.alarm()

    # Time and surroundings

    @rule(jump=JUMPS)
    def time_passes(self, jump: timedelta) -> None:
        self.story.later(jump)

    @rule()
    def alarm(self) -> None:
        due_in = self.story.progress.due_in
        if due_in is not None:
            self.story.later(timedelta(seconds=due_in))

    @rule(systems=st.sets(st.sampled_from(("code", "cards", "*")), max_size=1))
    def holds(self, systems: set[str]) -> None:
        self.story.on_hold(*systems)

    @rule(who=st.sampled_from((HR, ANNA, BEN, OLE)), gone=st.booleans())
    def roles(self, who: Actor, gone: bool) -> None:
        self.story.knows(who)
        self.story.without_role(who.actor_id, *(who.roles if gone else ()))

    @rule(by=ACTORS, to=ACTORS, lasts=st.sampled_from((HOUR, 20 * DAY)))
    def away(self, by: Actor, to: Actor, lasts: timedelta) -> None:
        world = self.story.world
        known = Organisation(actors=world.actors, delegations={d.said.delegation_id: d for d in world.delegations})
        number = f"d{len(world.delegations)}"
        try:
            given = delegate(known, number, by, to.actor_id, world.now, world.now + lasts, None, world.now)
        except Refusal:
            return
        held = fold_organisation(known, given[0]).delegations.values()
        self.story.world = replace(world, delegations=tuple(held))
        self.story.append([])

    @precondition(lambda self: self.story.world.delegations)
    @rule(data=st.data())
    def back(self, data: st.DataObject) -> None:
        world = self.story.world
        ended = data.draw(st.sampled_from(world.delegations))
        held = tuple(replace(one, ended=True) if one is ended else one for one in world.delegations)
        self.story.world = replace(world, delegations=held)
        self.story.append([])

    @rule(change=st.sampled_from((None, None, *STRICTER)))
    def todays_packet(self, change: tuple[str, str] | None) -> None:
        pinned = self.story.world.pinned
        self.story.today(pinned if change is None else packet(platform=change))

    # Commands of anyone

    @precondition(lambda self: self.story.state.decisions.gates)
    @rule(data=st.data(), by=ACTORS, verdict=st.sampled_from(("approve", "approve", "approve", "reject")))
    def vote(self, data: st.DataObject, by: Actor, verdict: str) -> None:
        state, world = self.story.state, self.story.world
        gate = data.draw(st.sampled_from(sorted(state.decisions.gates)))
        asked = [s.step_id for s in state.plan.steps.values() if s.digest in state.decisions.gates[gate].opened.digests]
        excluded = data.draw(st.sets(st.sampled_from(asked), max_size=1)) if asked else ()
        self.do(lambda: gates.vote(state, gate, by, verdict, tuple(excluded), "why", world))

    @precondition(lambda self: self.story.open_gates())
    @rule()
    def everyone_approves(self) -> None:
        for gate in self.story.open_gates():
            for by in (ANNA, BEN, LEA):
                self.do(
                    lambda gate=gate, by=by: gates.vote(  # type: ignore[misc]  # bound at once
                        self.story.state, gate, by, "approve", (), "why", self.story.world
                    )
                )

    @rule(data=st.data(), by=ACTORS, again=st.booleans())
    def retry(self, data: st.DataObject, by: Actor, again: bool) -> None:
        step = self.some_step(data)
        self.do(lambda: operating.retry(self.story.state, step, again, "why", by, self.story.world))

    @rule(data=st.data(), by=ACTORS)
    def skip(self, data: st.DataObject, by: Actor) -> None:
        step = self.some_step(data)
        self.do(lambda: operating.skip(self.story.state, step, "why", by, self.story.world))

    def some_step(self, data: st.DataObject) -> str:
        steps = sorted(self.story.state.plan.steps)
        return data.draw(st.sampled_from(steps)) if steps else "s-none"

    @precondition(lambda self: self.story.state.work.tasks)
    @rule(data=st.data(), by=st.sampled_from((OLE, OLE, ANNA, ROBOT, ADA)), done=st.booleans())
    def complete(self, data: st.DataObject, by: Actor, done: bool) -> None:
        self.complete_one(
            data.draw(st.sampled_from(sorted(self.story.state.work.tasks))), by, "done" if done else "not_done"
        )

    def complete_one(self, task: str, by: Actor, outcome: str) -> None:
        state = self.story.state
        opened = state.work.tasks[task].opened
        if outcome == "not_done" and state.work.tasks[task].open and by is OLE and not state.finished:
            self.unsure[opened.step_id, state.work.steps[opened.step_id].generation] = 0  # a person found out
        self.do(lambda: operating.complete_task(state, task, outcome, {"note": "x"}, by, self.story.world))

    @precondition(lambda self: self.story.state.work.exceptions)
    @rule(data=st.data(), by=ACTORS)
    def accept(self, data: st.DataObject, by: Actor) -> None:
        exception = data.draw(st.sampled_from(sorted(self.story.state.work.exceptions)))
        self.do(lambda: exception_commands.accept(self.story.state, exception, "why", by, self.story.world))

    @rule(system=st.sampled_from(SYSTEMS), accounts=st.sets(st.sampled_from(("ada", "other", "namesake")), max_size=2))
    def settle(self, system: str, accounts: set[str]) -> None:
        named = tuple(f"a-{system}-{name}" for name in sorted(accounts))
        self.do(lambda: operating.settle(self.story.state, system, named, "why", OLE, self.story.world))

    @rule(by=st.sampled_from((OLE, OLE, HR, ROBOT)))
    def replan(self, by: Actor) -> None:
        self.do(lambda: operating.replan(self.story.state, "why", by, self.story.world))

    @rule(data=st.data(), by=st.sampled_from((OLE, OLE, HR, ROBOT, ADA)), what=st.sampled_from(("", "step", "system")))
    def replay(self, data: st.DataObject, by: Actor, what: str) -> None:
        scope = replaying.Scope(
            self.some_step(data) if what == "step" else "",
            data.draw(st.sampled_from(SYSTEMS)) if what == "system" else "",
        )
        before = self.story.state.work.steps
        self.do(lambda: replaying.replay(self.story.state, scope, "why", None, by, self.story.world))
        for id_, known in self.story.state.work.steps.items():
            if known.generation > before[id_].generation:
                step = self.story.state.plan.steps[id_]
                assert step.repeat != "never" or before[id_].status not in ("verified", "attested")
                done_or_failed = before[id_].final or before[id_].status in ("failed", "unknown")
                assert done_or_failed and known.generation == before[id_].generation + 1

    @rule(by=ACTORS, on=st.booleans())
    def hold(self, by: Actor, on: bool) -> None:
        state, world = self.story.state, self.story.world
        self.do(lambda: pausing.hold(state, "why", by, world) if on else pausing.release(state, by, world))

    @rule(by=ACTORS, ahead=st.sampled_from((-DAY, timedelta(0), HOUR, 20 * DAY)))
    def reschedule(self, by: Actor, ahead: timedelta) -> None:
        at = cutoff(self.story.now + ahead)
        self.do(lambda: requests.reschedule(self.story.state, at, by, self.story.world))

    @precondition(lambda self: self.story.state.embargo_until is not None)
    @rule(by=ACTORS, ahead=st.sampled_from((None, HOUR, 20 * DAY)), named=st.sampled_from((CREW, CREW[1:], ())))
    def embargo(self, by: Actor, ahead: timedelta | None, named: tuple[str, ...]) -> None:
        state, world = self.story.state, self.story.world
        if state.exists_for(by.actor_id, world.now):  # commands see to that, as for every command
            until = world.now + ahead if ahead is not None else None
            self.do(lambda: change_embargo(state, until, named, by, world))

    @rule(by=st.sampled_from((HR, ADA, ROBOT)), really=st.integers(0, 9))
    def end(self, by: Actor, really: int) -> None:
        if really == 0:
            self.do(lambda: requests.end(self.story.state, "called off", by, self.story.world))

    # What must always be so

    @invariant()
    def consequences_are_at_rest(self) -> None:
        if hasattr(self, "story"):
            assert with_consequences(self.story.state, [], self.story.world)[1] == []

    @invariant()
    def what_is_called_ready_begins_and_nothing_else(self) -> None:
        if not hasattr(self, "story"):
            return
        due = {step.step_id for step in self.story.progress.steps}
        for id_, step in self.story.state.plan.steps.items():
            begins = begin(self.story.state, id_, self.story.world) is not None
            read = reading(self.story.state, id_, self.story.world) is not None
            assert (begins or read) == (id_ in due) and not (begins and read), step.name

    @invariant()
    def closed_stays_closed(self) -> None:
        if not hasattr(self, "story"):
            return
        state = self.story.state
        replayed = state.reopened > self.reopened  # nothing else opens a closed run
        assert self.finished_as is None or state.finish == self.finished_as or replayed
        self.finished_as, self.reopened = state.finish, state.reopened
        if state.finished:
            assert not self.story.progress.steps, "only the checks after the close follow"
        if state.finish in ("clean", "with_exceptions", "shadow"):
            assert state.work.open_exceptions() == [] and all(known.at_rest for known in state.work.steps.values())

    @invariant()
    def nobody_decides_who_never_may(self) -> None:
        if not hasattr(self, "story"):
            return
        for gate in self.story.state.decisions.gates.values():
            humans = [vote.human for vote, _ in gate.votes]
            absent = [vote.for_human for vote, _ in gate.votes if vote.for_human is not None]
            assert len([*humans, *absent]) == len({*humans, *absent}), "one person, one vote"
            assert not {"h-hr", PERSON_ID, "h-rep"} & {*humans, *absent}
            for vote, _ in gate.votes:
                assert vote.human != "h-pat" or vote.on_behalf_of is not None, "only for somebody who has a role"
            assert "robot" not in [vote.by for vote, _ in gate.votes]
            if gate.outcome == "approved":
                assert len(set(humans)) >= gate.opened.quorum

    @invariant()
    def those_who_can_decide_can(self) -> None:
        """The rules let exactly those decide who are listed as deciders."""
        if not hasattr(self, "story") or self.story.state.finished:
            return
        state, world = self.story.state, self.story.world
        for id_, gate in state.decisions.gates.items():
            if not gate.open or gate.lapsed(state.cutoff, world.now):
                continue
            named = deciders(state, id_, PeopleByRole(ALL), world)
            for one in ALL:
                try:
                    said = gates.vote(state, id_, one, "reject", (), "why", world)
                except Refusal:
                    said = []
                may = bool(said) and state.exists_for(one.actor_id, world.now)
                assert may is (one.actor_id in named), (one.actor_id, id_)

    @invariant()
    def nothing_is_stuck_in_silence(self) -> None:
        """Something is due, or time brings it up, or someone has it in their inbox or holds it."""
        if not hasattr(self, "story") or self.story.state.finished:
            return
        state, now = self.story.state, self.story.progress
        held = state.held or bool(self.story.world.holds)
        asked = {d for gate in state.decisions.gates.values() if gate.open for d in gate.opened.digests}
        about = {x.opened.step_id or x.opened.system for x in state.work.open_exceptions()}
        about |= {task.opened.step_id for task in state.work.tasks.values() if task.open}
        about |= {due.step_id for due in now.steps} | set(now.search)
        stands = self.story.readiness_by_step()

        def moves(step: PlannedStep) -> bool:
            where = stands[step.step_id]
            if where.kind == "final" or held or step.step_id in about or (step.system and step.system in about):
                return True
            if where.until is not None:
                return now.due_in is not None
            if where.waits_for == "gate":
                return step.digest in asked
            if step.digest in state.decisions.rejected:
                return any(x.opened.kind == "gate_rejected" for x in state.work.open_exceptions())
            if where.waits_for == "predecessors":
                return True  # some predecessor moves, or its system is asked about
            if where.waits_for in ("fresh_look", "plan"):
                return bool(now.search) or now.due_in is not None
            return False

        for step in state.plan.steps.values():
            assert moves(step), f"{step.name} is stuck: {stands[step.step_id]}"
        anything = held or asked or about or now.search or now.steps or now.due_in is not None
        assert anything, "an open run for which nobody and nothing does anything"

    def teardown(self) -> None:
        if hasattr(self, "story"):
            assert self.story.refolded() == self.story.state


def _early(state: RunState, step: PlannedStep) -> bool:
    return state.urgent and step.cuts_access and step.reversible != "no" and not step.is_task


def _approving(story: Story, step: PlannedStep) -> e.GateDecided | None:
    """The last decision about exactly this digest, from the events alone."""
    about = [d for d in story.events(e.GateDecided) if step.digest in (*d.approved, *d.excluded)]
    return about[-1] if about and step.digest in about[-1].approved else None


MANY = int(os.environ.get("OFFBOARD_PROPERTY_EXAMPLES", "60"))  # `make check` sets fewer, `make faults` more
TestAttempts = Attempts.TestCase
TestAttempts.settings = settings(
    max_examples=MANY, stateful_step_count=60, deadline=None, print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)  # fmt: skip
