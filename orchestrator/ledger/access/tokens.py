"""API tokens: for services and assistants, and for a person's own command line. Hashed; expiring; shown once.

A token is `obt_ID_SECRET`. The id may be in lists; only the holder has the secret.
"""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from orchestrator.domain.permissions.levels import Level
from orchestrator.ledger.access.sessions import hash_of
from orchestrator.ledger.schema.database import Database
from orchestrator.ledger.schema.tables import tokens

_FORM = re.compile(r"obt_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")
MAX_TOKEN_LIFETIME = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Token:
    """`actor_id` is who acts with it, `made_by` who made it. It never goes further than `up_to`."""

    token_id: str
    actor_id: str
    label: str
    made_by: str
    up_to: Level
    auth_time: datetime | None
    acr: str | None
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    now: datetime

    @property
    def works(self) -> bool:
        return self.revoked_at is None and self.now < self.expires_at


class Tokens:
    """Raises `LedgerUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def make(
        self,
        actor_id: str,
        *,
        label: str,
        made_by: str,
        up_to: Level,
        lasts: timedelta,
        token_id: str | None = None,
        auth_time: datetime | None = None,
        acr: str | None = None,
    ) -> tuple[str, Token]:
        """The token's text, which is not shown again, and its stored record. A new token of a command line deletes the
        account's expired and revoked ones. A `token_id` that is stored already is that of a request whose process died
        before it answered: the token gets another text, since the first one was shown to no one."""
        token_id, secret = token_id or new_token_id(), secrets.token_urlsafe(32)
        now = func.engine.now()
        hashed = hash_of(secret)
        made = (
            insert(tokens)
            .values(
                token_id=token_id,
                token_hash=hashed,
                actor_id=actor_id,
                label=label,
                made_by=made_by,
                up_to=up_to.value,
                auth_time=auth_time,
                acr=acr,
                created_at=now,
                expires_at=now + min(lasts, MAX_TOKEN_LIFETIME),
            )
            .on_conflict_do_update(index_elements=[tokens.c.token_id], set_={"token_hash": hashed})
            .returning(tokens, now.label("now"))
        )
        over = (tokens.c.expires_at < now) | tokens.c.revoked_at.is_not(None)
        own = (tokens.c.actor_id == actor_id) & (tokens.c.made_by == actor_id)
        async with self._database.transaction() as connection:
            if made_by == actor_id:
                await connection.execute(delete(tokens).where(own, over))
            row = (await connection.execute(made)).mappings().one()
        return f"obt_{token_id}_{secret}", _token(dict(row))

    async def find(self, text: str) -> Token | None:
        """The token that this is the text of, if it works."""
        parts = _FORM.fullmatch(text)
        if parts is None:
            return None
        query = select(tokens, func.engine.now().label("now")).where(tokens.c.token_id == parts[1])
        async with self._database.connect() as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
        if row is None or not hmac.compare_digest(bytes(row["token_hash"]), hash_of(parts[2])):
            return None
        token = _token(dict(row))
        return token if token.works else None

    async def get(self, token_id: str) -> Token | None:
        query = select(tokens, func.engine.now().label("now")).where(tokens.c.token_id == token_id)
        async with self._database.connect() as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
        return _token(dict(row)) if row is not None else None

    async def made_by(self, actor_id: str | None = None) -> tuple[Token, ...]:
        """The tokens that one account made, or all; the latest first."""
        query = select(tokens, func.engine.now().label("now")).order_by(tokens.c.created_at.desc(), tokens.c.token_id)
        if actor_id is not None:
            query = query.where(tokens.c.made_by == actor_id)
        async with self._database.connect() as connection:
            return tuple(_token(dict(row)) for row in (await connection.execute(query.limit(500))).mappings())

    async def revoke(self, token_id: str) -> bool:
        """False if there is none that is not revoked."""
        revoked = update(tokens).where(tokens.c.token_id == token_id, tokens.c.revoked_at.is_(None))
        async with self._database.connect() as connection:
            return (await connection.execute(revoked.values(revoked_at=func.engine.now()))).rowcount > 0

    async def revoke_sign_ins(self, actor_id: str) -> None:
        """The tokens of a user's own command lines."""
        own = (tokens.c.actor_id == actor_id) & (tokens.c.made_by == actor_id) & tokens.c.revoked_at.is_(None)
        async with self._database.connect() as connection:
            await connection.execute(update(tokens).where(own).values(revoked_at=func.engine.now()))


def new_token_id() -> str:
    return secrets.token_hex(8)


def _token(row: dict[str, object]) -> Token:
    kept = {name: value for name, value in row.items() if name not in ("token_hash", "up_to")}
    return Token(up_to=Level(str(row["up_to"])), **kept)  # type: ignore[arg-type]  # the columns have these names
