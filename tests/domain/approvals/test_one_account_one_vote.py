"""One account is one person: what takes two people is not done by one account that HR links to another person later,
and an account that turns out to be the requester's or the leaver's has not decided."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.domain import events as e
from orchestrator.domain.approvals import gates, naming
from orchestrator.domain.approvals.gates import who_may_vote
from orchestrator.domain.commands.starts import starting
from orchestrator.domain.errors import NotAllowed, TooLate
from orchestrator.domain.organisation.organisation import DelegationState
from orchestrator.domain.organisation.starts import StartsState, fold_starts
from orchestrator.domain.packet.history import packet_phases, packet_state
from tests.domain.run_world import ANNA, BEN, DAY, EVENING, HOUR, HR, MONDAY, OLE, PERSON_ID, SAM, Story, actor, packet

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
    state = packet_state.fold(draft.event for draft in packet_phases.adopt(packet_state.PacketState(), packet(), SAM))
    both = actor("sam", "safety_owner", "value_owner")
    state = packet_state.fold((draft.event for draft in packet_phases.sign(state, packet().version, both)), state)
    again = actor("sam", "safety_owner", "value_owner", human="h-another")
    with pytest.raises(NotAllowed, match="one_person_signs_once"):
        packet_phases.sign(state, packet().version, again)


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


@pytest.mark.parametrize("human", ["h-hr", PERSON_ID])
@pytest.mark.parametrize("verdict", ["approve", "reject"])
def test_a_vote_of_an_account_that_turns_out_to_be_the_requesters_or_the_leavers_does_not_count(
    human: str, verdict: str
) -> None:
    """HR links the account to the person between the first vote and the second, or before the run is looked at."""
    story = Story()
    known = actor("anna", "approver", human=human).model_copy(update={"formerly": frozenset({"h-anna"})})
    voted = gates.vote(story.state, MONEY, ANNA, verdict, (), "why", story.world)
    story.world = replace(story.world, actors={**story.world.actors, "anna": known})
    story.append(voted)
    assert story.state.decisions.gates[MONEY].open
    story.vote(MONEY, BEN)
    assert story.state.decisions.gates[MONEY].open, "one of two people"
    story.knows(actor("carl", "approver"))
    story.vote(MONEY, actor("carl", "approver"))
    assert story.state.decisions.gates[MONEY].outcome == "approved"
    assert story.events(e.GateDecided)[-1].by == ("ben", "carl")


@pytest.mark.parametrize("human", ["h-hr", PERSON_ID])
def test_an_approval_of_such_an_account_lets_no_step_run_and_people_are_asked_again(human: str) -> None:
    story = Story()
    story.vote("g-access-1", ANNA)
    assert story.state.decisions.gates["g-access-1"].outcome == "approved"
    story.complete("hand_over")
    story.work()
    story.knows(actor("anna", "approver", human=human))
    story.at(EVENING + HOUR)
    assert story.begin("disable") is None and story.readiness("disable").waits_for == "gate"
    assert "g-access-2" in story.open_gates()
    story.vote("g-access-2", BEN)
    assert "disable" in story.work() and story.refolded() == story.state


def test_a_vote_for_an_absent_person_who_turns_out_to_be_the_requester_does_not_count() -> None:
    story = Story()
    carl = actor("carl")
    story.knows(carl)
    story.world = replace(
        story.world,
        delegations=(
            DelegationState(
                said=e.DecisionsDelegated(
                    delegation_id="d-1", by="anna", to="carl", since=MONDAY, until=MONDAY + 9 * DAY
                )
            ),
        ),
    )
    voted = gates.vote(story.state, MONEY, carl, "approve", (), None, story.world)
    known = actor("anna", "approver", human="h-hr")
    story.world = replace(story.world, actors={**story.world.actors, "anna": known})
    story.append(voted)
    story.vote(MONEY, BEN)
    assert story.state.decisions.gates[MONEY].open
