"""What becomes of a decision that takes two people if the first of them loses the role before the second decides."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.domain import events as e
from orchestrator.domain.approvals import gates, naming
from orchestrator.domain.commands.starts import starting
from orchestrator.domain.errors import NotAllowed
from orchestrator.domain.events.event import Draft, Event
from orchestrator.domain.organisation.starts import StartsState, fold_starts
from orchestrator.domain.packet import signatures
from orchestrator.domain.packet.history import packet_phases, packet_state
from orchestrator.domain.permissions.levels import Actor
from tests.domain.run_world import ANNA, BEN, EVERYBODY, HR, MONDAY, OLE, PERSON_ID, SAM, Story, actor, packet

VERA = actor("vera", "value_owner")
TRIPPED = e.StartsTripped(
    trip_id="trip-1", packet="leaver", scope="packet", by="hr", requester="h-hr", urgent=False, counted=6, limit=6
)
HELD = e.StartHeld(
    held_id="held-1", packet="leaver", person_id="p-eve", by="hr", requester="h-hr", urgent=True, why="requester"
)


def without_roles(one: Actor) -> dict[str, Actor]:
    return {**EVERYBODY, one.actor_id: one.model_copy(update={"roles": frozenset({"auditor"})})}


def starts(*happened: Event) -> StartsState:
    state = StartsState()
    for event in happened:
        state = fold_starts(state, event, MONDAY)
    return state


def test_a_vote_does_not_count_once_its_voter_has_lost_the_role() -> None:
    story = Story()
    story.vote("g-money-1", ANNA)
    story.without_role("anna", "approver")
    assert ("decider_missing", "g-money-1") in story.exceptions(), "one of two votes is missing, and only Ben is left"
    story.vote("g-money-1", BEN)
    assert story.state.decisions.gates["g-money-1"].open
    story.knows(ANNA)
    story.append([])
    assert story.state.decisions.gates["g-money-1"].outcome == "approved", "the role was given back"


def test_a_rejection_does_not_count_once_its_voter_has_lost_the_role() -> None:
    """Both happen before the run is looked at again."""
    story = Story()
    rejected = gates.vote(story.state, "g-money-1", ANNA, "reject", (), "no", story.world)
    story.world = replace(
        story.world, actors={**story.world.actors, "anna": ANNA.model_copy(update={"roles": frozenset()})}
    )
    story.append(rejected)
    assert story.state.decisions.gates["g-money-1"].open


def test_an_approval_of_a_release_does_not_count_once_its_account_has_lost_the_role() -> None:
    state = starts(TRIPPED, e.StartsReleaseApproved(trip_id="trip-1", by="ole", human="h-ole"))
    [alone] = starting.release(state, "trip-1", SAM, packet(), without_roles(OLE))
    assert isinstance(alone, e.StartsReleaseApproved)
    known = actor("ole", "operator", human="h-hr")
    [again] = starting.release(state, "trip-1", SAM, packet(), {**EVERYBODY, "ole": known})
    assert isinstance(again, e.StartsReleaseApproved), "HR knows the requester behind the account since"
    assert isinstance(starting.release(state, "trip-1", SAM, packet(), EVERYBODY)[-1], e.StartsReleased)
    state = starts(TRIPPED, e.StartsReleaseApproved(trip_id="trip-1", by="ole", human="h-ole"), alone)
    third = starting.release(state, "trip-1", VERA, packet(), without_roles(OLE))
    assert third[-1] == e.StartsReleased(trip_id="trip-1", by=("sam", "vera"))


def test_a_confirmed_start_is_held_again_once_the_account_that_confirmed_it_has_lost_the_role() -> None:
    state = starts(HELD, TRIPPED, e.StartConfirmed(held_id="held-1", by="ole", human="h-ole"))
    asked = Story(urgent=True, at=None).state.asked.model_copy(update={"person_id": "p-eve"})

    def code(actors: dict[str, Actor]) -> str:
        refused = starting.admit(state, asked, packet(), HR, MONDAY, actors=actors).refused
        return refused.code if refused is not None else ""

    assert (code(EVERYBODY), code(without_roles(OLE))) == ("", "starts_held")
    held = state.held["held-1"]
    assert not starting.can_confirm(held, SAM, packet(), MONDAY, EVERYBODY)
    assert starting.can_confirm(held, SAM, packet(), MONDAY, without_roles(OLE))
    assert starting.confirm(state, "held-1", SAM, packet(), MONDAY, EVERYBODY) == []
    [again] = starting.confirm(state, "held-1", SAM, packet(), MONDAY, without_roles(OLE))
    state = fold_starts(state, again, MONDAY)
    assert code(without_roles(OLE)) == "", "another person has confirmed it"


def test_a_naming_does_not_count_once_its_account_has_lost_the_role() -> None:
    story = Story(ready=False)
    rita, vic = actor("rita", "approver", above=[PERSON_ID]), actor("vic", "value_owner")
    story.world = replace(story.world, actors={one.actor_id: one for one in (HR, rita, OLE, VERA, vic)})
    story.search()
    gate = "g-access-1"

    def name(by: Actor) -> None:
        missing = next(x for x in story.state.work.open_exceptions() if x.opened.gate_id == gate)
        story.append(naming.name_decider(story.state, missing.opened.exception_id, "rita", "why", by, story.world))

    name(OLE)
    story.without_role("ole", "operator")
    name(VERA)
    assert not story.state.decisions.assigned(gate), "only Vera has the role to name"
    with pytest.raises(NotAllowed, match="reports_to_person"):
        story.vote(gate, rita)
    name(vic)
    assert story.state.decisions.assigned(gate) == {"rita"}
    story.vote(gate, rita)
    assert story.refolded() == story.state


def test_a_signature_does_not_count_once_its_account_has_lost_the_role() -> None:
    version, known = packet().version, {"vera": VERA, "sam": SAM}
    lost = {**known, "vera": actor("vera", "auditor")}
    history = packet_state.PacketState()

    def take(drafts: list[Draft]) -> None:
        nonlocal history
        history = packet_state.fold((draft.event for draft in drafts), history)

    take(packet_phases.adopt(history, packet(), SAM))
    for by in (VERA, SAM):
        take(packet_phases.sign(signatures.counted(history, known), version, by))
    with pytest.raises(NotAllowed, match="signature_missing"):
        packet_phases.move(signatures.counted(history, lost), version, "shadow", SAM)
    assert packet_phases.move(signatures.counted(history, known), version, "shadow", SAM)
    second = actor("vic", "value_owner")
    [draft] = packet_phases.sign(signatures.counted(history, lost), version, second)
    take([draft])
    take(packet_phases.move(signatures.counted(history, lost), version, "shadow", SAM))
    assert history.phase == "shadow"
    assert [one.by for one in history.version(version).past_signatures] == ["vera", "sam", "vic"]


@pytest.mark.parametrize("verdict", ["reject", "approve"])
def test_a_rejection_or_exclusion_is_no_second_person_for_a_skip_once_its_voter_has_lost_the_role(verdict: str) -> None:
    def voted() -> Story:
        story = Story()
        story.vote("g-access-1", ANNA, verdict, excluded=["sessions"] if verdict == "approve" else [])
        return story

    both, alone = voted(), voted()
    both.skip("sessions")
    assert ("access_kept", "sessions") not in both.exceptions()
    alone.without_role("anna", "approver")
    alone.skip("sessions")
    assert ("access_kept", "sessions") in alone.exceptions(), "the operator alone keeps the access"
