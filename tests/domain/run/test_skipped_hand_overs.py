"""A skipped hand-over is not done: what deletes data or cannot be undone needs a decision that was made afterwards."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orchestrator.domain import events as e
from orchestrator.domain.errors import TooLate
from tests.domain.packet_texts import SampleAbility
from tests.domain.run_world import ANNA, BEN, CATALOGUE, DAY, EVENING, MINUTE, OLE, REFUSED, Story, account, packet

CLEAN_UP = (
    "  - {name: pay, title: Pay, system: cards, ability: pay, needs: [hand_over], at: cutoff, gate: money}\n",
    "  - {name: transfer, title: Transfer, system: code, ability: transfer, gate: access}\n"
    "  - {name: tidy, title: Tidy, system: cards, ability: tidy, needs: [transfer], at: cutoff, gate: money}\n"
    "  - {name: pay, title: Pay, system: cards, ability: pay, needs: [tidy, hand_over], at: cutoff, gate: money}\n",
)
FORGE = CATALOGUE["forge"] | {"transfer": SampleAbility("transfer", hands_over=True)}
BANK = CATALOGUE["bank"] | {"tidy": SampleAbility("tidy", destroys=True, reversible="limited")}
ABILITIES = CATALOGUE | {"forge": FORGE, "bank": BANK}


@pytest.fixture(autouse=True)
def _abilities(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.domain.run_world.CATALOGUE", ABILITIES)


def after_the_cutoff(story: Story) -> Story:
    story.at(EVENING + DAY)
    story.work()
    story.later(MINUTE)
    return story


def test_after_a_skipped_task_an_irreversible_step_waits_for_a_new_decision() -> None:
    story = Story()
    story.approve_all()
    story.later(MINUTE)
    story.skip("hand_over")
    after_the_cutoff(story)
    assert story.step("sessions").status == "verified"
    for step, gate in (("remove", "g-access-2"), ("pay", "g-money-2")):
        assert story.readiness(step).waits_for == "gate" and story.begin(step) is None
        assert story.asked_at(gate) == {step}
    assert story.step("close").status == "verified", "what does not need the hand-over goes on"


def test_a_decision_after_the_skip_lets_the_step_run() -> None:
    story = Story()
    story.approve_all()
    story.later(MINUTE)
    story.skip("hand_over")
    after_the_cutoff(story)
    story.vote("g-access-2", ANNA)
    story.vote("g-money-2", ANNA)
    story.vote("g-money-2", BEN)
    story.later(MINUTE)
    assert set(story.work()) == {"remove", "pay"}
    assert story.state.finish == "with_exceptions"


def test_an_approver_can_refuse_after_the_skip() -> None:
    story = Story()
    story.approve_all()
    story.later(MINUTE)
    story.skip("hand_over")
    after_the_cutoff(story)
    story.vote("g-access-2", ANNA, "reject")
    assert story.readiness("remove").kind == "stopped" and ("gate_rejected", "g-access-2") in story.exceptions()


def test_a_gate_that_was_not_decided_yet_is_asked_once() -> None:
    story = Story()
    story.skip("hand_over")
    story.later(MINUTE)
    story.approve_all()
    after_the_cutoff(story)
    story.work()
    assert story.step("remove").status == "verified" and story.step("pay").status == "verified"
    assert len(story.events(e.GateOpened)) == 2


def test_a_hand_over_through_another_step_counts_also_for_what_can_be_undone_for_a_while() -> None:
    story = Story(packet(workflow=CLEAN_UP))
    story.approve_all()
    story.later(MINUTE)
    story.search()
    story.attempt("transfer", REFUSED)
    story.skip("transfer")
    story.complete("hand_over")
    after_the_cutoff(story)
    assert story.readiness("tidy").waits_for == "gate"
    assert story.asked_at("g-money-2") == {"tidy", "pay"}


Disposition = Callable[[Story], object]


def not_done_then_skipped(story: Story) -> None:
    story.complete("hand_over", "not_done")
    story.skip("hand_over")


def overdue_then_skipped(story: Story) -> None:
    story.at(EVENING)
    story.later(3 * DAY)
    story.accept(story.exception("task_overdue"))
    assert story.readiness("pay").waits_for == "predecessors", "accepting a delay is not doing the work"
    story.skip("hand_over")


def failed_then_retried(story: Story) -> None:
    story.complete("hand_over", "not_done")
    story.retry("hand_over")
    assert story.readiness("pay").waits_for == "predecessors", "another attempt is not a result"
    story.skip("hand_over")


def planned_again_then_skipped(story: Story) -> None:
    story.replan()
    story.later(MINUTE)
    story.search()
    story.skip("hand_over")


@pytest.mark.parametrize(
    "leave_out", [not_done_then_skipped, overdue_then_skipped, failed_then_retried, planned_again_then_skipped]
)
def test_an_operator_reaches_nothing_irreversible_alone(leave_out: Disposition) -> None:
    story = Story()
    story.approve_all()
    story.later(MINUTE)
    leave_out(story)
    after_the_cutoff(story)
    assert story.readiness("pay").kind != "ready" and story.step("pay").status == "planned"
    assert story.readiness("remove").kind != "ready" and story.step("remove").status == "planned"


def test_the_answer_that_there_is_no_account_leaves_a_hand_over_out_as_well() -> None:
    story = Story(packet(workflow=CLEAN_UP), ready=False)
    story.finds["code"] = [account("code", number="E-2")]
    story.search()
    assert story.state.plan.open_steps
    story.approve_all()
    story.complete("hand_over")
    story.later(MINUTE)
    story.settle("code")
    after_the_cutoff(story)
    assert story.readiness("tidy").waits_for == "gate" and story.step("tidy").status == "planned"
    assert "tidy" in story.asked_at(story.open_gates()[-1])


def test_a_hand_over_before_a_deletion_without_a_gate_cannot_be_skipped() -> None:
    ungated = (CLEAN_UP[0], CLEAN_UP[1].replace("needs: [transfer], at: cutoff, gate: money", "needs: [transfer]"))
    story = Story(packet(workflow=ungated))
    with pytest.raises(TooLate) as refused:
        story.skip("transfer", by=OLE)
    assert refused.value.code == "hand_over_needed" and refused.value.facts["step"] == "tidy"
    story.skip("tidy")
    story.skip("transfer")
    assert story.step("transfer").status == "skipped"
