"""Runs found by the person's name or number, by an account, or by their id, as far as the viewer sees them.

The keyring's tags give the candidates among the runs that the viewer sees. Each is then compared with the run as the
viewer reads it, so that hidden accounts and addresses find nothing. A hidden run looks like one that does not exist.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, literal, select

from orchestrator.domain.errors import Invalid
from orchestrator.domain.run import search_terms
from orchestrator.domain.run.search_terms import MIN_SEARCH_CHARACTERS, Match
from orchestrator.ledger.persons.search_tags import SearchTags
from orchestrator.ledger.schema.database import Database
from orchestrator.ledger.schema.keyring_tables import search_tags
from orchestrator.ledger.schema.tables import exceptions, runs
from orchestrator.reading.exception_lists import GOVERNED_BY, exception_lines
from orchestrator.reading.queries import MIN_RUN_ID_CHARACTERS, Queries
from orchestrator.reading.rows import ExceptionLine, RunRow
from orchestrator.reading.visibility import Viewer

MAX_FOUND: Final = 25
MAX_COMPARED: Final = 100
"""Candidates that one search compares with their run."""
COMPARED_TOGETHER: Final = 25
MAX_EXCEPTIONS: Final = 100


@dataclass(frozen=True, slots=True)
class FoundRun:
    """`exceptions` are the open ones."""

    run: RunRow
    match: Match
    exceptions: tuple[ExceptionLine, ...] = ()


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Open runs first, then the latest. `more`: further runs may match. `complete`: the search has read the whole
    ledger; if not, the next search reads on."""

    runs: tuple[FoundRun, ...]
    more: bool = False
    complete: bool = True


class Search:
    """Raises `LedgerUnavailable`, and `Invalid` (`search_too_short`)."""

    def __init__(self, database: Database, queries: Queries, tags: SearchTags) -> None:
        self._database = database
        self._queries = queries
        self._tags = tags

    async def find(self, viewer: Viewer, text: str) -> SearchResult:
        text = text.strip()[: search_terms.MAX_SEARCH_CHARACTERS]
        words = search_terms.search_words(text)
        if len(text) < MIN_SEARCH_CHARACTERS or not words:
            raise Invalid(
                "search_too_short",
                f"A search needs at least {MIN_SEARCH_CHARACTERS} characters.",
                least=MIN_SEARCH_CHARACTERS,
            )
        complete = await self._tags.catch_up()
        found = await self._by_id(viewer, text)
        compared, offset, ended = 0, 0, False
        while not ended and len(found) <= MAX_FOUND and compared < MAX_COMPARED:
            rows = await self._candidates(viewer, words, offset)
            ended = len(rows) < COMPARED_TOGETHER
            offset, compared = offset + len(rows), compared + len(rows)
            for run in await self._compared(viewer, words, rows):
                found.setdefault(run.run.run_id, run)
        shown = list(found.values())[:MAX_FOUND]
        waiting = await self._exceptions(viewer, [one.run.run_id for one in shown])
        lines = tuple(FoundRun(one.run, one.match, waiting.get(one.run.run_id, ())) for one in shown)
        return SearchResult(lines, len(found) > MAX_FOUND or not ended, complete)

    async def _by_id(self, viewer: Viewer, text: str) -> dict[str, FoundRun]:
        if len(text) < MIN_RUN_ID_CHARACTERS:
            return {}
        query = select(runs).where(await self._queries.visible(viewer), runs.c.run_id.startswith(text, autoescape=True))
        rows = await self._database.rows(_latest(query).limit(MAX_FOUND + 1))
        names = await self._queries.names([row["run_id"] for row in rows])
        return {row["run_id"]: FoundRun(RunRow.of(row, names), Match("run_id")) for row in rows}

    async def _candidates(self, viewer: Viewer, words: Sequence[str], offset: int) -> list[Mapping[str, Any]]:
        wanted = literal(self._tags.tags_of(words), search_tags.c.tags.type)
        query = select(runs).join(search_tags, search_tags.c.run_id == runs.c.run_id)
        query = query.where(await self._queries.visible(viewer), search_tags.c.tags.contains(wanted))
        return await self._database.rows(_latest(query).offset(offset).limit(COMPARED_TOGETHER))

    async def _compared(
        self, viewer: Viewer, words: Sequence[str], rows: Sequence[Mapping[str, Any]]
    ) -> list[FoundRun]:
        names = await self._queries.names([row["run_id"] for row in rows])
        matched: dict[str, Match] = {}
        for run_id, person in names.items():
            if match := search_terms.match_by_person(words, person.name, person.employee_number):
                matched[run_id] = match
        # Only what everyone who sees a run can read is known so far; otherwise the rest of the run is read.
        others = [row["run_id"] for row in rows if row["run_id"] not in matched]
        for run_id, snapshot in (await self._queries.snapshots(viewer, others)).items():
            if match := search_terms.match_by_account(words, snapshot.state):
                matched[run_id] = match
            await asyncio.sleep(0)
        return [FoundRun(RunRow.of(row, names), matched[row["run_id"]]) for row in rows if row["run_id"] in matched]

    async def _exceptions(self, viewer: Viewer, run_ids: Sequence[str]) -> dict[str, tuple[ExceptionLine, ...]]:
        query = select(exceptions, *GOVERNED_BY).join_from(exceptions, runs, exceptions.c.run_id == runs.c.run_id)
        query = query.where(exceptions.c.run_id.in_(run_ids), exceptions.c.closed_at.is_(None))
        rows = await self._database.rows(
            query.order_by(exceptions.c.due_at, exceptions.c.exception_id).limit(MAX_EXCEPTIONS)
        )
        found: dict[str, tuple[ExceptionLine, ...]] = {}
        for line in await exception_lines(self._queries, viewer, rows, {}):
            found[line.run_id] = (*found.get(line.run_id, ()), line)
        return found


def _latest(query: Select[Any]) -> Select[Any]:
    return query.order_by(runs.c.closed_at.is_not(None), runs.c.requested_at.desc(), runs.c.run_id)
