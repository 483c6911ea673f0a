"""Limits on starts: by requester and by packet, urgent ones by themselves; and who lets held starts go on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from orchestrator.domain import events as e
from orchestrator.domain.commands import requests
from orchestrator.domain.commands.starts import starting
from orchestrator.domain.errors import Invalid, NotAllowed, Refusal
from orchestrator.domain.events.event import Event
from orchestrator.domain.organisation.person import PersonFacts
from orchestrator.domain.organisation.starts import (
    CONFIRMED_FOR,
    KEPT_FOR,
    MAX_HELD,
    RELEASED_KEPT,
    StartsState,
    fold_starts,
)
from orchestrator.domain.packet.packet import Packet, StartLimits
from orchestrator.domain.packet.packet_yaml import PacketProblems
from orchestrator.domain.permissions.levels import Actor
from tests.domain.run_world import ANNA, EVENING, HOUR, HR, MINUTE, MONDAY, OLE, SAM, actor, cutoff, packet

HOPE = actor("hope", "requester")
VERA = actor("vera", "value_owner")
LIMITS = "starts: {per_requester: 4, per_packet: 6, urgent_per_requester: 2, urgent_per_packet: 3}\n"
LIMITED = packet(approvals=("exceptions:", LIMITS + "exceptions:"))
ROOMY = packet(
    approvals=(
        "exceptions:",
        LIMITS.replace("urgent_per_packet: 3", "urgent_per_packet: 9") + "exceptions:",
    )
)
OTHER = packet(workflow=("name: leaver", "name: other"), approvals=("exceptions:", LIMITS + "exceptions:"))


class Desk:
    """The stream of starts in memory, as `deciding.runs` keeps it."""

    def __init__(self, limited: Packet = LIMITED) -> None:
        self.packet = limited
        self.now = MONDAY
        self.state = StartsState()
        self.log: list[Event] = []
        self.people = 0

    def append(self, events: Sequence[Event]) -> list[Event]:
        for event in events:
            self.state = fold_starts(self.state, event, self.now)
            self.log.append(event)
        return list(events)

    def later(self, span: timedelta) -> None:
        self.now += span

    def start(self, by: Actor = HR, *, urgent: bool = False, person: str = "", **more: object) -> str:
        """The run's id, or the code of the refusal."""
        self.people += 1
        person = person or f"p{self.people}"
        asked = requests.request_run(
            run_id=f"r{self.people}",
            person_id=person,
            person=PersonFacts(hr_id=person, employee_number=person, display_name="Ada"),
            cutoff=None if urgent else cutoff(EVENING),
            urgent=urgent,
            actor=by,
            packet=self.packet,
            phase="production",
            open_run=None,
            now=self.now,
        )
        admitted = starting.admit(self.state, asked, self.packet, by, self.now, **more)  # type: ignore[arg-type]
        self.append(admitted.events)
        return asked.run_id if admitted.refused is None else admitted.refused.code

    def confirm(self, held_id: str, by: Actor) -> list[Event]:
        return self.append(starting.confirm(self.state, held_id, by, self.packet, self.now, {}))

    def release(self, trip_id: str, by: Actor) -> list[Event]:
        return self.append(starting.release(self.state, trip_id, by, self.packet, {}))

    @property
    def trips(self) -> list[e.StartsTripped]:
        return [trip.tripped for trip in self.state.trips.values()]

    @property
    def held(self) -> list[str]:
        return list(self.state.held)


def refusal(attempt: object) -> str:
    with pytest.raises(Refusal) as refused:
        attempt()  # type: ignore[operator]
    return refused.value.code


