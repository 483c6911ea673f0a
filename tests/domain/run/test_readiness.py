"""Where a step stands: levels at the moment of the effect, holds, a fresh look before the first change."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.domain import events as e
from orchestrator.domain.errors import NotAllowed
from tests.domain.run_world import (
    ANNA,
    BEN,
    EVENING,
    HOUR,
    MINUTE,
    OLE,
    ROBOT,
    Story,
    account,
    actor,
    at_cutoff,
    packet,
)

# Levels


def test_without_a_gate_the_level_of_the_requester_counts() -> None:
    ungated = packet(
        workflow=(
            "ability: freeze, needs: [disable], at: cutoff, gate: access}",
            "ability: freeze, needs: [look], at: cutoff}",
        )
    )
    story = at_cutoff(pinned=ungated)
    assert story.readiness("freeze").waits_for == "level"
    assert story.exceptions() == [("level_missing", "freeze")]
    story.retry("freeze")
    assert story.exceptions() == [] and "freeze" in story.ready()
    intent = story.begin("freeze")
    assert intent is not None and intent.started.caused_by == ("ole",)


def test_ordering_a_step_replaces_no_approver() -> None:
    story = at_cutoff()
    story.without_role("anna", "approver")
    story.retry("disable")
    assert story.begin("disable") is None and ("level_missing", "disable") in story.exceptions()


def test_an_approver_who_is_not_known_any_more_has_no_level() -> None:
    story = at_cutoff()
    story.world = replace(story.world, actors={"ben": BEN, "ole": OLE})
    story.append([])
    assert story.begin("disable") is None and ("level_missing", "disable") in story.exceptions()


def test_the_same_level_missing_twice_is_one_open_exception() -> None:
    story = at_cutoff()
    story.without_role("anna", "approver")
    story.later(MINUTE)
    story.later(HOUR)
    assert story.exceptions().count(("level_missing", "disable")) == 1
    story.knows(ANNA)
    story.append([])
    story.without_role("anna", "approver")
    assert story.exceptions().count(("level_missing", "disable")) == 1
    assert len([x for x in story.events(e.ExceptionOpened) if x.step_id == story.id("disable")]) == 2


# Holds


def test_a_hold_waits_and_its_release_goes_on() -> None:
    story = at_cutoff()
    story.on_hold("cards")
    assert story.ready() == {"disable"} and story.readiness("pay").waits_for == "hold"
    story.on_hold()
    assert story.ready() == {"disable", "pay"}
    story.hold()
    assert story.ready() == set() and story.hold() == []
    story.release()
    assert story.ready() == {"disable", "pay"} and story.release() == []


def test_a_held_run_is_not_searched_either() -> None:
    story = Story(ready=False)
    story.hold()
    assert story.progress.search == ()
    story.release()
    assert story.progress.search == ("code", "cards")


# Looking again before the first change


def test_accounts_are_found_again_before_the_first_change() -> None:
    story = Story()
    story.approve_all()
    story.attempt("look")
    story.at(EVENING)
    assert story.readiness("disable").waits_for == "fresh_look"
    assert set(story.progress.search) == {"code", "cards"}
    story.search()
    assert story.ready() == {"disable"} and story.progress.search == ()


def test_a_difference_stops_that_system_only_and_is_replanned() -> None:
    story = Story()
    story.approve_all()
    story.complete("hand_over")
    story.attempt("look")
    story.at(EVENING)
    story.finds["code"] = [account("code", "other")]
    story.search()
    assert story.exceptions() == [("accounts_changed", "code")]
    assert story.ready() == {"pay"} and story.begin("disable") is None
    for _ in range(3):
        story.later(2 * HOUR)
        story.search()
    assert story.exceptions() == [("accounts_changed", "code")]
    story.later(MINUTE)
    story.replan()
    assert story.exceptions() == [] and story.begin("disable") is None
    story.search()
    assert story.exceptions() == [] and story.planned("disable").account_id == "a-code-other"
    assert story.readiness("disable").waits_for == "predecessors"


def test_a_difference_that_went_away_is_overcome() -> None:
    story = Story()
    story.approve_all()
    story.complete("hand_over")
    story.attempt("look")
    story.at(EVENING)
    story.finds["code"] = []
    story.search()
    assert story.exceptions() == [("accounts_changed", "code")]
    story.finds["code"] = [account("code")]
    story.later(MINUTE)
    story.replan()
    story.search()
    assert story.exceptions() == [] and "disable" in story.ready()


def test_an_account_made_since_the_plan_is_noticed_where_there_was_none() -> None:
    story = Story(ready=False)
    story.finds["cards"] = []
    story.search()
    story.approve_all()
    story.attempt("look")
    story.at(EVENING)
    story.finds["cards"] = [account("cards")]
    story.search()
    assert story.exceptions() == [("accounts_changed", "cards")]


def test_nothing_is_changed_while_a_new_plan_is_made() -> None:
    story = at_cutoff()
    story.later(MINUTE)
    story.replan()
    assert story.ready() == set() and story.readiness("disable").waits_for == "plan"
    story.search()
    assert "disable" in story.ready()


def test_an_actor_of_no_kind_of_person_attests_nothing() -> None:
    story = Story()
    with pytest.raises(NotAllowed):
        story.complete("hand_over", by=ROBOT)
    with pytest.raises(NotAllowed):
        story.complete("hand_over", by=actor("x", "approver"))
