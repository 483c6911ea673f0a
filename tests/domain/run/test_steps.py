"""The step protocol: intent, effect, read-back, result, and what a crash leaves."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Literal

import pytest

from orchestrator.domain import events as e
from orchestrator.domain.errors import Invalid, NotAllowed, TooLate
from orchestrator.domain.run.steps.readiness import backoff
from orchestrator.domain.run.steps.steps import AttemptResult, begin, lease, verdict
from tests.domain.run_world import (
    DAY,
    DONE,
    EVENING,
    HOUR,
    LOST,
    MINUTE,
    NOT_YET,
    REFUSED,
    ROBOT,
    Story,
    at_cutoff,
    packet,
)

MILLISECOND = timedelta(milliseconds=1)


def ready_to_pay() -> Story:
    story = at_cutoff()
    assert "pay" in story.ready()
    return story


def test_every_check_is_made_again_before_an_effect() -> None:
    story = at_cutoff()
    assert story.ready() == {"disable", "pay"}
    for spoil in (
        lambda s: s.on_hold("code"),
        lambda s: s.on_hold("*"),
        lambda s: s.hold(),
        lambda s: s.reschedule(EVENING + HOUR),
        lambda s: s.without_role("anna", "approver"),
        lambda s: s.at(EVENING + 7 * DAY),
        lambda s: s.end(),
        lambda s: s.today(packet(platform=("{who: approver, up_to: change}", "{who: approver, up_to: stage}"))),
    ):
        spoilt = at_cutoff()
        spoil(spoilt)
        assert begin(spoilt.state, spoilt.id("disable"), spoilt.world) is None
        assert "disable" not in spoilt.ready()


def test_what_is_unknown_or_a_persons_work_is_never_begun() -> None:
    story = at_cutoff()
    assert begin(story.state, "s-nothing", story.world) is None
    assert begin(story.state, story.id("hand_over"), story.world) is None


def test_an_effect_waits_for_its_predecessors() -> None:
    story = at_cutoff()
    assert story.readiness("sessions").waits_for == "predecessors"
    intent = story.begin("disable")
    assert intent is not None and story.readiness("sessions").waits_for == "predecessors"
    story.finish(intent, DONE)
    assert story.ready() == {"sessions", "freeze", "pay"}


def test_the_intent_says_who_caused_it_and_takes_a_lease() -> None:
    story = at_cutoff()
    intent = story.begin("disable")
    assert intent is not None and not intent.look_first and intent.may_act
    assert intent.started.caused_by == ("anna",)
    assert story.begin("disable") is None
    assert story.readiness("disable").until == intent.started.lease_until
    assert lease(story.planned("disable")) > timedelta(seconds=2 * story.planned("disable").deadline)
    paying = story.begin("pay")
    assert paying is not None and paying.started.caused_by == ("anna", "ben")


def test_a_retry_after_a_crash_waits_for_the_lease_and_looks_first() -> None:
    story = at_cutoff()
    first = story.begin("disable")
    assert first is not None
    story.at(first.started.lease_until - MILLISECOND)
    assert story.begin("disable") is None
    story.at(first.started.lease_until)
    second = story.begin("disable")
    assert second is not None and second.look_first and second.may_act
    assert second.started.effect_key == first.started.effect_key
    assert second.started.attempt == 2


def test_a_transient_failure_backs_off_and_becomes_an_exception_while_retries_go_on() -> None:
    story = at_cutoff()
    assert isinstance(story.attempt("disable", NOT_YET), e.StepAttemptFailed)
    assert story.readiness("disable").waits_for == "another_attempt"
    attempts = 1
    while story.now < EVENING + 20 * MINUTE:
        until = story.readiness("disable").until
        story.at(until) if until else story.search()
        if story.readiness("disable").kind == "ready":
            story.attempt("disable", NOT_YET)
            attempts += 1
    assert 8 < attempts < 20
    assert ("step_failing", "disable") in story.exceptions()
    story.accept(story.exception("step_failing"))
    story.at(story.readiness("disable").until or story.now)
    assert not any(about == "disable" for _, about in story.exceptions())
    story.attempt("disable", DONE)
    assert story.step("disable").status == "verified"


def test_a_failing_row_that_comes_right_closes_its_exception() -> None:
    story = at_cutoff()
    story.attempt("disable", NOT_YET)
    story.later(15 * MINUTE)
    assert ("step_failing", "disable") in story.exceptions()
    story.attempt("disable", DONE)
    assert not any(about == "disable" for _, about in story.exceptions())
    assert story.events(e.ExceptionClosed)[-1].disposition == "overcome"


def test_the_row_of_failures_is_due_when_nothing_else_is() -> None:
    story = at_cutoff()
    story.attempt("disable", AttemptResult("try_again", "no", "busy", retry_after=3600))
    assert story.progress.due_in is not None and story.progress.due_in <= 15 * 60


@pytest.mark.parametrize(("failures", "seconds"), [(1, 1), (2, 2), (5, 16), (10, 300), (1000, 300)])
def test_backoff_doubles_up_to_five_minutes(failures: int, seconds: int) -> None:
    assert backoff(failures) == timedelta(seconds=seconds)


def test_a_system_says_when_to_come_again_within_an_hour() -> None:
    story = at_cutoff()
    for asked, granted in ((90.0, 90), (1e9, 3600)):
        failed = verdict(story.state, _begun(story), AttemptResult("try_again", "no", "busy", asked), story.now)
        assert isinstance(failed, e.StepAttemptFailed)
        assert failed.retry_at == story.now + timedelta(seconds=granted)


def _begun(story: Story):  # type: ignore[no-untyped-def]  # a test's own shorthand
    intent = begin(story.state, story.id("disable"), story.world)
    assert intent is not None
    story.state = replace(story.state)
    return replace(intent, started=intent.started.model_copy(update={"attempt": story.step("disable").attempt}))


def test_what_fails_for_good_parks_and_the_rest_goes_on() -> None:
    story = ready_to_pay()
    assert isinstance(story.attempt("pay", REFUSED), e.StepFailed)
    assert story.exceptions() == [("step_failed", "pay")]
    assert story.work() == ["disable", "sessions", "freeze", "close"]
    assert not story.state.finished and story.readiness("pay").kind == "stopped"


@pytest.mark.parametrize("shown", ["not_done", "unknown"])
def test_a_change_that_the_system_does_not_show_yet_is_tried_again_and_not_failed(
    shown: Literal["not_done", "unknown"],
) -> None:
    """Such as where a replica is behind, or an empty list is no evidence."""
    story = at_cutoff()
    result = story.attempt("disable", AttemptResult(read=shown, code="not_shown"))
    assert isinstance(result, e.StepAttemptFailed)
    story.at(result.retry_at)
    assert isinstance(story.attempt("disable", DONE), e.StepVerified)
    assert story.exceptions() == []


def test_never_is_attempted_once_and_then_only_looked_at() -> None:
    story = ready_to_pay()
    intent = story.begin("pay")
    assert intent is not None and intent.may_act
    story.at(intent.started.lease_until)
    again = story.begin("pay")
    assert again is not None and again.look_first and not again.may_act
    unknown = story.finish(again, AttemptResult(read="not_done", acted=False))
    assert isinstance(unknown, e.StepFailed) and unknown.happened == "unknown"
    assert story.exceptions() == [("outcome_unknown", "pay")]
    tasks = [t.opened.kind for t in story.state.work.tasks.values() if t.open]
    assert tasks == ["confirm_outcome"]


def test_never_whose_read_back_shows_it_done_is_done() -> None:
    story = ready_to_pay()
    intent = story.begin("pay")
    assert intent is not None
    story.at(intent.started.lease_until)
    again = story.begin("pay")
    assert again is not None
    assert isinstance(story.finish(again, DONE), e.StepVerified)


def test_never_whose_reply_was_lost_is_not_sent_again() -> None:
    story = ready_to_pay()
    assert isinstance(story.attempt("pay", replace(LOST, read="not_done")), e.StepAttemptFailed)
    story.later(2 * MINUTE)
    again = story.begin("pay")
    assert again is not None and not again.may_act


def test_never_that_surely_did_not_happen_may_be_sent() -> None:
    story = ready_to_pay()
    story.attempt("pay", NOT_YET)
    story.later(MINUTE)
    again = story.begin("pay")
    assert again is not None and again.may_act and not again.may_stood


def test_never_without_read_back_becomes_a_task_at_once() -> None:
    blind = packet(workflow=("system: code, ability: disable, needs", "system: code, ability: notify, needs"))
    story = at_cutoff(pinned=blind)
    lost = story.attempt("disable", LOST)
    assert isinstance(lost, e.StepFailed) and lost.happened == "unknown"
    assert [t.opened.kind for t in story.state.work.tasks.values() if t.open] == ["confirm_outcome"]


def test_what_cannot_be_read_back_is_attested() -> None:
    blind = packet(workflow=("system: code, ability: disable, needs", "system: code, ability: notify, needs"))
    story = at_cutoff(pinned=blind)
    assert isinstance(story.attempt("disable", AttemptResult(detail={"reply": {}})), e.StepAttested)
    assert story.step("disable").status == "attested"


def test_keyed_is_repeated_within_its_duration_and_only_looked_at_after() -> None:
    story = at_cutoff()
    story.attempt("disable")
    story.attempt("freeze")
    first = story.begin("close")
    assert first is not None
    story.at(first.started.lease_until)
    second = story.begin("close")
    assert second is not None and second.look_first and second.may_act
    story.finish(second, LOST)
    story.at(EVENING + DAY + MINUTE)
    story.search()
    third = story.begin("close")
    assert third is not None and third.look_first and not third.may_act


def test_an_operators_retry_keeps_the_effect_key_and_again_makes_another() -> None:
    story = ready_to_pay()
    first = story.begin("pay")
    assert first is not None
    story.finish(first, AttemptResult("refused", "unknown", "nonsense"))
    story.retry("pay")
    assert story.exceptions() == []
    second = story.begin("pay")
    assert second is not None
    assert second.started.effect_key == first.started.effect_key and not second.may_act
    assert second.started.caused_by == ("anna", "ben", "ole")
    story.finish(second, AttemptResult(read="unknown", acted=False))
    assert story.exceptions() == [("outcome_unknown", "pay")]
    story.retry("pay", again=True)
    story.at(second.started.lease_until)
    third = story.begin("pay")
    assert third is not None and third.may_act and third.earlier_keys == (first.started.effect_key,)
    assert third.started.effect_key != first.started.effect_key and third.started.generation == 2
    story.finish(third, DONE)
    assert story.step("pay").status == "verified"


def test_the_same_failure_after_a_retry_is_a_new_exception() -> None:
    story = ready_to_pay()
    for _ in range(3):
        story.attempt("pay", REFUSED)
        assert story.exceptions() == [("step_failed", "pay")]
        story.retry("pay")
    assert len([x for x in story.events(e.ExceptionOpened) if x.kind == "step_failed"]) == 3


def test_a_task_that_is_not_done_twice_is_an_exception_twice() -> None:
    story = Story()
    for number in (1, 2):
        story.complete("hand_over", "not_done")
        assert story.exceptions() == [("step_failed", "hand_over")], number
        story.retry("hand_over")
        assert story.exceptions() == []
    story.complete("hand_over")
    assert story.step("hand_over").status == "attested"


def test_a_task_is_retried_by_operators_whose_level_ends_at_some_systems() -> None:
    story = Story(packet(platform=("{who: operator, up_to: change}", "{who: operator, systems: [code], up_to: read}")))
    story.complete("hand_over", "not_done")
    story.retry("hand_over")
    assert story.step("hand_over").status == "retrying"


def test_retrying_needs_the_level_of_the_step() -> None:
    story = ready_to_pay()
    story.attempt("pay", REFUSED)
    story.today(packet(platform=("{who: operator, up_to: change}", "{who: operator, up_to: prepare}")))
    with pytest.raises(NotAllowed) as refused:
        story.retry("pay")
    assert refused.value.code == "level_not_granted"
    with pytest.raises(NotAllowed):
        story.retry("pay", by=ROBOT)


def test_nothing_to_retry() -> None:
    story = ready_to_pay()
    with pytest.raises(TooLate):
        story.retry("pay")
    story.attempt("pay")
    with pytest.raises(TooLate):
        story.retry("pay", again=True)
    with pytest.raises(Invalid):
        story.retry("s-nothing")


# Facts are never refused


def test_a_late_proof_from_a_frozen_attempt_is_recorded() -> None:
    story = at_cutoff()
    frozen = story.begin("disable")
    assert frozen is not None
    story.at(frozen.started.lease_until)
    second = story.begin("disable")
    assert second is not None
    assert story.finish(frozen, LOST) is None
    assert isinstance(story.finish(frozen, DONE), e.StepVerified)
    assert story.finish(second, DONE) is None
    assert story.step("disable").status == "verified"


def test_a_result_after_the_run_was_ended_is_recorded_and_the_run_stays_ended() -> None:
    story = at_cutoff()
    intent = story.begin("disable")
    assert intent is not None
    story.end()
    assert isinstance(story.finish(intent, DONE), e.StepVerified)
    assert story.state.finish == "ended" and story.step("disable").status == "verified"
    assert story.progress.finished


def test_a_late_proof_for_a_step_that_was_left_out_is_recorded() -> None:
    story = at_cutoff()
    frozen = story.begin("disable")
    assert frozen is not None
    story.at(frozen.started.lease_until)
    story.attempt("disable", REFUSED)
    story.skip("disable")
    assert story.finish(frozen, LOST) is None
    assert isinstance(story.finish(frozen, DONE), e.StepVerified)
    assert story.step("disable").status == "verified"


def test_the_systems_word_from_a_frozen_attempt_that_cannot_be_read_back_is_recorded() -> None:
    blind = packet(workflow=("system: code, ability: disable, needs", "system: code, ability: notify, needs"))
    story = at_cutoff(pinned=blind)
    frozen = story.begin("disable")
    assert frozen is not None
    story.at(frozen.started.lease_until)
    second = story.begin("disable")
    assert second is not None and not second.may_act and not second.look_first
    story.finish(second, AttemptResult(acted=False))
    assert story.exceptions() == [("outcome_unknown", "disable")]
    assert isinstance(story.finish(frozen, AttemptResult()), e.StepAttested)
    assert story.exceptions() == [] and not any(t.open for t in story.state.work.tasks.values() if t.opened.step_id)


def test_an_older_generations_proof_counts_until_the_next_is_begun() -> None:
    story = ready_to_pay()
    frozen = story.begin("pay")
    assert frozen is not None
    story.at(frozen.started.lease_until)
    story.attempt("pay", AttemptResult(read="unknown", acted=False))
    story.retry("pay", again=True)
    begun = verdict(story.state, frozen, DONE, story.now)
    assert isinstance(begun, e.StepVerified)
    in_flight = story.step("pay").in_flight_until
    assert in_flight is not None
    story.at(in_flight)
    assert story.begin("pay") is not None
    assert verdict(story.state, frozen, DONE, story.now) is None