def test_a_requester_is_held_above_their_limit_and_others_are_not() -> None:
    desk = Desk()
    assert [desk.start() for _ in range(4)] == ["r1", "r2", "r3", "r4"]
    assert desk.start() == "starts_held"
    [trip] = desk.trips
    assert (trip.scope, trip.by, trip.counted, trip.limit, trip.urgent) == ("requester", "hr", 4, 4, False)
    assert trip.run_id == "r4"
    assert desk.start(HOPE) == "r6", "a limit of one requester holds that requester only"
    assert desk.start() == "starts_held" and len(desk.trips) == 1, "it trips once"
    assert len(desk.held) == 2


def test_urgent_starts_have_a_limit_of_their_own() -> None:
    desk = Desk()
    assert [desk.start(urgent=True) for _ in range(3)] == ["r1", "r2", "starts_held"]
    assert desk.trips[0].urgent and desk.trips[0].limit == 2
    assert desk.start() == "starts_held", "a requester whose urgent starts reached the limit starts nothing further"


def test_the_limit_of_the_packet_counts_all_requesters() -> None:
    desk = Desk()
    for by in (HR, HR, HOPE):
        assert desk.start(by, urgent=True).startswith("r")
    assert desk.start(HOPE, urgent=True) == "starts_held"
    assert [trip.scope for trip in desk.trips] == ["packet"]
    assert desk.start(actor("third", "requester")) == "starts_held", "the limit of a packet holds all its starts"
    desk.packet = OTHER
    assert desk.start(actor("third", "requester")).startswith("r"), "and none under another packet"


def test_two_accounts_of_one_person_count_as_one_and_a_window_rolls() -> None:
    desk = Desk()
    second = actor("hr-admin", "requester", human="h-hr")
    assert [desk.start(by, urgent=True) for by in (HR, second, second)] == ["r1", "r2", "starts_held"]
    rolling = Desk()
    rolling.start(urgent=True)
    rolling.later(30 * MINUTE)
    rolling.start(urgent=True)
    rolling.later(31 * MINUTE)
    assert rolling.start(urgent=True) == "r3", "the first one is older than the window"
    assert rolling.start(urgent=True) == "starts_held"


def test_a_start_that_hr_announced_is_neither_counted_nor_held_unless_it_is_urgent() -> None:
    desk = Desk()
    assert all(desk.start(expected=True).startswith("r") for _ in range(20)) and not desk.log
    assert [desk.start(urgent=True, expected=True) for _ in range(3)][-1] == "starts_held"
    assert desk.start(expected=True).startswith("r")


def test_after_a_trip_an_urgent_start_needs_a_second_person_and_is_repeated() -> None:
    desk = Desk()
    for _ in range(2):
        desk.start(urgent=True)
    assert desk.start(urgent=True, person="p-held") == "starts_held"
    [held_id] = desk.held
    assert refusal(lambda: desk.confirm(held_id, HR)) == "second_person_needed"
    same_person = actor("hr-admin", "requester", human="h-hr")
    assert refusal(lambda: desk.confirm(held_id, same_person)) == "second_person_needed"
    assert refusal(lambda: desk.confirm(held_id, actor("leaver", "safety_owner", human="p-held"))) == "own_run"
    assert refusal(lambda: desk.confirm(held_id, ANNA)) == "role_missing"
    assert refusal(lambda: desk.confirm("held-99", SAM)) == "unknown_held_start"
    assert desk.start(urgent=True, person="p-held") == "starts_held", "nothing is confirmed yet"
    assert desk.confirm(held_id, HOPE) and desk.confirm(held_id, SAM) == []
    assert desk.start(urgent=True, person="p-other") == "starts_held", "one start is confirmed, not all"
    assert desk.start(urgent=True, person="p-held").startswith("r")
    assert desk.start(urgent=True, person="p-held") == "starts_held", "a confirmation counts once"


def test_a_confirmation_lapses() -> None:
    desk = Desk()
    for _ in range(3):
        desk.start(urgent=True, person="" if desk.people < 2 else "p-held")
    desk.confirm(desk.held[0], SAM)
    desk.later(CONFIRMED_FOR)
    assert desk.start(urgent=True, person="p-held") == "starts_held"
    assert desk.confirm(desk.held[0], SAM), "it can be confirmed again"
    assert desk.start(urgent=True, person="p-held").startswith("r")


