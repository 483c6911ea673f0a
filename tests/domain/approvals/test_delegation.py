"""Decisions in someone's absence: what a delegate may, what stays forbidden to both, and what it rests on."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from orchestrator.domain import events as e
from orchestrator.domain.approvals import delegation, gates
from orchestrator.domain.commands import pausing
from orchestrator.domain.errors import Invalid, NotAllowed, Refusal, TooLate
from orchestrator.domain.organisation.organisation import DelegationState, Organisation
from orchestrator.domain.permissions.levels import Actor, Level
from tests.domain.organisations import organisation_of
from tests.domain.run_world import (
    ANNA,
    BEN,
    DAY,
    EVENING,
    HOUR,
    HR,
    LEA,
    MONDAY,
    OLE,
    PERSON_ID,
    REFUSED,
    ROBOT,
    SAM,
    Story,
    actor,
    at_cutoff,
    packet,
)

ACCESS, MONEY = "g-access-1", "g-money-1"
PAT = actor("pat")
"""Someone without any role."""
KNOWN = Organisation(actors={one.actor_id: one for one in (ANNA, BEN, HR, OLE, PAT, ROBOT)})


def lent(
    by: Actor, to: Actor, since: Any = MONDAY - HOUR, until: Any = MONDAY + 30 * DAY, *, ended: bool = False
) -> DelegationState:
    said = e.DecisionsDelegated(
        delegation_id=f"d-{by.actor_id}-{to.actor_id}", by=by.actor_id, to=to.actor_id, since=since, until=until
    )
    return DelegationState(said, ended)


def among(story: Story, *held: DelegationState, know: tuple[Actor, ...] = (PAT,)) -> Story:
    story.knows(*know)
    story.world = replace(story.world, delegations=held)
    return story


def refused(story: Story, gate: str, by: Actor, verdict: str = "approve") -> str:
    with pytest.raises(Refusal) as refusal:
        story.vote(gate, by, verdict)
    return refusal.value.code


# Gates


def test_a_delegate_decides_what_the_absent_one_may_and_the_decision_rests_on_that_one() -> None:
    story = among(Story(), lent(ANNA, PAT))
    [vote, decided] = story.vote(ACCESS, PAT)[:2]
    assert isinstance(vote, e.GateVoted) and isinstance(decided, e.GateDecided)
    assert (vote.by, vote.human, vote.on_behalf_of, vote.for_human) == ("pat", "h-pat", "anna", "h-anna")
    assert decided.by == ("pat",) and decided.rests_on == ("anna",)
    approval = story.state.approval_of(story.planned("disable"), story.now)
    assert approval is not None and approval.by == ("anna",)


def test_nothing_is_lent_before_after_or_once_it_was_ended() -> None:
    for held in (
        lent(ANNA, PAT, since=MONDAY + HOUR),
        lent(ANNA, PAT, until=MONDAY),
        lent(ANNA, PAT, ended=True),
        lent(BEN.model_copy(update={"actor_id": "gone"}), PAT),
    ):
        assert refused(among(Story(), held), ACCESS, PAT) == "role_missing"


def test_an_account_with_role_and_level_acts_for_itself() -> None:
    story = among(Story(), lent(ANNA, BEN))
    story.vote(ACCESS, BEN)
    assert story.events(e.GateVoted)[-1].on_behalf_of is None


def test_a_role_without_the_level_rests_on_the_absent_one() -> None:
    narrow = packet(
        platform=("  - {who: lead, up_to: change}\n", "  - {who: lead, up_to: read}\n"),
        approvals=("decided_by: [approver], decide_within: P1D", "decided_by: [approver, lead], decide_within: P1D"),
    )
    assert refused(Story(narrow), ACCESS, LEA) == "level_not_granted"
    story = among(Story(narrow), lent(ANNA, LEA))
    story.vote(ACCESS, LEA)
    assert story.events(e.GateVoted)[-1].on_behalf_of == "anna"
    # And the other way round: nothing is widened for someone whose colleague may not.
    assert refused(among(Story(narrow), lent(LEA, PAT)), ACCESS, PAT) == "level_not_granted"


def test_delegations_do_not_chain() -> None:
    story = among(Story(), lent(ANNA, LEA), lent(LEA, PAT))
    assert refused(story, ACCESS, PAT) == "role_missing"


@pytest.mark.parametrize(
    ("delegate", "code"),
    [
        (HR, "requester_never_decides"),
        (actor("hr-too", human="h-hr"), "requester_never_decides"),
        (actor("ada", human=PERSON_ID), "own_run"),
        (actor("rep", above=[PERSON_ID]), "reports_to_person"),
        (ROBOT.model_copy(update={"roles": frozenset()}), "only_people_decide"),
        (actor("unknown", human=None), "unknown_to_hr"),
    ],
)
def test_the_conflicts_of_the_delegate_hold(delegate: Actor, code: str) -> None:
    story = among(Story(), lent(ANNA, delegate), know=(delegate,))
    assert refused(story, ACCESS, delegate) in (code, "role_missing")
    assert story.events(e.GateVoted) == []


@pytest.mark.parametrize(
    "absent",
    [
        actor("hr", "requester", "approver"),
        actor("hr-too", "approver", human="h-hr"),
        actor("ada", "approver", human=PERSON_ID),
        actor("rep", "approver", above=[PERSON_ID]),
        ROBOT,
        actor("unknown", "approver", human=None),
    ],
    ids=lambda one: one.actor_id,
)
def test_the_conflicts_of_the_absent_one_hold(absent: Actor) -> None:
    story = among(Story(), lent(absent, PAT), know=(absent, PAT))
    assert refused(story, ACCESS, PAT) == "role_missing"


def test_one_vote_counts_for_both() -> None:
    story = among(Story(), lent(ANNA, PAT), lent(LEA, PAT))
    story.vote(MONEY, PAT)
    assert story.state.decisions.gates[MONEY].open, "a quorum of two takes two people"
    assert story.state.decisions.gates[MONEY].voters == {"h-pat", "h-anna"}
    assert story.vote(MONEY, PAT) == []
    with pytest.raises(TooLate) as again:
        story.vote(MONEY, ANNA)
    assert again.value.code == "already_voted" and "pat" in again.value.message
    story.knows(actor("pat-approves", "approver", human="h-pat"))
    assert refused(story, MONEY, story.world.actors["pat-approves"], "reject") == "already_voted"
    story.vote(MONEY, BEN)
    assert story.events(e.GateDecided)[-1].rests_on == ("anna", "ben")


def test_no_one_votes_for_someone_who_has() -> None:
    story = among(Story(), lent(ANNA, PAT))
    story.vote(MONEY, ANNA)
    assert refused(story, MONEY, PAT) == "already_voted"


def test_with_several_absent_ones_the_first_who_has_not_voted_counts() -> None:
    story = among(Story(), lent(ANNA, PAT), lent(BEN, PAT))
    story.vote(MONEY, ANNA)
    story.vote(MONEY, PAT)
    assert story.events(e.GateVoted)[-1].on_behalf_of == "ben"
    assert story.state.decisions.gates[MONEY].outcome == "approved"


def test_a_vote_for_someone_who_lost_the_role_does_not_count() -> None:
    story = among(Story(), lent(ANNA, PAT))
    story.vote(MONEY, PAT)
    story.without_role("anna", "approver")
    story.vote(MONEY, BEN)
    assert story.state.decisions.gates[MONEY].open, "one vote, of two"
    story.knows(actor("cleo", "approver"))
    story.vote(MONEY, story.world.actors["cleo"])
    decided = story.events(e.GateDecided)[-1]
    assert decided.by == ("ben", "cleo") and decided.rests_on == ()


def test_an_effect_rests_on_the_level_of_the_absent_one() -> None:
    story = among(Story(), lent(ANNA, PAT))
    story.vote(ACCESS, PAT)
    story.complete("hand_over")
    story.attempt("look")
    story.at(EVENING)
    story.search()
    assert story.readiness("disable").caused_by == ("anna",)
    story.without_role("anna", "approver")
    assert story.begin("disable") is None
    assert story.readiness("disable").waits_for in ("level", "gate")
    assert len([g for g in story.state.decisions.gates.values() if g.open and g.opened.gate == "access"]) == 1, (
        "asked anew"
    )


def test_what_was_decided_stays_when_the_delegation_ends() -> None:
    story = among(Story(), lent(ANNA, PAT))
    story.vote(ACCESS, PAT)
    story.world = replace(story.world, delegations=(lent(ANNA, PAT, ended=True),))
    story.append([])
    assert story.state.decisions.gates[ACCESS].outcome == "approved"


def test_a_delegates_own_access_bounds_what_they_approve() -> None:
    narrow = PAT.model_copy(update={"up_to": Level.PREPARE})
    story = among(Story(), lent(ANNA, narrow), know=(narrow,))
    assert refused(story, ACCESS, narrow) == "access_limited"


def test_a_late_decider_gets_the_outcome() -> None:
    story = among(Story(), lent(ANNA, PAT))
    story.vote(ACCESS, BEN)
    assert refused(story, ACCESS, PAT) == "gate_decided"


# Operators


def test_a_delegate_does_an_operators_work_and_it_rests_on_the_operator() -> None:
    story = among(at_cutoff(), lent(OLE, PAT))
    story.attempt("disable", REFUSED)
    assert story.exceptions() == [("step_failed", "disable")]
    story.retry("disable", by=PAT)
    [ordered, closed] = [story.events(e.StepRetryOrdered)[-1], story.events(e.ExceptionClosed)[-1]]
    assert (ordered.by, ordered.on_behalf_of) == ("pat", "ole") == (closed.by, closed.on_behalf_of)
    assert story.readiness("disable").caused_by == ("anna", "ole")
    story.without_role("ole", "operator")
    assert story.readiness("disable").waits_for == "level"


def test_tasks_and_skips_by_a_delegate_say_for_whom() -> None:
    story = among(Story(), lent(OLE, PAT))
    story.complete("hand_over", by=PAT)
    assert story.events(e.TaskCompleted)[-1].on_behalf_of == "ole"
    story.skip("freeze", by=PAT)
    assert story.events(e.StepSkipped)[-1].on_behalf_of == "ole"
    story.replan(by=PAT)
    assert story.events(e.RunReplanned)[-1].on_behalf_of == "ole"


def test_a_delegate_without_the_operators_level_orders_nothing() -> None:
    stricter = packet(platform=("{who: operator, up_to: change}", "{who: operator, up_to: prepare}"))
    story = among(at_cutoff(pinned=stricter), lent(OLE, PAT))
    story.attempt("disable", REFUSED)
    with pytest.raises(NotAllowed) as refusal:
        story.retry("disable", by=PAT)
    assert refusal.value.code == "level_not_granted"


@pytest.mark.parametrize("by", [HR, actor("hr-too", human="h-hr")])
def test_the_requester_does_not_review_an_urgent_start_through_a_colleague(by: Actor) -> None:
    story = among(Story(urgent=True), lent(SAM, by), know=(by,))
    with pytest.raises(NotAllowed) as refusal:
        story.accept("x-urgent_review-start", by=by)
    assert refusal.value.code == "own_review"
    among(story, lent(SAM, PAT))
    story.accept("x-urgent_review-start", by=PAT)
    assert story.events(e.ExceptionClosed)[-1].on_behalf_of == "sam"


def test_no_one_does_their_own_run_through_a_colleague() -> None:
    ada = actor("ada", human=PERSON_ID)
    story = among(Story(), lent(OLE, ada), know=(ada,))
    with pytest.raises(NotAllowed) as refusal:
        story.complete("hand_over", by=ada)
    assert refusal.value.code == "own_run"
    theirs = actor("ada", "operator", human=PERSON_ID)
    among(story, lent(theirs, PAT), know=(theirs, PAT))
    with pytest.raises(NotAllowed) as refusal:
        story.complete("hand_over", by=PAT)
    assert refusal.value.code == "role_missing"


def test_holding_a_run_back_is_not_delegated() -> None:
    story = among(Story(), lent(OLE, PAT))
    with pytest.raises(NotAllowed):
        pausing.hold(story.state, "why", PAT, story.world)


# Giving and ending


def give(known: Organisation = KNOWN, **changes: Any) -> list[Any]:
    values: dict[str, Any] = {
        "delegation_id": "d1", "actor": ANNA, "to": "ben", "since": MONDAY, "until": MONDAY + DAY, "reason": "holiday",
        "now": MONDAY, **changes,
    }  # fmt: skip
    return delegation.delegate(known, **values)


def test_a_delegation_is_given_from_now_on_at_the_earliest_and_folds() -> None:
    [given] = give(since=MONDAY - DAY)
    assert given.since == MONDAY and given.reason == "holiday"
    known = organisation_of([given])
    assert known.delegations["d1"].holds(MONDAY) and not known.delegations["d1"].holds(MONDAY + DAY)
    [ended] = delegation.end_delegation(known, "d1", ANNA, MONDAY)
    assert not organisation_of([given, ended]).delegations["d1"].holds(MONDAY)
    assert delegation.end_delegation(organisation_of([given, ended]), "d1", BEN, MONDAY) == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"actor": ROBOT}, "only_people_delegate"),
        ({"actor": actor("unknown", human=None)}, "only_people_delegate"),
        ({"to": "nosuch"}, "unknown_colleague"),
        ({"to": "robot"}, "unknown_colleague"),
        ({"to": "anna"}, "own_colleague"),
        ({"until": MONDAY}, "delegation_over"),
        ({"until": MONDAY - DAY, "since": MONDAY - 2 * DAY}, "delegation_over"),
        ({"until": MONDAY + timedelta(days=90, seconds=1)}, "delegation_too_long"),
    ],
)
def test_a_delegation_that_cannot_be_is_refused(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(Refusal) as refusal:
        give(**changes)
    assert refusal.value.code == code


def test_ninety_days_are_the_longest() -> None:
    assert give(until=MONDAY + 90 * DAY)


def test_one_at_a_time() -> None:
    known = replace(KNOWN, delegations={"d0": lent(ANNA, PAT, until=MONDAY + 2 * DAY)})
    with pytest.raises(Invalid) as refusal:
        give(known)
    assert refusal.value.code == "delegated_already"
    assert give(known, since=MONDAY + 2 * DAY, until=MONDAY + 3 * DAY)
    assert give(replace(KNOWN, delegations={"d0": lent(ANNA, PAT, ended=True)}))
    assert give(known, actor=BEN, to="anna"), "others are not concerned"


def test_only_the_two_end_it_and_only_while_it_lasts() -> None:
    known = replace(KNOWN, delegations={"d0": lent(ANNA, PAT)})
    for who, id_ in ((BEN, "d0"), (ANNA, "d9")):
        with pytest.raises(Invalid) as refusal:
            delegation.end_delegation(known, id_, who, MONDAY)
        assert refusal.value.code == "unknown_delegation"
    assert delegation.end_delegation(known, "d0", PAT, MONDAY)
    with pytest.raises(TooLate):
        delegation.end_delegation(known, "d0", ANNA, MONDAY + 31 * DAY)


def test_a_selection_is_decided_together_only_where_the_packet_says_so() -> None:
    with pytest.raises(Invalid) as refusal:
        gates.require_together(Story().state, ACCESS, Story().world)
    assert refusal.value.code == "decided_one_by_one"
    together = packet(approvals=("valid_for: P7D}\n  money", "valid_for: P7D, decide_together: true}\n  money"))
    story = Story(together)
    gates.require_together(story.state, ACCESS, story.world)
    with pytest.raises(Invalid):
        gates.require_together(story.state, MONEY, story.world)


# Who has left, and reports


def test_a_delegation_ends_when_the_delegator_has_left() -> None:
    for story, act in (
        (Story(), lambda one: one.vote(ACCESS, PAT)),
        (at_cutoff(), lambda one: one.skip("disable", by=PAT)),
    ):
        among(story, lent(ANNA, PAT), lent(OLE, PAT))
        story.world = replace(story.world, departed=frozenset({"h-anna", "h-ole"}))
        with pytest.raises(NotAllowed, match="role_missing"):
            act(story)


@pytest.mark.parametrize("others", [(), (lent(OLE, PAT),)], ids=["alone", "with an independent delegator"])
def test_a_report_does_not_delay_through_a_delegate(others: tuple[DelegationState, ...]) -> None:
    rep = actor("rep", "operator", above=[PERSON_ID])
    story = among(at_cutoff(), lent(rep, PAT), *others, know=(rep, PAT))
    if others:
        story.skip("disable", by=PAT)
        assert story.events(e.StepSkipped)[-1].on_behalf_of == "ole"
        return
    with pytest.raises(NotAllowed, match="reports_to_person"):
        story.skip("disable", by=PAT)


def test_who_paused_a_run_does_not_confirm_it_for_hr() -> None:
    story = among(Story(), lent(HR, OLE), lent(HR, PAT))
    story.hold(by=OLE)
    pause = story.exception("pause_unconfirmed")
    second_account = actor("ole-too", human="h-ole")
    story.knows(second_account)
    story.world = replace(story.world, delegations=(*story.world.delegations, lent(HR, second_account)))
    for by in (OLE, second_account):
        with pytest.raises(NotAllowed, match="second_person_needed"):
            story.accept(pause, by=by)
    story.accept(pause, by=PAT)
