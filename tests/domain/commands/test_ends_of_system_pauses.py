"""A pause of a system that ends at a time, and the second person whom a packet asks for to resume changes."""

from __future__ import annotations

from datetime import datetime

import pytest

from orchestrator.domain import events as e
from orchestrator.domain.commands.systems import end_hold, hold_system, release_system
from orchestrator.domain.errors import Invalid, NotAllowed
from orchestrator.domain.organisation.organisation import Holds, fold_holds
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.levels import Actor
from tests.domain.run_world import DAY, HOUR, MINUTE, MONDAY, OLE, PERSON_ID, actor, packet

OLGA = actor("olga", "operator")
OTTO = actor("otto", "operator")
OLES_OTHER = actor("ole-2", "operator", human=OLE.human)
ACTORS = {one.actor_id: one for one in (OLE, OLGA, OTTO, OLES_OTHER)}
SYSTEMS = pytest.mark.parametrize("system", ["code", e.EVERYTHING])
BOUNDED = packet(approvals=("exceptions:", "pause: {ends_within: P1D, second_person: true}\nexceptions:"))


def held(
    system: str,
    until: datetime | None = None,
    *,
    by: Actor = OLE,
    pinned: Packet = BOUNDED,
    holds: Holds | None = None,
    others: tuple[Packet, ...] = (),
) -> Holds:
    known = holds or Holds()
    for event in hold_system(known, system, "why", by, pinned, others, MONDAY, until, ACTORS):
        known = fold_holds(known, event)
    return known


def refused(holds: Holds, system: str, by: Actor) -> str:
    with pytest.raises(NotAllowed) as raised:
        release_system(holds, system, by, BOUNDED, (), ACTORS)
    return raised.value.code


@SYSTEMS
def test_a_pause_ends_at_its_end_and_not_before(system: str) -> None:
    holds = held(system, MONDAY + HOUR)
    assert holds.held and holds.until == MONDAY + HOUR
    assert end_hold(holds, MONDAY + HOUR - MINUTE) == []
    [ended] = end_hold(holds, MONDAY + HOUR)
    assert ended == e.HoldReleased(by="")
    over = fold_holds(holds, ended)
    assert not over.held and over.until is None and end_hold(over, MONDAY + DAY) == []


def test_without_a_section_in_the_packet_a_pause_needs_no_end_and_is_stored_as_before() -> None:
    plain = packet()
    [placed] = hold_system(Holds(), "code", "why", OLE, plain, [], MONDAY)
    assert "until" not in placed.model_dump(mode="json")
    holds = fold_holds(Holds(), placed)
    assert holds.until is None and end_hold(holds, MONDAY + 300 * DAY) == []
    assert release_system(holds, "code", OLE, plain, [], ACTORS)


@SYSTEMS
def test_the_packet_bounds_the_pause_whichever_packet_the_caller_names(system: str) -> None:
    assert held(system).until == MONDAY + DAY, "the longest time of the packet"
    plain = packet()
    assert held(system, pinned=plain, others=(BOUNDED,)).until == MONDAY + DAY
    for until, code in ((MONDAY, "pause_end_past"), (MONDAY + 25 * HOUR, "pause_too_long")):
        with pytest.raises(Invalid) as raised:
            held(system, until)
        assert raised.value.code == code


@SYSTEMS
def test_a_second_person_resumes_before_the_end_and_not_the_same_one_with_another_account(system: str) -> None:
    holds = held(system, MONDAY + HOUR)
    assert refused(holds, system, OLE) == refused(holds, system, OLES_OTHER) == "second_person_needed"
    assert release_system(holds, system, OLGA, BOUNDED, (), ACTORS) == [e.HoldReleased(by="olga")]


def test_neither_of_two_who_paused_resumes_and_the_last_end_counts() -> None:
    holds = held("code", MONDAY + 2 * HOUR, by=OLGA, holds=held("code", MONDAY + HOUR))
    assert holds.until == MONDAY + 2 * HOUR and end_hold(holds, MONDAY + HOUR) == []
    assert refused(holds, "code", OLE) == refused(holds, "code", OLGA) == "second_person_needed"
    assert release_system(holds, "code", OTTO, BOUNDED, (), ACTORS) == [e.HoldReleased(by="otto")]
    unbounded = fold_holds(holds, e.HoldPlaced(by="sam"))
    assert unbounded.until is None, "one of the pauses has no end"


def test_the_same_person_moves_the_end_to_a_later_time_and_a_second_person_to_an_earlier_one() -> None:
    holds = held("code", MONDAY + HOUR)
    later = held("code", MONDAY + 2 * HOUR, holds=holds)
    assert later.until == MONDAY + 2 * HOUR and later.by == {"ole"}
    assert held("code", MONDAY + 2 * HOUR, holds=later) == later and held("code", holds=later) == later
    with pytest.raises(NotAllowed) as raised:
        held("code", MONDAY + HOUR, holds=later)
    assert raised.value.code == "second_person_needed"


def test_a_pause_of_a_leaver_with_an_end_does_not_hold_their_own_run() -> None:
    leaver = actor("ada", "operator", human=PERSON_ID)
    holds = held("code", MONDAY + HOUR, by=leaver)
    assert holds.held and not holds.holds(PERSON_ID, {"ada": leaver, "ole": OLE}, {"operator"}, ())