def test_two_people_release_a_limit_and_counting_begins_again() -> None:
    desk = Desk(ROOMY)
    for _ in range(3):
        desk.start(urgent=True)
    [trip_id] = desk.state.trips
    assert refusal(lambda: desk.release(trip_id, ANNA)) == "role_missing"
    assert refusal(lambda: desk.release(trip_id, actor("hr2", "safety_owner", human="h-hr"))) == "second_person_needed"
    assert refusal(lambda: desk.release("trip-99", SAM)) == "unknown_trip"
    assert [type(event) for event in desk.release(trip_id, SAM)] == [e.StartsReleaseApproved]
    assert desk.release(trip_id, SAM) == [], "one person counts once"
    assert desk.release(trip_id, actor("sam2", "operator", human="h-sam")) == []
    assert desk.start(urgent=True) == "starts_held"
    desk.later(MINUTE)
    assert desk.release(trip_id, OLE)[-1] == e.StartsReleased(trip_id=trip_id, by=("sam", "ole"))
    assert not desk.trips
    desk.later(MINUTE)
    assert [desk.start(urgent=True)[0] for _ in range(3)] == ["r", "r", "s"]


def test_the_last_operator_or_safety_owner_is_not_cut_off_by_one_person() -> None:
    everybody = (SAM, OLE, actor("olga", "operator"), ANNA, HR)
    assert starting.roles_with_last_holder("h-sam", LIMITED, everybody) == {"safety_owner": ()}
    assert starting.roles_with_last_holder("h-ole", LIMITED, everybody) == {"operator": ("h-olga",)}
    assert starting.roles_with_last_holder("h-anna", LIMITED, everybody) == {}
    desk = Desk()
    assert desk.start(urgent=True, person="h-sam", last_of=["safety_owner"]) == "last_holder"
    assert desk.start(person="h-sam", last_of=["safety_owner"]).startswith("r"), "only an urgent start does it at once"
    desk.confirm(desk.held[0], OLE)
    assert desk.start(urgent=True, person="h-sam", last_of=["safety_owner"]).startswith("r")
    assert not desk.trips


def test_what_is_kept_is_bounded() -> None:
    desk = Desk()
    for _ in range(4):
        desk.start()
    for _ in range(MAX_HELD + 20):
        assert desk.start() == "starts_held"
    assert len(desk.held) == MAX_HELD and desk.state.version == 4 + 1 + MAX_HELD
    desk.later(KEPT_FOR + HOUR)
    desk.start(HOPE)
    assert len(desk.state.counted) == 1 and not desk.state.held and desk.trips, "a limit stays until it is released"


def test_the_latest_released_limits_are_kept() -> None:
    desk = Desk()
    tripped = {"scope": "packet", "packet": "leaver", "by": "hr", "requester": "h-hr", "urgent": False}
    for number in range(RELEASED_KEPT + 2):
        trip_id = f"trip-{number}"
        reached = e.StartsTripped.model_validate({**tripped, "trip_id": trip_id, "counted": 6, "limit": 6})
        desk.append([reached, e.StartsReleased(trip_id=trip_id, by=("ole", "vera"))])
    assert len(desk.state.past) == RELEASED_KEPT and desk.state.past[-1].trip.tripped.trip_id == trip_id
    assert desk.state.past[-1].by == ("ole", "vera") and not desk.trips


def test_a_held_start_under_embargo_exists_for_those_named() -> None:
    held = e.StartHeld(
        held_id="held-1",
        packet="leaver",
        person_id="p",
        by="hr",
        requester="h-hr",
        urgent=True,
        why="packet",
        named=("hr", "ole"),
    )
    state = fold_starts(StartsState(), held, MONDAY)
    with pytest.raises(Invalid):
        starting.confirm(state, "held-1", SAM, LIMITED, MONDAY, {})
    assert starting.confirm(state, "held-1", OLE, LIMITED, MONDAY, {})
    assert not starting.sees_held(held, SAM, LIMITED) and starting.sees_held(held, OLE, LIMITED)


