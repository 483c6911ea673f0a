"""One exception whole, for every kind: the document of the API, the page and the terminal say the same of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import get_args

import pytest

from orchestrator.cli.commands.exceptions.showing import print_exception
from orchestrator.cli.terminal.repairs import action_commands
from orchestrator.deciding.snapshots import RunSnapshot
from orchestrator.documents.document import Document
from orchestrator.documents.runs.exception_card import exception_card_document
from orchestrator.documents.runs.run import header
from orchestrator.domain import events as e
from orchestrator.domain.approvals.deciders import PeopleByRole
from orchestrator.domain.errors import Invalid
from orchestrator.domain.exceptions.exception_rule import Repair
from orchestrator.domain.exceptions.exceptions import RULES
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.run.run import RunState, fold
from orchestrator.vocabulary.states import EXCEPTION, label
from orchestrator.web.access.caller import Caller
from orchestrator.web.api.runs.exceptions import WholeException
from orchestrator.web.pages.run.cards import exception_card
from orchestrator.web.pages.run.run_access import RunAccess
from tests.domain.exceptions.test_exception_events import STORIES, questions, searches_fail
from tests.domain.run_world import HR, OLE, Story

ON_PAGES = {
    "accept": "accept",
    "settle": "settle",
    "retry": "retry",
    "do_by_hand": "by_hand",
    "skip": "skip",
    "skip_all": "skip_all",
    "replan": "replan",
    "replan_under_version": "version",
    "name_decider": "deciders",
    "waive": "waive",
    "release_starts": "release_starts",
    "snooze": "snooze",
    "comment": "comment",
    "assign": "assignees",
}
"""What a card on a page calls an action."""


def moments(story: Story) -> Iterator[tuple[RunSnapshot, str]]:
    """Each exception of the story just after it opened, and as it is at the end."""
    state = RunState()
    for event, at in story.log:
        state = fold(state, event, at)
        if isinstance(event, e.ExceptionOpened):
            yield RunSnapshot(state, replace(story.world, now=at), {}), event.exception_id
    for exception_id in state.work.exceptions:
        yield RunSnapshot(state, story.world, {}), exception_id


def as_sent(snapshot: RunSnapshot, reader: Actor, exception_id: str) -> Document:
    """The document through the API's model and JSON, as the terminal gets it."""
    document = exception_card_document(snapshot, reader, exception_id)
    assert set(document) == set(WholeException.model_fields)
    return dict(json.loads(WholeException.model_validate(document).model_dump_json()))


@pytest.mark.parametrize("told", STORIES, ids=lambda told: told.__name__)
@pytest.mark.parametrize("reader", (OLE, HR), ids=lambda reader: reader.actor_id)
def test_page_and_terminal_say_of_every_exception_what_the_document_says(
    told: Callable[[], Story], reader: Actor, capsys: pytest.CaptureFixture[str]
) -> None:
    for snapshot, exception_id in moments(told()):
        known = as_sent(snapshot, reader, exception_id)
        run = json.loads(json.dumps(header(snapshot.state), default=str))
        print_exception(run, known)
        shown = capsys.readouterr().out
        people = PeopleByRole(snapshot.world.actors.values())
        card = exception_card(RunAccess(snapshot, Caller(reader, snapshot.world.now), {}, people), exception_id)

        assert label(known["kind"], EXCEPTION) in shown and known["meaning"] in shown
        assert (known["remedy"] in shown) == (known["state"] == "open")
        assert card["remedy"] == known["remedy"]
        assert known["title"] == card["step"] and (known["gate_title"] or None) == card["gate"]
        assert sorted(set(known["can_resolve"]) - {reader.actor_id}) == sorted(card["others"])
        assert (known["if_not_resolved"] or "") == card["delay_words"]
        assert len(known["ran_before_approval"]) == len(card["removed"])
        assert len(known["still_removed"]) == len(card["still_removed"])
        assert bool(known["second_request"]) == (card["second"] is not None)
        allowed = {one["action"] for one in known["actions"] if one["allowed"]}
        offered = {action for action, called in ON_PAGES.items() if card[called]}
        if "assign" in allowed and not card["assignees"]:
            offered.add("assign")  # there is no account to which it could be assigned
        assert allowed & set(ON_PAGES) == offered
        for action in known["actions"]:
            commands = action_commands(known["run_id"], known, action)
            assert commands, (known["kind"], action["action"])
            assert all(command in shown for command in commands)
            assert action["allowed"] or action["refused"]["message"] in shown


def test_the_stories_show_every_kind_open_with_every_repair() -> None:
    repairs: dict[str, set[str]] = {}
    for told in STORIES:
        for snapshot, exception_id in moments(told()):
            known = as_sent(snapshot, OLE, exception_id)
            if known["state"] == "open":
                repairs.setdefault(known["kind"], set()).update(one["action"] for one in known["actions"])
    # A limit on starts is no state of a run.
    assert set(repairs) == set(get_args(e.ExceptionKind)) - {"start_limit"}
    for kind, found in repairs.items():
        assert {"assign", "snooze", "comment"} <= found
        assert set(map(str, RULES[kind].repairs)) <= found, kind


def test_a_closed_exception_offers_nothing_and_says_how_it_was_closed(capsys: pytest.CaptureFixture[str]) -> None:
    story = questions()
    closed = [id_ for id_, known in story.state.work.exceptions.items() if not known.open]
    assert closed
    for exception_id in closed:
        known = as_sent(RunSnapshot(story.state, story.world, {}), OLE, exception_id)
        assert (known["actions"], known["can_resolve"], known["if_not_resolved"]) == ([], [], None)
        print_exception(json.loads(json.dumps(header(story.state), default=str)), known)
        shown = capsys.readouterr().out
        assert "Closed" in shown and f"by {known['by']}" in shown and known["remedy"] not in shown


def test_an_exception_that_the_run_does_not_have_is_refused() -> None:
    story = searches_fail()
    with pytest.raises(Invalid) as refused:
        exception_card_document(RunSnapshot(story.state, story.world, {}), OLE, "x-none")
    assert refused.value.code == "unknown_exception"


def test_an_account_is_named_in_the_command_that_names_who_decides() -> None:
    known: Document = {"exception_id": "x-1", "step": None, "system": None}
    action = {"action": Repair.NAME_DECIDER, "steps": [], "accounts": ["ben", "anna"]}
    assert action_commands("r1", known, action) == [
        "offboard exceptions assign r1 x-1 ben --reason …",
        "offboard exceptions assign r1 x-1 anna --reason …",
    ]
