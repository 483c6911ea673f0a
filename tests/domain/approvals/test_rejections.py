"""A rejection or an exclusion stays with the step across a re-plan, until it is taken back."""

from __future__ import annotations

import pytest

from orchestrator.documents.runs.permissions import Permissions
from orchestrator.domain import events as e
from orchestrator.domain.commands import operating
from orchestrator.domain.errors import Invalid, NotAllowed
from orchestrator.domain.permissions.levels import Actor
from tests.domain.run_world import (
    ANNA,
    BEN,
    EVENING,
    HR,
    LEA,
    MINUTE,
    OLE,
    PERSON_ID,
    Story,
    account,
    actor,
)

ACCESS, MONEY = "g-access-1", "g-money-1"


def replanned(story: Story, by: Actor) -> Story:
    story.later(MINUTE)
    story.replan(by=by)
    story.later(MINUTE)
    story.search()
    return story


def rejected() -> Story:
    story = Story()
    story.vote(ACCESS, ANNA, "reject")
    return story


def excluded() -> Story:
    story = Story()
    story.vote(ACCESS, ANNA, excluded=["sessions"])
    return story


def test_an_operators_replan_leaves_a_rejection_as_it_is() -> None:
    story = replanned(rejected(), OLE)
    assert story.open_gates() == [MONEY] and story.exceptions() == [("gate_rejected", ACCESS)]
    story.complete("hand_over")
    story.at(EVENING)
    assert story.work() == ["look"] and story.readiness("disable").kind == "stopped"
    assert story.refolded() == story.state


def test_an_operators_replan_leaves_an_exclusion_as_it_is() -> None:
    story = replanned(excluded(), OLE)
    assert story.open_gates() == [MONEY] and story.exceptions() == [("excluded_from_approval", "sessions")]
    story.skip("sessions")
    assert story.exceptions() == [], "an operator can still skip what another person excluded"


@pytest.mark.parametrize("refused", [rejected, excluded], ids=["rejection", "exclusion"])
def test_the_approver_who_refused_a_step_takes_it_back(refused: object) -> None:
    story = replanned(refused(), ANNA)  # type: ignore[operator]
    assert story.exceptions() == [] and "g-access-2" in story.open_gates()
    assert "sessions" in story.asked_at("g-access-2")
    story.vote("g-access-2", BEN)
    assert story.planned("sessions").digest in story.state.decisions.approved


def test_another_approver_takes_nothing_back() -> None:
    story = rejected()
    with pytest.raises(NotAllowed, match="role_missing"):
        story.replan(by=BEN)
    with pytest.raises(NotAllowed, match="role_missing"):
        story.replan(by=HR)
    assert story.exceptions() == [("gate_rejected", ACCESS)]


def test_the_role_that_a_gate_escalates_to_takes_it_back_with_a_reason() -> None:
    story = rejected()
    with pytest.raises(Invalid, match="reason_missing"):
        operating.replan(story.state, " ", LEA, story.world)
    replanned(story, LEA)
    assert story.exceptions() == [] and "g-access-2" in story.open_gates()
    money = Story()
    money.vote(MONEY, ANNA, "reject")
    with pytest.raises(NotAllowed, match="role_missing"):
        money.replan(by=LEA)


def test_the_requester_and_reports_of_the_leaver_take_nothing_back() -> None:
    report = actor("rea", "lead", above=[PERSON_ID])
    requester = actor("hr", "requester", "lead")
    story = rejected()
    story.knows(report, requester)
    for by in (report, requester):
        with pytest.raises(NotAllowed):
            story.replan(by=by)


def test_an_operator_who_can_take_back_nothing_else_keeps_the_other_rejection() -> None:
    """One re-plan takes back what its actor can, and leaves the rest."""
    story = Story()
    story.vote(ACCESS, ANNA, "reject")
    story.vote(MONEY, BEN, "reject")
    replanned(story, ANNA)
    assert story.exceptions() == [("gate_rejected", MONEY)] and story.open_gates() == ["g-access-2"]
    [last] = story.events(e.RunReplanned)
    assert set(last.still_refused) == {story.planned("close").digest, story.planned("pay").digest}


def test_a_step_for_another_account_is_another_step() -> None:
    story = rejected()
    story.finds["code"] = [account("code", "other")]
    replanned(story, OLE)
    [asked] = [gate for gate in story.open_gates() if gate != MONEY]
    assert story.asked_at(asked) == {"disable", "sessions", "remove"}


def test_a_replan_of_an_earlier_version_asked_again_about_everything() -> None:
    story = rejected()
    story.later(MINUTE)
    story.append([e.RunReplanned(by="ole")])
    assert not story.state.decisions.rejected
    assert "still_refused" not in e.RunReplanned(by="ole").model_dump()


def test_pages_offer_a_replan_as_the_repair_of_a_rejection_to_those_who_take_it_back() -> None:
    for refused in (rejected(), excluded()):
        [exception_id] = [x.opened.exception_id for x in refused.state.work.open_exceptions()]
        for by, offered in ((ANNA, True), (LEA, True), (OLE, False), (BEN, False)):
            offers = Permissions(refused.state, refused.world, by)
            assert offers.replan_for(exception_id).allowed is offered, by.actor_id
