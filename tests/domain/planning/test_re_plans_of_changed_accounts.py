"""A new plan after the run has changed an account: its own change makes no condition false that held before."""

from __future__ import annotations

from tests.domain.planning.test_accounts_that_grow import only, planned_for, shown
from tests.domain.run_world import ANNA, DAY, EVENING, MINUTE, WORKFLOW, Story, packet


def disabled_then_planned_again(story: Story, **now: bool) -> None:
    """Only `disable` is done; the system shows `now`, and an operator re-plans."""
    story.attempt("look")
    story.at(EVENING + MINUTE)
    story.search()
    story.attempt("disable")
    story.finds["code"] = [shown(**now)]
    story.later(MINUTE)
    story.replan()
    story.search()


def test_a_step_stays_planned_after_the_run_has_disabled_its_account() -> None:
    text = WORKFLOW
    for ability in ("disable", "sessions"):
        text = text.replace(f"ability: {ability},", f'ability: {ability}, when: "account.active",')
    story = planned_for(packet(workflow=(WORKFLOW, text)), active=True)
    disabled_then_planned_again(story, active=False)
    assert "sessions" in [step.name for step in story.state.plan.steps.values()]
    assert "sessions" in story.work()
    story.at(EVENING + DAY + MINUTE)
    story.work()
    assert story.state.finish == "clean" and story.refolded() == story.state


def test_a_condition_that_the_run_did_not_change_is_evaluated_again() -> None:
    story = planned_for(only("account.active"), active=True)
    story.finds["code"] = [shown(active=False)]
    story.later(MINUTE)
    story.replan()
    story.search()
    assert "disable" not in [step.name for step in story.state.plan.steps.values()]


def test_a_step_keeps_its_gate_after_the_run_has_taken_the_privilege_away() -> None:
    pinned = packet(approvals=("{title: Access,", "{title: Access, needed_when: step.privileged,"))
    story = Story(pinned, ready=False)
    story.finds["code"] = [shown(active=True, privileged=True)]
    story.search()
    for gate in story.open_gates():
        if "sessions" in story.asked_at(gate):
            story.vote(gate, ANNA, excluded=["sessions"])
    disabled_then_planned_again(story, active=True, privileged=False)
    assert story.planned("sessions").gate == "access"
    assert "sessions" not in story.work(), "an approver excluded it"
