"""What a reviewer does not see in a packet, and an HR system that is none, are found before anyone relies on it."""

from __future__ import annotations

import pytest

from orchestrator.domain.packet.checks.packet_checks import check_packet
from orchestrator.domain.packet.history.packet_phases import adopt
from orchestrator.domain.packet.history.packet_state import PacketState
from orchestrator.domain.packet.packet_files import parse_packet
from orchestrator.domain.packet.packet_yaml import PacketProblems
from orchestrator.domain.permissions.levels import Actor
from tests.domain.packet_texts import ABILITIES, SETTINGS, packet_files

OWNER = Actor(actor_id="sam", kind="person", roles=frozenset({"value_owner", "safety_owner"}), human="h-sam")


@pytest.mark.parametrize("character", ["\u202e", "\u2066", "\u200b", "\u200d", "\ufeff", "\u00ad", "\U000e0041"])
def test_invisible_characters_are_named_by_line(character: str) -> None:
    files = packet_files(workflow=("needs: [look]", f"needs: [look]  # or{character} not"))
    [problem] = check_packet(parse_packet(files), ABILITIES, settings=SETTINGS)
    assert (problem.file, problem.line) == ("workflow.yaml", 19)
    assert f"U+{ord(character):04X}" in problem.message
    packet = parse_packet(files)
    with pytest.raises(PacketProblems):
        adopt(PacketState(), packet, OWNER)


@pytest.mark.parametrize("line_end", ["\u2028", "\u2029", "\x85", "\r"])
def test_a_line_end_that_editors_do_not_show_is_named_by_line(line_end: str) -> None:
    """It ends the comment for YAML, and what follows counts: here the step would have no gate."""
    files = packet_files(workflow=("gate: access", f"minutes_saved: 5  # checked{line_end}    gate: other"))
    with pytest.raises(PacketProblems) as told:
        adopt(PacketState(), parse_packet(files), OWNER)
    [problem] = told.value.problems
    assert (problem.file, problem.line) == ("workflow.yaml", 21)
    assert f"U+{ord(line_end):04X}" in problem.message
    windows = {name: text.replace(b"\n", b"\r\n") for name, text in packet_files().items()}
    assert adopt(PacketState(), parse_packet(windows), OWNER)


def test_the_hr_system_is_one() -> None:
    packet = parse_packet(packet_files())
    kind = packet.platform.systems[packet.platform.hr.system].connector
    assert check_packet(packet, ABILITIES, hr_kinds={kind}) == []
    [problem] = check_packet(packet, ABILITIES, hr_kinds={"hr-of-another-kind"})
    assert problem.field == "hr.system" and "not an HR system" in problem.message
