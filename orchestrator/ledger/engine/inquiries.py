"""What is asked of a worker and what it answers, in sealed rows that expire.

A row opens for the inquiry and the asker that it was sealed for: one that was moved to another id, or given to another
asker, cannot be opened. A verification of the ledger is the same for all accounts: the one in progress is the answer
for every account that asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

from orchestrator.domain.errors import TooOften
from orchestrator.ledger.persons.keys import Keyring
from orchestrator.ledger.persons.rewrapping import SealedColumn
from orchestrator.ledger.schema.database import Database
from orchestrator.ledger.schema.inquiry_tables import inquiries

INQUIRY_TTL = timedelta(minutes=15)
"""How long a row can be read, answered or not, where nothing else is said. It is deleted when the next one is put after
that."""

InquiryOutcome = Literal["answered", "refused", "failed"]

MAX_WAITING = 30
"""Questions of one account that wait for an answer. A worker answers 100 at once (`orchestrator/worker.py`), so that no
account takes the places of the others."""
WAITING_FOR = timedelta(minutes=1)
"""How long a question counts as waiting: pages and the API wait for ten seconds."""
MAX_SYSTEM_TESTS = 20
"""Tests of systems that one account can request within `INQUIRY_TTL`. Each sends requests to a system."""
SYSTEM_TEST = "test_system"
"""The kind of question of such a test."""
MAX_VERIFICATIONS = 10
"""Verifications that one account can request within `INQUIRY_TTL`. Each reads the whole ledger."""
SHARED = "verify_ledger"
"""The kind of question whose answer is the same for all accounts."""

# One statement, so that a caller leaves no expired rows behind. Of several that come at once, each may find the
# last place free.
_PUT = """
WITH clock AS (SELECT engine.now() AS now),
swept AS (DELETE FROM engine.inquiries WHERE expires_at <= (SELECT now FROM clock)),
mine AS (
    SELECT count(*) FILTER (WHERE state = 'asked' AND asked_at > now - %(waiting_for)s) AS waiting,
           count(*) FILTER (WHERE kind = %(shared)s) AS verifications,
           count(*) FILTER (WHERE kind = %(test)s) AS tests
    FROM engine.inquiries, clock WHERE asked_by = %(by)s AND expires_at > now
)
INSERT INTO engine.inquiries (inquiry_id, kind, asked_by, question, state, asked_at, expires_at)
SELECT %(id)s, %(kind)s, %(by)s, %(question)s, 'asked', now, now + %(kept)s FROM clock, mine
WHERE waiting < %(max_waiting)s AND (%(kind)s <> %(shared)s OR verifications < %(max_verifications)s)
    AND (%(kind)s <> %(test)s OR tests < %(max_tests)s)
"""
_IN_PROGRESS = """
SELECT inquiry_id FROM engine.inquiries
WHERE kind = %s AND state = 'asked' AND expires_at > engine.now() ORDER BY asked_at LIMIT 1
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
_DELETE = "DELETE FROM engine.inquiries WHERE inquiry_id = %s AND asked_by = %s"
_ANSWERED = """
SELECT kind, state, answer, asked_by FROM engine.inquiries
WHERE inquiry_id = %s AND (asked_by = %s OR kind = %s) AND expires_at > engine.now()
"""


@dataclass(frozen=True, slots=True)
class OpenInquiry:
    kind: str
    asked_by: str
    question: bytes


@dataclass(frozen=True, slots=True)
class InquiryAnswer:
    kind: str
    outcome: InquiryOutcome
    answer: bytes


