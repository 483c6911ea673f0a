"""An API token's maximum permission limits its account, whatever the account's roles are granted."""

from __future__ import annotations

import pytest

from orchestrator.domain import events as e
from orchestrator.domain.commands import requests
from orchestrator.domain.errors import NotAllowed
from orchestrator.domain.organisation.organisation import record_sign_in
from orchestrator.domain.permissions.command_table import require
from orchestrator.domain.permissions.grants import granted_level, highest_level, require_level
from orchestrator.domain.permissions.levels import Actor, Level
from orchestrator.domain.run.steps.steps import begin
from tests.domain.organisations import organisation_of
from tests.domain.run_world import ANNA, CATALOGUE, HR, OLE, PERSON, PERSON_ID, Story, at_cutoff, cutoff, packet

PACKET = packet()
RULES = PACKET.platform.levels


def limited(actor: Actor, up_to: Level) -> Actor:
    return actor.model_copy(update={"up_to": up_to})


@pytest.mark.parametrize("up_to", list(Level))
def test_a_limit_bounds_what_is_granted_and_grants_nothing(up_to: Level) -> None:
    assert granted_level(RULES, limited(ANNA, up_to), "code", "leaver") == up_to
    narrow = Actor(actor_id="x", roles=frozenset({"requester"}), up_to=up_to)
    assert granted_level(RULES, narrow, "cards", "leaver") == min(up_to, Level.PREPARE, key=lambda level: level.rank)
    stranger = Actor(actor_id="y", up_to=up_to)
    assert granted_level(RULES, stranger, "code", "leaver") is None
    both = highest_level(PACKET.platform, PACKET.platform, limited(ANNA, up_to), "code", "leaver")
    assert both == up_to


def test_a_services_grants_are_its_own_and_its_token_bounds_them() -> None:
    rules = packet(platform=("levels:\n", "levels:\n  - {who: webhook, kind: service, up_to: stage}\n")).platform
    service = Actor(actor_id="hr-hook", kind="service", roles=frozenset({"webhook", "approver"}))
    assert granted_level(rules.levels, service, "code", "leaver") == Level.STAGE
    assert granted_level(rules.levels, limited(service, Level.PREPARE), "code", "leaver") == Level.PREPARE


def test_the_refusal_says_how_far_the_access_goes_and_not_that_a_grant_is_missing() -> None:
    with pytest.raises(NotAllowed) as refused:
        require_level(PACKET.platform, PACKET.platform, limited(ANNA, Level.STAGE), "code", "leaver", Level.CHANGE)
    assert refused.value.code == "access_limited" and "'stage'" in refused.value.message


def test_a_reading_access_writes_nothing() -> None:
    with pytest.raises(NotAllowed):
        require("hold_system", limited(OLE, Level.READ))
    require("hold_system", limited(OLE, Level.PREPARE))
    with pytest.raises(NotAllowed) as refused:
        requests.request_run(
            run_id="r",
            person_id=PERSON_ID,
            person=PERSON,
            cutoff=cutoff(Story().now),
            urgent=False,
            actor=limited(HR, Level.READ),
            packet=PACKET,
            phase="production",
            open_run=None,
            now=Story().now,
            abilities=CATALOGUE,
        )
    assert refused.value.code == "access_limited"


def test_a_gate_is_not_approved_with_an_access_that_does_not_reach_its_steps() -> None:
    story = Story()
    with pytest.raises(NotAllowed) as refused:
        story.vote("g-access-1", limited(ANNA, Level.STAGE))
    assert refused.value.code == "access_limited"
    story.vote("g-access-1", limited(ANNA, Level.STAGE), "reject")
    assert story.state.decisions.gates["g-access-1"].outcome == "rejected"


def test_an_effect_is_not_begun_for_an_account_whose_access_became_narrower() -> None:
    story = at_cutoff()
    assert begin(story.state, story.id("disable"), story.world) is not None
    story.knows(limited(ANNA, Level.PREPARE))
    assert begin(story.state, story.id("disable"), story.world) is None
    assert story.readiness("disable").waits_for == "level"


def test_the_limit_is_recorded_and_folded() -> None:
    token = Actor(actor_id="token-7", kind="service", roles=frozenset({"requester"}), up_to=Level.PREPARE)
    first = record_sign_in(organisation_of([]), token, None, None, None)
    known = organisation_of(first)
    assert known.actors["token-7"] == token
    assert record_sign_in(known, token, None, None, None) == []
    wider = limited(token, Level.CHANGE)
    assert organisation_of([*first, *record_sign_in(known, wider, None, None, None)]).actors["token-7"] == wider
    old = e.ActorRecorded.model_validate_json('{"actor_id": "a", "kind": "person", "roles": ["approver"]}')
    assert organisation_of([old]).actors["a"].up_to is None
