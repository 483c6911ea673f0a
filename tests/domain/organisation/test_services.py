"""A service has an owner and a deputy. It passes to the deputy, or an exception says before the cutoff that it ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from orchestrator.deciding.packet_shelf import EMPTY_SHELF
from orchestrator.deciding.snapshots import StartContext
from orchestrator.documents.runs.previews.preview import _warnings
from orchestrator.domain import events as e
from orchestrator.domain.errors import NotAllowed, Refusal
from orchestrator.domain.events.event import Event
from orchestrator.domain.organisation.organisation import Organisation, acting_now, record_sign_in
from orchestrator.domain.organisation.services import answers_for
from orchestrator.domain.permissions.embargo import accounts_of_leaver
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.permissions.visibility import require_visible, sees
from orchestrator.ledger.book.codec import EventCodec
from tests.domain.organisations import organisation_of
from tests.domain.run_world import ANNA, CATALOGUE, DAY, MONDAY, OLE, PERSON_ID, SAM, Story, actor, packet

ADA = actor("ada", "safety_owner", human=PERSON_ID)
FEED = "s_feed"
GRANTED = packet(platform=("levels:\n", "levels:\n  - {who: feed, kind: service, up_to: change}\n"))


def seen(*actors: Actor) -> list[Event]:
    return [event for one in actors for event in record_sign_in(Organisation(), one, None, None, None)]


def feed(maker: Actor = ADA, **more: Any) -> list[Event]:
    """A service that reports leavers, as `make_token` records it."""
    service = actor(FEED, "feed", kind="service").model_copy(update={"maker_human": maker.human})
    token = e.TokenMade(token_id="feed", actor_id=FEED, up_to="change", by=maker.actor_id, human=maker.human, **more)
    return [*seen(service), token]


def owners(owner: Actor, deputy: Actor | None = None) -> Event:
    named = deputy.actor_id if deputy is not None else None
    return e.ServiceOwnersChanged(token_id="feed", actor_id=FEED, owner=owner.actor_id, deputy=named, by="sam")


def known(story: Story, events: list[Event], **more: Any) -> None:
    people = organisation_of([*seen(SAM, OLE, ANNA, ADA), *events])
    story.world = replace(story.world, actors=people.actors, programs=people.programs, **more)
    story.append([])


def opened(story: Story) -> list[str]:
    kinds = [x.opened for x in story.state.work.open_exceptions()]
    return [one.code for one in kinds if one.kind == "service_without_owner"]


def answering(*events: Event, gone: frozenset[str] = frozenset()) -> str | None:
    people = organisation_of([*seen(SAM, OLE, ANNA, ADA), *events])
    found = answers_for(people.programs[FEED], people.actors, gone)
    return found.actor_id if found is not None else None


def test_the_creator_owns_a_service_and_it_passes_to_the_deputy() -> None:
    made = feed(ADA, deputy="sam")
    assert answering(*made) == "ada"
    assert answering(*made, gone=frozenset({PERSON_ID})) == "sam", "the owner has left"
    assert answering(*made, e.RolesRevoked(actor_id="ada", roles=("safety_owner",), by="sam")) == "sam"
    assert answering(*made, *seen(actor("ada", "safety_owner", human=None))) == "sam", "HR no longer knows the owner"
    assert answering(*made, gone=frozenset({PERSON_ID, "h-sam"})) is None
    assert answering(*feed(), gone=frozenset({PERSON_ID})) is None
    assert answering(*feed(), owners(OLE, ANNA), gone=frozenset({"h-ole"})) == "anna"


def test_a_run_of_the_owner_without_a_deputy_opens_an_exception_at_its_start() -> None:
    story = Story()
    known(story, feed())
    assert opened(story) == [FEED] and story.now < story.state.cutoff
    [exception] = [x.opened for x in story.state.work.open_exceptions() if x.opened.kind == "service_without_owner"]
    assert exception.owners == ("safety_owner", "operator"), "the leaver may be the only safety owner"
    known(story, [*feed(), owners(ADA, SAM)])
    assert opened(story) == [], "a deputy was named"
    known(story, [*feed(), owners(ADA, SAM)], departed=frozenset({"h-sam"}))
    assert opened(story) == [FEED], "the deputy has left: it is asked again"
    known(story, [*feed(), owners(OLE)])
    assert opened(story) == []


@pytest.mark.parametrize("ending", ["revoked", "expired", "deputy", "shadow", "another", "assistant"])
def test_no_exception_opens(ending: str) -> None:
    """For a token that works no more, with a deputy, in a dry run, for another's service and for an assistant."""
    story = Story(phase="shadow" if ending == "shadow" else "production")
    events = {
        "revoked": [*feed(), e.TokenRevoked(token_id="feed", actor_id=FEED, by="sam")],
        "expired": feed(expires_at=MONDAY),
        "deputy": feed(deputy="sam"),
        "another": feed(SAM),
        "assistant": [*feed(), *seen(actor(FEED, "feed", kind="assistant"))],
    }.get(ending, feed())
    known(story, events)
    assert opened(story) == []


