"""The packet on a machine without slapd. `test_terminal.py` has the demo there."""

from __future__ import annotations

from orchestrator.domain.packet.packet_files import starter_packet
from orchestrator.embedded.smaller_packet import without_systems


def test_a_packet_without_a_system_keeps_the_rest() -> None:
    whole = starter_packet("standard-leaver")
    smaller = without_systems(whole, {"directory"})
    assert "directory" not in smaller.platform.systems
    gone = {step.name for step in whole.workflow.steps if step.system == "directory"}
    assert [step.name for step in smaller.workflow.steps] == [
        step.name for step in whole.workflow.steps if step.name not in gone
    ]
    assert not any(set(step.needs) & gone for step in smaller.workflow.steps)
    assert smaller.version != whole.version
    assert without_systems(whole, {"telephone"}) is whole
