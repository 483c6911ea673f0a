"""A repeat of a step that must never run twice: after what, and what is looked for first."""

from __future__ import annotations

from orchestrator.domain import events as e
from orchestrator.domain.run.steps import AttemptResult
from tests.domain.run_world import at_cutoff


def test_a_repeat_waits_until_the_call_before_it_can_no_longer_take_effect() -> None:
    story = at_cutoff()
    intent = story.begin("pay")
    assert intent is not None and intent.look_first and intent.may_act, "the ledger may be an older copy"
    assert intent.earlier_keys == ()
    story.at(intent.started.lease_until)
    story.attempt("pay", AttemptResult(read="unknown", acted=False))
    assert story.step("pay").status == "unknown"
    story.retry("pay", again=True)
    where = story.readiness("pay")
    in_flight = story.step("pay").in_flight_until
    assert in_flight is not None and (where.waits_for, where.until) == ("lease", in_flight)
    assert story.begin("pay") is None
    story.at(in_flight)
    second = story.begin("pay")
    assert second is not None and second.look_first and second.may_act
    assert second.earlier_keys == (intent.started.effect_key,)
    happened = story.finish(second, AttemptResult(read="done", detail={"found_done": True}))
    assert isinstance(happened, e.StepVerified)


def test_an_order_under_the_same_key_does_not_wait() -> None:
    story = at_cutoff()
    intent = story.begin("pay")
    assert intent is not None
    story.at(intent.started.lease_until)
    story.attempt("pay", AttemptResult(read="unknown", acted=False))
    story.retry("pay")
    assert "pay" in story.ready(), "it only looks"