def test_a_deputy_who_leaves_matters_only_once_the_owner_cannot() -> None:
    story = Story()
    known(story, feed(SAM, deputy="ada"))
    assert opened(story) == []
    known(story, [*feed(SAM, deputy="ada"), e.RolesRevoked(actor_id="sam", roles=("safety_owner",), by="sam")])
    assert opened(story) == [FEED]


def test_an_accepted_exception_is_not_asked_again() -> None:
    story = Story()
    known(story, feed())
    story.accept(story.exception("service_without_owner"), by=OLE)
    story.later(DAY * 2)
    assert opened(story) == []


def test_the_preview_warns_of_a_service_that_would_end() -> None:
    story = Story()
    known(story, feed())
    warned = [one for one in _warnings(story.state, story.world.pinned, story.world) if one.gate is None]
    assert [one.kind for one in warned] == ["service_without_owner"] and FEED in warned[0].message
    known(story, feed(deputy="sam"))
    assert not [one for one in _warnings(story.state, story.world.pinned, story.world) if one.gate is None]


def test_a_service_reports_its_own_owner_as_its_deputys_hand() -> None:
    def asking(*events: Event) -> Actor:
        people = organisation_of([*seen(SAM, ADA), *events])
        context = StartContext(None, EMPTY_SHELF, people, MONDAY, CATALOGUE)
        return context.requester(people.actors[FEED], PERSON_ID)

    assert asking(*feed(deputy="sam")).answers_for == "h-sam"
    story = Story(GRANTED, by=asking(*feed(deputy="sam")))
    assert story.state.asked.requester_human == "h-sam"
    with pytest.raises(NotAllowed, match="own_run"):
        Story(GRANTED, by=asking(*feed()))


@pytest.mark.parametrize("phase", ["production", "shadow"])
def test_the_creator_of_a_service_with_another_owner_has_no_part_in_their_own_run_by_its_token(phase: str) -> None:
    """The creator knows the text of the token. HR's system still reports them."""
    story = Story(GRANTED, phase=phase)
    known(story, [*feed(), owners(SAM)])
    service = acting_now(story.world.actors[FEED], story.world)
    assert (service.answers_for, service.creator) == ("h-sam", PERSON_ID)
    assert sees(story.state, service, story.world) is (phase != "shadow")
    with pytest.raises(Refusal, match="own_run" if phase != "shadow" else "unknown_run"):
        require_visible(story.state, service, story.world)
        story.replan(by=service)
    known(story, [*feed(OLE), owners(SAM)])
    assert sees(story.state, story.world.actors[FEED], story.world)
    assert Story(GRANTED, by=service).state.asked.requester_human == "h-sam"


def test_an_embargo_that_the_packet_demands_does_not_name_a_service_that_the_leaver_created() -> None:
    actors = organisation_of([*seen(SAM, ADA), *feed(), owners(SAM)]).actors
    assert accounts_of_leaver(PERSON_ID, actors) == {"ada", FEED}


def test_events_without_a_deputy_keep_their_bytes() -> None:
    codec = EventCodec([e.TokenMade])
    made = e.TokenMade(token_id="1", actor_id="s_1", up_to="read", by="sam", human="h-sam")
    assert b"deputy" not in codec.encode(made).public and b"expires_at" not in codec.encode(made).public
    full = made.model_copy(update={"deputy": "ole", "expires_at": MONDAY + timedelta(days=1)})
    assert b'"deputy":"ole"' in codec.encode(full).public
