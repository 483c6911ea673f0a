"""The metrics and traces of work in progress: system, ability, result and duration.

An observer gets names that the packet's owners gave, ids, codes and times. Nothing here can carry a person: no
account, no parameter, no answer of a system, no message of an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Literal, Protocol

from connectors.abilities import (
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
from connectors.boundary.wrapping import WrappingConnector
from connectors.errors import ConnectorError, RefusedError, TryAgainError
from orchestrator.domain.planning.missing_connectors import MISSING_CODES

ObservedCall = Literal["find_accounts", "attempt", "read_back"]


class Observed(Protocol):
    """One piece of work that is in progress."""

    def ended(self, outcome: str, code: str = "", after_cutoff: float | None = None) -> None:
        """How it ended: one of a few words, and a connector's or the domain's code. `after_cutoff`: seconds between the
        cutoff and the moment at which access was seen to be gone."""
        ...


class Observer(Protocol):
    """A block that ends without `ended` failed: only the kind of its exception is reported."""

    def step(
        self, *, run_id: str, name: str, system: str, ability: str, attempt: int
    ) -> AbstractContextManager[Observed]:
        """One attempt at a step, from its intent to its result."""
        ...

    def call(self, call: ObservedCall, *, system: str, ability: str) -> AbstractContextManager[Observed]:
        """One call of a connector."""
        ...


class NoObserver:
    """Used if nothing is configured. Reports nothing."""

    def step(
        self, *, run_id: str, name: str, system: str, ability: str, attempt: int
    ) -> AbstractContextManager[Observed]:
        return _NOTHING

    def call(self, call: ObservedCall, *, system: str, ability: str) -> AbstractContextManager[Observed]:
        return _NOTHING


class _Unheard:
    def ended(self, outcome: str, code: str = "", after_cutoff: float | None = None) -> None:
        return None


_NOTHING: nullcontext[Observed] = nullcontext(_Unheard())
NO_OBSERVER = NoObserver()


def observed(connector: Connector, system: str, observer: Observer) -> Connector:
    """The connector, each of its calls observed; itself without an observer."""
    return connector if observer is NO_OBSERVER else _ObservedConnector(connector, system, observer)


class _ObservedConnector(WrappingConnector):
    def __init__(self, connector: Connector, system: str, observer: Observer) -> None:
        super().__init__(connector)
        self._system = system
        self._observer = observer

    async def find_accounts(
        self, lookups: Sequence[Lookup], *, deadline: float = 30.0, pace: Pace = unpaced
    ) -> Sequence[Account]:
        with self._observer.call("find_accounts", system=self._system, ability="find_accounts") as call:
            try:
                found = await self._connector.find_accounts(lookups, deadline=deadline, pace=pace)
            except ConnectorError as error:
                call.ended(reaction(error), error.code)
                raise
            call.ended("answered")
            return found

    async def attempt(self, effect: Effect, *, pace: Pace = unpaced) -> Reply:
        with self._observer.call("attempt", system=self._system, ability=effect.ability) as call:
            try:
                reply = await self._connector.attempt(effect, pace=pace)
            except ConnectorError as error:
                call.ended(reaction(error), error.code)
                raise
            call.ended("answered")
            return reply

    async def read_back(self, effect: Effect, *, pace: Pace = unpaced) -> ReadBack:
        with self._observer.call("read_back", system=self._system, ability=effect.ability) as call:
            try:
                look = await self._connector.read_back(effect, pace=pace)
            except ConnectorError as error:
                call.ended(reaction(error), error.code)
                raise
            call.ended(look.outcome)
            return look

    async def check(self, *, deadline: float = 10.0, pace: Pace = unpaced) -> Reachability:
        return await self._connector.check(deadline=deadline, pace=pace)


def reaction(error: ConnectorError) -> Literal["try_again", "action_required", "refused"]:
    """Who must react, as a word."""
    match error:
        case TryAgainError():
            return "try_again"
        case RefusedError():
            return "refused"
        case _:
            # A connector that is installed later is found by the next attempt.
            return "try_again" if error.code in MISSING_CODES else "action_required"
