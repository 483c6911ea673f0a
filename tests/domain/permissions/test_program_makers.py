"""A program acts for the person who created its token: their conflicts of interest are its own."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.domain import events as e
from orchestrator.domain.commands.systems import require_check
from orchestrator.domain.errors import NotAllowed
from orchestrator.domain.events.event import Event
from orchestrator.domain.organisation.organisation import Organisation, record_sign_in
from orchestrator.domain.permissions.grants import granted_level
from orchestrator.domain.permissions.levels import Actor, Level
from orchestrator.domain.run.steps.readiness import World
from orchestrator.ledger.book.codec import EventCodec
from tests.domain.organisations import organisation_of
from tests.domain.run_world import ANNA, BEN, OLE, PERSON_ID, SAM, Story, actor, packet

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


HELPED = packet(platform=("levels:\n", 'levels:\n  - {who: "*", kind: assistant, systems: [code], up_to: change}\n'))


def seen(person: Actor) -> Event:
    return record_sign_in(Organisation(), person, None, None, None)[0]


def made(person: Actor, **more: Any) -> list[Event]:
    """An assistant with the role of operators, as `make_token` records it."""
    robot = actor("s_2", "operator", kind="assistant").model_copy(update={"maker_human": person.human, **more})
    token = e.TokenMade(token_id="2", actor_id="s_2", up_to="change", by=person.actor_id, human=person.human)
    return [seen(robot), token]


def revoked(person: Actor, *roles: str) -> Event:
    return e.RolesRevoked(actor_id=person.actor_id, roles=roles, by="sam")


def level_in(organisation: Organisation, departed: frozenset[str] = frozenset()) -> Level | None:
    world = World(now=Story().now, pinned=HELPED, current=HELPED, actors=organisation.actors, departed=departed)
    return world.level_of("s_2", "code", "leaver")


def test_the_ledger_knows_the_creator_of_an_assistant_as_the_creator_is_now() -> None:
    events = [seen(OLE), *made(OLE)]
    assert level_in(organisation_of(events)) == Level.CHANGE
    assert level_in(organisation_of([*events, revoked(OLE, "operator")])) is None
    assert level_in(organisation_of([*events, seen(actor("ole", "requester"))])) == Level.CHANGE
    assert level_in(organisation_of([*events, seen(actor("ole"))])) is None, "a sign-in without the role"
    assert level_in(organisation_of(events), frozenset({"h-ole"})) is None, "the creator has left"
    assert level_in(organisation_of([seen(OLE), *made(OLE, up_to=Level.READ)])) == Level.READ


def test_the_ledger_knows_the_creator_whatever_the_order_of_the_events() -> None:
    assert level_in(organisation_of([*made(OLE), seen(OLE)])) == Level.CHANGE
    again = seen(actor("s_2", "operator", kind="assistant").model_copy(update={"maker_human": "h-ole"}))
    assert level_in(organisation_of([*made(OLE), seen(OLE), revoked(OLE, "operator"), again])) is None


def test_an_effect_that_an_assistant_caused_stops_with_its_creators_role() -> None:
    """Earlier versions let assistants start runs and order attempts: their events are still in ledgers."""
    story = Story(HELPED)
    people = organisation_of([seen(OLE), *made(OLE)])
    story.knows(*people.actors.values())
    step = story.id("look")
    story.append([e.StepRetryOrdered(step_id=step, generation=1, by="s_2")])
    assert story.readiness("look").kind == "ready" and story.readiness("look").caused_by == ("s_2",)
    story.knows(*organisation_of([seen(OLE), *made(OLE), revoked(OLE, "operator")]).actors.values())
    story.append([])
    assert (story.readiness("look").kind, story.readiness("look").waits_for) == ("stopped", "level")
    assert [kind for kind, _ in story.exceptions()] == ["level_missing"]


def test_a_role_of_people_counts_for_an_assistant_only_while_its_creator_has_one() -> None:
    before = organisation_of([seen(OLE), *made(OLE)]).actors["s_2"]
    require_check("code", before, HELPED)
    after = organisation_of([seen(OLE), *made(OLE), seen(actor("ole", "requester"))]).actors["s_2"]
    with pytest.raises(NotAllowed) as refused:
        require_check("code", after, HELPED)
    assert refused.value.code == "role_missing"
