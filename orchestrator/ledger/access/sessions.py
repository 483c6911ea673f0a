"""Sessions of browsers.

A browser has a random secret. The table holds the secret's SHA-256, and everything else about the session encrypted.
Times are those of the database's clock, as everywhere.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from psycopg.rows import dict_row
from sqlalchemy import delete, func, insert, select, update

from orchestrator.ledger.book.errors import UnreadableEvent
from orchestrator.ledger.persons.keys import Keyring
from orchestrator.ledger.persons.rewrapping import SealedColumn
from orchestrator.ledger.schema.database import Database
from orchestrator.ledger.schema.tables import devices, sessions

SEEN_EVERY = timedelta(minutes=1)
"""The precision of the time of a session's last use, which is not written for every page."""

# What every page asks goes to the driver: it costs half of what a statement through SQLAlchemy does.
_FIND = """
SELECT actor_id, sealed, auth_time, acr, created_at, seen_at, expires_at, t.now
FROM access.sessions, (SELECT engine.now() AS now) t
WHERE session_hash = %s AND expires_at > t.now AND seen_at > t.now - %s
"""
_SEEN = "UPDATE access.sessions SET seen_at = engine.now() WHERE session_hash = %s"
_LEFT = """
SELECT 1 FROM read.runs
WHERE person_id = %s AND cutoff <= engine.now() AND state <> 'ended'
AND confirmed IS NOT FALSE AND NOT shadow AND restores IS NULL AND (cutoff > %s OR closed_at IS NULL)
LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """`lasts` counts from sign-in, whatever happens; `idle` from the last page."""

    lasts: timedelta = timedelta(hours=8)
    idle: timedelta = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Flash:
    """Something to say on the next page: `kind` is `done` or `refused`. `about` is the title of the item that it is
    about, and `place` that item's id on the page."""

    kind: str
    text: str
    remedy: str = ""
    about: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True)
class Session:
    """The session of one browser. `auth_time` and `acr` are the identity provider's statements about when and how the
    user signed in; `csrf` is the secret that every form repeats. A `passing` session is short, and nothing that lasts
    longer than it can be created in it."""

    secret: str = field(repr=False)
    actor_id: str
    name: str | None
    zone: str | None
    csrf: str = field(repr=False)
    auth_time: datetime | None
    acr: str | None
    created_at: datetime
    expires_at: datetime
    now: datetime
    flashes: tuple[Flash, ...] = ()
    passing: bool = False


@dataclass(frozen=True, slots=True)
class OpenSession:
    """One browser's session, without its secret."""

    actor_id: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime


