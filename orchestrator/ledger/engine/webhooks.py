"""Webhooks: which events each gets, the secrets they are signed with (sealed), and how the last delivery went.

The caller of `add`, `replace_secret` and `disable` has checked that the actor may: the safety owner of each packet that
it is about.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from orchestrator.domain import events as e
from orchestrator.domain.errors import Invalid
from orchestrator.ledger.book.records import Recorded
from orchestrator.ledger.book.store import Ledger
from orchestrator.ledger.persons.keys import Keyring
from orchestrator.ledger.persons.rewrapping import SealedColumn
from orchestrator.ledger.schema.database import Database
from orchestrator.ledger.schema.tables import events, head, runs, webhooks
from orchestrator.notifications.hook_addresses import target_of
from orchestrator.notifications.hook_events import KINDS, TYPE_OF, TYPES, is_wanted

SECRET_BYTES = 32
SECRET_PREFIX = "whsec_"  # noqa: S105 - how Standard Webhooks marks a secret, and none itself
BOTH_HOLD_FOR = timedelta(days=1)
"""How long the former secret signs as well, so that a receiver can change over without losing anything."""
MAX_WEBHOOKS = 50
MAX_POSITIONS_PER_SEARCH = 20_000
"""The number of positions that one search for events reads, those without interest included."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """`types` are words of `hook_events.TYPES` or `KINDS`, none for all of them; `packets` are names, None for all.
    `last_status` is an HTTP status or a code; `given_up` counts events that were never delivered."""

    hook_id: str
    url: str
    types: tuple[str, ...]
    packets: tuple[str, ...] | None
    made_by: str
    created_at: datetime
    disabled_at: datetime | None
    last_status: str | None
    last_at: datetime | None
    given_up: int


@dataclass(frozen=True, slots=True)
class DueDelivery:
    hook_id: str
    position: int


@dataclass(frozen=True, slots=True)
class Happening:
    """One event that a webhook may get. `waits` is how many seconds its run stays under embargo."""

    recorded: Recorded
    run_id: str
    packet: str
    waits: float


class Webhooks:
    """Raises `LedgerUnavailable`; `Invalid` or `NotAllowed` for what cannot be a webhook."""

    def __init__(self, database: Database, keyring: Keyring, ledger: Ledger) -> None:
        self._database = database
        self._keyring = keyring
        self._ledger = ledger

    async def add(
        self,
        url: str,
        hosts: Sequence[str],
        made_by: str,
        types: Sequence[str] = (),
        packets: Sequence[str] | None = None,
        *,
        hook_id: str | None = None,
    ) -> tuple[Webhook, str]:
        """A new webhook and its secret, which is returned here and never again. `hosts` is the installation's list. It
        hears of what is recorded from now on. A `hook_id` that is stored already is that of a request whose process
        died before it answered: the webhook gets another secret, since the first one was shown to no one."""
        await self.require_addable(url, hosts, types, packets, hook_id)
        hook_id, secret = hook_id or new_webhook_id(), secrets.token_bytes(SECRET_BYTES)
        async with self._database.transaction() as connection:
            await connection.execute(text("LOCK TABLE access.webhooks IN SHARE ROW EXCLUSIVE MODE"))
            others = webhooks.c.disabled_at.is_(None) & (webhooks.c.hook_id != hook_id)
            alive = select(func.count()).select_from(webhooks).where(others)
            if (await connection.execute(alive)).scalar_one() >= MAX_WEBHOOKS:
                raise _too_many()
            sealed = self._keyring.seal(_context(hook_id), secret)
            await connection.execute(
                insert(webhooks)
                .values(
                    hook_id=hook_id,
                    url=url,
                    sealed=sealed,
                    types=list(dict.fromkeys(types)),
                    packets=None if packets is None else list(dict.fromkeys(packets)),
                    made_by=made_by,
                    created_at=func.engine.now(),
                    after_position=select(head.c.position).scalar_subquery(),
                )
                .on_conflict_do_update(index_elements=[webhooks.c.hook_id], set_={"sealed": sealed})
            )
        return await self.get(hook_id), _shown(secret)

    async def require_addable(
        self,
        url: str,
        hosts: Sequence[str],
        types: Sequence[str],
        packets: Sequence[str] | None,
        hook_id: str | None = None,
    ) -> None:
        """Raises the refusal with which `add` would end now."""
        target_of(url, hosts)
        for type_ in types:
            if type_ not in TYPES and type_ not in KINDS:
                known = ", ".join((*KINDS, *TYPES))
                raise Invalid("unknown_event_type", f"There is no event type {type_[:60]!r}.", known=known)
        if packets is not None and not packets:
            raise Invalid("no_packets", "The list of packets is empty.")
        if sum(hook.disabled_at is None and hook.hook_id != hook_id for hook in await self.all()) >= MAX_WEBHOOKS:
            raise _too_many()

    async def all(self) -> tuple[Webhook, ...]:
        """The oldest first, disabled ones as well."""
        return tuple(_webhook(row) for row in await self._rows(select(webhooks).order_by(webhooks.c.created_at)))

    async def get(self, hook_id: str) -> Webhook:
        return _webhook(await self._row(hook_id))

    async def replace_secret(self, hook_id: str) -> str:
        """The new secret; it is returned once. For a day, requests are also signed with the former one."""
        row, secret = await self._row(hook_id), secrets.token_bytes(SECRET_BYTES)
        await self._change(
            hook_id,
            sealed=self._keyring.seal(_context(hook_id), secret),
            former_sealed=row["sealed"],
            former_until=func.engine.now() + BOTH_HOLD_FOR,
        )
        return _shown(secret)

    async def disable(self, hook_id: str) -> None:
        """Permanent: nothing is delivered any more, not even what is in progress. Repeating it changes nothing."""
        await self._row(hook_id)
        await self._change(hook_id, disabled_at=func.coalesce(webhooks.c.disabled_at, func.engine.now()))

    async def secrets_of(self, hook_id: str) -> list[bytes]:
        """Those that sign now, the newest first."""
        row = await self._row(hook_id)
        sealed = [row["sealed"]]
        if row["former_sealed"] is not None and row["former_until"] > row["now"]:
            sealed.append(row["former_sealed"])
        return [self._keyring.open(_context(hook_id), bytes(one)) for one in sealed]

    async def record(self, hook_id: str, status: str, *, disable: bool = False, gave_up: bool = False) -> None:
        """How an attempt went; `status` is an HTTP status or a code."""
        disabled = {"disabled_at": func.coalesce(webhooks.c.disabled_at, func.engine.now())} if disable else {}
        await self._change(
            hook_id,
            last_status=status,
            last_at=func.engine.now(),
            given_up=webhooks.c.given_up + int(gave_up),
            **disabled,
        )

    async def due_after(self, position: int, most: int) -> tuple[list[DueDelivery], int]:
        """The next deliveries, `most` or few more, and the position up to which events were looked at for them."""
        hooks = await self._rows(select(webhooks).where(webhooks.c.disabled_at.is_(None)))
        tail = await self._ledger.tail_position()
        if not hooks:
            return [], tail
        position = max(position, min(row["after_position"] for row in hooks))
        last = min(tail, position + MAX_POSITIONS_PER_SEARCH)
        at_once = max(1, most // len(hooks))
        found = await self._rows(
            select(events.c.position, events.c.event_type, runs.c.packet_name)
            .join_from(events, runs, runs.c.run_id == func.substr(events.c.stream, len(e.run_stream("")) + 1))
            .where(events.c.position > position, events.c.position <= last, events.c.event_type.in_(list(TYPE_OF)))
            .where(runs.c.twin_of.is_(None))  # what happens to a run happens to the dry run beside it as well
            .order_by(events.c.position)
            .limit(at_once)
        )
        due = [
            DueDelivery(hook["hook_id"], row["position"])
            for row in found
            for hook in hooks
            if row["position"] > hook["after_position"]
            and is_wanted(TYPE_OF[row["event_type"]], hook["types"])
            and (hook["packets"] is None or row["packet_name"] in hook["packets"])
        ]
        return due, found[-1]["position"] if len(found) == at_once else max(last, position)

    async def happening(self, position: int) -> Happening | None:
        """The event at a position, as it may be sent; None for one that is not sent."""
        found = await self._ledger.follow(position - 1, 1)
        if not found or found[0].position != position or found[0].type not in TYPE_OF:
            return None
        run_id = found[0].stream.removeprefix(e.run_stream(""))
        embargo = func.extract("epoch", runs.c.embargo_until - func.engine.now()).label("waits")
        for row in await self._rows(select(runs.c.packet_name, embargo).where(runs.c.run_id == run_id)):
            return Happening(found[0], run_id, row["packet_name"], max(float(row["waits"] or 0), 0.0))
        return None

    async def _row(self, hook_id: str) -> Mapping[str, Any]:
        query = select(webhooks, func.engine.now().label("now")).where(webhooks.c.hook_id == hook_id)
        for row in await self._rows(query):
            return row
        raise unknown_webhook(hook_id)

    async def _rows(self, query: Any) -> list[Mapping[str, Any]]:
        async with self._database.connect() as connection:
            return [dict(row) for row in (await connection.execute(query)).mappings()]

    async def _change(self, hook_id: str, **values: Any) -> None:
        async with self._database.transaction() as connection:
            await connection.execute(update(webhooks).where(webhooks.c.hook_id == hook_id).values(**values))


def new_webhook_number() -> str:
    return secrets.token_hex(8)


def new_webhook_id() -> str:
    return f"w_{new_webhook_number()}"


def _too_many() -> Invalid:
    return Invalid("too_many_webhooks", f"There are already {MAX_WEBHOOKS} webhooks, which is the limit.")


def unknown_webhook(hook_id: str) -> Invalid:
    return Invalid("unknown_webhook", f"There is no webhook {hook_id[:40]}.")


def _context(hook_id: str) -> str:
    return f"webhook:{hook_id}"


SEALED: Final = tuple(
    SealedColumn(webhooks, column, lambda row: _context(row["hook_id"]))
    for column in (webhooks.c.sealed, webhooks.c.former_sealed)
)


def _shown(secret: bytes) -> str:
    return SECRET_PREFIX + base64.b64encode(secret).decode()


def _webhook(row: Mapping[str, Any]) -> Webhook:
    return Webhook(
        hook_id=row["hook_id"],
        url=row["url"],
        types=tuple(row["types"]),
        packets=None if row["packets"] is None else tuple(row["packets"]),
        made_by=row["made_by"],
        created_at=row["created_at"],
        disabled_at=row["disabled_at"],
        last_status=row["last_status"],
        last_at=row["last_at"],
        given_up=row["given_up"],
    )
