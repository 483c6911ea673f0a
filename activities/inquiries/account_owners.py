"""Lists the accounts of a system that no person who works here owns. Reads only.

One list at a time for each system, and one that was read a moment ago is shown again: it takes many requests. What was
read is kept in this worker's memory only, for `KEPT_SECONDS`.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property

from activities.connections import Connections
from activities.inquiries.people import People, facts_of
from activities.inquiries.reachability import elsewhere
from connectors.errors import ActionRequiredError, ConnectorError
from connectors.listing import AccountsListed, ListsAccounts
from connectors.people import Person
from orchestrator.documents.account_owners import (
    MAX_SHOWN_ACCOUNTS,
    AccountOwners,
    OwnershipCounts,
    UnownedAccount,
)
from orchestrator.domain.packet.packet import Packet, SystemSpec
from orchestrator.domain.planning.account_owners import OwnedAccount, owners_of

MAX_ACCOUNTS = 10_000
MAX_PEOPLE = 20_000
DEADLINE_SECONDS = 60.0
"""Of each of the two lists."""
KEPT_SECONDS = 60.0
_FIRST = ("left", "orphan", "ambiguous")

Hidden = Callable[[Sequence[str]], Awaitable[Collection[str]]]
"""Of people by HR's ids, those whose leaving the asker does not see."""


@dataclass(frozen=True)
class _Read:
    accounts: AccountsListed
    people: Sequence[Person]
    at: datetime
    until: float

    @cached_property
    def addresses(self) -> Mapping[str, Sequence[str]]:
        """The mail addresses of people, by the part before the @."""
        found: dict[str, list[str]] = {}
        for person in self.people:
            for address in (person.email, *person.former_emails):
                if address:
                    found.setdefault(address.partition("@")[0].casefold(), []).append(address)
        return found


class AccountOwnersList:
    def __init__(self, connections: Connections, queues: frozenset[str]) -> None:
        self._connections = connections
        self._queues = queues
        self._read: dict[str, _Read] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def of(
        self, packet: Packet, system: str, people: People, hidden: Hidden, *, shows_people: bool
    ) -> AccountOwners:
        """`shows_people`: the asker reads HR's record. Raises `ConnectorError` where HR cannot list its people; an
        error of the system is a part of the answer."""
        spec = packet.platform.systems[system]
        of_system = f"{packet.version}/{system}"
        async with self._locks.setdefault(of_system, asyncio.Lock()):
            self._forget()
            read = self._read.get(of_system)
            if read is None:
                everyone = await _everyone(people)
                try:
                    accounts = await self._accounts(system, spec)
                except ConnectorError as error:
                    return _failed(packet, system, error)
                read = _Read(accounts, everyone, datetime.now(UTC), time.monotonic() + KEPT_SECONDS)
                self._read[of_system] = read
                asyncio.get_running_loop().call_later(KEPT_SECONDS + 1, self._forget)
        # Thousands of comparisons, which the event loop does not wait for.
        owned = await asyncio.to_thread(_owned, read, spec)
        left = {read.people[one.owner].id for one in owned if one.owner is not None and one.ownership == "left"}
        unseen = await hidden(sorted(left))
        owned = [
            replace(one, ownership="owned") if one.owner is not None and read.people[one.owner].id in unseen else one
            for one in owned
        ]
        return _answer(packet, system, read, owned, shows_people=shows_people)

    async def _accounts(self, system: str, spec: SystemSpec) -> AccountsListed:
        if (why := elsewhere(system, spec, self._queues)) is not None:
            raise ActionRequiredError("own_network_only", why, happened="no")
        if not spec.match:
            raise ActionRequiredError(
                "not_listed",
                f"System {system} has no match keys, so accounts can't be compared with HR.",
                remedy="Add match keys to the system in platform.yaml.",
                happened="no",
            )
        connector = await self._connections.to(system, spec)
        pace = self._connections.pace(system, spec, deadline=DEADLINE_SECONDS)
        attributes = list(dict.fromkeys(key.attribute for key in spec.match))
        listed = None
        if isinstance(connector, ListsAccounts):
            listed = await connector.list_accounts(
                attributes, at_most=MAX_ACCOUNTS, deadline=DEADLINE_SECONDS, pace=pace
            )
        if listed is None:
            raise ActionRequiredError(
                "not_listed", f"The connector {spec.connector} does not list accounts.", happened="no"
            )
        return listed

    def _forget(self) -> None:
        now = time.monotonic()
        self._read = {name: read for name, read in self._read.items() if read.until > now}


async def _everyone(people: People) -> Sequence[Person]:
    """Raises `ActionRequiredError("list_incomplete")` where people are missing: their accounts would look like
    orphans. So would all accounts if HR shows only people who have left, as with a permission that covers no others."""
    found = await people.everyone(MAX_PEOPLE, deadline=DEADLINE_SECONDS)
    missing = found.missing
    if not missing and all(person.status == "left" for person in found.people):
        missing = "HR's list has no person who works here."
    if missing:
        raise ActionRequiredError(
            "list_incomplete",
            f"{missing} Accounts of people who are missing would look like orphans.",
            remedy="Correct HR's record, then try again.",
            happened="no",
        )
    return found.people


def _owned(read: _Read, spec: SystemSpec) -> list[OwnedAccount]:
    people = [(facts_of(person, person.manager_email), person.status == "left") for person in read.people]
    listed = [(one.account.label, _whole_addresses(one.values, read)) for one in read.accounts.accounts]
    return owners_of(listed, people, spec.match, spec.service_accounts)


def _whole_addresses(values: Mapping[str, tuple[str, ...]], read: _Read) -> Mapping[str, tuple[str, ...]]:
    """For the part of an address before the @: the addresses of people that begin with it, as in a search."""
    return {
        name: tuple(address for one in several for address in read.addresses.get(one.casefold(), (one,)))
        if name in read.accounts.local_parts
        else several
        for name, several in values.items()
    }


def _answer(
    packet: Packet, system: str, read: _Read, owned: Sequence[OwnedAccount], *, shows_people: bool
) -> AccountOwners:
    counted = dict(Counter(one.ownership for one in owned))
    shown = []
    for listed, one in zip(read.accounts.accounts, owned, strict=True):
        if one.ownership not in _FIRST:
            continue
        person = read.people[one.owner] if one.owner is not None and shows_people else None
        shown.append(
            UnownedAccount.model_validate(
                {
                    "ownership": one.ownership,
                    "label": one.label,
                    "active": listed.account.active,
                    "privileged": listed.account.privileged,
                    "attributes": {name: ", ".join(values) for name, values in listed.values.items() if values},
                    "person": person.display_name if person is not None else None,
                    "employee_number": person.employee_number if person is not None else None,
                }
            )
        )
    # What can still be used comes first.
    shown.sort(key=lambda one: (_FIRST.index(one.ownership), one.active is False, one.label.casefold()))
    return AccountOwners(
        packet=packet.name,
        system=system,
        title=packet.platform.systems[system].title,
        read_at=read.at,
        complete=read.accounts.complete,
        counts=OwnershipCounts.model_validate(counted),
        accounts=tuple(shown[:MAX_SHOWN_ACCOUNTS]),
    )


def _failed(packet: Packet, system: str, error: ConnectorError) -> AccountOwners:
    return AccountOwners(
        packet=packet.name,
        system=system,
        title=packet.platform.systems[system].title,
        read_at=datetime.now(UTC),
        complete=False,
        counts=OwnershipCounts(),
        accounts=(),
        code=error.code,
        detail=f"{error.detail} {error.remedy}".strip() or error.code,
    )
