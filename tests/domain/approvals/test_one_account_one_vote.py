"""One account is one person: what takes two people is not done by one account that HR links to another person later."""

from __future__ import annotations

import pytest

from orchestrator.domain import events as e
from orchestrator.domain.approvals import naming
from orchestrator.domain.approvals.gates import who_may_vote
from orchestrator.domain.commands.starts import starting
from orchestrator.domain.errors import NotAllowed, TooLate
from orchestrator.domain.organisation.starts import StartsState, fold_starts
from orchestrator.domain.packet import packet_history
from tests.domain.run_world import ANNA, HR, MONDAY, OLE, PERSON_ID, SAM, Story, actor, packet

MONEY = "g-money-1"


def test_an_account_votes_once_at_a_gate() -> None:
    story = Story()
    story.vote(MONEY, ANNA)
    again = actor("anna", "approver", human="h-another")
    assert not who_may_vote(story.state, story.state.decisions.gates[MONEY], again, story.world)
    with pytest.raises(TooLate, match="already_voted"):
        story.vote(MONEY, again)
    assert story.state.decisions.gates[MONEY].open


def test_an_account_signs_once() -> None:
    state = packet_history.fold(
        draft.event for draft in packet_history.adopt(packet_history.PacketState(), packet(), SAM)
    )
    both = actor("sam", "safety_owner", "value_owner")
    state = packet_history.fold((draft.event for draft in packet_history.sign(state, packet().version, both)), state)
    again = actor("sam", "safety_owner", "value_owner", human="h-another")
    with pytest.raises(NotAllowed, match="one_person_signs_once"):
        packet_history.sign(state, packet().version, again)


def test_an_account_approves_a_release_once() -> None:
    tripped = e.StartsTripped(
        trip_id="trip-1", packet="leaver", scope="packet", by="hr", requester="h-hr", urgent=False, counted=6, limit=6
    )
    state = fold_starts(StartsState(), tripped, MONDAY)
    for event in starting.release(state, "trip-1", OLE, packet(), {}):
        state = fold_starts(state, event, MONDAY)
    again = actor("ole", "operator", human="h-another")
    assert starting.release(state, "trip-1", again, packet(), {}) == []
    assert not starting.can_release(state.trips["trip-1"], again, packet(), {})


def test_an_account_names_once() -> None:
    story = Story(ready=False)
    rita = actor("rita", "approver", above=[PERSON_ID])
    story.world = story.world.__class__(
        now=story.now,
        pinned=story.world.pinned,
        current=story.world.current,
        abilities=story.world.abilities,
        actors={one.actor_id: one for one in (HR, rita, OLE)},
    )
    story.search()
    missing = story.exception("decider_missing")
    for by in (OLE, actor("ole", "operator", human="h-another")):
        story.append(naming.name_decider(story.state, missing, "rita", "why", by, story.world))
    assert len(story.events(e.DeciderNamed)) == 1 and not story.state.decisions.assigned("g-access-1")
