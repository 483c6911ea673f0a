"""What a run's recorded facts come to with the packet in use: the same, or where it differs."""

from __future__ import annotations

import pytest

from orchestrator.domain.errors import Refusal
from orchestrator.domain.measures.decided_again import Difference, decided_again
from tests.domain.run_world import ANNA, DAY, OLE, Story, at_cutoff, packet


def closed() -> Story:
    story = at_cutoff()
    story.work()
    story.later(DAY)
    story.work()
    return story


def differences(story: Story) -> tuple[Difference, ...]:
    return decided_again(story.state, OLE, story.world)


def test_the_same_packet_decides_the_same_and_nothing_is_recorded() -> None:
    story = closed()
    version = story.state.version
    assert differences(story) == ()
    assert story.state.version == version


def test_other_steps_are_named() -> None:
    story = closed()
    story.today(packet(workflow=("needs: [sessions, hand_over]", "needs: [hand_over]")))
    assert differences(story) == (Difference("step_changed", "remove", fields=("needs",)),)


def test_a_step_that_is_new_or_gone_is_named() -> None:
    story = closed()
    story.today(
        packet(
            workflow=(
                "name: freeze, title: Freeze, system: cards, ability: freeze, needs: [disable]",
                "name: freeze, title: Freeze, system: code, ability: rename, needs: [disable]",
            )
        )
    )
    assert differences(story) == (Difference("step_removed", "freeze"), Difference("step_added", "freeze"))


def test_an_approval_that_would_not_be_enough_is_named() -> None:
    story = closed()
    story.today(
        packet(
            approvals=("{title: Access, decided_by: [approver],", "{title: Access, quorum: 2, decided_by: [approver],")
        )
    )
    assert differences(story) == (Difference("approval", "g-access-1", "approved", "open"),)


def test_an_approver_who_has_lost_the_role_had_it_when_it_counted() -> None:
    story = closed()
    story.without_role("anna", "approver")
    assert [one for one in differences(story) if one.kind == "approval"] == []
    assert {one.subject for one in differences(story) if one.kind == "permission"} >= {"disable", "freeze"}


def test_another_match_is_named() -> None:
    story = closed()
    story.today(
        packet(
            platform=(
                "- {key: employee_number, attribute: number}\n      - {key: name, attribute: name, strength: weak}",
                "- {key: name, attribute: name, strength: weak}",
            )
        )
    )
    assert differences(story)[0] == Difference("match", "code", "matched", "weak")


def test_only_those_who_read_the_whole_run_decide_it_again() -> None:
    story = closed()
    with pytest.raises(Refusal, match="level_not_granted"):
        decided_again(story.state, ANNA.model_copy(update={"roles": frozenset()}), story.world)
