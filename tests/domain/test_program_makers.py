"""A program acts for the person who created its token: their conflicts of interest are its own."""

from __future__ import annotations

import pytest
from run_world import ANNA, BEN, PERSON_ID, SAM, Story, actor, packet

from orchestrator.domain import events as e
from orchestrator.domain.errors import NotAllowed
from orchestrator.domain.organisation.organisation import record_sign_in
from orchestrator.domain.permissions.grants import granted_level
from orchestrator.domain.permissions.levels import Actor, Level
from orchestrator.ledger.book.codec import EventCodec
from tests.domain.organisations import organisation_of

GRANTED = packet(platform=("levels:\n", "levels:\n  - {who: feed, kind: service, up_to: change}\n"))


def feed(maker_human: str | None) -> Actor:
    return actor("s_1", "feed", "operator", kind="service").model_copy(update={"maker_human": maker_human})


def assistant(maker: Actor | None) -> Actor:
    return actor("s_2", kind="assistant").model_copy(update={"maker": maker})


def test_the_creator_of_a_service_decides_nothing_in_the_runs_that_it_starts() -> None:
    story = Story(GRANTED, by=feed("h-anna"))
    assert story.state.asked.requester_human == "h-anna"
    with pytest.raises(NotAllowed) as refused:
        story.vote("g-access-1", ANNA)
    assert refused.value.code == "requester_never_decides"
    story.vote("g-access-1", BEN)
    assert story.state.decisions.gates["g-access-1"].outcome == "approved"


def test_a_program_of_the_leaver_does_nothing_in_the_leavers_run() -> None:
    with pytest.raises(NotAllowed) as refused:
        Story(GRANTED, by=feed(PERSON_ID))
    assert refused.value.code == "own_run"
    story = Story(GRANTED)
    for act in (story.replan, lambda by: story.retry("pay", by=by)):
        with pytest.raises(NotAllowed) as refused:
            act(by=feed(PERSON_ID))
        assert refused.value.code == "own_run"
    assert story.replan(by=feed("h-anna"))


def test_a_program_that_was_recorded_without_its_creator_works_as_before() -> None:
    story = Story(GRANTED, by=feed(None))
    story.vote("g-access-1", ANNA)
    assert story.state.decisions.gates["g-access-1"].outcome == "approved"


@pytest.mark.parametrize("limit", [None, Level.READ, Level.PREPARE, Level.CHANGE])
def test_an_assistant_goes_no_further_than_its_creator_goes_today(limit: Level | None) -> None:
    rules = GRANTED.platform.levels
    bounds = [Level.PREPARE, limit or Level.PREPARE]
    maker = SAM.model_copy(update={"up_to": limit})
    assert granted_level(rules, assistant(maker), "code", "leaver") == min(bounds, key=lambda level: level.rank)
    assert granted_level(rules, assistant(SAM.model_copy(update={"roles": frozenset()})), "code", "leaver") is None
    assert granted_level(rules, assistant(None), "code", "leaver") == Level.PREPARE


def test_a_service_has_its_own_grants_whatever_its_creator_has() -> None:
    service = feed("h-sam").model_copy(update={"maker": SAM.model_copy(update={"roles": frozenset()})})
    assert granted_level(GRANTED.platform.levels, service, "code", "leaver") == Level.CHANGE


def test_the_creator_is_recorded_and_old_events_keep_their_bytes() -> None:
    codec = EventCodec([e.ActorRecorded])
    recorded = record_sign_in(organisation_of([]), feed("h-sam"), None, None, None)
    assert organisation_of(recorded).actors["s_1"] == feed("h-sam")
    assert b'"maker_human":"h-sam"' in codec.encode(recorded[0]).public
    old = record_sign_in(organisation_of([]), feed(None), None, None, None)
    assert b"maker_human" not in codec.encode(old[0]).public
    assert organisation_of(old).actors["s_1"].maker_human is None
