"""A process without the connector that a run's packet names: the other systems go on, and people are informed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.documents.runs.exception_remedies import exception_remedy
from orchestrator.domain import events as e
from orchestrator.domain.exceptions.exceptions import RULES
from orchestrator.domain.measures.exposure import exposure
from orchestrator.domain.planning.searching import reached_by
from tests.domain.run_world import CATALOGUE, DAY, EVENING, HOUR, MINUTE, Story, account, packet

WITHOUT_BANK = {kind: abilities for kind, abilities in CATALOGUE.items() if kind != "bank"}
ON_CODE = {"look", "hand_over", "disable", "sessions", "remove"}
ON_CARDS = {"freeze", "close", "pay"}
NAMED = packet(platform=("connector: bank", "connector: bank@offboard-bank==1.0"))
PATIENCE = HOUR  # the packet's own, unless it says otherwise


def uninstalled(story: Story) -> Story:
    story.world = replace(story.world, abilities=WITHOUT_BANK)
    return story


def installed(story: Story) -> list[e.Event]:
    story.world = replace(story.world, abilities=CATALOGUE | {"bank@offboard-bank==1.0": CATALOGUE["bank"]})
    return story.later(MINUTE)


def planned(story: Story) -> set[str]:
    return {step.name for step in story.state.plan.steps.values()}


def test_other_systems_are_planned_and_carried_out() -> None:
    story = uninstalled(Story(ready=False))
    story.search()
    assert planned(story) == ON_CODE and set(story.state.plan.open_steps) == ON_CARDS
    story.approve_all()
    story.complete("hand_over")
    story.work()
    story.at(EVENING)
    assert story.work() == ["disable", "sessions"]
    assert not story.state.finished
    assert story.exceptions() == [("connector_missing", "cards")]


def test_an_exception_names_the_connector_and_closes_once_it_is_installed() -> None:
    story = uninstalled(Story(NAMED, ready=False))
    story.search()
    story.attempt("look")
    assert story.exceptions() == []
    assert story.progress.due_in is not None and story.progress.due_in <= 300
    story.later(PATIENCE)
    assert story.exceptions() == [("connector_missing", "cards")]
    known = story.state.work.exceptions[story.exception("connector_missing")].opened
    remedy = exception_remedy(known.kind, known.code, known.system, NAMED)
    assert remedy.startswith("Cards needs the connector bank@offboard-bank==1.0: install offboard-bank==1.0 for ")
    assert remedy.endswith(RULES["connector_missing"].remedy)
    assert story.progress.due_in is not None and story.progress.due_in <= 300, "it is looked at again"
    happened = [type(event) for event in installed(story)]
    assert happened[:1] == [e.PlanFrozen] and e.ExceptionClosed in happened
    assert planned(story) == ON_CODE | ON_CARDS and not story.state.plan.open_steps
    assert story.exceptions() == []
    assert story.refolded() == story.state


@pytest.mark.parametrize("code", ["connector_not_installed", "connector_version"])
def test_a_search_that_finds_no_connector_is_the_same_exception(code: str) -> None:
    story = uninstalled(Story(NAMED, ready=False))
    story.finds["cards"], story.failure = None, code
    story.search()
    story.attempt("look")
    story.later(PATIENCE)
    assert story.exceptions() == [("connector_missing", "cards")]
    installed(story)
    assert story.exceptions() == [("connector_missing", "cards")], "until a search works"
    assert story.progress.search == ("cards",)
    story.finds["cards"] = [account("cards")]
    story.search()
    assert planned(story) == ON_CODE | ON_CARDS
    assert story.exceptions() == []


def test_a_process_without_the_connector_keeps_what_is_planned_and_asked() -> None:
    story = Story()
    gates = story.open_gates()
    before = planned(story)
    uninstalled(story)
    story.replan()
    story.later(MINUTE)
    story.search()
    assert planned(story) == before and set(story.state.plan.open_steps) == ON_CARDS
    assert story.open_gates() == gates and story.exceptions() == []
    installed(story)
    assert planned(story) == before and not story.state.plan.open_steps
    assert story.open_gates() == gates


def test_access_is_not_reported_as_removed_while_a_step_is_unknown() -> None:
    cutting = packet(workflow=("system: cards, ability: freeze", "system: code, ability: tokens"))
    story = Story(cutting, ready=False)
    story.world = replace(story.world, abilities={kind: CATALOGUE[kind] for kind in ("people", "bank")})
    story.search()
    story.at(EVENING + DAY)
    told = exposure(story.state, story.world)
    assert told.whole.still_open and told.systems["code"].still_open


def test_the_packet_version_of_the_run_decides_which_connector_is_used() -> None:
    moved = packet(platform=("https://cards.example", "https://new-cards.example"))
    assert reached_by("cards", packet(), moved) == moved.platform.systems["cards"]
    assert reached_by("cards", packet(), NAMED) == packet().platform.systems["cards"]
    newer = packet(platform=("connector: bank", "connector: bank@offboard-bank==1.1"))
    assert reached_by("cards", NAMED, newer) == NAMED.platform.systems["cards"]
