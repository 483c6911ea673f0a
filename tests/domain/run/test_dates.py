"""When things happen: cutoffs, dates that come, and a cutoff that is moved."""

from __future__ import annotations

from datetime import timedelta

import pytest

from orchestrator.domain import events as e
from orchestrator.domain.errors import NotAllowed, TooLate
from tests.domain.run_world import (
    ANNA,
    DAY,
    EVENING,
    HOUR,
    MONDAY,
    PERSON_ID,
    Story,
    actor,
    packet,
)


def test_a_cutoff_in_the_past_acts_now() -> None:
    story = Story(at=MONDAY - 10 * DAY)
    story.approve_all()
    story.later(timedelta(seconds=1))
    assert story.work() == ["look", "disable", "sessions", "freeze", "close"]
    assert story.state.decisions.gates["g-access-1"].opened.valid_until == MONDAY + 7 * DAY


def test_the_next_date_is_known_whatever_it_is() -> None:
    story = Story(at=EVENING + 90 * DAY)
    story.approve_all()
    story.work()
    assert story.state.work.tasks["t-" + story.id("hand_over")[2:] + "-1"].opened.due == EVENING + 90 * DAY
    story.complete("hand_over")
    assert story.progress.due_in == (EVENING + 90 * DAY - MONDAY).total_seconds()
    story.reschedule(EVENING + 2 * DAY)
    assert story.progress.due_in == (EVENING + 2 * DAY - MONDAY).total_seconds()


def test_tasks_and_gates_are_dated_from_a_cutoff_that_is_far_away() -> None:
    far = EVENING + 90 * DAY
    story = Story(at=far)
    gate = story.state.decisions.gates["g-access-1"].opened
    assert gate.decide_by == far - DAY, "a day before the cutoff, as the gate has a day to be decided"
    story.at(MONDAY + 10 * DAY)
    assert not story.events(e.GateEscalated) and "task_overdue" not in dict(story.exceptions())
    story.at(far - DAY)
    assert story.events(e.GateEscalated) and ("task_overdue", "hand_over") not in story.exceptions()
    story.at(far)
    assert ("task_overdue", "hand_over") in story.exceptions()
    near = Story(at=EVENING)
    assert near.state.decisions.gates["g-access-1"].opened.decide_by == MONDAY + DAY
    assert next(iter(near.state.work.tasks.values())).opened.due == MONDAY + 3 * DAY


def test_dates_follow_a_cutoff_that_becomes_earlier() -> None:
    story = Story(at=EVENING + 90 * DAY)
    story.vote("g-money-1", ANNA)
    story.reschedule(EVENING)
    assert story.open_gates() == ["g-money-1", "g-access-2"], "what has a vote stays open"
    assert story.state.decisions.gates["g-access-2"].opened.decide_by == MONDAY + DAY
    [task] = [one.opened for one in story.state.work.tasks.values() if one.open]
    assert task.due == MONDAY + 3 * DAY and task.task_id.endswith("-2")
    story.reschedule(EVENING + DAY)
    assert len(story.events(e.GateOpened)) == 3, "a later cutoff keeps what is open"


def test_rescheduling() -> None:
    story = Story()
    assert story.reschedule(EVENING) == []
    story.reschedule(EVENING + HOUR)
    assert story.state.cutoff == EVENING + HOUR
    with pytest.raises(NotAllowed):
        story.reschedule(EVENING, by=ANNA.model_copy(update={"roles": frozenset()}))
    with pytest.raises(NotAllowed):
        story.reschedule(EVENING, by=actor("ada", "requester", human=PERSON_ID))
    story.end()
    with pytest.raises(TooLate):
        story.reschedule(EVENING)


def test_a_task_that_is_overdue_is_an_exception_once() -> None:
    story = Story()
    story.at(MONDAY + 3 * DAY)
    assert ("task_overdue", "hand_over") in story.exceptions()
    story.accept(story.exception("task_overdue"))
    story.later(DAY)
    assert ("task_overdue", "hand_over") not in story.exceptions()
    story.complete("hand_over")


@pytest.mark.parametrize("parameters", ['{at: "= run.cutoff"}', '{window: {ends: ["= run.cutoff"]}}'])
def test_a_system_that_was_sent_the_cutoff_is_sent_the_new_one(parameters: str) -> None:
    sending = packet(
        workflow=(
            "{name: look, title: Look, system: code, ability: snapshot}",
            f"{{name: look, title: Look, system: code, ability: snapshot, parameters: {parameters}}}",
        )
    )
    story = Story(sending)
    story.search()
    story.attempt("look")
    first = story.events(e.StepStarted)[0].effect_key
    story.reschedule(EVENING + DAY)
    assert "look" in story.ready()
    story.attempt("look")
    assert story.events(e.StepStarted)[-1].effect_key != first
    assert story.state.work.steps[story.id("look")].status == "verified"
    [moved] = story.events(e.RunRescheduled)
    assert moved.repeated_steps == (story.id("look"),)


def test_a_change_of_cutoff_says_that_no_step_is_repeated() -> None:
    story = Story()
    story.attempt("look")
    story.reschedule(EVENING + DAY)
    [moved] = story.events(e.RunRescheduled)
    assert moved.repeated_steps == ()
    assert story.step("look").status == "verified"
