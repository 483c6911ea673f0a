"""Who may move a cutoff to a later time."""

from __future__ import annotations

import pytest

from orchestrator.domain.errors import NotAllowed
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.levels import Actor
from tests.domain.run_world import ANNA, DAY, EVENING, HOUR, HR, OLE, SAM, Story, actor, packet

VERA = actor("vera", "value_owner")
GRANTED = ("levels:\n", "levels:\n  - {who: value_owner, up_to: prepare}\n")
POSTPONE = ("exceptions:\n", "postpone: {allowed_to: [operator, requester]}\nexceptions:\n")


def postpones(story: Story, by: Actor) -> str:
    """The code of the refusal; empty where the cutoff moved."""
    before = story.state.cutoff
    try:
        story.reschedule(before + DAY, by=by)
    except NotAllowed as refused:
        assert story.state.cutoff == before
        return refused.code
    assert story.state.cutoff == before + DAY
    return ""


@pytest.mark.parametrize("by", [HR, VERA], ids=["HR", "value owner"])
def test_by_default_the_roles_that_start_urgently_and_decide_nothing(by: Actor) -> None:
    assert postpones(Story(packet(platform=GRANTED)), by) == ""


@pytest.mark.parametrize("by", [ANNA, OLE, SAM], ids=["approver", "operator", "safety owner"])
def test_others_are_refused_and_can_still_bring_it_forward(by: Actor) -> None:
    story = Story(packet(approvals=("allowed_to: [requester]", "allowed_to: [requester, approver]")))
    with pytest.raises(NotAllowed) as refused:
        story.reschedule(EVENING + HOUR, by=by)
    assert refused.value.code == "postpone_not_allowed"
    assert "requester" in refused.value.message and "value owner" in refused.value.message
    story.reschedule(EVENING - HOUR, by=by)
    assert story.state.cutoff == EVENING - HOUR
    assert postpones(story, by) == "postpone_not_allowed", "back to where it was is later as well"


def test_a_packet_without_urgent_starts_leaves_it_to_the_value_owner() -> None:
    urgent = (
        "urgent:\n  allowed_to: [requester]\n  review_by: [safety_owner]\n  review_within: P1D\n  late_after: P3650D\n"
    )
    story = Story(packet(platform=GRANTED, approvals=(urgent, "")))
    assert postpones(story, HR) == "postpone_not_allowed" and postpones(story, VERA) == ""


@pytest.mark.parametrize(
    ("pinned", "current", "allowed"),
    [
        (packet(approvals=POSTPONE), packet(), (OLE, HR)),
        (packet(), packet(approvals=POSTPONE), (OLE, HR)),
        (packet(approvals=POSTPONE), packet(approvals=(POSTPONE[0], POSTPONE[1].replace("operator, ", ""))), (HR,)),
        (packet(approvals=(POSTPONE[0], POSTPONE[1].replace("operator, ", ""))), packet(approvals=POSTPONE), (HR,)),
    ],
    ids=["pinned", "current", "narrowed", "widened"],
)
def test_the_stricter_of_the_runs_packet_and_todays_holds(
    pinned: Packet, current: Packet, allowed: tuple[Actor, ...]
) -> None:
    for by in (OLE, HR, ANNA):
        story = Story(pinned)
        story.today(current)
        assert (postpones(story, by) == "") == (by in allowed), by.actor_id


def test_what_was_approved_is_brought_forward_by_hr_or_with_the_levels_of_an_approver() -> None:
    """A clerk who may prepare runs would remove access months before the leaver's last day, without any approval."""
    clerk = actor("cleo", "clerk")
    prepares = packet(platform=("levels:\n", "levels:\n  - {who: clerk, up_to: prepare}\n"))
    story = Story(prepares, at=EVENING + 60 * DAY)
    story.knows(clerk)
    story.reschedule(EVENING + 59 * DAY, by=clerk)
    money = next(id_ for id_ in story.open_gates() if id_.startswith("g-money"))
    story.vote(money, ANNA)
    with pytest.raises(NotAllowed, match="level_not_granted"):
        story.reschedule(EVENING + 2 * DAY, by=clerk)
    story.approve_all()
    with pytest.raises(NotAllowed, match="level_not_granted"):
        story.reschedule(EVENING, by=clerk)
    story.reschedule(EVENING + 2 * DAY, by=OLE)
    story.reschedule(EVENING, by=HR)
    assert story.state.cutoff == EVENING
