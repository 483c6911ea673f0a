"""Verifications of this ledger that a worker carried out, and what they found.

These rows are for a page to show. They prove nothing: an administrator of the database can write them too.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select, text

from orchestrator.ledger.proofs.verification import VerificationReport, verify_database
from orchestrator.ledger.schema.database import Database
from orchestrator.ledger.schema.inquiry_tables import verifications

MAX_VERIFICATIONS = 100
"""The latest ones are kept; older ones are deleted."""


@dataclass(frozen=True, slots=True)
class VerificationKept:
    """`events`, `streams` and `root` tell how far it came. `position`, `place`, `what` and `remedy` are those of the
    first wrong thing; empty, and no position, where all is in order."""

    verification_id: str
    verified_at: datetime
    ok: bool
    events: int
    streams: int
    root: bytes
    position: int | None
    place: str
    what: str
    remedy: str


async def verify_and_keep(database: Database, url: str) -> VerificationKept:
    """Reads every row through a connection of its own, in a thread: `url` is the ledger's. Raises
    `LedgerUnavailable`."""
    with database.errors():
        found = await asyncio.to_thread(verify_database, url)
    return await keep_verification(database, found)


async def keep_verification(database: Database, found: VerificationReport) -> VerificationKept:
    """Raises `LedgerUnavailable`."""
    wrong = found.wrong
    made = (
        insert(verifications)
        .values(
            verification_id=f"v{secrets.token_hex(8)}",
            verified_at=text("engine.now()"),
            ok=found.ok,
            events=found.events,
            streams=found.streams,
            root=found.root,
            position=wrong.position if wrong is not None else None,
            place=wrong.place if wrong is not None else "",
            what=wrong.what if wrong is not None else "",
            remedy=wrong.remedy if wrong is not None else "",
        )
        .returning(verifications)
    )
    latest = (
        select(verifications.c.verification_id).order_by(verifications.c.verified_at.desc()).limit(MAX_VERIFICATIONS)
    )
    async with database.transaction() as connection:
        row = (await connection.execute(made)).mappings().one()
        await connection.execute(delete(verifications).where(verifications.c.verification_id.not_in(latest)))
    return VerificationKept(**row)


async def last_verification(database: Database) -> VerificationKept | None:
    """None where there was none. Raises `LedgerUnavailable`."""
    latest = select(verifications).order_by(verifications.c.verified_at.desc()).limit(1)
    async with database.connect() as connection:
        row = (await connection.execute(latest)).mappings().one_or_none()
    return None if row is None else VerificationKept(**row)
