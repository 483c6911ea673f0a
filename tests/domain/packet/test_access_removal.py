"""Which steps count as the removal of access, where a packet is checked."""

from __future__ import annotations

import pytest

from tests.domain.packet.test_packet_checks import problems
from tests.domain.packet_texts import packet_files


@pytest.mark.parametrize(("at", "said"), [("", "before the cutoff"), ("    at: cutoff+P2D\n", "than the target")])
def test_a_deactivation_is_the_removal_where_nothing_suspends_the_account(at: str, said: str) -> None:
    deactivates = "    ability: deactivate\n    needs: [look]\n"
    files = packet_files(workflow=("    ability: disable\n    needs: [look]\n    at: cutoff\n", deactivates + at))
    assert [said in problem.message for problem in problems(files)] == [True]
    right = packet_files(workflow=("ability: disable", "ability: deactivate"))
    assert problems(right) == []
