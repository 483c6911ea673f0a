"""A table of acts with a gap cannot be built."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.abilities import Ability
from connectors.acts import Act, ActTable, IncompleteActError
from connectors.errors import RefusedError

READ = Ability("snapshot", "read", "looks")
CHANGE = Ability("suspend", "change", "suspends", reversible="yes")
ATTESTED = Ability("notify", "stage", "tells", read_back=False)


def code(*_: Any) -> None:
    return None


@pytest.mark.parametrize(
    ("ability", "do", "look"),
    [
        (CHANGE, None, code),
        (CHANGE, code, None),
        (CHANGE, None, None),
        (READ, None, None),
        (READ, code, code),
        (ATTESTED, code, code),
        (ATTESTED, None, None),
        (Ability("wipe", "change", "wipes"), code, code),
    ],
)
def test_an_ability_without_its_code_cannot_be_declared(ability: Ability, do: Any, look: Any) -> None:
    with pytest.raises(IncompleteActError, match=ability.name):
        Act(ability, do, look)


def test_a_whole_table_finds_its_acts_and_refuses_others() -> None:
    acts = (Act(READ, look=code), Act(CHANGE, code, code), Act(ATTESTED, code))
    table: ActTable[Any, Any] = ActTable("kind", *acts)
    assert list(table.abilities) == ["snapshot", "suspend", "notify"]
    assert table.act("suspend") is acts[1]
    with pytest.raises(RefusedError, match="unknown_ability"):
        table.act("paint_blue")
    with pytest.raises(IncompleteActError, match="twice"):
        ActTable("kind", *acts, acts[0])