def test_limits_have_defaults_and_bounds() -> None:
    assert StartLimits() == StartLimits(
        window=timedelta(hours=1), per_requester=50, per_packet=200, urgent_per_requester=3, urgent_per_packet=6
    )
    assert LIMITED.approvals.start_limits.per_packet == 6
    for wrong in ("starts: {window: P2D}\n", "starts: {per_requester: 0}\n", "starts: {per_person: 3}\n"):
        with pytest.raises(PacketProblems):
            packet(approvals=("exceptions:", wrong + "exceptions:"))


@pytest.mark.parametrize("kind", ["service", "assistant"])
def test_programs_neither_release_nor_confirm(kind: str) -> None:
    program = actor("robot", "safety_owner", "operator", kind=kind)
    tripped = e.StartsTripped(
        trip_id="trip-1", packet="leaver", scope="packet", by="hr", requester="h-hr", urgent=False, counted=6, limit=6
    )
    state = fold_starts(StartsState(), tripped, datetime(2026, 1, 1, tzinfo=MONDAY.tzinfo))
    with pytest.raises(NotAllowed):
        starting.release(state, "trip-1", program, LIMITED, {})


def test_a_full_list_of_one_requester_does_not_block_others() -> None:
    desk = Desk()
    for _ in range(4 + MAX_HELD + 5):
        desk.start()
    assert len(desk.held) == MAX_HELD
    desk.start(HOPE, urgent=True, person="h-sam", last_of=["safety_owner"])
    assert len(desk.held) == MAX_HELD + 1
    desk.confirm(desk.held[-1], OLE)
    assert desk.start(HOPE, urgent=True, person="h-sam", last_of=["safety_owner"]).startswith("r")


def test_a_start_of_a_service_is_not_let_go_on_by_the_person_who_created_its_token() -> None:
    services = packet(
        platform=("levels:\n", "levels:\n  - {who: feed, kind: service, up_to: prepare}\n"),
        approvals=("exceptions:", LIMITS + "exceptions:"),
    )
    desk = Desk(services)
    feed = Actor(actor_id="s_feed", kind="service", roles=frozenset({"feed"}), maker_human="h-sam")
    for _ in range(5):
        desk.start(feed)
    actors = {one.actor_id: one for one in (feed, SAM, OLE)}
    [trip], [held] = desk.state.trips.values(), desk.state.held.values()
    for by in (SAM, actor("sam-too", "operator", human="h-sam")):
        for attempt in (
            lambda by=by: starting.confirm(desk.state, desk.held[0], by, services, MONDAY, actors),
            lambda by=by: starting.release(desk.state, trip.tripped.trip_id, by, services, actors),
        ):
            assert refusal(attempt) == "second_person_needed"
        assert not starting.can_confirm(held, by, services, MONDAY, actors)
        assert not starting.can_release(trip, by, services, actors)
    assert starting.can_confirm(held, OLE, services, MONDAY, actors) and starting.can_release(
        trip, OLE, services, actors
    )
    assert starting.confirm(desk.state, desk.held[0], OLE, services, MONDAY, actors)


def test_a_start_that_was_confirmed_under_one_packet_is_held_under_another() -> None:
    desk = Desk()
    for _ in range(5):
        desk.start(person=f"p{desk.people}")
    desk.confirm(desk.held[0], OLE)
    person = next(iter(desk.state.held.values())).held.person_id
    desk.packet = OTHER
    assert desk.start(person=person) == "starts_held", "who confirmed it saw the other packet"
    assert {one.held.packet for one in desk.state.held.values()} == {"leaver", "other"}
