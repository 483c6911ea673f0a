"""The search of pages and API, and its rate limit for each account."""

from __future__ import annotations

import time
from collections import OrderedDict, deque

from orchestrator.domain.errors import TooOften
from orchestrator.ledger.book.store import Ledger
from orchestrator.ledger.persons.keys import Keyring
from orchestrator.ledger.persons.search_tags import SearchTags
from orchestrator.ledger.schema.database import Database
from orchestrator.reading.queries import Queries
from orchestrator.reading.search import Search, SearchResult
from orchestrator.reading.visibility import Viewer

MAX_SEARCHES = 60
WITHIN_SECONDS = 60.0
MAX_REMEMBERED = 10_000
"""Accounts whose searches are counted. Those that searched longest ago are forgotten first."""


class Searches:
    """One per process."""

    def __init__(self, database: Database, keyring: Keyring, ledger: Ledger) -> None:
        self._database = database
        self._tags = SearchTags(database, keyring, ledger)
        self._counted: OrderedDict[str, deque[float]] = OrderedDict()

    async def find(self, queries: Queries, viewer: Viewer, text: str) -> SearchResult:
        """Raises `LedgerUnavailable`; `Invalid` for a search that is too short; `TooOften`."""
        self._count(viewer.actor_id)
        # What decides who sees what is read once for the whole search.
        return await Search(self._database, queries.for_one_answer(), self._tags).find(viewer, text)

    def _count(self, actor_id: str) -> None:
        now = time.monotonic()
        times = self._counted.setdefault(actor_id, deque())
        self._counted.move_to_end(actor_id)
        if len(self._counted) > MAX_REMEMBERED:
            self._counted.popitem(last=False)
        while times and times[0] <= now - WITHIN_SECONDS:
            times.popleft()
        if len(times) >= MAX_SEARCHES:
            again = max(1, round(times[0] + WITHIN_SECONDS - now))
            raise TooOften(
                "too_many_searches", f"This account has searched {MAX_SEARCHES} times in a minute.", again_after=again
            )
        times.append(now)
