"""Who may decide, when enough have, and what a decision is good for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from orchestrator.domain import events as e
from orchestrator.domain.errors import Invalid, NotAllowed, Refusal, TooLate
from tests.domain.run_world import (
    ANNA,
    BEN,
    DAY,
    EVENING,
    HOUR,
    HR,
    LEA,
    MINUTE,
    MONDAY,
    OLE,
    PERSON_ID,
    ROBOT,
    Story,
    account,
    actor,
    packet,
)

ACCESS, MONEY = "g-access-1", "g-money-1"


def refusal(story: Story, gate: str, by: Any, verdict: str = "approve", excluded: tuple[str, ...] = ()) -> Refusal:
    with pytest.raises(Refusal) as refused:
        story.vote(gate, by, verdict, excluded)
    return refused.value


def test_a_gate_opens_over_the_digests_that_wait_for_it_and_what_is_not_decided_is_not_done() -> None:
    story = Story()
    assert story.asked_at(ACCESS) == {"disable", "sessions", "freeze", "remove"}
    assert story.asked_at(MONEY) == {"close", "pay"}
    story.complete("hand_over")
    story.work()
    story.at(EVENING + HOUR)
    assert story.work() == []
    assert story.begin("disable") is None
    assert story.readiness("disable").waits_for == "gate"


def test_a_quorum_counts_people_not_accounts() -> None:
    story = Story()
    other_account = actor("anna-admin", "approver", human="h-anna")
    story.vote(MONEY, ANNA)
    assert story.vote(MONEY, other_account) == []
    assert story.state.decisions.gates[MONEY].open
    story.vote(MONEY, BEN)
    assert story.state.decisions.gates[MONEY].outcome == "approved"
    assert story.events(e.GateDecided)[-1].by == ("anna", "ben")


def test_who_never_decides() -> None:
    story = Story(by=actor("hr", "requester", "approver"))
    cases = {
        "requester_never_decides": actor("hr-second-account", "approver", human="h-hr"),
        "own_run": actor("ada", "approver", human=PERSON_ID),
        "reports_to_person": actor("below", "approver", above=["h-boss", PERSON_ID]),
        "unknown_to_hr": actor("stranger", "approver", human=None),
        "role_missing": OLE,
        "only_people_decide": ROBOT,
    }
    for code, who in cases.items():
        refused = refusal(story, ACCESS, who)
        assert isinstance(refused, NotAllowed) and refused.code == code, code
        assert refused.message
    service = actor("nightly", "approver", kind="service")
    assert refusal(story, ACCESS, service, "reject").code == "only_people_decide"
    assert story.state.decisions.gates[ACCESS].votes == ()


def test_the_requester_who_comes_with_another_account_of_no_known_human_is_still_the_requester() -> None:
    service_grant = ("levels:\n", "levels:\n  - {who: requester, kind: service, up_to: prepare}\n")
    story = Story(packet(platform=service_grant), by=actor("hr", "requester", kind="service"))
    assert refusal(story, ACCESS, actor("hr", "approver", human="h-hr")).code == "requester_never_decides"


def test_an_approver_needs_the_level_of_what_they_approve() -> None:
    story = Story()
    weak = packet(platform=("{who: approver, up_to: change}", "{who: approver, systems: [cards], up_to: change}"))
    story.today(weak)
    refused = refusal(story, ACCESS, ANNA)
    assert refused.code == "level_not_granted"
    # Without what lies on the other system they may: each approval covers only what it says.
    story.vote(ACCESS, ANNA, excluded=["disable", "sessions", "remove"])
    assert story.state.decisions.gates[ACCESS].outcome == "approved"


def test_the_first_rejection_ends_the_gate_and_opens_an_exception() -> None:
    story = Story()
    story.vote(MONEY, ANNA)
    story.vote(MONEY, BEN, "reject")
    assert story.state.decisions.gates[MONEY].outcome == "rejected"
    assert story.exceptions() == [("gate_rejected", MONEY)]
    story.approve_all()
    story.complete("hand_over")
    story.at(EVENING)
    story.work()
    assert story.readiness("pay").kind == "stopped"
    assert story.step("pay").attempt == 0
    assert not story.state.finished


def test_after_a_rejection_a_replan_asks_again_about_what_was_refused_and_only_that() -> None:
    story = Story()
    story.vote(ACCESS, ANNA)
    story.vote(MONEY, BEN, "reject")
    story.later(MINUTE)
    story.replan(by=BEN)
    assert story.exceptions() == [] and story.open_gates() == []
    story.search()
    assert story.open_gates() == ["g-money-2"]
    assert story.asked_at("g-money-2") == {"close", "pay"}


def test_a_new_account_asks_only_about_the_difference() -> None:
    story = Story()
    story.approve_all()
    decided = dict(story.state.decisions.approved)
    story.later(MINUTE)
    story.replan()
    story.finds["cards"] = []
    story.search()
    assert story.open_gates() == []
    story.later(MINUTE)
    story.replan()
    story.finds["cards"] = [account("cards", "second")]
    story.search()
    asked = {name for gate in story.open_gates() for name in story.asked_at(gate)}
    assert asked == {"freeze", "close", "pay"}
    assert all(story.state.decisions.approved[digest] == was for digest, was in decided.items())


def test_exclusions_become_exceptions_and_the_rest_is_done() -> None:
    story = Story()
    story.vote(ACCESS, ANNA, excluded=["freeze"])
    assert story.exceptions() == [("excluded_from_approval", "freeze")]
    story.vote(MONEY, ANNA)
    story.vote(MONEY, BEN)
    story.at(EVENING)
    assert story.work() == ["look", "disable", "sessions"]
    assert story.readiness("freeze").kind == "stopped" and story.readiness("close").waits_for == "predecessors"
    story.skip("freeze")
    assert story.exceptions() == [] and story.work() == ["close"]


def test_what_one_of_several_left_out_stays_out() -> None:
    story = Story()
    story.vote(MONEY, ANNA, excluded=["pay"])
    story.vote(MONEY, BEN)
    decided = story.events(e.GateDecided)[-1]
    assert decided.excluded == (story.planned("pay").digest,)
    assert decided.approved == (story.planned("close").digest,)


def test_wrong_exclusions_are_refused() -> None:
    story = Story()
    assert refusal(story, ACCESS, ANNA, excluded=("look",)).code == "not_at_this_gate"
    assert refusal(story, MONEY, ANNA, excluded=("close", "pay")).code == "nothing_left"
    unknown = refusal(story, "g-none-1", ANNA)
    assert isinstance(unknown, Invalid) and ACCESS in unknown.message


def test_late_comers_read_who_decided_and_when() -> None:
    story = Story()
    story.later(MINUTE)
    story.vote(ACCESS, ANNA)
    story.later(MINUTE)
    for verdict in ("approve", "reject"):
        late = refusal(story, ACCESS, BEN, verdict)
        assert isinstance(late, TooLate) and late.code == "gate_decided"
        assert "anna (approve, 2026-03-02 09:01:00 UTC)" in late.message
    story.skip("close")
    story.skip("pay")
    assert refusal(story, MONEY, BEN).code == "gate_withdrawn"


def test_changing_ones_mind_is_too_late_and_saying_it_twice_is_once() -> None:
    story = Story()
    story.vote(MONEY, ANNA)
    assert story.vote(MONEY, ANNA) == []
    assert refusal(story, MONEY, ANNA, "reject").code == "already_voted"


def test_decide_by_passes_and_the_gate_escalates_once() -> None:
    story = Story()
    assert refusal(story, ACCESS, LEA).code == "role_missing"
    story.at(MONDAY + DAY - MINUTE)
    assert not story.events(e.GateEscalated)
    assert story.progress.due_in is not None and story.progress.due_in <= MINUTE.total_seconds()
    story.at(MONDAY + DAY)
    assert story.events(e.GateEscalated)[0].roles == ("lead",)
    story.later(HOUR)
    assert len(story.events(e.GateEscalated)) == 1
    story.vote(ACCESS, LEA)
    assert story.state.decisions.gates[ACCESS].outcome == "approved"


def test_a_gate_that_escalates_to_no_one_is_late_once_and_still_open() -> None:
    story = Story()
    story.at(MONDAY + 2 * DAY)
    assert story.state.decisions.gates[MONEY].open
    assert len([x for x in story.events(e.GateEscalated) if x.gate_id == MONEY]) == 1
    story.later(HOUR)
    assert len([x for x in story.events(e.GateEscalated) if x.gate_id == MONEY]) == 1


def test_an_approval_lapses_and_the_gate_opens_again() -> None:
    story = Story()
    story.approve_all()
    story.at(EVENING + 7 * DAY - MINUTE)
    assert story.readiness("disable").waits_for == "predecessors"
    assert story.progress.due_in is not None and story.open_gates() == []
    story.later(MINUTE)
    assert sorted(story.open_gates()) == ["g-access-2", "g-money-2"]
    story.work()
    assert story.begin("disable") is None and story.readiness("disable").waits_for == "gate"
    story.vote("g-access-2", BEN)
    story.search()
    assert story.ready() == {"disable"}


def test_what_is_done_needs_no_decision_any_more() -> None:
    story = Story()
    story.approve_all()
    story.at(EVENING)
    story.work()
    story.at(EVENING + 7 * DAY)
    assert {name for gate in story.open_gates() for name in story.asked_at(gate)} == {"pay", "remove"}


def test_a_gate_whose_own_validity_ends_undecided_is_asked_afresh() -> None:
    story = Story()
    story.at(EVENING + 7 * DAY)
    assert story.state.decisions.gates[ACCESS].outcome == "withdrawn"
    assert story.open_gates() == ["g-access-2", "g-money-2"]
    assert story.state.decisions.gates["g-access-2"].opened.valid_until == story.now + 7 * DAY


def test_a_decision_for_a_cutoff_ninety_days_ahead_holds() -> None:
    story = Story(at=EVENING + 90 * DAY)
    story.approve_all()
    story.work()
    story.complete("hand_over")
    for day in range(1, 90, 10):
        story.at(MONDAY + day * DAY)
        assert story.open_gates() == [] and story.ready() == set()
    story.at(EVENING + 90 * DAY)
    assert story.work() == ["disable", "sessions", "freeze", "close", "pay"]
    story.later(DAY)
    assert story.work() == ["remove"] and story.state.finish == "clean"


def test_rescheduling_within_validity_keeps_the_decision() -> None:
    story = Story()
    story.approve_all()
    story.reschedule(EVENING + 6 * DAY)
    assert story.open_gates() == []
    story.work()
    story.at(EVENING + 6 * DAY)
    assert "disable" in story.work()


def test_rescheduling_beyond_validity_asks_again_at_once() -> None:
    story = Story()
    story.approve_all()
    story.reschedule(EVENING + 8 * DAY)
    assert sorted(story.open_gates()) == ["g-access-2", "g-money-2"]
    assert story.state.decisions.gates["g-access-2"].opened.valid_until == EVENING + 15 * DAY
    story.approve_all()
    story.work()
    story.at(EVENING + 8 * DAY)
    assert "disable" in story.work()


def test_moving_back_within_validity_makes_the_old_decision_hold_again() -> None:
    story = Story()
    story.approve_all()
    story.reschedule(EVENING + 8 * DAY)
    story.reschedule(EVENING)
    assert story.open_gates() == []


def test_a_gate_still_open_when_the_cutoff_moves_beyond_it_is_asked_afresh() -> None:
    story = Story()
    story.vote(MONEY, ANNA)
    story.reschedule(EVENING + 30 * DAY)
    assert story.state.decisions.gates[MONEY].outcome == "withdrawn"
    assert story.open_gates() == ["g-access-2", "g-money-2"]
    assert "or need it at another gate" in refusal(story, MONEY, BEN).message


def test_a_vote_at_a_gate_whose_validity_has_ended_is_refused_not_swallowed() -> None:
    story = Story()
    story.world = replace(story.world, now=EVENING + 7 * DAY)
    assert refusal(story, ACCESS, ANNA).code == "gate_lapsed"


def test_a_level_lost_between_approval_and_effect_stops_the_step_and_asks_again() -> None:
    story = Story()
    story.approve_all()
    story.work()
    story.without_role("anna", "approver")
    story.at(EVENING)
    story.search()
    assert story.begin("disable") is None
    assert story.readiness("disable").waits_for == "level"
    assert ("level_missing", "disable") in story.exceptions()
    assert story.open_gates() and "disable" in story.asked_at(story.open_gates()[0])
    story.vote(story.open_gates()[0], BEN)
    story.search()
    assert story.exceptions() == [] and story.ready() == {"disable"}


def test_a_level_given_back_makes_the_decision_hold_again() -> None:
    story = Story()
    story.approve_all()
    story.work()
    story.without_role("anna", "approver")
    story.at(EVENING)
    story.search()
    assert story.begin("disable") is None
    story.knows(ANNA)
    story.append([])
    story.search()
    assert story.exceptions() == [] and story.open_gates() == [] and story.ready() == {"disable"}


def test_the_stricter_of_the_runs_packet_and_todays_holds_at_the_effect() -> None:
    story = Story()
    story.approve_all()
    story.at(EVENING)
    story.today(packet(platform=("{who: approver, up_to: change}", "{who: approver, up_to: read}")))
    story.work()
    assert story.step("disable").attempt == 0 and ("level_missing", "disable") in story.exceptions()


def test_replanning_does_not_take_an_open_gates_votes_away() -> None:
    story = Story()
    story.vote(MONEY, ANNA)
    story.later(MINUTE)
    story.replan()
    story.search()
    assert story.open_gates() == [ACCESS, MONEY]
    story.vote(MONEY, BEN)
    assert story.state.decisions.gates[MONEY].outcome == "approved"


def test_votes_on_a_finished_run_are_too_late() -> None:
    story = Story()
    story.end(by=HR)
    with pytest.raises(TooLate) as late:
        story.vote(ACCESS, ANNA)
    assert late.value.code == "run_finished" and " was cancelled at " in late.value.message


def test_a_rejection_is_final_once_its_steps_are_skipped() -> None:
    story = Story()
    story.vote("g-money-1", ANNA, "reject")
    story.skip("close")
    assert ("gate_rejected", "g-money-1") in story.exceptions()
    story.skip("pay")
    assert not story.exceptions()
    story.vote("g-access-1", ANNA)
    story.complete("hand_over")
    story.at(EVENING + DAY)
    story.work()
    assert story.state.finish == "with_exceptions"


def test_a_step_that_no_approver_saw_is_not_approved_when_it_comes_back() -> None:
    """Approvers see the steps of the plan. The gate opens again without the steps that a new plan left out."""
    story = Story()
    assert "freeze" in story.asked_at(ACCESS)
    story.finds["cards"] = []
    story.later(MINUTE)
    story.replan()
    story.search()
    assert refusal(story, ACCESS, ANNA).code == "gate_withdrawn"
    again = next(id_ for id_ in story.open_gates() if id_.startswith("g-access"))
    assert story.asked_at(again) == {"disable", "sessions", "remove"}
    story.vote(again, ANNA)
    story.finds["cards"] = [account("cards")]
    story.later(MINUTE)
    story.replan()
    story.search()
    asked = next(id_ for id_ in story.open_gates() if id_.startswith("g-access"))
    assert story.asked_at(asked) == {"freeze"}, "the steps that were approved stay approved"
    assert story.planned("freeze").digest not in story.state.decisions.approved
