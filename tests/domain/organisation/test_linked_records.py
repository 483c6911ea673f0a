"""HR links an account to another record of the same person: records were merged, or the person was rehired with a new
number. What takes two people still takes two, and no one acts on their own leaving."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.domain import events as e
from orchestrator.domain.approvals import naming
from orchestrator.domain.approvals.gates import who_may_vote
from orchestrator.domain.commands import legal_holding
from orchestrator.domain.commands.starts import starting
from orchestrator.domain.errors import Invalid, NotAllowed, TooLate
from orchestrator.domain.events.event import Event
from orchestrator.domain.organisation.organisation import Holds, Organisation, acting_now, record_sign_in
from orchestrator.domain.organisation.starts import StartsState, fold_starts
from orchestrator.domain.packet import signatures
from orchestrator.domain.packet.history import packet_phases, packet_state
from orchestrator.domain.permissions.command_table import own_run
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.permissions.visibility import require_visible, sees
from tests.domain.organisations import organisation_of
from tests.domain.run_world import ANNA, BEN, HR, LEA, MONDAY, OLE, PERSON_ID, SAM, Story, actor, packet

MONEY, ACCESS = "g-money-1", "g-access-1"
SECOND = actor("anna2", "approver", human=ANNA.human)
MERGED = "h-merged"


def linked(one: Actor, human: str = MERGED) -> Actor:
    return one.model_copy(update={"human": human})


def people(*sign_ins: Actor) -> Organisation:
    """After these sign-ins, in their order."""
    return organisation_of(event for one in sign_ins for event in signed_in(one))


def signed_in(one: Actor) -> list[Event]:
    return record_sign_in(Organisation(), one, None, None, None)


def among(story: Story, *sign_ins: Actor) -> dict[str, Actor]:
    known = people(HR, BEN, LEA, OLE, SAM, *sign_ins)
    story.world = replace(story.world, actors=known.actors)
    story.append([])
    return dict(known.actors)


@pytest.mark.parametrize("further", [[], [linked(SECOND)]])
def test_one_person_votes_once_with_two_accounts(further: list[Actor]) -> None:
    """HR knows the second account by the new record at once, or by the former one until its next sign-in."""
    story = Story()
    story.vote(MONEY, ANNA)
    actors = among(story, ANNA, SECOND, linked(ANNA), *further)
    second = actors["anna2"]
    assert not who_may_vote(story.state, story.state.decisions.gates[MONEY], second, story.world)
    assert story.vote(MONEY, second) == [] and MONEY in story.open_gates()
    with pytest.raises(TooLate, match="already_voted"):
        story.vote(MONEY, second, verdict="reject")
    story.vote(MONEY, BEN)
    assert MONEY not in story.open_gates()


def test_an_account_that_first_signs_in_under_the_new_record_is_the_same_person() -> None:
    story = Story()
    story.vote(MONEY, ANNA)
    new = among(story, ANNA, linked(ANNA), linked(SECOND))["anna2"]
    assert story.vote(MONEY, new) == [] and MONEY in story.open_gates()


def test_votes_of_accounts_that_turn_out_to_be_one_persons_count_as_one() -> None:
    three = packet(approvals=("decided_by: [approver], quorum: 2", "decided_by: [approver, lead], quorum: 3"))
    story = Story(three)
    story.vote(MONEY, ANNA)
    story.vote(MONEY, actor("anna2", "approver", human=MERGED))
    among(story, ANNA, linked(SECOND), linked(ANNA))
    story.vote(MONEY, BEN)
    assert MONEY in story.open_gates(), "two people"
    story.vote(MONEY, LEA)
    assert MONEY not in story.open_gates()


def test_the_requesters_other_account_approves_nothing() -> None:
    story = Story()
    boss = actor("hr2", "approver", human=HR.human)
    actors = among(story, boss, linked(HR), linked(boss))
    with pytest.raises(NotAllowed, match="requester_never_decides"):
        story.vote(ACCESS, actors["hr2"])


def test_the_leaver_acts_not_on_the_run_about_the_former_record() -> None:
    story = Story()
    ada = actor("ada", "approver", "operator", human=PERSON_ID)
    actors = among(story, ANNA, ada, linked(ada))
    assert own_run(actors["ada"], PERSON_ID) is not None
    with pytest.raises(NotAllowed, match="own_run"):
        story.vote(ACCESS, acting_now(linked(ada), people(ada, linked(ada))))
    dry = Story(phase="shadow")
    among(dry, ada, linked(ada))
    assert not sees(dry.state, dry.world.actors["ada"], dry.world)
    with pytest.raises(Invalid, match="unknown_run"):
        require_visible(dry.state, dry.world.actors["ada"], dry.world)
    assert not Holds(1, True, 1, frozenset({"ada"})).holds(PERSON_ID, actors, ("operator",), ())


def test_the_leavers_reports_decide_not_after_the_leaver_has_another_record() -> None:
    story = Story()
    ada = actor("ada", human=PERSON_ID)
    rita = actor("rita", "approver", above=[MERGED])
    actors = among(story, ada, linked(ada), rita)
    with pytest.raises(NotAllowed, match="reports_to_person"):
        story.vote(ACCESS, actors["rita"])


def test_a_program_is_its_creators_after_the_creator_has_another_record() -> None:
    robot = Actor(actor_id="s_robot", kind="assistant", maker_human=ANNA.human)
    made = e.TokenMade(token_id="robot", actor_id="s_robot", up_to="change", by="anna", human=ANNA.human)
    known = organisation_of(
        [
            *signed_in(ANNA),
            *signed_in(robot),
            made,
            *signed_in(linked(ANNA)),
            *signed_in(linked(SECOND)),
        ]
    )
    assert known.actors["anna2"].requested("s_robot", None)
    assert {ANNA.human, MERGED} <= known.actors["s_robot"].people


def test_two_signatures_a_release_and_a_lifted_hold_take_two_people() -> None:
    sam = actor("sam", "safety_owner", "value_owner")
    second = linked(actor("sam2", "safety_owner", "value_owner", "legal"))
    again = people(sam, linked(sam), second).actors["sam2"]
    state = packet_state.fold(draft.event for draft in packet_phases.adopt(packet_state.PacketState(), packet(), SAM))
    state = packet_state.fold((draft.event for draft in packet_phases.sign(state, packet().version, sam)), state)
    with pytest.raises(NotAllowed, match="one_person_signs_once"):
        packet_phases.sign(state, packet().version, again)
    tripped = e.StartsTripped(
        trip_id="trip-1", packet="leaver", scope="packet", by="hr", requester="h-hr", urgent=False, counted=6, limit=6
    )
    trip = fold_starts(StartsState(), tripped, MONDAY).trips["trip-1"]
    first = e.StartsReleaseApproved(trip_id="trip-1", by="sam", human="h-sam")
    assert not starting.can_release(replace(trip, approvals=(first,)), again, packet(), {})
    story = Story()
    story.append(legal_holding.place(story.state, "why", HR, story.world))
    other = linked(actor("hr2", "requester"))
    hr2 = among(story, linked(HR), other)["hr2"]
    with pytest.raises(NotAllowed, match="second_person_needed"):
        legal_holding.lift(story.state, None, "why", hr2, story.world)


def test_an_account_that_hr_does_not_know_any_more_is_still_the_persons() -> None:
    unknown = ANNA.model_copy(update={"human": None})
    assert people(ANNA, unknown).actors["anna"].people == {ANNA.human}
    assert people(ANNA, unknown, linked(ANNA)).actors["anna"].people == {ANNA.human, MERGED}


def test_other_people_stay_other_people() -> None:
    known = people(ANNA, BEN, SECOND, linked(ANNA), ANNA)
    assert known.actors["ben"] == BEN
    assert known.actors["anna"].people == known.actors["anna2"].people == {ANNA.human, MERGED}
    assert not known.actors["ben"].is_person(ANNA.human)


def test_two_signatures_of_accounts_that_turn_out_to_be_one_persons_count_as_one() -> None:
    value, safety = actor("vera", "value_owner"), actor("vera2", "safety_owner", human=MERGED)
    adopted = packet_phases.adopt(packet_state.PacketState(), packet(), value)
    history = packet_state.fold(draft.event for draft in adopted)
    for by in (value, safety):
        signed = packet_phases.sign(history, packet().version, by)
        history = packet_state.fold((draft.event for draft in signed), history)
    before, after = people(value, safety).actors, people(value, safety, linked(value)).actors
    assert packet_phases.move(signatures.counted(history, before), packet().version, "shadow", value)
    with pytest.raises(NotAllowed, match="signature_missing"):
        packet_phases.move(signatures.counted(history, after), packet().version, "shadow", value)


def test_a_naming_by_an_account_that_turns_out_to_be_the_requesters_does_not_count() -> None:
    rita = actor("rita", "approver", above=[PERSON_ID])
    vera, vic = actor("vera", "value_owner"), actor("vic", "value_owner")
    second = actor("hr2", "operator", human=MERGED)
    story = Story(ready=False)
    story.world = replace(story.world, actors=people(HR, rita, vera, vic, second).actors)
    story.search()

    def name(by: str) -> None:
        missing = next(x for x in story.state.work.open_exceptions() if x.opened.gate_id == ACCESS)
        by_now = story.world.actors[by]
        story.append(naming.name_decider(story.state, missing.opened.exception_id, "rita", "why", by_now, story.world))

    name("hr2")
    story.world = replace(story.world, actors=people(HR, rita, vera, vic, second, linked(HR)).actors)
    story.append([])
    name("vera")
    assert not story.state.decisions.assigned(ACCESS)
    name("vic")
    assert story.state.decisions.assigned(ACCESS) == {"rita"}
