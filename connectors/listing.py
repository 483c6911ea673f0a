"""Lists of all accounts of a system and of all people of HR, for the question which accounts no person owns; and of
all leavers of HR, for the feed that starts their runs.

Optional: a kind that cannot list accounts has none of these methods, or returns None. A list changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar, runtime_checkable

from connectors.abilities import Account, Pace, unpaced
from connectors.http.requests import Flow
from connectors.people import Person

C = TypeVar("C")


@dataclass(frozen=True, slots=True)
class ListedAccount:
    """`values` has every value of the account under each attribute that was asked for: an account can have several mail
    addresses, and a person any of them."""

    account: Account
    values: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class AccountsListed:
    """`complete` is false where the system has more accounts than were asked for. `local_parts` names attributes whose
    values are the part of a mail address before the @."""

    accounts: Sequence[ListedAccount]
    complete: bool
    local_parts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class PeopleListed:
    """`missing` says in words why people are missing; empty where all are there."""

    people: Sequence[Person]
    missing: str = ""


@dataclass(frozen=True, slots=True)
class ListedLeaver:
    """A person who leaves, or has left, by HR's own record. `person_id` is `Person.id`. `leaving_at` is an aware time,
    the same as `Person.leaving_at`. `place` says where the record is, such as `line 12`; it names no person."""

    person_id: str
    leaving_at: datetime
    place: str


@dataclass(frozen=True, slots=True)
class UnreadableRecord:
    """A record that could be a leaver's. `place` is as for `ListedLeaver`; `message` says what is wrong and what to do,
    and quotes no more of the record than a wrong date, time or zone."""

    place: str
    message: str


@dataclass(frozen=True, slots=True)
class LeaversListed:
    """Everyone who leaves or has left, each once. A person without a leaving is not in it. `source` names what was
    read, such as a file; `as_of` is when HR wrote it, an aware time. `version` is the same for the same records, so
    that they need not be processed again."""

    leavers: Sequence[ListedLeaver]
    unreadable: Sequence[UnreadableRecord]
    source: str
    as_of: datetime
    version: str


Listing = Callable[[C, Collection[str], int], Flow[Sequence[ListedAccount]]]
"""Every account with its values under these attributes, or the first ones up to the number."""


@runtime_checkable
class ListsAccounts(Protocol):
    async def list_accounts(
        self, attributes: Collection[str], *, at_most: int, deadline: float, pace: Pace = unpaced
    ) -> AccountsListed | None:
        """None where this kind cannot list accounts. Raises `ConnectorError`."""
        ...


@runtime_checkable
class ListsPeople(Protocol):
    async def list_people(self, *, at_most: int, deadline: float, pace: Pace = unpaced) -> PeopleListed:
        """Raises `ConnectorError`, also where HR's record is older than its settings allow."""
        ...


@runtime_checkable
class ListsLeavers(Protocol):
    async def leavers(self, *, deadline: float, pace: Pace = unpaced) -> LeaversListed:
        """Everyone or an error: a list that may be cut off is not returned. Records that cannot be read are named in
        it. Raises `ConnectorError`, which names the place, also where HR's record is older than its settings allow."""
        ...


def listed(account: Account, attributes: Collection[str]) -> ListedAccount:
    """An account whose attributes have one value each. `id` is its native id."""
    shown = {**account.attributes, "id": account.native_id}
    return ListedAccount(account, {name: (shown[name],) for name in attributes if shown.get(name)})


def cut(accounts: Sequence[ListedAccount], at_most: int) -> AccountsListed:
    """Of a list that was read for one account more than `at_most`."""
    return AccountsListed(accounts[:at_most], complete=len(accounts) <= at_most)
