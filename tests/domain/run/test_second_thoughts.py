"""What an adversary tried: orders of events in which the wrong thing was done, or without a notice."""

from __future__ import annotations

from datetime import timedelta

import pytest

from orchestrator.domain import events as e
from orchestrator.domain.errors import TooLate
from orchestrator.domain.run.steps.steps import AttemptResult
from tests.domain.run_world import ANNA, BEN, DAY, DONE, EVENING, HOUR, MINUTE, Story, account

NOT_YET = AttemptResult("try_again", "no", "busy")


def at_cutoff() -> Story:
    story = Story()
    story.approve_all()
    story.at(EVENING + MINUTE)
    story.search()
    return story


def begun(story: Story, step: str) -> bool:
    if story.readiness(step).waits_for == "fresh_look":
        story.later(timedelta(milliseconds=1))
        story.search()
    return story.begin(step) is not None


@pytest.mark.parametrize("second", [NOT_YET, AttemptResult("try_again", "no", "rate_kept", retry_after=2)])
def test_a_look_that_failed_never_lets_the_unrepeatable_happen_again(second: AttemptResult) -> None:
    story = at_cutoff()
    story.complete("hand_over")
    assert story.readiness("pay").waits_for == "fresh_look" or story.readiness("pay").kind == "ready"
    story.later(MINUTE)
    story.search()
    first = story.begin("pay")
    assert first is not None and first.may_act
    story.later(HOUR)  # the worker died in the call
    look = story.begin("pay")
    assert look is not None and look.look_first and not look.may_act
    story.finish(look, second)
    story.later(HOUR)
    third = story.begin("pay")
    assert third is not None and third.look_first and not third.may_act


def test_an_older_approval_never_comes_back_to_life() -> None:
    story = Story()
    story.approve_all()
    story.reschedule(EVENING + 60 * DAY)
    (gate,) = [id_ for id_, g in story.state.decisions.gates.items() if g.open and g.opened.gate == "access"]
    story.vote(gate, ANNA, "reject")
    story.reschedule(EVENING)
    story.at(EVENING + MINUTE)
    story.search()
    story.attempt("look")
    assert story.readiness("disable").kind == "stopped" and not begun(story, "disable")


def test_a_step_stops_when_its_account_is_not_theirs_after_all() -> None:
    story = at_cutoff()
    story.attempt("look")
    story.search()
    story.attempt("disable", NOT_YET)
    old = story.planned("disable").step_id
    story.finds["code"] = [account("code", "other")]
    story.later(MINUTE)
    story.replan()
    story.later(MINUTE)
    story.search()
    assert story.begin(old) is None
    assert ("account_gone", "disable") in story.exceptions()


def test_a_name_excludes_every_step_of_that_name() -> None:
    story = Story()
    names = [s.name for s in story.state.plan.steps.values() if s.gate == "access"]
    (gate,) = [id_ for id_, g in story.state.decisions.gates.items() if g.opened.gate == "access"]
    story.vote(gate, ANNA, excluded=(names[0],))
    left_out = {s.digest for s in story.state.plan.steps.values() if s.name == names[0]}
    assert left_out == set(story.state.decisions.excluded)


def test_a_second_word_with_other_exclusions_is_refused_not_swallowed() -> None:
    story = Story()
    story.work()
    (gate,) = [id_ for id_, g in story.state.decisions.gates.items() if g.opened.gate == "money"]
    story.vote(gate, ANNA)
    assert story.vote(gate, ANNA) == []
    with pytest.raises(TooLate):
        story.vote(gate, ANNA, excluded=("pay",))
    story.vote(gate, BEN)
    assert story.state.decisions.gates[gate].outcome == "approved"


def test_what_was_never_changed_is_looked_at_again_before_it_is_tried_again() -> None:
    story = at_cutoff()
    story.attempt("look")
    story.search()
    story.attempt("disable", NOT_YET)
    story.later(5 * DAY)
    assert story.readiness("disable").waits_for == "fresh_look"


def test_a_skip_is_remembered_across_plans_and_can_be_given_again() -> None:
    story = at_cutoff()
    story.skip("freeze")
    kept = story.finds["cards"]
    for finds in ([], kept):
        story.finds["cards"] = finds
        story.later(MINUTE)
        story.replan()
        story.later(MINUTE)
        story.search()
    assert story.state.work.steps[story.id("freeze")].status == "skipped"


def test_a_step_that_no_one_carries_out_is_an_exception() -> None:
    story = at_cutoff()
    story.search()
    story.later(HOUR)
    assert ("not_carried_out", "look") in story.exceptions()
    assert story.progress.due_in is None or story.progress.due_in > 0
    story.attempt("look", DONE)
    assert ("not_carried_out", "look") not in story.exceptions()


def test_a_run_without_accounts_stays_open_until_it_was_looked_at_after_the_cutoff() -> None:
    story = Story(at=EVENING + 90 * DAY)
    story.approve_all()
    story.work()
    story.complete("hand_over")
    assert not story.state.finished
    assert not story.events(e.RunClosed)
