"""No sequence of commands by assistants, services, the leaver, the people who report to the leaver, or their programs
delays or hides the removal of access.

Each example runs twice from the same moment: once with the commands and once without. Independent people then complete
both. Every step that removes access must end at least as early as without the commands, and every exception that was
open before must be open after them, unless it was retried.

A failure prints the commands and a line `@reproduce_failure(...)`.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from orchestrator.domain import events as e
from orchestrator.domain.approvals import gates, naming
from orchestrator.domain.commands import exception_commands, legal_holding, operating, pausing, requests, systems
from orchestrator.domain.errors import NotAllowed, Refusal
from orchestrator.domain.events.event import Event
from orchestrator.domain.exceptions.exceptions import RULES
from orchestrator.domain.organisation.organisation import Holds, fold_holds
from orchestrator.domain.permissions.embargo import EmbargoTerms, change_embargo
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.run.steps.steps import AttemptResult
from tests.domain.run_world import (
    ANNA,
    BEN,
    DAY,
    DONE,
    EVENING,
    HOUR,
    LEA,
    MONDAY,
    NOT_YET,
    OLE,
    PERSON_ID,
    REFUSED,
    Story,
    account,
    actor,
    at_cutoff,
    cutoff,
    packet,
)

ROLES = ("approver", "lead", "operator", "requester", "safety_owner", "value_owner")
VAL = actor("val", "value_owner")
HR_TOO = actor("hr2", "requester", human="h-hr2")
CONFLICTED = (
    actor("ada", *ROLES, human=PERSON_ID),
    actor("rep", *ROLES, above=[PERSON_ID]),
    actor("helper", *ROLES, kind="assistant"),
    actor("ada-helper", *ROLES, kind="assistant").model_copy(update={"maker_human": PERSON_ID}),
    actor("ada-feed", *ROLES, kind="service").model_copy(update={"maker_human": PERSON_ID}),
    actor("feed", *ROLES, kind="service"),
    actor("rep-feed", *ROLES, kind="service").model_copy(update={"maker_human": "h-rep"}),
)
GRANTED = packet(platform=("  - {who: requester, up_to: prepare}\n", "".join(
    f"  - {{who: {role}, kind: {kind}, up_to: {level}}}\n"
    for role in ROLES for kind, level in (("person", "change"), ("service", "change"), ("assistant", "prepare"))
)))  # fmt: skip

LOST_FOR_GOOD = AttemptResult("refused", "unknown", "reply_lost")
SETTLED = ("", "a-code-ada", "a-code-other")

DoCommand = Callable[[Story, Actor], Iterable[Event]]


NEVER = datetime.max.replace(tzinfo=UTC)


def some(values: Iterable[Any], number: int) -> Any:
    known = sorted(values)
    return known[number % len(known)] if known else "none"


def commands(number: int, span: timedelta) -> dict[str, DoCommand]:
    """Every command on a run; `number` selects what it is about."""
    return {
        "move the cutoff": lambda s, by: requests.reschedule(s.state, cutoff(s.state.cutoff + span), by, s.world),
        "cancel": lambda s, by: requests.end(s.state, "no", by, s.world),
        "pause": lambda s, by: pausing.hold(s.state, "no", by, s.world),
        "resume": lambda s, by: pausing.release(s.state, by, s.world),
        "skip": lambda s, by: operating.skip(s.state, some(s.state.plan.steps, number), "no", by, s.world),
        "retry": lambda s, by: operating.retry(
            s.state, some(s.state.plan.steps, number), number % 2 == 0, "no", by, s.world
        ),
        "settle": lambda s, by: operating.settle(
            s.state, some(("code", "cards"), number), (SETTLED[number % 3],) if number % 3 else (), "no", by, s.world
        ),
        "replan": lambda s, by: operating.replan(s.state, "no", by, s.world),
        "accept": lambda s, by: exception_commands.accept(
            s.state, some(s.state.work.exceptions, number), "no", by, s.world
        ),
        "waive": lambda s, by: exception_commands.waive(
            s.state, some(s.state.work.exceptions, number), s.now + abs(span), "no", None, by, s.world
        ),
        "snooze": lambda s, by: exception_commands.snooze(
            s.state, some(s.state.work.exceptions, number), s.now + abs(span), "no", by, s.world
        ),
        "assign": lambda s, by: exception_commands.assign(
            s.state, some(s.state.work.exceptions, number), some(s.world.actors, number), "no", by, s.world
        ),
        "approve": lambda s, by: gates.vote(
            s.state,
            some(s.state.decisions.gates, number),
            by,
            "approve",
            (some(s.state.plan.steps, number // 3),) if number % 3 else (),
            "no",
            s.world,
        ),
        "reject": lambda s, by: gates.vote(
            s.state, some(s.state.decisions.gates, number), by, "reject", (), "no", s.world
        ),
        "complete a task": lambda s, by: operating.complete_task(
            s.state, some(s.state.work.tasks, number), ("done", "not_done")[number % 2], {"note": "no"}, by, s.world
        ),
        "name a decider": lambda s, by: naming.name_decider(
            s.state, some(s.state.work.exceptions, number), some(s.world.actors, number), "no", by, s.world
        ),
        "change the embargo": lambda s, by: change_embargo(
            s.state, s.now + span if number % 2 else None, ("rep", "helper"), by, s.world
        ),
        "place a legal hold": lambda s, by: legal_holding.place(s.state, "no", by, s.world),
        "lift a legal hold": lambda s, by: legal_holding.lift(s.state, None, "no", by, s.world),
    }


PAUSE_A_SYSTEM = "pause a system"
REVOKE_A_ROLE = "revoke a role"
COMMANDS = (*commands(0, DAY), PAUSE_A_SYSTEM, REVOKE_A_ROLE)
MOVES = st.tuples(
    st.sampled_from(COMMANDS), st.sampled_from(CONFLICTED), st.integers(0, 11),
    st.sampled_from((-DAY, -HOUR, HOUR, DAY, 3650 * DAY)),
)  # fmt: skip


def pause_a_system(story: Story, holds: dict[str, tuple[int, Holds]], by: Actor, number: int) -> None:
    """A pause is an event of the system's, and not of the run's."""
    name = (e.EVERYTHING, "code")[number % 2]
    _, known = holds.get(name, (0, Holds()))
    for event in systems.hold_system(known, name, "no", by, GRANTED, [GRANTED], MONDAY):
        holds[name] = (known.version + 1, fold_holds(known, event))
    story.on_hold(*systems.held_back(holds, PERSON_ID, story.world.actors, [GRANTED], story.world.departed))


def branch(story: Story) -> Story:
    twin = copy.copy(story)
    twin.finds, twin.log, twin.keys = dict(story.finds), list(story.log), set(story.keys)
    return twin


def independent_people_go_on(story: Story, rounds: int) -> None:
    for _ in range(rounds):
        state = story.state
        if state.finished:
            return
        tasks = [id_ for id_, task in state.work.tasks.items() if task.open]
        failed = [id_ for id_, known in state.work.steps.items() if known.status in ("failed", "unknown")]
        questions = [
            x.opened.system for x in state.work.open_exceptions() if x.opened.kind in ("ambiguous_match", "weak_match")
        ]
        if story.progress.search:
            story.later(timedelta(milliseconds=1))
            story.search()
        elif questions:
            system = questions[0]
            story.settle(system, *state.accounts.planned_on[system].candidates[:1])
        elif story.open_gates():
            for gate in story.open_gates():
                for by in (ANNA, BEN, LEA):
                    try:
                        story.append(gates.vote(story.state, gate, by, "approve", (), "why", story.world))
                    except Refusal:
                        continue
        elif story.progress.steps:
            intent = story.begin(story.progress.steps[0].step_id)
            assert intent is not None
            story.finish(intent, DONE)
        elif tasks:
            task = story.state.work.tasks[tasks[0]]
            story.append(
                operating.complete_task(state, task.opened.task_id, "done", {"note": "seen"}, OLE, story.world)
            )
        elif failed:
            story.retry(failed[0])
        elif story.progress.due_in is not None:
            story.later(timedelta(seconds=max(story.progress.due_in, 0.001)))
        else:
            return


def removed_at(story: Story) -> dict[tuple[str, str | None], datetime]:
    """When each step that removes access was seen to be done, by its name and account."""
    found = {}
    for event, at in story.log:
        if isinstance(event, e.StepVerified | e.StepAttested):
            step = story.state.plan.steps[event.step_id]
            if step.cuts_access:
                found[step.name, step.account_id] = at
    return found


def hidden(before: Story, after: Story) -> set[str]:
    """The exceptions that the commands closed. A review of an urgent start is about the removal of too much access, and
    may be accepted by people who report to the leaver."""
    closed = {
        event.exception_id: event.disposition
        for event, _ in after.log[len(before.log) :]
        if isinstance(event, e.ExceptionClosed)
    }
    exceptions = after.state.work.exceptions
    return {
        id_
        for id_, how in closed.items()
        if how not in ("retried", "overcome") and not RULES[exceptions[id_].opened.kind].is_review
    }


@settings(
    max_examples=int(os.environ.get("OFFBOARD_PROPERTY_EXAMPLES", "60")),
    deadline=None,  # `make properties` sets more
    suppress_health_check=list(HealthCheck),
)
@given(
    begun=st.integers(0, 16),
    ahead=st.sampled_from((timedelta(0), 9 * HOUR, 40 * DAY)),
    urgent=st.booleans(),
    weak=st.booleans(),
    trouble=st.sampled_from((None, None, NOT_YET, REFUSED)),
    embargo=st.booleans(),
    moves=st.lists(MOVES, min_size=1, max_size=6),
)
@example(
    begun=0,
    ahead=timedelta(0),
    urgent=False,
    weak=False,
    trouble=None,
    embargo=False,
    moves=[(PAUSE_A_SYSTEM, CONFLICTED[1], 0, HOUR)],
)
@example(
    begun=0,
    ahead=timedelta(0),
    urgent=True,
    weak=False,
    trouble=None,
    embargo=False,
    moves=[(REVOKE_A_ROLE, CONFLICTED[0], 0, HOUR)],
)
@example(
    begun=0,
    ahead=timedelta(0),
    urgent=False,
    weak=False,
    trouble=None,
    embargo=True,
    moves=[(REVOKE_A_ROLE, CONFLICTED[0], 0, HOUR), ("move the cutoff", CONFLICTED[1], 0, HOUR)],
)
def test_conflicted_actors_neither_delay_nor_hide_a_removal(
    begun: int, ahead: timedelta, urgent: bool, weak: bool, trouble: Any, embargo: bool, moves: list[Any]
) -> None:
    hides = EmbargoTerms(EVENING + 50 * DAY, ("sam", "anna", "ben", "ole")) if embargo else None
    story = Story(GRANTED, at=EVENING + ahead, urgent=urgent, ready=False, embargo=hides)
    story.knows(VAL, HR_TOO, *CONFLICTED)
    if weak:
        story.finds["code"] = [account("code", "ada", number="E-9"), account("code", "other", number="E-8")]
    independent_people_go_on(story, begun)
    if trouble is not None and story.progress.steps:
        intent = story.begin(story.progress.steps[0].step_id)
        assert intent is not None
        story.finish(intent, trouble)
    without, touched = branch(story), branch(story)
    accepted = []
    holds: dict[str, tuple[int, Holds]] = {}
    for name, by, number, span in moves:
        try:
            if name == PAUSE_A_SYSTEM:
                pause_a_system(touched, holds, by, number)
                continue
            if name == REVOKE_A_ROLE:  # of the requester: a gate whose approvers are gone opens an exception
                touched.revoke(by, ("hr", "requester"))
                continue
            events = list(commands(number, span)[name](touched, by))
        except Refusal:
            continue
        touched.append(events)
        accepted.append((name, by.actor_id, events))
    assert not hidden(story, touched), accepted
    for one in (without, touched):
        independent_people_go_on(one, 400)
    expected, actual = removed_at(without), removed_at(touched)
    late = {
        step: (at, actual.get(step))
        for step, at in expected.items()
        if actual.get(step, datetime.max.replace(tzinfo=at.tzinfo)) > at
    }
    assert not late, (late, accepted)


REPORT = CONFLICTED[1]


def test_a_report_attests_no_removal_while_another_person_can() -> None:
    story = at_cutoff()
    story.knows(REPORT)
    intent = story.begin("pay")
    assert intent is not None
    story.finish(intent, LOST_FOR_GOOD)
    for outcome in ("done", "not_done"):
        with pytest.raises(NotAllowed, match="reports_to_person"):
            story.complete("pay", outcome, by=REPORT)
    story.knows(OLE.model_copy(update={"managers": frozenset({PERSON_ID})}))
    story.complete("pay", by=REPORT)
    taken_over = Story()
    taken_over.knows(REPORT)
    taken_over.complete("hand_over", by=REPORT)
    shared = Story(packet(workflow=("Hand everything over.}", "Change its password., cuts_access: true}")))
    shared.knows(REPORT)
    with pytest.raises(NotAllowed, match="reports_to_person"):
        shared.complete("hand_over", by=REPORT)
    shared.complete("hand_over", by=OLE)


def test_a_report_accepts_nothing_while_another_person_can() -> None:
    story = Story(GRANTED)
    story.knows(REPORT, HR_TOO)
    story.hold(by=OLE)
    pause = story.exception("pause_unconfirmed")
    with pytest.raises(NotAllowed, match="reports_to_person"):
        story.accept(pause, by=REPORT)
    story.accept(pause, by=HR_TOO)


def test_re_plans_do_not_keep_a_removal_waiting() -> None:
    story = at_cutoff(pinned=GRANTED)
    story.finds["cards"] = None
    assert "disable" in story.ready()
    story.later(HOUR)
    story.replan()
    for _ in range(3):
        story.later(timedelta(seconds=1))
        assert story.replan() == [], "a plan is being made already"
    assert story.readiness("disable").waits_for == "plan"
    story.search()
    assert "disable" in story.ready() and len(story.events(e.RunReplanned)) == 1
    story.replan()
    assert len(story.events(e.RunReplanned)) == 2


def test_a_program_of_a_report_orders_no_re_plan_while_a_person_can() -> None:
    feed = actor("feed", "operator", kind="service")
    owned = feed.model_copy(update={"maker_human": REPORT.human})
    created = REPORT.model_copy(update={"programs": frozenset({"feed"})})
    for report, program in ((REPORT, owned), (created, feed)):
        story = Story(GRANTED)
        story.knows(report, program)
        with pytest.raises(NotAllowed, match="reports_to_person"):
            story.replan(by=program)
    other = Story(GRANTED)
    other.knows(REPORT, feed)
    assert other.replan(by=feed)


def test_a_report_can_pause_once_the_others_who_can_have_left() -> None:
    story = Story(GRANTED)
    story.knows(REPORT)
    others = {one.human for one in story.world.actors.values() if one.human not in (None, REPORT.human)}
    with pytest.raises(NotAllowed, match="reports_to_person"):
        story.hold(by=REPORT)
    story.world = replace(story.world, departed=frozenset(others))
    assert story.hold(by=REPORT)


@pytest.mark.parametrize("name", ["move the cutoff", "cancel", "pause", "skip", "replan", "change the embargo"])
def test_a_report_can_stop_a_run_where_every_person_is_one(name: str) -> None:
    """If the head of the company leaves, everyone reports to them, and a run must not be impossible to stop."""
    hides = EmbargoTerms(EVENING + 50 * DAY, ("sam", "anna", "ben", "ole"))
    story = Story(GRANTED, embargo=hides)
    story.knows(VAL, REPORT)
    with pytest.raises(NotAllowed) as refused:
        commands(0, DAY)[name](story, REPORT)
    assert refused.value.code == "reports_to_person"
    for known in (*story.world.actors.values(),):
        story.knows(known.model_copy(update={"managers": frozenset({PERSON_ID})}))
    assert list(commands(0, DAY)[name](story, REPORT))
