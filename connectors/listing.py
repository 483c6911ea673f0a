"""Lists of all accounts of a system, and of all people of HR: for the question which accounts no person owns.

Optional: a kind that cannot list accounts has none of these methods, or returns None. A list changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
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


def listed(account: Account, attributes: Collection[str]) -> ListedAccount:
    """An account whose attributes have one value each. `id` is its native id."""
    shown = {**account.attributes, "id": account.native_id}
    return ListedAccount(account, {name: (shown[name],) for name in attributes if shown.get(name)})


def cut(accounts: Sequence[ListedAccount], at_most: int) -> AccountsListed:
    """Of a list that was read for one account more than `at_most`."""
    return AccountsListed(accounts[:at_most], complete=len(accounts) <= at_most)
