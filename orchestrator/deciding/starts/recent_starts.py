"""Decisions about limits on starts, on the stream `starts`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime

from orchestrator.deciding.appending import drafts
from orchestrator.deciding.folds import Folds
from orchestrator.deciding.optimistic import until_appended
from orchestrator.domain import events as e
from orchestrator.domain.events.event import Event
from orchestrator.domain.organisation.organisation import Organisation
from orchestrator.domain.organisation.starts import StartsState, fold_starts
from orchestrator.ledger.access.keyed_requests import keyed_append
from orchestrator.ledger.book.records import Appended, Recorded, StreamAppend
from orchestrator.ledger.book.store import Ledger


class RecentStarts:
    """The recent starts, cached in this process: a read loads only the new ones."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._known: Folds[StartsState] = Folds(StartsState(), fold_starts, 1)

    def forget(self) -> None:
        self._known.clear()

    def cached(self) -> tuple[int, StartsState]:
        return self._known.get(e.STARTS)

    def advance(self, known: tuple[int, StartsState], events: Iterable[Recorded]) -> tuple[int, StartsState]:
        return self._known.advance(e.STARTS, known, events)

    def appended(self, appended: Appended) -> None:
        """What this process has appended, so that its next start is decided on it without a conflict."""
        version, _ = known = self.cached()
        own = [recorded for recorded in appended.events if recorded.stream == e.STARTS]
        if own and own[0].version == version + 1:
            self.advance(known, own)

    async def read(self) -> tuple[StartsState, datetime]:
        """The state and the ledger's time."""
        known = self.cached()
        page = await self._ledger.read({e.STARTS: known[0]})
        return self.advance(known, page.events[e.STARTS])[1], page.now

    async def decide(
        self,
        organisation: Callable[[], Awaitable[Organisation]],
        decide: Callable[[Organisation, StartsState, datetime], Sequence[Event]],
    ) -> Sequence[Event]:
        """Appends what `decide` says about the accounts as `organisation` reads them and the starts, if neither has
        changed since. Raises what it raises, and `LedgerUnavailable`."""

        keyed = keyed_append(e.STARTS)
        if earlier := await keyed.found(self._ledger):
            return [recorded.event for recorded in earlier]

        async def attempt() -> Sequence[Event]:
            people = await organisation()
            known = self.cached()
            page = await self._ledger.read({e.STARTS: known[0]})
            version, state = self.advance(known, page.events[e.STARTS])
            wanted = decide(people, state, page.now)
            if wanted:
                decided = StreamAppend(e.STARTS, version, drafts(wanted, version, None))
                rests_on = StreamAppend(e.ORGANISATION, people.version)
                self.appended(await self._ledger.append([decided, rests_on], append_id=keyed.append_id))
            return wanted

        return await until_appended(attempt)
