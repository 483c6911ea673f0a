"""The cause of a change is the account that caused this version of it, and that account needs the level."""

from __future__ import annotations

from datetime import timedelta

import pytest

from orchestrator.domain import events as e
from orchestrator.domain.errors import NotAllowed
from tests.domain.run_world import DAY, EVENING, HR, Story, actor, at_cutoff, packet

SENDS = packet(
    workflow=(
        "  - {name: look, title: Look, system: code, ability: snapshot}\n",
        "  - {name: look, title: Look, system: code, ability: snapshot}\n"
        '  - {name: tell, title: Tell, system: hr, ability: stage_leaving, parameters: {at: "= run.cutoff"}}\n',
    ),
    platform=("  - {who: approver, up_to: change}\n", "  - {who: approver, up_to: change}\n"
              "  - {who: requester, systems: [hr], up_to: stage}\n"
              "  - {who: value_owner, up_to: prepare}\n"
              "  - {who: partner, up_to: prepare}\n"
              "  - {who: partner, systems: [hr], up_to: stage}\n"),
    approvals=("exceptions:\n", "postpone: {allowed_to: [requester, partner, value_owner]}\nexceptions:\n"),
)  # fmt: skip
PARTNER = actor("partner", "partner")
VAL = actor("val", "value_owner")


def date_sent() -> Story:
    story = Story(SENDS)
    story.knows(PARTNER, VAL)
    story.attempt("tell")
    return story


def causes(story: Story, step: str) -> list[tuple[str, ...]]:
    return [event.caused_by for event in story.events(e.StepStarted) if event.step_id == story.id(step)]


def test_the_account_that_moved_the_cutoff_causes_what_the_system_is_sent() -> None:
    story = date_sent()
    story.reschedule(EVENING + DAY, by=PARTNER)
    story.attempt("tell")
    assert causes(story, "tell") == [(HR.actor_id,), (PARTNER.actor_id,)]


@pytest.mark.parametrize("span", [DAY, -timedelta(hours=1)])
def test_a_cutoff_is_not_moved_by_an_account_without_the_level_for_what_follows(span: timedelta) -> None:
    """`value_owner` may postpone, and may not stage a change in HR."""
    story = date_sent()
    with pytest.raises(NotAllowed) as refused:
        story.reschedule(EVENING + span, by=VAL)
    assert refused.value.code == "level_not_granted"
    assert not story.events(e.RunRescheduled)


def test_a_step_without_a_gate_at_the_cutoff_is_caused_by_the_account_that_moved_it() -> None:
    ungated = packet(
        workflow=(
            "ability: disable, needs: [look], at: cutoff, gate: access}",
            "ability: disable, needs: [look], at: cutoff}",
        ),
        platform=(
            "  - {who: approver, up_to: change}\n",
            "  - {who: approver, up_to: change}\n  - {who: partner, up_to: change}\n",
        ),
        approvals=("exceptions:\n", "postpone: {allowed_to: [requester, partner]}\nexceptions:\n"),
    )
    story = Story(ungated)
    story.knows(PARTNER)
    story.reschedule(EVENING + DAY, by=PARTNER)
    story.attempt("look")
    story.at(EVENING + DAY)
    story.search()
    story.attempt("disable")
    assert causes(story, "disable") == [(PARTNER.actor_id,)]
    assert causes(story, "look") == [(HR.actor_id,)]


def test_approvers_stay_the_cause_of_what_they_approved() -> None:
    story = at_cutoff()
    assert story.readiness("disable").caused_by == ("anna",)
