"""Whether several places can each have a person of their own."""

from __future__ import annotations

from collections.abc import Sequence


def different_people(wanted: Sequence[frozenset[str]]) -> int:
    """How many of the places can be taken at once by different people; each place has those who could take it. A
    maximum matching, by augmenting paths."""
    taken: dict[str, int] = {}

    def seat(place: int, tried: set[str]) -> bool:
        for person in wanted[place] - tried:
            tried.add(person)
            if person not in taken or seat(taken[person], tried):
                taken[person] = place
                return True
        return False

    return sum(seat(place, set()) for place in range(len(wanted)))
