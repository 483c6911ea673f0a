"""A program that waits until its person has confirmed a code in a browser (RFC 8628, device authorisation)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import delete, func, insert, select, update

from orchestrator.ledger.access.quotas import require_quota
from orchestrator.ledger.access.sessions import hash_of
from orchestrator.ledger.schema.database import Database
from orchestrator.ledger.schema.tables import devices

DEVICE_SIGN_IN_TTL = timedelta(minutes=10)
POLL_INTERVAL = timedelta(seconds=2)
"""A program asks no more often than this (RFC 8628, section 3.5)."""
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"  # RFC 8628, section 6.1: no vowels, so that no words come up


Pending = Literal["authorization_pending", "slow_down", "access_denied", "expired_token"]


@dataclass(frozen=True, slots=True)
class ConfirmedDevice:
    """Who confirmed, and how they had proved who they are."""

    actor_id: str
    auth_time: datetime | None
    acr: str | None


class Devices:
    """Raises `LedgerUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ask(self, source: bytes) -> tuple[str, str]:
        """The secret that the program keeps, and the code that its person types: `BCDF-GHJK`. `source` says where it
        asks from. Raises `TooOften`."""
        secret = secrets.token_urlsafe(32)
        letters = "".join(secrets.choice(_LETTERS) for _ in range(8))
        now = func.engine.now()
        async with self._database.transaction() as connection:
            await connection.execute(delete(devices).where(devices.c.expires_at < now))
            await require_quota(connection, devices, source)
            await connection.execute(
                insert(devices).values(
                    device_hash=hash_of(secret),
                    code_hash=hash_of(letters),
                    asked_at=now,
                    expires_at=now + DEVICE_SIGN_IN_TTL,
                    source=source,
                )
            )
        return secret, f"{letters[:4]}-{letters[4:]}"

    async def confirm(self, code: str, confirmed: ConfirmedDevice | None) -> bool:
        """`None` refuses. False for a code that is unknown, over, or answered already."""
        letters = "".join(letter for letter in code.upper() if letter.isalpha())
        answered = update(devices).where(
            devices.c.code_hash == hash_of(letters),
            devices.c.expires_at > func.engine.now(),
            devices.c.actor_id.is_(None),
            devices.c.refused.is_(False),
        )
        if confirmed is None:
            answered = answered.values(refused=True)
        else:
            answered = answered.values(actor_id=confirmed.actor_id, auth_time=confirmed.auth_time, acr=confirmed.acr)
        async with self._database.connect() as connection:
            return (await connection.execute(answered)).rowcount > 0

    async def poll(self, secret: str) -> ConfirmedDevice | Pending:
        """Who confirmed, once; or RFC 8628's `authorization_pending`, `slow_down`, `access_denied`, `expired_token`."""
        hashed, now = hash_of(secret), func.engine.now()
        async with self._database.transaction() as connection:
            query = select(devices, now.label("now")).where(devices.c.device_hash == hashed).with_for_update()
            row = (await connection.execute(query)).mappings().one_or_none()
            if row is None or row["expires_at"] <= row["now"]:
                return "expired_token"
            mine = devices.c.device_hash == hashed
            if row["refused"]:
                await connection.execute(delete(devices).where(mine))
                return "access_denied"
            if row["actor_id"] is not None:
                await connection.execute(delete(devices).where(mine))
                return ConfirmedDevice(row["actor_id"], row["auth_time"], row["acr"])
            early = row["polled_at"] is not None and row["now"] - row["polled_at"] < POLL_INTERVAL / 2
            await connection.execute(update(devices).where(mine).values(polled_at=now))
            return "slow_down" if early else "authorization_pending"
