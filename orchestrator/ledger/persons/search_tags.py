"""Finds runs by a person's name, number or account without decrypting every run.

For each run the keyring keeps keyed hashes (tags) of the beginnings of its search terms. Without the master key they
show only that two runs have one in common. `catch_up` fills them from the ledger and remembers how far it has read.
They are erased with the person. A tag is shortened and can agree by chance: callers compare the runs that they find.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable
from typing import Final

from orchestrator.domain.events import AccountsSearched, RunRequested
from orchestrator.domain.run import search_terms
from orchestrator.ledger.book.records import Recorded
from orchestrator.ledger.book.store import Ledger
from orchestrator.ledger.persons.keys import Keyring
from orchestrator.ledger.schema.database import Database

BATCH: Final = 200
"""Events that are decrypted between two writes."""
MAX_CATCH_UP_SECONDS: Final = 1.0
"""How long one search reads on; the next one continues."""
CURSOR: Final = "search_2"
"""A new name makes `catch_up` read the whole ledger again. Change it when `search_terms.PREFIX_LENGTHS` changes."""
_TYPES: Final = [RunRequested.type_name(), AccountsSearched.type_name()]

_CURSOR = (
    "SELECT coalesce((SELECT position FROM engine.cursors WHERE name = %s), 0), (SELECT position FROM ledger.head)"
)
_MOVE = """
INSERT INTO engine.cursors (name, position) VALUES (%s, %s)
ON CONFLICT (name) DO UPDATE SET position = greatest(cursors.position, excluded.position)
"""
# The lock on the key's row makes an erasure that happens meanwhile wait, and then delete these rows too.
_ADD = """
WITH alive AS (
    SELECT person_id FROM keyring.person_keys WHERE person_id = ANY(%(people)s) AND wrapped IS NOT NULL
    ORDER BY person_id FOR SHARE)
INSERT INTO keyring.search_tags (run_id, person_id, tags)
SELECT run_id, person_id, ARRAY(SELECT jsonb_array_elements_text(tags)::bigint)
FROM jsonb_to_recordset(%(rows)s::text::jsonb) AS made (run_id text, person_id text, tags jsonb)
JOIN alive USING (person_id) ORDER BY run_id
ON CONFLICT (run_id) DO UPDATE
SET tags = ARRAY(SELECT DISTINCT unnest(search_tags.tags || excluded.tags))
"""


class SearchTags:
    """One per process. Raises `LedgerUnavailable`."""

    def __init__(self, database: Database, keyring: Keyring, ledger: Ledger) -> None:
        self._database = database
        self._keyring = keyring
        self._ledger = ledger
        self._turn = asyncio.Lock()

    def tag(self, prefix: str) -> int:
        return int.from_bytes(self._keyring.lookup_tag("search", prefix)[:8], "big", signed=True)

    def tags_of(self, words: Iterable[str]) -> list[int]:
        """The tags that a run has that each of these words finds."""
        return [self.tag(prefix) for prefix in search_terms.search_prefixes(words)]

    async def catch_up(self) -> bool:
        """Reads on in the ledger, for at most `MAX_CATCH_UP_SECONDS`. Returns whether all of it is read."""
        until = time.monotonic() + MAX_CATCH_UP_SECONDS
        async with self._turn:
            after, head = await self._cursor()
            while after < head:
                found = await self._ledger.of_types(_TYPES, after, head, BATCH)
                await self._add(found)
                after = found[-1].position if len(found) == BATCH else head
                await self._move(after)
                if time.monotonic() > until:
                    return after >= head
        return True

    async def _cursor(self) -> tuple[int, int]:
        async with self._database.driver() as connection:
            row = await (await connection.execute(_CURSOR, (CURSOR,))).fetchone()
        return (int(row[0]), int(row[1])) if row is not None else (0, 0)

    async def _move(self, position: int) -> None:
        async with self._database.driver() as connection:
            await connection.execute(_MOVE, (CURSOR, position))

    async def _add(self, found: Iterable[Recorded]) -> None:
        terms: dict[tuple[str, str], set[str]] = {}
        for recorded in found:
            if recorded.subject is None:
                continue
            match recorded.event:
                case RunRequested(facts=facts):
                    more = search_terms.terms_of_person(facts)
                case AccountsSearched(details=details):
                    more = search_terms.terms_of_accounts(details)
                case _:
                    continue
            if more:
                run = (recorded.stream.removeprefix("run:"), recorded.subject)
                terms.setdefault(run, set()).update(search_terms.prefixes(more))
        if not terms:
            return
        rows = [
            {"run_id": run_id, "person_id": person_id, "tags": sorted({self.tag(prefix) for prefix in wanted})}
            for (run_id, person_id), wanted in terms.items()
        ]
        people = sorted({person_id for _, person_id in terms})
        async with self._database.driver() as connection:
            await connection.execute(_ADD, {"people": people, "rows": json.dumps(rows)})
