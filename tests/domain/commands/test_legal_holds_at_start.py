"""The legal holds that a run begins under: of the packet, of the requester, and of the person's run before."""

from __future__ import annotations

from dataclasses import replace
from functools import reduce

import pytest

from orchestrator.domain.commands import legal_holding
from orchestrator.domain.errors import Refusal
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.run.run import RunState, fold
from tests.domain.commands.test_legal_holds import ERASES, LEX, LUZ, at_deletion, code_of, with_legal
from tests.domain.run_world import ANNA, DAY, HR, Story, actor, packet


def started(current: Packet, reason: str | None, by: object = HR, before: RunState | None = None) -> RunState:
    """The run at its start, under the holds that it begins under."""
    story = Story(current)
    story.knows(LEX, LUZ)
    assert story.state.request is not None
    placed = legal_holding.at_start(story.state.request, reason, by, story.world, before)  # type: ignore[arg-type]
    return reduce(lambda state, event: fold(state, event, story.now), [story.state.request, *placed], RunState())


def test_a_run_starts_under_a_hold_by_the_packets_condition() -> None:
    assert not started(with_legal('person.department == "Legal"'), None).legal_hold
    state = started(with_legal('person.department == "Sales"'), None)
    assert [hold.placed.by for hold in state.legal_holds] == [""]


def test_a_condition_that_cannot_be_evaluated_places_a_hold() -> None:
    assert [hold.placed.by for hold in started(with_legal("int(person.department) > 3"), None).legal_holds] == [""]


def test_a_hold_at_the_start_needs_a_role_and_a_reason() -> None:
    state = started(packet(workflow=ERASES), "a claim")
    assert [(hold.placed.by, hold.placed.reason) for hold in state.legal_holds] == [("hr", "a claim")]
    for reason, by, code in (("a claim", ANNA, "role_missing"), (" ", HR, "reason_missing")):
        with pytest.raises(Refusal) as refused:
            started(packet(workflow=ERASES), reason, by)
        assert code_of(refused) == code
    feed = actor("feed", "requester", kind="service")
    with pytest.raises(Refusal) as refused:
        started(packet(workflow=ERASES), "a claim", feed)
    assert code_of(refused) == "only_people"


def test_a_cancelled_run_is_no_way_around_a_hold() -> None:
    story = at_deletion()
    story.place_legal_hold(by=LEX)
    story.place_legal_hold(by=LUZ)
    story.lift_legal_hold("hold-2", by=LEX)
    story.end()
    again = started(with_legal(), None, before=story.state)
    assert [(one.placed.hold_id, one.placed.by, one.placed.from_run) for one in again.legal_holds] == [
        ("hold-1", "lex", story.state.run_id)
    ]
    assert again.legal_hold


def test_a_hold_from_a_run_under_embargo_is_carried_over_without_what_it_is_about() -> None:
    """The next run can be read by people for whom the run before does not exist."""
    story = at_deletion()
    story.place_legal_hold(by=LEX)
    story.end()
    for until, carried in (
        (story.now + DAY, (None, None)),
        (story.state.requested_at, ("a matter", story.state.run_id)),
    ):
        before = replace(story.state, embargo_until=until, named=("hr",))
        (hold,) = started(with_legal(), None, before=before).legal_holds
        assert (hold.placed.reason, hold.placed.from_run) == carried
        assert hold.placed.by == "lex", "another person lifts it"


def test_the_packets_condition_places_one_hold_however_often_it_is_carried_over() -> None:
    held = with_legal('person.department == "Sales"')
    once = started(held, None)
    again = started(held, None, before=once)
    assert [(one.placed.by, one.placed.from_run) for one in again.legal_holds] == [("", once.run_id)]
