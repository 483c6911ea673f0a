"""One person who selects accounts and also approves: the approval removes no access without a second person."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.domain import events as e
from orchestrator.domain.approvals.delegation import delegate
from orchestrator.domain.organisation.organisation import DelegationState, Organisation
from orchestrator.domain.permissions.levels import Actor
from tests.domain.commands.test_selected_accounts import MINE, TWIN, asked, kept
from tests.domain.run_world import ANNA, DAY, EVENING, HR, MINUTE, MONDAY, OLE, Story, actor


def with_delegation(story: Story) -> None:
    known = Organisation(actors=story.world.actors)
    [given] = delegate(known, "d1", ANNA, "ole", MONDAY, MONDAY + DAY, None, MONDAY)
    assert isinstance(given, e.DecisionsDelegated)
    story.world = replace(story.world, delegations=(DelegationState(given),))


@pytest.mark.parametrize("how", ["one_account", "two_accounts", "delegate"])
def test_the_approval_of_the_person_who_selected_does_not_remove_access(how: str) -> None:
    story = asked(MINE, TWIN)
    selector, voter = OLE, OLE
    if how == "one_account":
        selector = voter = actor("kim", "operator", "approver")
    elif how == "two_accounts":
        selector, voter = actor("kim", "operator"), actor("kim2", "approver", human="h-kim")
    else:
        with_delegation(story)
    story.knows(selector, voter)
    story.settle("code", "a-code-ada", "a-code-twin", by=selector)
    [opened] = kept(story)
    for gate in [id_ for id_ in story.open_gates() if "disable" in story.asked_at(id_)]:
        story.vote(gate, voter)
    for look in [id_ for id_, step in story.state.plan.steps.items() if step.name == "look"]:
        story.attempt(look)
    story.at(EVENING)
    story.search()
    assert story.readiness("disable").waits_for == "exception" and "disable" not in story.work()
    story.accept(opened.exception_id, by=HR)
    story.later(MINUTE)
    story.search()
    assert "disable" in story.work()


def approve_alone(story: Story, *, voter: Actor) -> None:
    for gate in [id_ for id_ in story.open_gates() if "disable" in story.asked_at(id_)]:
        story.vote(gate, voter)
    for look in [id_ for id_, step in story.state.plan.steps.items() if step.name == "look"]:
        story.attempt(look)
    story.at(EVENING)
    story.search()


@pytest.mark.parametrize("how", ["new_role", "another_account", "delegate"])
def test_a_role_that_is_newer_than_the_selection_does_not_make_one_person_two(how: str) -> None:
    story = asked(MINE, TWIN)
    story.settle("code", "a-code-ada", "a-code-twin")
    assert kept(story) == [], "another person decides at the gate"
    voter = {
        "new_role": actor("ole", "operator", "approver"),
        "another_account": actor("o2", "approver", human="h-ole"),
    }
    if how == "delegate":
        with_delegation(story)
    else:
        story.knows(voter[how])
    approve_alone(story, voter=voter.get(how, OLE))
    [opened] = kept(story)
    assert "disable" not in story.work()
    disables = [id_ for id_, step in story.state.plan.steps.items() if step.name == "disable"]
    assert [story.readiness(id_).waits_for for id_ in disables] == ["exception"] * 2
    story.accept(opened.exception_id, by=HR)
    story.later(MINUTE)
    story.search()
    assert "disable" in story.work() and story.refolded() == story.state


@pytest.mark.parametrize("how", ["role", "delegation"])
def test_an_approval_that_is_older_than_the_selection_does_not_make_one_person_two(how: str) -> None:
    story = Story()
    if how == "delegation":
        with_delegation(story)
    else:
        story.knows(actor("ole", "operator", "approver"))
    [gate] = [id_ for id_ in story.open_gates() if "disable" in story.asked_at(id_)]
    story.vote(gate, story.world.actors["ole"])
    story.world = replace(story.world, delegations=())
    story.knows(OLE)
    story.finds["code"] = [MINE, TWIN]
    story.later(MINUTE)
    story.replan()
    story.search()
    story.settle("code", "a-code-ada", "a-code-twin")
    [opened] = kept(story)
    story.at(EVENING)
    story.search()
    assert "disable" not in story.work()
    story.accept(opened.exception_id, by=HR)
    story.later(MINUTE)
    story.search()
    assert "disable" in story.work() and story.refolded() == story.state


def test_hr_is_not_asked_twice_about_one_selection() -> None:
    story = asked(MINE, TWIN)
    story.settle("code", "a-code-ada")
    story.accept(kept(story)[0].exception_id, by=HR)
    story.knows(actor("ole", "operator", "approver"))
    approve_alone(story, voter=story.world.actors["ole"])
    assert kept(story) == [] and "disable" in story.work()
