"""Checks what a connector returns and raises. `connectors.registry` puts it around every connector.

- An exception that is not a `ConnectorError`, from a fault in a connector or an answer that it did not foresee, becomes
  `TryAgainError("unexpected")`. Its detail names kinds of error and places in the code, and no text of an answer. After
  an attempt, `happened` is `unknown`.
- A read-back that says `done` without any evidence becomes `unknown`.
- A result that cannot be stored becomes `ActionRequiredError("answer_not_understood")`.
- The reply of an ability that declares what it ends of sessions and tokens says so, in the same words for every kind.

What the pace raises is the caller's own and is passed on unchanged.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from connectors.abilities import (
    Ability,
    Account,
    Connector,
    Effect,
    Lookup,
    Pace,
    Reachability,
    ReadBack,
    Reply,
    unpaced,
)
from connectors.boundary.storable import is_storable, storable_text
from connectors.boundary.unforeseen import kinds_of, places_of
from connectors.boundary.wrapping import WrappingConnector
from connectors.errors import ActionRequiredError, ConnectorError, Happened, TryAgainError, not_reachable
from connectors.listing import AccountsListed, LeaversListed, ListsAccounts, ListsLeavers, ListsPeople, PeopleListed
from connectors.people import FindsSharedValues, PeopleSource, Person, Shareable
from connectors.rehearsal import Rehearsal, Rehearses

log = logging.getLogger("offboard.connectors")

T = TypeVar("T")


def checked(connector: Connector) -> Connector:
    """The connector with this check; a people source stays one."""
    if isinstance(connector, PeopleSource):
        return _CheckedPeopleSource(connector, connector)
    return _CheckedConnector(connector)


class _CheckedConnector(WrappingConnector):
    def __repr__(self) -> str:
        return repr(self._connector)

    async def find_accounts(
        self, lookups: Sequence[Lookup], *, deadline: float = 30.0, pace: Pace = unpaced
    ) -> Sequence[Account]:
        found = await _call(lambda paced: self._connector.find_accounts(lookups, deadline=deadline, pace=paced), pace)
        for account in found:
            _require_storable([account.native_id, account.label, account.attributes])
        return found

    async def list_accounts(
        self, attributes: Collection[str], *, at_most: int, deadline: float, pace: Pace = unpaced
    ) -> AccountsListed | None:
        connector = self._connector
        if not isinstance(connector, ListsAccounts):
            return None
        found = await _call(
            lambda paced: connector.list_accounts(attributes, at_most=at_most, deadline=deadline, pace=paced), pace
        )
        for one in found.accounts if found is not None else ():
            shown = [one.account.native_id, one.account.label, one.account.attributes]
            _require_storable([*shown, *(list(values) for values in one.values.values())])
        return found

    async def attempt(self, effect: Effect, *, pace: Pace = unpaced) -> Reply:
        reply = await _call(lambda paced: self._connector.attempt(effect, pace=paced), pace, happened="unknown")
        _require_storable(reply.detail, happened="unknown")
        return _with_what_ended(reply, self._connector.abilities.get(effect.ability))

    async def read_back(self, effect: Effect, *, pace: Pace = unpaced) -> ReadBack:
        look = await _call(lambda paced: self._connector.read_back(effect, pace=paced), pace)
        _require_storable(look.evidence)
        # `done` needs evidence that the system shows (connectors.read_backs).
        return ReadBack("unknown") if look.outcome == "done" and not look.evidence else look

    async def check(self, *, deadline: float = 10.0, pace: Pace = unpaced) -> Reachability:
        try:
            answer = await _call(lambda paced: self._connector.check(deadline=deadline, pace=paced), pace)
        except ConnectorError as error:
            return not_reachable(error)
        lacking = tuple(storable_text(one) for one in answer.lacking)
        return Reachability(
            answer.reachable, storable_text(answer.detail), answer.code, lacking, storable_text(answer.warning)
        )

    async def rehearse(self, effect: Effect, *, pace: Pace = unpaced) -> Rehearsal | None:
        connector = self._connector
        if not isinstance(connector, Rehearses):
            return None
        return await _call(lambda paced: connector.rehearse(effect, pace=paced), pace)


class _CheckedPeopleSource(_CheckedConnector):
    def __init__(self, connector: Connector, people: PeopleSource) -> None:
        super().__init__(connector)
        self._people = people

    async def list_people(self, *, at_most: int, deadline: float, pace: Pace = unpaced) -> PeopleListed:
        people = self._people
        if not isinstance(people, ListsPeople):
            raise ActionRequiredError(
                "not_listed",
                "The connector of the HR system cannot list people.",
                remedy="Use a connector for HR that lists people.",
                happened="no",
            )
        found = await _call(lambda paced: people.list_people(at_most=at_most, deadline=deadline, pace=paced), pace)
        return PeopleListed(_storable(found.people), found.missing)

    async def leavers(self, *, deadline: float, pace: Pace = unpaced) -> LeaversListed:
        people = self._people
        if not isinstance(people, ListsLeavers):
            raise ActionRequiredError(
                "not_listed",
                "The connector of the HR system cannot list leavers, so they start no runs.",
                remedy="Use a connector for HR that lists leavers, or HR's webhook.",
                happened="no",
            )
        found = await _call(lambda paced: people.leavers(deadline=deadline, pace=paced), pace)
        _require_storable([[one.person_id, one.place] for one in found.leavers])
        _require_storable([[one.place, one.message] for one in found.unreadable])
        _require_storable([found.source, found.version])
        return found

    async def shared_values(
        self, person: Person, values: Collection[Shareable], *, deadline: float = 30.0, pace: Pace = unpaced
    ) -> frozenset[Shareable] | None:
        people = self._people
        if not isinstance(people, FindsSharedValues):
            return None
        return await _call(lambda paced: people.shared_values(person, values, deadline=deadline, pace=paced), pace)

    async def find_person(self, identifier: str, *, deadline: float = 30.0, pace: Pace = unpaced) -> Sequence[Person]:
        return _storable(
            await _call(lambda paced: self._people.find_person(identifier, deadline=deadline, pace=paced), pace)
        )

    async def search_people(
        self, text: str, *, limit: int = 50, deadline: float = 30.0, pace: Pace = unpaced
    ) -> Sequence[Person]:
        return _storable(
            await _call(
                lambda paced: self._people.search_people(text, limit=limit, deadline=deadline, pace=paced), pace
            )
        )

    async def person(self, person_id: str, *, deadline: float = 30.0, pace: Pace = unpaced) -> Person | None:
        person = await _call(lambda paced: self._people.person(person_id, deadline=deadline, pace=paced), pace)
        return None if person is None else _storable([person])[0]

    async def managers(self, person_id: str, *, deadline: float = 30.0, pace: Pace = unpaced) -> Sequence[Person]:
        return _storable(
            await _call(lambda paced: self._people.managers(person_id, deadline=deadline, pace=paced), pace)
        )


async def _call(call: Callable[[Pace], Awaitable[T]], pace: Pace, *, happened: Happened = "no") -> T:
    raised_by_pace: list[Exception] = []

    async def noted() -> None:
        try:
            await pace()
        except Exception as error:
            raised_by_pace.append(error)
            raise

    try:
        return await call(noted)
    except ConnectorError:
        raise
    except Exception as error:
        if any(error is each for each in raised_by_pace):
            raise
        what = f"{kinds_of(error)} at {places_of(error)}"
    # Outside of the except clause, so that the message is not the context of what is raised.
    log.error("a connector failed: %s", what)
    raise TryAgainError(
        "unexpected",
        f"The connector failed: {what}.",
        remedy="Report it to the connector's authors.",
        happened=happened,
    )


def _require_storable(value: Any, *, happened: Happened = "no") -> None:
    if not is_storable(value):
        raise ActionRequiredError(
            "answer_not_understood",
            "What the connector read is not JSON, or holds a NUL or a lone surrogate.",
            remedy="Correct the value in the system, or report it to the connector's authors.",
            happened=happened,
        )


def _storable(people: Sequence[Person]) -> Sequence[Person]:
    for person in people:
        _require_storable([value for name, value in asdict(person).items() if name != "leaving_at"])
    return people


def _with_what_ended(reply: Reply, ability: Ability | None) -> Reply:
    if ability is None or not (ability.ends or ability.cannot_end):
        return reply
    return Reply({**reply.detail, "ended": list(ability.ends), "not_possible": list(ability.cannot_end)})
