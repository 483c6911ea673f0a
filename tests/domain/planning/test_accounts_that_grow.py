"""Accounts that are active again, or privileged, by the time a step is due: the packet's conditions are asked again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from orchestrator.domain.events import PlanFrozen
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.planning.matching import FoundAccount
from tests.domain.run_world import DAY, EVENING, MINUTE, WORKFLOW, Story, account, packet

DISABLE = "ability: disable, needs: [look], at: cutoff, gate: access}"


def only(condition: str, ability: str = "disable") -> Packet:
    return packet(workflow=(DISABLE, f'ability: {ability}, when: "{condition}", {DISABLE.partition(", ")[2]}'))


def shown(**changes: Any) -> FoundAccount:
    return account("code").model_copy(update=changes)


def planned_for(pinned: Packet, **changes: Any) -> Story:
    story = Story(pinned, ready=False)
    story.finds["code"] = [shown(**changes)]
    story.later(timedelta(seconds=1))
    story.search()
    story.approve_all()
    story.complete("hand_over")
    return story


def at_cutoff_with(story: Story, **changes: Any) -> list[str]:
    """The names of the steps that are done at the cutoff, while the system shows this."""
    story.finds["code"] = [shown(**changes)]
    story.at(EVENING)
    return story.work()


@pytest.mark.parametrize(
    ("condition", "before", "after"),
    [
        ("account.active", {"active": False}, {"active": True}),
        ("account.privileged", {"active": True}, {"active": True, "privileged": True}),
    ],
    ids=["active_again", "privileged"],
)
def test_a_step_for_such_accounts_is_planned_once_the_account_is_one(
    condition: str, before: dict[str, Any], after: dict[str, Any]
) -> None:
    story = planned_for(only(condition), **before)
    assert "disable" not in [step.name for step in story.state.plan.steps.values()]
    done = at_cutoff_with(story, **after)
    assert "disable" not in done and "sessions" not in done, "it comes before the sessions, and has a gate"
    [gate] = story.open_gates()
    assert story.asked_at(gate) == {"disable"}, "what was approved stays approved"
    story.approve_all()
    assert story.work()[:2] == ["disable", "sessions"]
    story.at(EVENING + DAY + MINUTE)
    story.work()
    assert story.state.finish == "clean" and story.refolded() == story.state
    names = [step.name for step in story.events(PlanFrozen)[-1].steps]
    assert names == [step.name for step in story.world.pinned.workflow.steps], "in the packet's order"


def test_what_the_run_itself_changes_adds_no_step() -> None:
    story = planned_for(only("account.active == false", "remove"), active=True, privileged=True)
    plans = len(story.events(PlanFrozen))
    story.at(EVENING)
    story.work()
    story.finds["code"] = [shown(active=False)]
    story.at(EVENING + DAY)
    story.work()
    assert len(story.events(PlanFrozen)) == plans and story.state.finish == "clean"


def test_a_step_stays_planned_whose_condition_holds_no_more() -> None:
    story = planned_for(only("account.active"), active=True)
    story.finds["cards"] = [account("cards").model_copy(update={"privileged": True})]
    assert "disable" in at_cutoff_with(story, active=False)


def test_a_step_gets_the_gate_that_a_privileged_account_needs() -> None:
    pinned = packet(approvals=("{title: Access,", "{title: Access, needed_when: step.privileged,"))
    story = planned_for(pinned, active=True)
    assert story.planned("disable").gate is None
    done = at_cutoff_with(story, active=True, privileged=True)
    assert "disable" not in done and story.readiness("disable").waits_for == "gate"
    story.approve_all()
    assert "disable" in story.work()


def test_a_deactivation_is_the_removal_for_an_account_that_is_active_again() -> None:
    changed = WORKFLOW.replace("ability: remove", "ability: deactivate")
    for ability in ("disable", "sessions"):
        changed = changed.replace(f"ability: {ability},", f'ability: {ability}, when: "account.privileged",')
    story = planned_for(packet(workflow=(WORKFLOW, changed)), active=False)
    assert not story.planned("remove").removes_access
    at_cutoff_with(story, active=True)
    assert story.planned("remove").removes_access and story.open_gates() == [], "no new decision is needed"
