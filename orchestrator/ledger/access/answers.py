"""Answers that were given already, under the key that the caller gave to their request (`Idempotency-Key`).

The same key with the same request gets the same answer; with another request it is refused. A request whose process
died before it answered can be made again after a while: what it appended is found by the id of the append
(`ledger/access/keyed_requests.py`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from orchestrator.domain.errors import TooOften
from orchestrator.ledger.persons.keys import Keyring
from orchestrator.ledger.persons.rewrapping import SealedColumn
from orchestrator.ledger.schema.database import Database
from orchestrator.ledger.schema.tables import answers

RESPONSE_TTL = timedelta(hours=24)
MAX_KEPT = 10_000
"""Answers that are kept for one account: a day of one request every nine seconds."""
RETRY_AFTER_SECONDS = 600
CLAIM_TTL = timedelta(minutes=2)
"""Longer than any request may take: after this no process is still working on it."""


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """What was said: `status`, `headers` that matter, and `body` (text)."""

    status: int
    headers: dict[str, str]
    body: str


@dataclass(frozen=True, slots=True)
class ClaimedKey:
    """The key is the caller's to answer. `expires_at` stays the same if another process takes the claim over; then the
    request is `repeated`."""

    expires_at: datetime
    repeated: bool = False


Claim = ClaimedKey | Literal["another_request", "under_way"]


class StoredResponses:
    """Raises `LedgerUnavailable`."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    async def claim(
        self, actor_id: str, key: str, request_hash: bytes, kept: timedelta = RESPONSE_TTL
    ) -> Claim | StoredResponse:
        """`ClaimedKey`: this was not answered before, and the caller is to answer. Otherwise the answer that was given,
        or why there is none. Raises `TooOften` for an account that has too many."""
        now = func.engine.now()
        fresh = insert(answers).values(
            actor_id=actor_id, key=key, request_hash=request_hash, asked_at=now, expires_at=now + kept
        )
        claimed = fresh.on_conflict_do_update(
            index_elements=[answers.c.actor_id, answers.c.key],
            set_={"asked_at": now},
            where=answers.c.status.is_(None)
            & (answers.c.asked_at < now - CLAIM_TTL)
            & (answers.c.request_hash == request_hash),
        ).returning(answers.c.expires_at, answers.c.asked_at)
        async with self._database.transaction() as connection:
            await connection.execute(delete(answers).where(answers.c.expires_at < now))
            if (mine := (await connection.execute(claimed)).first()) is not None:
                of_one = select(func.count()).where(answers.c.actor_id == actor_id)
                if (await connection.execute(of_one)).scalar_one() > MAX_KEPT:
                    raise TooOften(  # which takes back the claim
                        "too_many_keys",
                        f"This account has used {MAX_KEPT} idempotency keys within 24 hours.",
                        again_after=RETRY_AFTER_SECONDS,
                    )
                return ClaimedKey(mine[0], repeated=mine[0] - mine[1] != kept)
            query = answers.select().where(answers.c.actor_id == actor_id, answers.c.key == key)
            row = (await connection.execute(query)).mappings().one()
        if bytes(row["request_hash"]) != request_hash:
            return "another_request"
        if row["status"] is None:
            return "under_way"
        kept_words: dict[str, Any] = json.loads(self._keyring.open(_context(actor_id, key), bytes(row["sealed"])))
        return StoredResponse(row["status"], kept_words["headers"], kept_words["body"])

    async def keep(self, actor_id: str, key: str, answer: StoredResponse) -> None:
        sealed = self._keyring.seal(
            _context(actor_id, key), json.dumps({"headers": answer.headers, "body": answer.body}).encode()
        )
        mine = (answers.c.actor_id == actor_id) & (answers.c.key == key)
        async with self._database.connect() as connection:
            await connection.execute(update(answers).where(mine).values(status=answer.status, sealed=sealed))

    async def give_up(self, actor_id: str, key: str, *, begun: bool = False) -> None:
        """The request failed in a way that is worth trying again (5xx, 429): its key is free. `begun`: something may
        have been appended for it, so that the key is free for the same request only, which finds that."""
        mine = (answers.c.actor_id == actor_id) & (answers.c.key == key) & answers.c.status.is_(None)
        over = update(answers).values(asked_at=func.engine.now() - 2 * CLAIM_TTL)
        async with self._database.connect() as connection:
            await connection.execute((over if begun else delete(answers)).where(mine))


def _context(actor_id: str, key: str) -> str:
    return f"answer:{len(actor_id)}:{actor_id}:{key}"


SEALED: Final = (SealedColumn(answers, answers.c.sealed, lambda row: _context(row["actor_id"], row["key"])),)
