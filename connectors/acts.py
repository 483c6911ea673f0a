"""The table of a connector's acts: how each ability is carried out and how it is read back.

A table that declares an ability without the code for it cannot be built, so a connector with a gap fails when it is
imported, and not in the middle of a run.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from connectors.abilities import Ability
from connectors.parameters import unknown_ability

Do = TypeVar("Do")
Look = TypeVar("Look")


class IncompleteActError(TypeError):
    """An ability was declared without the code that it needs. A mistake in the connector, found when it is imported."""


@dataclass(frozen=True, slots=True)
class Act(Generic[Do, Look]):
    """One ability. `do` carries it out; it is None for the level `read` only, which changes nothing. `look` reads it
    back; it is None only where the ability declares `read_back=False`. Raises `IncompleteActError`."""

    ability: Ability
    do: Do | None = None
    look: Look | None = None

    def __post_init__(self) -> None:
        ability = self.ability
        if (self.do is None) != (ability.level == "read"):
            raise IncompleteActError(
                f"{ability.name} is read-only, but has code that changes something"
                if self.do is not None
                else f"{ability.name} has no code that carries it out"
            )
        if (self.look is None) == ability.read_back:
            raise IncompleteActError(
                f"{ability.name} has no code that reads it back"
                if self.look is None
                else f"{ability.name} has code that reads it back, but declares read_back=False"
            )
        declared = ability.destroys or ability.hands_over or ability.destroys_nothing_because
        if ability.level == "change" and ability.reversible == "no" and not declared:
            raise IncompleteActError(
                f"{ability.name} cannot be undone: declare destroys or hands_over, or give the reason in "
                "destroys_nothing_because"
            )


class ActTable(Generic[Do, Look]):
    """The acts of one kind, by the name of the ability. Raises `IncompleteActError` for a name given twice."""

    def __init__(self, kind: str, *acts: Act[Do, Look]) -> None:
        self._kind = kind
        self._acts = {act.ability.name: act for act in acts}
        if len(self._acts) != len(acts):
            raise IncompleteActError(f"{kind} declares an ability twice")
        for act in acts:
            inverse = self._acts.get(act.ability.undone_by)
            if act.ability.undone_by and (inverse is None or not inverse.ability.gives_access):
                raise IncompleteActError(
                    f"{act.ability.name} is undone by {act.ability.undone_by}, which is no ability that gives access"
                )
        self.abilities: Mapping[str, Ability] = types.MappingProxyType(
            {name: act.ability for name, act in self._acts.items()}
        )

    def act(self, ability: str) -> Act[Do, Look]:
        """Raises `RefusedError("unknown_ability")`."""
        act = self._acts.get(ability)
        if act is None:
            raise unknown_ability(self._kind, ability)
        return act
