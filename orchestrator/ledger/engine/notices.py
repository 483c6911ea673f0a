"""The mails that were sent, by account and item, and the state that the next mail depends on. Ids and times only."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert

from orchestrator.ledger.engine.engine_reports import keep_position
from orchestrator.ledger.schema.database import Database
from orchestrator.ledger.schema.tables import inbox, notice_looks, notices, runs

NOTICE_TTL = timedelta(days=30)
"""How long it is remembered that something was mailed, once it waits no more."""


NEWS_TTL = timedelta(hours=1)
"""For how long after an event its mails may be sent: a notice is gathered, and a mail server may be away."""
MAX_NEWS_AGE = timedelta(days=1)
CURSOR = "notices"
AGAIN = "@"
"""In the id of an item that was opened again, before the time of that."""
_LOOK = "SELECT cluster, due_at + %s::interval < engine.now() FROM engine.notice_looks"


@dataclass(frozen=True, slots=True)
class EventNotice:
    """An event of the ledger, without its content."""

    stream: str
    version: int
    event_type: str
    event_key: str
    recorded_at: datetime


class NoticeBook:
    """Raises `LedgerUnavailable`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def sent_to(self, actor_ids: Collection[str]) -> dict[tuple[str, str], datetime]:
        """(item, kind) -> when any of these accounts of one recipient was last sent a notice."""
        query = (
            select(notices.c.item_id, notices.c.kind, func.max(notices.c.sent_at))
            .where(notices.c.actor_id.in_(sorted(actor_ids)))
            .group_by(notices.c.item_id, notices.c.kind)
        )
        async with self._database.connect() as connection:
            return {(row[0], row[1]): row[2] for row in await connection.execute(query)}

    async def any_sent(self) -> bool:
        """Whether the mail server took a notice that is remembered (`NOTICE_TTL`). Not when: that would tell of runs
        that not everyone sees."""
        query = select(notices.c.item_id).where(notices.c.kind != "refused").limit(1)
        async with self._database.connect() as connection:
            return (await connection.execute(query)).first() is not None

    async def keep(self, sent: Sequence[tuple[str, str]], actor_id: str) -> None:
        """That the mail server took (or, as `refused`, would not take) these (item, kind) for this account."""
        rows = [
            {"item_id": item, "actor_id": actor_id, "kind": kind, "sent_at": func.engine.now()}
            for item, kind in dict.fromkeys(sent)
        ]
        statement = insert(notices).values(rows)
        again = statement.on_conflict_do_update(
            index_elements=["item_id", "actor_id", "kind"], set_={"sent_at": statement.excluded.sent_at}
        )
        async with self._database.transaction() as connection:
            await connection.execute(again)

    async def forget_old(self) -> None:
        async with self._database.transaction() as connection:
            await connection.execute(
                text(
                    "DELETE FROM engine.notices n WHERE sent_at < engine.now() - cast(:kept AS interval) "
                    "AND NOT EXISTS (SELECT FROM read.inbox i WHERE i.item_id = split_part(n.item_id, :again, 1))"
                ),
                {"kept": NOTICE_TTL, "again": AGAIN},
            )

    async def roles_waited_for(self) -> frozenset[str]:
        """Roles that anything waits for: accounts without them have no open items."""
        query = select(func.jsonb_array_elements_text(inbox.c.roles)).distinct()
        async with self._database.connect() as connection:
            return frozenset(row[0] for row in await connection.execute(query))

    async def assigned(self) -> frozenset[str]:
        """The accounts that were named to decide something that waits, whatever their roles."""
        named = func.jsonb_array_elements_text(inbox.c.detail["assigned"])
        query = select(named).where(func.jsonb_typeof(inbox.c.detail["assigned"]) == "array").distinct()
        async with self._database.connect() as connection:
            return frozenset(row[0] for row in await connection.execute(query))

    async def happened(self, types: Sequence[str]) -> tuple[EventNotice, ...]:
        """The latest events of these types, in the ledger's order. Reads from where `forget_news` stopped."""
        query = text(
            "SELECT stream, version, event_type, event_key, recorded_at FROM ledger.events "
            "WHERE position > coalesce((SELECT position FROM engine.cursors WHERE name = :name), 0) "
            "AND event_type = ANY(cast(:types AS text[])) AND recorded_at > engine.now() - cast(:age AS interval) "
            "ORDER BY position"
        )
        async with self._database.connect() as connection:
            rows = await connection.execute(query, {"name": CURSOR, "types": list(types), "age": MAX_NEWS_AGE})
            return tuple(EventNotice(*row) for row in rows)

    async def forget_news(self) -> None:
        """Called once everything that `happened` returned was mailed. It returns events of the last hour again, since
        a notice about them may still be gathered."""
        query = text(
            "SELECT max(position) FROM ledger.events "
            "WHERE position > coalesce((SELECT position FROM engine.cursors WHERE name = :name), 0) "
            "AND recorded_at < engine.now() - cast(:age AS interval)"
        )
        async with self._database.connect() as connection:
            last = (await connection.execute(query, {"name": CURSOR, "age": NEWS_TTL})).scalar_one()
        if last is not None:
            await keep_position(self._database, CURSOR, int(last))

    async def asking_feeds(self) -> tuple[tuple[str, str, datetime], ...]:
        """The packets whose feed from HR's records has something for HR: with what it is (a digest) and since when."""
        query = text("SELECT packet, asks, asked_at FROM engine.hr_feeds WHERE asks <> '' AND asked_at IS NOT NULL")
        async with self._database.connect() as connection:
            return tuple((row[0], row[1], row[2]) for row in await connection.execute(query))

    async def embargoed(self, run_ids: Collection[str]) -> frozenset[str]:
        """Which of these runs are under an embargo now."""
        query = select(runs.c.run_id).where(
            runs.c.run_id.in_(sorted(run_ids)), runs.c.embargo_until > func.engine.now()
        )
        async with self._database.connect() as connection:
            return frozenset(row[0] for row in await connection.execute(query))

    async def ending_embargoes(self, within: timedelta) -> tuple[str, ...]:
        """The runs, finished ones too, whose embargo ends within this time."""
        now = func.engine.now()
        query = select(runs.c.run_id).where(runs.c.embargo_until > now, runs.c.embargo_until <= now + within)
        async with self._database.connect() as connection:
            return tuple(row[0] for row in await connection.execute(query.order_by(runs.c.run_id)))

    async def next_embargo_ends(self) -> datetime | None:
        """When something that waits is next to be seen by more people, which no event says."""
        query = select(func.min(runs.c.embargo_until)).where(
            runs.c.embargo_until > func.engine.now(), runs.c.closed_at.is_(None)
        )
        async with self._database.connect() as connection:
            ends: datetime | None = (await connection.execute(query)).scalar_one()
            return ends

    async def will_look(self, cluster: str, at: datetime) -> None:
        """`at` is by the ledger's clock."""
        statement = insert(notice_looks).values(one_row=True, cluster=cluster, due_at=at)
        changed = {"cluster": statement.excluded.cluster, "due_at": statement.excluded.due_at}
        async with self._database.transaction() as connection:
            await connection.execute(statement.on_conflict_do_update(index_elements=["one_row"], set_=changed))


async def is_look_late(database: Database, cluster: str, grace: timedelta) -> bool:
    """Whether no workflow in this cluster is to look for notices, or one should have done so by now."""
    async with database.driver() as connection:  # the relay asks once a second
        row = await (await connection.execute(_LOOK, (grace,))).fetchone()
    return row is None or row[0] != cluster or bool(row[1])
