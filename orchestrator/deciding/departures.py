"""The people with accounts in Offboard who are past their own cutoff. Cached in this process."""

from __future__ import annotations

import time

from orchestrator.domain.organisation.organisation import Organisation
from orchestrator.ledger.book.store import Ledger

TTL_SECONDS = 30.0
"""How old this may be: each request of an account checks its own again."""


class Departures:
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._known: tuple[float, frozenset[str]] | None = None

    def forget(self) -> None:
        self._known = None

    async def departed(self, organisation: Organisation) -> frozenset[str]:
        """Opaque ids of people, as of at most `TTL_SECONDS` ago. Raises `LedgerUnavailable`."""
        clock = time.monotonic()
        if self._known is None or clock - self._known[0] > TTL_SECONDS:
            humans = {actor.human for actor in organisation.actors.values() if actor.human is not None}
            self._known = (clock, await self._ledger.departed(humans))
        return self._known[1]
