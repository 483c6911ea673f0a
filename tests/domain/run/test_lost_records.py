"""After an older copy of the ledger was restored, what was done before may not be recorded."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.domain import events as e
from orchestrator.domain.organisation.organisation import Holds, fold_holds
from orchestrator.domain.run.steps.steps import AttemptResult
from tests.domain.run_world import DAY, HOUR, MONDAY, Story, at_cutoff, packet

BLIND = ("system: code, ability: disable, needs", "system: code, ability: notify, needs")


def restored(story: Story) -> Story:
    story.world = replace(story.world, restored_at=story.now)
    return story


def test_what_no_system_can_show_is_asked_of_a_person() -> None:
    story = restored(at_cutoff(pinned=packet(workflow=BLIND)))
    intent = story.begin("disable")
    assert intent is not None and not intent.look_first and not intent.may_act
    happened = story.finish(intent, AttemptResult(acted=False, code="outcome_unknown"))
    assert isinstance(happened, e.StepFailed) and happened.happened == "unknown"
    assert story.step("disable").status == "unknown"
    assert [task.opened.kind for task in story.state.work.tasks.values() if task.open] == ["confirm_outcome"]


def test_what_a_person_orders_afterwards_is_done_once() -> None:
    story = restored(at_cutoff(pinned=packet(workflow=BLIND)))
    story.attempt("disable", AttemptResult(acted=False, code="outcome_unknown"))
    story.at(story.now + HOUR)
    story.complete("disable", "not_done")
    story.retry("disable", again=True)
    intent = story.begin("disable")
    assert intent is not None and intent.may_act and intent.started.generation == 2


@pytest.mark.parametrize("step", ["disable", "pay"])
def test_what_a_system_can_show_is_looked_for_first(step: str) -> None:
    intent = restored(at_cutoff()).begin(step)
    assert intent is not None and intent.look_first and intent.may_act


def test_a_key_that_a_system_forgets_is_looked_for_first() -> None:
    story = at_cutoff()
    story.attempt("disable")
    story.attempt("freeze")
    intent = restored(story).begin("close")
    assert intent is not None and intent.look_first and intent.may_act


def test_a_run_that_began_afterwards_is_not_in_doubt() -> None:
    story = Story(packet(workflow=BLIND), ready=False)
    story.world = replace(story.world, restored_at=MONDAY - DAY)
    story.search()
    story.approve_all()
    story.complete("hand_over")
    story.attempt("look")
    story.at(story.state.cutoff)
    story.search()
    intent = story.begin("disable")
    assert intent is not None and intent.may_act


def test_the_pause_is_folded_with_its_time_and_stays_known_after_it_was_lifted() -> None:
    placed = fold_holds(Holds(), e.HoldPlaced(by="", lost_tail="7:ab"), MONDAY)
    lifted = fold_holds(placed, e.HoldReleased(by="ole"), MONDAY + HOUR)
    assert placed.held and placed.older_ledger and not lifted.held and not lifted.older_ledger
    assert lifted.lost_tails == {"7:ab"} and lifted.restored_at == MONDAY