class InquiryRows:
    """Raises `LedgerUnavailable`; and `UnreadableEvent` for a row sealed under another master key."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self.database = database
        self._keyring = keyring

    async def put(
        self, inquiry_id: str, kind: str, asked_by: str, question: bytes, kept: timedelta = INQUIRY_TTL
    ) -> None:
        """Raises `TooOften` for an account whose questions take all of its places."""
        sealed = self._keyring.seal(_context(inquiry_id, asked_by, "question"), question)
        row = {
            "id": inquiry_id,
            "kind": kind,
            "by": asked_by,
            "question": sealed,
            "kept": kept,
            "shared": SHARED,
            "waiting_for": WAITING_FOR,
            "max_waiting": MAX_WAITING,
            "max_verifications": MAX_VERIFICATIONS,
            "test": SYSTEM_TEST,
            "max_tests": MAX_SYSTEM_TESTS,
        }
        async with self.database.driver() as connection:
            put = (await connection.execute(_PUT, row)).rowcount == 1
        if not put:
            message = f"This account has {MAX_WAITING} requests that wait for a worker"
            if kind == SHARED:
                minutes = int(INQUIRY_TTL.total_seconds() // 60)
                message += (
                    f", or requested {MAX_VERIFICATIONS} verifications of the ledger in the last {minutes} minutes"
                )
            if kind == SYSTEM_TEST:
                minutes = int(INQUIRY_TTL.total_seconds() // 60)
                message += f", or requested {MAX_SYSTEM_TESTS} tests of systems in the last {minutes} minutes"
            raise TooOften("too_many_inquiries", f"{message}.", again_after=int(WAITING_FOR.total_seconds()))

    async def verification_in_progress(self) -> str | None:
        """The inquiry of a verification that no worker has finished."""
        async with self.database.driver() as connection:
            row = await (await connection.execute(_IN_PROGRESS, (SHARED,))).fetchone()
        return None if row is None else str(row[0])

    async def unanswered(self, inquiry_id: str) -> OpenInquiry | None:
        """None if the inquiry does not exist, is answered already or has expired."""
        async with self.database.driver() as connection:
            row = await (await connection.execute(_OPEN, (inquiry_id,))).fetchone()
        if row is None:
            return None
        kind, asked_by, sealed = row
        question = self._keyring.open(_context(inquiry_id, asked_by, "question"), bytes(sealed))
        return OpenInquiry(kind, asked_by, question)

    async def asked(self, inquiry_id: str, asked_by: str) -> bytes | None:
        """The question, for its asker; None for what this asker never asked and for what has expired."""
        async with self.database.driver() as connection:
            row = await (await connection.execute(_ASKED, (inquiry_id, asked_by))).fetchone()
        return None if row is None else self._keyring.open(_context(inquiry_id, asked_by, "question"), bytes(row[0]))

    async def answer(self, inquiry_id: str, asked_by: str, outcome: InquiryOutcome, answer: bytes) -> bool:
        """The first answer stands: false where there is one already, or the row has expired."""
        sealed = self._keyring.seal(_context(inquiry_id, asked_by, "answer"), answer)
        async with self.database.driver() as connection:
            kept = await connection.execute(_ANSWER, {"id": inquiry_id, "state": outcome, "answer": sealed})
        return kept.rowcount == 1

    async def withdraw(self, inquiry_id: str, asked_by: str) -> None:
        """No worker begins to answer it from now on. An answer that is there stays."""
        async with self.database.driver() as connection:
            await connection.execute(_WITHDRAW, (inquiry_id, asked_by))

    async def delete(self, inquiry_id: str, asked_by: str) -> None:
        """Its answer with it. A worker that is answering it keeps no answer."""
        async with self.database.driver() as connection:
            await connection.execute(_DELETE, (inquiry_id, asked_by))

    async def answered(self, inquiry_id: str, asked_by: str) -> InquiryAnswer | Literal["waiting"] | None:
        """None for what this asker never asked and for what has expired. Every asker gets a verification's answer."""
        async with self.database.driver() as connection:
            row = await (await connection.execute(_ANSWERED, (inquiry_id, asked_by, SHARED))).fetchone()
        if row is None:
            return None
        kind, state, sealed, asked_by = row
        if sealed is None:
            return "waiting"
        return InquiryAnswer(kind, state, self._keyring.open(_context(inquiry_id, asked_by, "answer"), bytes(sealed)))


def _context(inquiry_id: str, asked_by: str, what: str) -> str:
    return f"inquiry:{inquiry_id}:{what}:{asked_by}"


SEALED: Final = (
    SealedColumn(inquiries, inquiries.c.question, lambda row: _context(row["inquiry_id"], row["asked_by"], "question")),
    SealedColumn(inquiries, inquiries.c.answer, lambda row: _context(row["inquiry_id"], row["asked_by"], "answer")),
)
