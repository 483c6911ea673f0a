"""What is asked of a worker and what it answers, in sealed rows that expire.

A row opens for the inquiry and the asker that it was sealed for: one that was moved to another id, or given to another
asker, opens for nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from orchestrator.ledger.persons.keys import Keyring
from orchestrator.ledger.schema.database import Database

INQUIRY_TTL = timedelta(minutes=15)
"""How long a row can be read, answered or not, where nothing else is said. It is deleted when the next one is put after
that."""

Outcome = Literal["answered", "refused", "failed"]

# One statement, so that nobody who asks leaves expired rows behind.
_PUT = """
WITH clock AS (SELECT engine.now() AS now),
swept AS (DELETE FROM engine.inquiries WHERE expires_at <= (SELECT now FROM clock))
INSERT INTO engine.inquiries (inquiry_id, kind, asked_by, question, state, asked_at, expires_at)
SELECT %(id)s, %(kind)s, %(by)s, %(question)s, 'asked', now, now + %(kept)s FROM clock
"""
_OPEN = """
SELECT kind, asked_by, question FROM engine.inquiries
WHERE inquiry_id = %s AND state = 'asked' AND expires_at > engine.now()
"""
_ASKED = """
SELECT question FROM engine.inquiries WHERE inquiry_id = %s AND asked_by = %s AND expires_at > engine.now()
"""
_ANSWER = """
UPDATE engine.inquiries SET state = %(state)s, answer = %(answer)s, answered_at = engine.now()
WHERE inquiry_id = %(id)s AND state = 'asked' AND expires_at > engine.now()
"""
_WITHDRAW = """
UPDATE engine.inquiries SET expires_at = engine.now() WHERE inquiry_id = %s AND asked_by = %s AND state = 'asked'
"""
_ANSWERED = """
SELECT kind, state, answer FROM engine.inquiries
WHERE inquiry_id = %s AND asked_by = %s AND expires_at > engine.now()
"""


@dataclass(frozen=True, slots=True)
class OpenInquiry:
    kind: str
    asked_by: str
    question: bytes


@dataclass(frozen=True, slots=True)
class InquiryAnswer:
    kind: str
    outcome: Outcome
    answer: bytes


class InquiryRows:
    """Raises `LedgerUnavailable`; and `UnreadableEvent` for a row sealed under another master key."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self.database = database
        self._keyring = keyring

    async def put(
        self, inquiry_id: str, kind: str, asked_by: str, question: bytes, kept: timedelta = INQUIRY_TTL
    ) -> None:
        sealed = self._keyring.seal(_context(inquiry_id, asked_by, "question"), question)
        row = {"id": inquiry_id, "kind": kind, "by": asked_by, "question": sealed, "kept": kept}
        async with self.database.driver() as connection:
            await connection.execute(_PUT, row)

    async def unanswered(self, inquiry_id: str) -> OpenInquiry | None:
        """None for what was never asked, is answered already or has expired."""
        async with self.database.driver() as connection:
            row = await (await connection.execute(_OPEN, (inquiry_id,))).fetchone()
        if row is None:
            return None
        kind, asked_by, sealed = row
        question = self._keyring.open(_context(inquiry_id, asked_by, "question"), bytes(sealed))
        return OpenInquiry(kind, asked_by, question)

    async def asked(self, inquiry_id: str, asked_by: str) -> bytes | None:
        """The question, for whoever asked it; None for what this asker never asked and for what has expired."""
        async with self.database.driver() as connection:
            row = await (await connection.execute(_ASKED, (inquiry_id, asked_by))).fetchone()
        return None if row is None else self._keyring.open(_context(inquiry_id, asked_by, "question"), bytes(row[0]))

    async def answer(self, inquiry_id: str, asked_by: str, outcome: Outcome, answer: bytes) -> bool:
        """The first answer stands: false where there is one already, or the row has expired."""
        sealed = self._keyring.seal(_context(inquiry_id, asked_by, "answer"), answer)
        async with self.database.driver() as connection:
            kept = await connection.execute(_ANSWER, {"id": inquiry_id, "state": outcome, "answer": sealed})
        return kept.rowcount == 1

    async def withdraw(self, inquiry_id: str, asked_by: str) -> None:
        """No worker begins to answer it from now on. An answer that is there stays."""
        async with self.database.driver() as connection:
            await connection.execute(_WITHDRAW, (inquiry_id, asked_by))

    async def answered(self, inquiry_id: str, asked_by: str) -> InquiryAnswer | Literal["waiting"] | None:
        """None for what this asker never asked and for what has expired."""
        async with self.database.driver() as connection:
            row = await (await connection.execute(_ANSWERED, (inquiry_id, asked_by))).fetchone()
        if row is None:
            return None
        kind, state, sealed = row
        if sealed is None:
            return "waiting"
        return InquiryAnswer(kind, state, self._keyring.open(_context(inquiry_id, asked_by, "answer"), bytes(sealed)))


def _context(inquiry_id: str, asked_by: str, what: str) -> str:
    return f"inquiry:{inquiry_id}:{what}:{asked_by}"