class Sessions:
    """Opens, finds and ends sessions. Raises `LedgerUnavailable`."""

    def __init__(self, database: Database, keyring: Keyring, limits: SessionLimits) -> None:
        self._database = database
        self._keyring = keyring
        self._limits = limits

    async def open(
        self,
        actor_id: str,
        *,
        name: str | None = None,
        zone: str | None = None,
        auth_time: datetime | None = None,
        acr: str | None = None,
        replaces: str | None = None,
        ends_within: timedelta | None = None,
    ) -> str:
        """A new session and its secret; the one it replaces is over. An attacker who fixed a browser's secret
        beforehand has nothing of it. `ends_within` makes it a passing one."""
        lasts = self._limits.lasts if ends_within is None else min(ends_within, self._limits.lasts)
        secret = secrets.token_urlsafe(32)
        hashed = hash_of(secret)
        csrf = secrets.token_urlsafe(32)
        words: dict[str, Any] = {"name": name, "zone": zone, "csrf": csrf, "flashes": []}
        words["passing"] = ends_within is not None
        async with self._database.transaction() as connection:
            now = func.engine.now()
            await connection.execute(delete(sessions).where(sessions.c.expires_at < now))
            if replaces is not None:
                await connection.execute(delete(sessions).where(sessions.c.session_hash == hash_of(replaces)))
            await connection.execute(
                insert(sessions).values(
                    session_hash=hashed,
                    actor_id=actor_id,
                    auth_time=auth_time,
                    acr=acr,
                    sealed=self._seal(hashed, words),
                    created_at=now,
                    seen_at=now,
                    expires_at=now + lasts,
                )
            )
        return secret

    async def find(self, secret: str, *, by_hand: bool = True) -> Session | None:
        """The session, unless it is over or was idle for too long. Only what a person does `by_hand` keeps it from
        being idle: a page that is left open polls."""
        hashed = hash_of(secret)
        async with self._database.driver() as connection:
            cursor = connection.cursor(row_factory=dict_row)
            row = await (await cursor.execute(_FIND, (hashed, self._limits.idle))).fetchone()
            if row is None:
                return None
            if by_hand and row["now"] - row["seen_at"] > SEEN_EVERY:
                await connection.execute(_SEEN, (hashed,))
        try:
            words = self._open(hashed, row["sealed"])
        except UnreadableEvent:
            return None  # sealed under another master key: no session any more
        return Session(
            secret=secret,
            actor_id=row["actor_id"],
            name=words["name"],
            zone=words["zone"],
            csrf=words["csrf"],
            auth_time=row["auth_time"],
            acr=row["acr"],
            created_at=row["created_at"],
            expires_at=row["expires_at"],
            now=row["now"],
            flashes=tuple(Flash(**flash) for flash in words["flashes"]),
            passing=words.get("passing", False),
        )

    async def say(self, session: Session, *flashes: Flash) -> None:
        """Stores the message that the next page shows. None deletes it."""
        hashed = hash_of(session.secret)
        words = {"name": session.name, "zone": session.zone, "csrf": session.csrf, "passing": session.passing}
        sealed = self._seal(hashed, {**words, "flashes": [asdict(flash) for flash in flashes]})
        async with self._database.connect() as connection:
            await connection.execute(update(sessions).where(sessions.c.session_hash == hashed).values(sealed=sealed))

    async def end(self, secret: str) -> None:
        async with self._database.connect() as connection:
            await connection.execute(delete(sessions).where(sessions.c.session_hash == hash_of(secret)))

    async def end_of(self, actor_id: str) -> None:
        """Ends every session of an account, and the sign-ins of command lines that it has confirmed."""
        async with self._database.transaction() as connection:
            await connection.execute(delete(sessions).where(sessions.c.actor_id == actor_id))
            await connection.execute(delete(devices).where(devices.c.actor_id == actor_id))

    async def open_ones(self) -> tuple[OpenSession, ...]:
        """The sessions of all accounts, the most recently used first; at most 500."""
        now, idle = func.engine.now(), self._limits.idle
        query = (
            select(sessions.c.actor_id, sessions.c.created_at, sessions.c.seen_at, sessions.c.expires_at)
            .where(sessions.c.expires_at > now, sessions.c.seen_at > now - idle)
            .order_by(sessions.c.seen_at.desc())
            .limit(500)
        )
        async with self._database.connect() as connection:
            return tuple(OpenSession(**row) for row in (await connection.execute(query)).mappings())

    # A sign-in that is in progress is kept by its browser: however many are begun, there is nothing here to fill.

    def seal_sign_in(self, state: str, words: Mapping[str, Any], within: timedelta) -> str:
        """What only this installation may know until the identity provider sends the browser back, as text for a
        cookie of at most 4,096 bytes."""
        over = datetime.now(UTC) + within
        sealed = self._keyring.seal(_sign_in(state), json.dumps({**words, "over": over.isoformat()}).encode())
        return base64.urlsafe_b64encode(sealed).decode().rstrip("=")

    def opened_sign_in(self, state: str, sealed: str) -> dict[str, Any] | None:
        """What was sealed for this state. None if it is from another installation or of another state, or has
        expired."""
        try:
            raw = base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))
            words: dict[str, Any] = json.loads(self._keyring.open(_sign_in(state), raw))
        except (ValueError, UnreadableEvent):
            return None
        return words if datetime.fromisoformat(words["over"]) > datetime.now(UTC) else None

    def _seal(self, hashed: bytes, words: dict[str, Any]) -> bytes:
        return self._keyring.seal(_context(hashed), json.dumps(words).encode())

    def _open(self, hashed: bytes, sealed: bytes) -> dict[str, Any]:
        words: dict[str, Any] = json.loads(self._keyring.open(_context(hashed), bytes(sealed)))
        return words


def _context(hashed: bytes) -> str:
    return f"access:{hashed.hex()}"


SEALED: Final = (SealedColumn(sessions, sessions.c.sealed, lambda row: _context(row["session_hash"])),)


def _sign_in(state: str) -> str:
    return f"sign-in:{hash_of(state).hex()}"


async def left_since(database: Database, human: str, since: datetime) -> bool:
    """Whether this person's own cutoff has passed: since `since`, or in a run that is still going on. A run that was
    called off, or that only its requester has confirmed, does not count. A person who signs in after a run is closed
    was let in again by the identity provider."""
    async with database.driver() as connection:
        return await (await connection.execute(_LEFT, (human, since))).fetchone() is not None


def hash_of(secret: str) -> bytes:
    """Random secrets of 256 bits need no slow hash: there is nothing to guess."""
    return hashlib.sha256(secret.encode()).digest()
