"""Whose file a change is in, and whose signatures a version needs beside the one in production."""

from __future__ import annotations

import pytest

from orchestrator.domain.errors import NotAllowed
from orchestrator.domain.packet.history.packet_events import PacketSigned
from orchestrator.domain.packet.history.packet_phases import adopt, move, sign
from orchestrator.domain.packet.history.packet_state import PacketState, fold
from orchestrator.domain.packet.packet import APPROVALS_FILE, PLATFORM_FILE, WORKFLOW_FILE, Packet
from orchestrator.domain.packet.packet_files import starter_packet
from orchestrator.domain.packet.versions.file_ownership import BOTH_OWNERS, RequiredSignatures, required_signatures
from orchestrator.domain.permissions.levels import Actor
from tests.domain.packet.test_changes import changed

VALUE = Actor(actor_id="v", human="h-v", roles=frozenset({"value_owner"}))
SAFETY = Actor(actor_id="s", human="h-s", roles=frozenset({"safety_owner"}))
BOTH = Actor(actor_id="b", human="h-b", roles=frozenset({"value_owner", "safety_owner"}))
STANDARD = starter_packet("standard-leaver")
WORDING = (WORKFLOW_FILE, ("title: Employee offboarding", "title: Leaving"))
STRICTER = (PLATFORM_FILE, ("token_lifetime: PT5M", "token_lifetime: PT10M"))
SHARED = (APPROVALS_FILE, ("due_within: P1D", "due_within: PT12H"))
LAXER = (WORKFLOW_FILE, ("access_gone_within: PT1H", "access_gone_within: PT2H"))
OTHER = (PLATFORM_FILE, ("deadline: PT20S", "settle: PT20S"))


def version(*edits: tuple[str, tuple[str, str]]) -> Packet:
    packet = STANDARD
    for file, swap in edits:
        packet = changed(file, swap, of=packet)
    return packet


@pytest.mark.parametrize(
    ("edits", "owners", "direct"),
    [
        ((WORDING,), {"value"}, True),
        ((STRICTER,), {"safety"}, True),
        ((SHARED,), set(), True),
        ((WORDING, SHARED), {"value"}, True),
        ((WORDING, STRICTER), {"value", "safety"}, True),
        ((LAXER,), {"value", "safety"}, False),
        ((WORDING, OTHER), {"value", "safety"}, False),
    ],
)
def test_the_owners_of_the_changed_files_sign(
    edits: tuple[tuple[str, tuple[str, str]], ...], owners: set[str], direct: bool
) -> None:
    found = required_signatures(STANDARD, version(*edits))
    assert (set(found.owners), found.direct) == (owners, direct)
    assert required_signatures(None, version(*edits)) == BOTH_OWNERS


def test_one_signature_is_enough_for_a_stricter_change_of_the_shared_file() -> None:
    either = RequiredSignatures(frozenset(), direct=True)
    assert either.missing([]) == ("value", "safety") and either.missing(["safety"]) == () == either.missing(["value"])
    assert BOTH_OWNERS.missing(["value"]) == ("safety",)


def in_production() -> PacketState:
    state = fold(draft.event for draft in adopt(PacketState(), STANDARD, VALUE))
    for phase in ("shadow", "pilot", "production"):
        for actor in (VALUE, SAFETY):
            state = fold((draft.event for draft in sign(state, STANDARD.version, actor)), state)
        state = fold((draft.event for draft in move(state, STANDARD.version, phase, VALUE)), state)  # type: ignore[arg-type]  # one of the phases
    return state


def test_the_other_owners_file_is_not_changed() -> None:
    state = in_production()
    for packet, actor, file in (
        (version(STRICTER), VALUE, "platform.yaml"),
        (version(WORDING), SAFETY, "workflow.yaml"),
        (
            changed(PLATFORM_FILE, ("safety_owner: safety_owner ", "safety_owner: safety_owner  ")),
            VALUE,
            "platform.yaml",
        ),
    ):
        with pytest.raises(NotAllowed, match="file_of_other_owner") as told:
            adopt(state, packet, actor, STANDARD, [STANDARD.files])
        assert told.value.message.startswith(f"{file} differs from the version in production")
        assert adopt(state, packet, BOTH, STANDARD, [STANDARD.files])
    for actor in (VALUE, SAFETY):
        assert adopt(state, version(SHARED), actor, STANDARD, [STANDARD.files]), "approvals.yaml is of both"


def test_changes_that_belong_together_become_one_version() -> None:
    state, mine, whole = in_production(), version(OTHER), version(OTHER, LAXER)
    with pytest.raises(NotAllowed, match="file_of_other_owner"):
        adopt(state, whole, VALUE, STANDARD, [STANDARD.files])
    assert adopt(state, mine, SAFETY, STANDARD, [STANDARD.files])
    assert adopt(state, whole, VALUE, STANDARD, [STANDARD.files, mine.files])


def test_an_owner_alone_takes_a_stricter_version_to_production_and_a_laxer_one_nowhere() -> None:
    state, packet = in_production(), version(STRICTER)
    required = required_signatures(STANDARD, packet)
    state = fold((draft.event for draft in adopt(state, packet, SAFETY, STANDARD)), state)
    signed = sign(state, packet.version, SAFETY, phase="production", required=required)
    assert [event.phase for draft in signed if isinstance(event := draft.event, PacketSigned)] == ["production"]
    state = fold((draft.event for draft in signed), state)
    assert move(state, packet.version, "production", SAFETY, required=required)
    with pytest.raises(NotAllowed, match="signature_missing") as told:
        move(state, packet.version, "pilot", SAFETY, required=required)
    assert "not signed by the safety owner" in told.value.message and "value" not in told.value.message

    laxer = version(LAXER)
    required = required_signatures(STANDARD, laxer)
    state = fold((draft.event for draft in adopt(state, laxer, VALUE, STANDARD)), state)
    with pytest.raises(Exception, match="not_the_next_phase"):
        sign(state, laxer.version, VALUE, phase="production", required=required)
    state = fold((draft.event for draft in sign(state, laxer.version, VALUE, required=required)), state)
    with pytest.raises(NotAllowed, match="signature_missing"):
        move(state, laxer.version, "shadow", VALUE, required=required)
