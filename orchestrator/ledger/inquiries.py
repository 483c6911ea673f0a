"""What is asked of a worker and what it answers, in rows that expire. Both are sealed before they get here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from orchestrator.ledger.database import Database

KEPT = timedelta(minutes=15)
"""How long a row can be read, answered or not. It is deleted when the next one is put after that."""

InquiryState = Literal["asked", "answered", "refused", "failed"]

# One statement, so that nobody who asks leaves expired rows behind.
_PUT = """
WITH clock AS (SELECT engine.now() AS now),
swept AS (DELETE FROM engine.inquiries WHERE expires_at <= (SELECT now FROM clock))
INSERT INTO engine.inquiries (inquiry_id, kind, asked_by, question, state, asked_at, expires_at)
SELECT %(id)s, %(kind)s, %(by)s, %(question)s, 'asked', now, now + %(kept)s FROM clock
"""
_GET = """
SELECT inquiry_id, kind, asked_by, question, answer, state, asked_at, answered_at, expires_at
FROM engine.inquiries WHERE inquiry_id = %s AND expires_at > engine.now()
"""
_ANSWER = """
UPDATE engine.inquiries SET state = %(state)s, answer = %(answer)s, answered_at = engine.now()
WHERE inquiry_id = %(id)s AND state = 'asked' AND expires_at > engine.now()
"""


@dataclass(frozen=True, slots=True)
class InquiryRow:
    """`question` and `answer` are sealed; `answer` is None until there is one."""

    inquiry_id: str
    kind: str
    asked_by: str
    question: bytes
    answer: bytes | None
    state: InquiryState
    asked_at: datetime
    answered_at: datetime | None
    expires_at: datetime


async def put_inquiry(database: Database, inquiry_id: str, kind: str, asked_by: str, question: bytes) -> None:
    """Raises `LedgerUnavailable`."""
    row = {"id": inquiry_id, "kind": kind, "by": asked_by, "question": question, "kept": KEPT}
    async with database.driver() as connection:
        await connection.execute(_PUT, row)


async def inquiry_row(database: Database, inquiry_id: str) -> InquiryRow | None:
    """None for what was never asked and for what has expired. Raises `LedgerUnavailable`."""
    async with database.driver() as connection:
        row = await (await connection.execute(_GET, (inquiry_id,))).fetchone()
    return None if row is None else InquiryRow(*row)


async def keep_answer(database: Database, inquiry_id: str, state: InquiryState, answer: bytes) -> bool:
    """The first answer stands: false where there is one already, or the row has expired. Raises `LedgerUnavailable`."""
    async with database.driver() as connection:
        kept = await connection.execute(_ANSWER, {"id": inquiry_id, "state": state, "answer": answer})
    return kept.rowcount == 1
