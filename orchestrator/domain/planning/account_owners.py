"""Which person owns each account of a system, by the match keys with which runs search for accounts.

Pure. A person is a candidate for an account where any key of both has a value in common, in a loose comparison; the
rules of `matching.py` decide about each candidate.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from orchestrator.domain.organisation.person import PersonFacts
from orchestrator.domain.packet.packet import MatchKey
from orchestrator.domain.planning.matching import FoundAccount, loosely, match_accounts, person_values

_NUMBERS = ("hr_id", "employee_number")
_LEADING_ZEROS = re.compile(r"(?<!\d)0+(?=\d)")

Ownership = Literal["owned", "left", "ambiguous", "orphan", "service"]
"""`owned` by a person who works here; by one who has `left`; `ambiguous`: possibly of one person or of several,
or of one whose number is spelled differently; `orphan`: of no person whom HR knows; `service`: of none, and expected by
the packet."""


@dataclass(frozen=True, slots=True)
class OwnedAccount:
    """An account of the list. `values` has all its values by attribute. `owner` is the number of the person in the list
    of people, if it is one."""

    label: str
    values: Mapping[str, tuple[str, ...]]
    ownership: Ownership
    owner: int | None = None


def owners_of(
    accounts: Sequence[tuple[str, Mapping[str, tuple[str, ...]]]],
    people: Sequence[tuple[PersonFacts, bool]],
    keys: Sequence[MatchKey],
    service_accounts: Sequence[str] = (),
) -> list[OwnedAccount]:
    """`accounts` are labels and values, in the order of the result; `people` are facts and whether the person has left.
    An exact match on a strong key counts more than other people's possible matches, except for a person who has left:
    a person who works here could have the account, under a second record in HR."""
    by_value: dict[tuple[str, str], set[int]] = {}
    numbers: set[tuple[str, str]] = set()
    for number, (person, _) in enumerate(people):
        for key in keys:
            for value in person_values(person, key.key):
                by_value.setdefault((key.attribute, loosely(value)), set()).add(number)
                if key.key in _NUMBERS and _spelled(value):
                    numbers.add((key.attribute, _spelled(value)))
    found = []
    for label, values in accounts:
        candidates = {
            number
            for key in keys
            for value in values.get(key.attribute, ())
            for number in by_value.get((key.attribute, loosely(value)), ())
        }
        outcomes = {number: _outcome(people[number][0], keys, values) for number in candidates}
        matched = [number for number, outcome in outcomes.items() if outcome == "matched"]
        doubtful = any(outcome == "ambiguous" for outcome in outcomes.values())
        left = len(matched) == 1 and people[matched[0]][1]
        works_here = any(outcome != "none" and not people[number][1] for number, outcome in outcomes.items())
        if len(matched) == 1 and not doubtful and not (left and works_here):
            found.append(OwnedAccount(label, values, "left" if left else "owned", matched[0]))
        elif any(outcome != "none" for outcome in outcomes.values()) or any(
            (key.attribute, _spelled(value)) in numbers for key in keys for value in values.get(key.attribute, ())
        ):
            found.append(OwnedAccount(label, values, "ambiguous"))
        else:
            expected = any(_is_like(name, service_accounts) for name in _names(label, values))
            found.append(OwnedAccount(label, values, "service" if expected else "orphan"))
    return found


def _spelled(number: str) -> str:
    """What the spellings of a number have in common: letters and digits, without leading zeros. Spreadsheets take zeros
    away, and systems write hyphens and spaces in their own way."""
    return _LEADING_ZEROS.sub("", "".join(letter for letter in loosely(number) if letter.isalnum()))


def _outcome(person: PersonFacts, keys: Sequence[MatchKey], values: Mapping[str, tuple[str, ...]]) -> str:
    """Of several values of an attribute, the person's own counts, as where a run searches for it."""
    attributes = {}
    for key in keys:
        several = values.get(key.attribute, ())
        own = {loosely(value) for value in person_values(person, key.key)}
        shown = next((value for value in several if loosely(value) in own), next(iter(several), None))
        if shown is not None and (key.attribute not in attributes or loosely(shown) in own):
            attributes[key.attribute] = shown
    account = FoundAccount(system="", account_id="-", native_id="", attributes=attributes)
    return match_accounts(person, keys, [account]).outcome


def _names(label: str, values: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    yield label
    for several in values.values():
        yield from several


def _is_like(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name.casefold(), pattern.casefold()) for pattern in patterns)
