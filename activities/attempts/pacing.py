"""Rate limits of systems: all workers together send no more requests than the packet allows."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

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
from connectors.errors import TryAgainError
from orchestrator.ledger.engine.rates import Rates


class SystemPace:
    """The requests of one caller to one system, each sent when the system's rate allows it. Without a rate, nothing
    waits.

    The wait for a call's first request can come before the call (`take`): then it does not count under the call's
    deadline, and a call that would have to wait too long is not begun.
    """

    def __init__(self, rates: Rates | None, system: str, per_second: float | None) -> None:
        self._rates = rates if per_second is not None else None
        self._system = system
        self._per_second = per_second or 0.0
        self._taken = False

    @property
    def limited(self) -> bool:
        return self._rates is not None

    async def take(self, *, at_most: float) -> float | None:
        """Waits until the next request is allowed. If the wait is longer than `at_most` seconds, returns its length in
        seconds and reserves nothing. Raises `LedgerUnavailable`."""
        if self._rates is None or self._taken:
            return None
        seconds = await self._rates.wait(self._system, self._per_second, at_most=at_most)
        self._taken = seconds is None
        return seconds

    async def take_or_go_on(self, *, at_most: float) -> None:
        """As `take`, but if the wait is longer than `at_most` seconds, the next request is sent without waiting."""
        await self.take(at_most=at_most)
        self._taken = True

    def within(self, deadline: float) -> Pace:
        """The pace of one call that ends within `deadline` seconds. It raises `TryAgainError("rate_kept")` if a request
        would have to wait longer than that."""
        until = asyncio.get_running_loop().time() + deadline

        async def pace() -> None:
            seconds = await self.take(at_most=max(until - asyncio.get_running_loop().time(), 0.0))
            self._taken = False
            if seconds is not None:
                raise rate_kept(self._system, self._per_second, seconds)

        return pace


def paced(connector: Connector, pace: SystemPace) -> Connector:
    """The connector with every request paced. If the system has no rate, the connector itself."""
    return _PacedConnector(connector, pace) if pace.limited else connector


class _PacedConnector(WrappingConnector):
    def __init__(self, connector: Connector, pace: SystemPace) -> None:
        super().__init__(connector)
        self._pace = pace

    async def find_accounts(
        self, lookups: Sequence[Lookup], *, deadline: float = 30.0, pace: Pace = unpaced
    ) -> Sequence[Account]:
        return await self._connector.find_accounts(lookups, deadline=deadline, pace=self._pace.within(deadline))

    async def attempt(self, effect: Effect, *, pace: Pace = unpaced) -> Reply:
        return await self._connector.attempt(effect, pace=self._pace.within(effect.deadline))

    async def read_back(self, effect: Effect, *, pace: Pace = unpaced) -> ReadBack:
        return await self._connector.read_back(effect, pace=self._pace.within(effect.deadline))

    async def check(self, *, deadline: float = 10.0, pace: Pace = unpaced) -> Reachability:
        return await self._connector.check(deadline=deadline, pace=self._pace.within(deadline))


def rate_kept(system: str, per_second: float, retry_after: float | None = None) -> TryAgainError:
    return TryAgainError(
        "rate_kept",
        f"The rate limit of system {system} is reached: {per_second:g} requests per second.",
        remedy="No action is needed: the request is retried automatically. If this continues, raise rate_per_second in "
        "platform.yaml if the system allows more requests.",
        happened="no",
        retry_after=retry_after,
    )
