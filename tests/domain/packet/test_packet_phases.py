"""A packet's phases: forward with two owners, back with one, and never by an assistant."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from orchestrator.domain.errors import Invalid, NotAllowed, Refusal, TooLate
from orchestrator.domain.events.event import Draft
from orchestrator.domain.packet.history.packet_events import FORWARD, PacketAdopted, PacketMoved, Phase
from orchestrator.domain.packet.history.packet_phases import adopt, move, sign
from orchestrator.domain.packet.history.packet_state import PacketState, fold, version_named
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.packet.packet_files import parse_packet
from orchestrator.domain.packet.version_choice import dry_run_beside, for_dry_run, for_run
from orchestrator.domain.permissions.levels import Actor
from tests.domain.packet_texts import packet_files

VALUE = Actor(actor_id="v", human="h-v", roles=frozenset({"value_owner"}))
SAFETY = Actor(actor_id="s", human="h-s", roles=frozenset({"safety_owner"}))
BOTH = Actor(actor_id="b", human="h-b", roles=frozenset({"value_owner", "safety_owner"}))
VALUE_TWIN = Actor(actor_id="v2", human="h-v", roles=frozenset({"safety_owner"}))  # the same person, another account
STRANGER = Actor(actor_id="x", human="h-x", roles=frozenset({"operator"}))
ASSISTANT = Actor(actor_id="ai", kind="assistant", roles=frozenset({"value_owner", "safety_owner"}))
UNKNOWN = Actor(actor_id="u", roles=frozenset({"value_owner"}))
ONE = parse_packet(packet_files())
TWO = parse_packet(packet_files(workflow=("PT1H", "PT2H")))


class Life:
    """Applies what was decided, as the ledger would."""

    def __init__(self) -> None:
        self.state = PacketState()
        self.keys: set[str] = set()

    def take(self, drafts: list[Draft]) -> list[Draft]:
        for draft in drafts:
            assert draft.key not in self.keys, f"{draft.key} was used before"
            self.keys.add(draft.key)
        self.state = fold((draft.event for draft in drafts), self.state)
        return drafts

    def adopt(self, packet: Packet, actor: Actor = VALUE) -> None:
        self.take(adopt(self.state, packet, actor))

    def advance(self, packet: Packet, to: Phase) -> None:
        while self.state.version(packet.version).phase != to:
            now = self.state.version(packet.version).phase
            self.take(sign(self.state, packet.version, VALUE))
            self.take(sign(self.state, packet.version, SAFETY))
            self.take(move(self.state, packet.version, FORWARD[FORWARD.index(now) + 1], VALUE))


@pytest.fixture
def life() -> Life:
    life = Life()
    life.adopt(ONE)
    return life


def test_a_version_is_adopted_as_a_draft_with_its_bytes(life: Life) -> None:
    [event] = [draft.event for draft in adopt(PacketState(), ONE, SAFETY)]
    assert isinstance(event, PacketAdopted)
    assert parse_packet(event.files) == ONE
    assert (life.state.phase, life.state.current_version) == ("draft", None)
    assert adopt(life.state, ONE, VALUE) == []


def test_forward_takes_both_signatures(life: Life) -> None:
    with pytest.raises(NotAllowed) as unsigned:
        move(life.state, ONE.version, "shadow", VALUE)
    assert "value owner (role 'value_owner') and the safety owner" in unsigned.value.message
    life.take(sign(life.state, ONE.version, VALUE))
    with pytest.raises(NotAllowed) as half:
        move(life.state, ONE.version, "shadow", SAFETY)
    assert "is not signed by the safety owner" in half.value.message
    life.take(sign(life.state, ONE.version, SAFETY, phase="shadow"))
    life.take(move(life.state, ONE.version, "shadow", SAFETY))
    assert life.state.phase == "shadow"


def test_the_reason_of_a_move_is_personal(life: Life) -> None:
    [draft] = move(life.state, ONE.version, "retired", VALUE, "Nora said no")
    event = draft.event
    assert isinstance(event, PacketMoved)
    assert (event.explanation, draft.subject) == ("Nora said no", "h-v")
    assert "explanation" in event.personal_fields() and event.reason == ""
    [silent] = move(life.state, ONE.version, "retired", VALUE)
    assert silent.subject is None


def test_a_move_back_records_what_happens_to_open_runs(life: Life) -> None:
    life.advance(ONE, "pilot")
    [forward] = move(signed_for_production(life), ONE.version, "production", VALUE)
    assert isinstance(forward.event, PacketMoved) and forward.event.open_runs is None
    for phase in ("shadow", "draft", "retired"):
        [safe] = move(life.state, ONE.version, phase, VALUE)
        [paused] = move(life.state, ONE.version, phase, VALUE, open_runs="pause")
        assert isinstance(safe.event, PacketMoved) and isinstance(paused.event, PacketMoved)
        assert (safe.event.open_runs, paused.event.open_runs) == ("continue", "pause")


def signed_for_production(life: Life) -> PacketState:
    life.take(sign(life.state, ONE.version, VALUE))
    life.take(sign(life.state, ONE.version, SAFETY))
    return life.state


def test_signatures_stay_visible_after_moves_and_after_another_adoption(life: Life) -> None:
    life.advance(ONE, "pilot")
    life.take(sign(life.state, ONE.version, VALUE))
    life.take(move(life.state, ONE.version, "draft", SAFETY))
    known = life.state.version(ONE.version)
    used = [("shadow", "v"), ("shadow", "s"), ("pilot", "v"), ("pilot", "s"), ("production", "v")]
    assert (known.signatures, [(one.phase, one.by) for one in known.past_signatures]) == ((), used)
    life.adopt(TWO)
    life.adopt(ONE)
    assert [(one.phase, one.by) for one in life.state.version(ONE.version).past_signatures] == used
    with pytest.raises(NotAllowed, match="signature_missing"):
        move(life.state, ONE.version, "shadow", VALUE)


def test_every_phase_is_signed_for_again(life: Life) -> None:
    life.advance(ONE, "shadow")
    assert life.state.signatures == ()
    with pytest.raises(NotAllowed):
        move(life.state, ONE.version, "pilot", VALUE)


def test_no_phase_is_left_out(life: Life) -> None:
    with pytest.raises(Invalid, match="not_the_next_phase"):
        move(life.state, ONE.version, "production", VALUE)
    with pytest.raises(Invalid, match="not_the_next_phase"):
        sign(life.state, ONE.version, VALUE, phase="pilot")


def test_one_person_does_not_sign_for_both_owners(life: Life) -> None:
    life.take(sign(life.state, ONE.version, BOTH))
    with pytest.raises(NotAllowed, match="one_person_signs_once"):
        sign(life.state, ONE.version, BOTH)
    life.take(sign(life.state, ONE.version, SAFETY))
    life.take(move(life.state, ONE.version, "shadow", BOTH))


def test_two_accounts_of_one_person_are_one_person(life: Life) -> None:
    life.take(sign(life.state, ONE.version, VALUE))
    with pytest.raises(NotAllowed, match="one_person_signs_once"):
        sign(life.state, ONE.version, VALUE_TWIN)


def test_signing_twice_changes_nothing_and_a_second_owner_comes_too_late(life: Life) -> None:
    life.take(sign(life.state, ONE.version, VALUE))
    assert sign(life.state, ONE.version, VALUE) == []
    other = Actor(actor_id="w", human="h-w", roles=frozenset({"value_owner"}))
    with pytest.raises(TooLate) as late:
        sign(life.state, ONE.version, other)
    assert late.value.message.startswith("v has already signed")


@pytest.mark.parametrize("actor", [STRANGER, ASSISTANT, UNKNOWN])
def test_only_owners_whom_hr_knows_govern(life: Life, actor: Actor) -> None:
    life.take(sign(life.state, ONE.version, VALUE))
    life.take(sign(life.state, ONE.version, SAFETY))
    for act in (
        lambda: adopt(life.state, TWO, actor),
        lambda: sign(life.state, ONE.version, actor),
        lambda: move(life.state, ONE.version, "shadow", actor),
        lambda: move(life.state, ONE.version, "retired", actor),
    ):
        with pytest.raises(NotAllowed):
            act()


def test_a_file_gets_another_owner_from_its_owner_alone(life: Life) -> None:
    taken = parse_packet(packet_files(platform=("safety_owner: safety_owner", "safety_owner: value_owner")))
    with pytest.raises(NotAllowed, match="not_an_owner"):
        adopt(life.state, taken, VALUE)
    given = parse_packet(packet_files(workflow=("value_owner: value_owner", "value_owner: safety_owner")))
    with pytest.raises(NotAllowed, match="not_an_owner"):
        adopt(life.state, given, SAFETY)
    assert adopt(life.state, taken, BOTH)


@pytest.mark.parametrize("actor", [VALUE, SAFETY])
def test_either_owner_alone_takes_it_back_or_out_of_use(life: Life, actor: Actor) -> None:
    life.advance(ONE, "production")
    life.take(move(life.state, ONE.version, "shadow", actor, "too many exceptions"))
    assert life.state.phase == "shadow"
    with pytest.raises(NotAllowed):
        move(life.state, ONE.version, "pilot", actor)
    life.take(move(life.state, ONE.version, "retired", actor))
    with pytest.raises(TooLate):
        move(life.state, ONE.version, "shadow", actor)
    with pytest.raises(TooLate):
        sign(life.state, ONE.version, actor)


def test_a_new_version_begins_as_a_draft_while_the_old_one_works_on(life: Life) -> None:
    life.advance(ONE, "production")
    life.adopt(TWO)
    assert (life.state.phase, life.state.current_version) == ("production", ONE.version)
    assert life.state.newest is not None and life.state.newest.phase == "draft"
    life.advance(TWO, "pilot")
    in_pilot, beside = for_run(life.state, covered=True), for_run(life.state, covered=False)
    assert in_pilot is not None and in_pilot.version == TWO.version
    assert beside is not None and beside.version == ONE.version
    assert life.state.today_for(ONE.version).version == ONE.version
    life.advance(TWO, "production")
    assert life.state.today_for(ONE.version).version == TWO.version
    assert life.state.current_version == TWO.version


def test_nothing_runs_under_a_draft_or_a_retired_version(life: Life) -> None:
    assert started(life) == ("draft", ONE.version), "which a start refuses"
    life.advance(ONE, "shadow")
    assert started(life) == ("shadow", ONE.version) == started(life, shadow=True)
    life.take(move(life.state, ONE.version, "retired", VALUE))
    assert started(life) == ("retired", ONE.version), "which a start refuses"
    with pytest.raises(Invalid, match="no_dry_run"):
        for_dry_run(life.state)


def started(life: Life, *, shadow: bool = False, covered: bool = False) -> tuple[str, str]:
    """The phase and the version of a start."""
    version = for_dry_run(life.state) if shadow else for_run(life.state, covered=covered)
    assert version is not None
    return version.phase, version.version


def test_the_version_of_a_start_depends_on_what_it_asks_for(life: Life) -> None:
    """In the order in which versions go forward."""
    assert for_run(PacketState(), covered=False) is None
    life.advance(ONE, "pilot")
    assert started(life, covered=True) == started(life) == ("pilot", ONE.version), "a start refuses who is not covered"
    assert dry_run_beside(life.state) is None
    life.advance(ONE, "production")
    life.adopt(TWO)
    with pytest.raises(Invalid, match="no_dry_run"):
        for_dry_run(life.state)
    life.advance(TWO, "shadow")
    for covered in (True, False):
        assert started(life, covered=covered) == ("production", ONE.version)
    assert started(life, shadow=True) == ("shadow", TWO.version)
    beside = dry_run_beside(life.state)
    assert beside is not None and beside.version == TWO.version
    life.advance(TWO, "pilot")
    assert started(life, covered=True) == ("pilot", TWO.version)
    assert started(life) == ("production", ONE.version)
    life.take(move(life.state, ONE.version, "shadow", VALUE))
    assert started(life) == ("pilot", TWO.version), "a start refuses who is not covered"
    assert started(life, shadow=True) == ("shadow", ONE.version)


def test_a_retired_version_adopted_again_begins_again(life: Life) -> None:
    life.advance(ONE, "shadow")
    life.take(move(life.state, ONE.version, "retired", VALUE))
    life.adopt(TWO)
    life.adopt(ONE)
    assert life.state.version(ONE.version).phase == "draft"
    life.advance(ONE, "production")


def test_a_file_cannot_give_itself_to_other_owners(life: Life) -> None:
    taken = parse_packet(packet_files(workflow=("value_owner: value_owner", "value_owner: operator")))
    with pytest.raises(NotAllowed, match="not_an_owner"):
        adopt(life.state, taken, STRANGER)


def test_another_packet_does_not_belong_into_this_stream(life: Life) -> None:
    other = parse_packet(packet_files(workflow=("name: leaver", "name: mover")))
    with pytest.raises(Invalid, match="packet_renamed"):
        adopt(life.state, other, VALUE)


@pytest.mark.parametrize("version", ["", "zzzzzzzz", ONE.version[:7]])
def test_an_unknown_version_is_refused(life: Life, version: str) -> None:
    with pytest.raises(Invalid, match="unknown_packet_version"):
        sign(life.state, version, VALUE)
    assert life.state.version(ONE.version[:8]).version == ONE.version


class AnyLife(RuleBasedStateMachine):
    """No order of commands lets a version go forward without two people's signatures for that phase."""

    def __init__(self) -> None:
        super().__init__()
        self.life = Life()
        self.signed: set[tuple[str, str, str, str]] = set()

    def attempt(self, act: Any) -> list[Draft]:
        try:
            return self.life.take(act())
        except Refusal:
            return []

    ACTORS = st.sampled_from([VALUE, SAFETY, BOTH, VALUE_TWIN, STRANGER, ASSISTANT, UNKNOWN])
    PACKETS = st.sampled_from([ONE, TWO])

    @rule(packet=PACKETS, actor=ACTORS)
    def adopts(self, packet: Packet, actor: Actor) -> None:
        if self.attempt(lambda: adopt(self.life.state, packet, actor)):
            self.signed = {entry for entry in self.signed if entry[0] != packet.version}

    @rule(packet=PACKETS, actor=ACTORS)
    def signs(self, packet: Packet, actor: Actor) -> None:
        for draft in self.attempt(lambda: sign(self.life.state, packet.version, actor)):
            event: Any = draft.event
            self.signed.add((event.version, event.phase, event.owner, event.human))

    @rule(packet=PACKETS, actor=ACTORS, to=st.sampled_from([*FORWARD, "retired"]))
    def moves(self, packet: Packet, actor: Actor, to: Phase) -> None:
        for draft in self.attempt(lambda: move(self.life.state, packet.version, to, actor)):
            event = draft.event
            assert isinstance(event, PacketMoved)
            assert actor.kind == "person" and actor.human is not None and actor is not STRANGER
            if to != "retired" and FORWARD.index(to) > FORWARD.index(event.from_phase):
                assert FORWARD.index(to) == FORWARD.index(event.from_phase) + 1
                mine = {entry for entry in self.signed if entry[:2] == (event.version, to)}
                assert {owner for _, _, owner, _ in mine} == {"value", "safety"}
                assert len({human for *_, human in mine}) >= 2
            self.signed = {entry for entry in self.signed if entry[0] != event.version}

    @invariant()
    def current_is_in_use(self) -> None:
        current = self.life.state.current
        assert current is None or current.phase in ("shadow", "pilot", "production")


AnyLife.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestAnyLife = AnyLife.TestCase


def test_a_version_in_use_that_is_adopted_again_stays_in_use(life: Life) -> None:
    """One owner alone would take it out of use otherwise, and would not say what happens to its open runs."""
    life.advance(ONE, "production")
    life.adopt(TWO)
    assert adopt(life.state, ONE, VALUE) == []
    life.adopt(ONE)
    assert (life.state.phase, life.state.current_version) == ("production", ONE.version)


def test_a_version_is_named_by_a_beginning_that_fits_one_only() -> None:
    versions = ["0123456789ab", "0123456789cd", "fedcba987654"]
    assert version_named("leaver", versions, "fedcba98") == "fedcba987654"
    for wrong in ("", "f", "fedcba9", "0123456789", "fedcba9876543", "x" * 20):
        with pytest.raises(Invalid, match="unknown_packet_version"):
            version_named("leaver", versions, wrong)
