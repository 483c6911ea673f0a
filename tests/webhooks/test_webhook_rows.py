"""Webhooks and what was mailed as the ledger keeps them, with no more rights than the application has."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from orchestrator.deciding.runs import RUN_EVENT_TYPES
from orchestrator.domain import events as e
from orchestrator.domain.errors import Refusal
from orchestrator.domain.events.event import Draft, Event
from orchestrator.ledger.book.codec import EventCodec
from orchestrator.ledger.book.records import RowWrite, StreamAppend
from orchestrator.ledger.book.store import Ledger
from orchestrator.ledger.engine.notices import NoticeBook, is_look_late
from orchestrator.ledger.engine.webhooks import MAX_WEBHOOKS, Webhooks
from orchestrator.ledger.persons.keys import Keyring
from orchestrator.ledger.schema.database import Database

HOSTS = ("hooks.example.com",)
URL = "https://hooks.example.com/in"


class Kept:
    def __init__(self, database: Database) -> None:
        self.keyring = Keyring(database, bytes(32))
        self.ledger = Ledger(database, self.keyring, EventCodec(RUN_EVENT_TYPES))
        self.webhooks = Webhooks(database, self.keyring, self.ledger)
        self.book = NoticeBook(database)
        self.database = database

    async def happened(self, run_id: str, packet: str, *events: Event) -> None:
        """A run with these events, as far as webhooks look at one."""
        now = await self.ledger.now()
        row = {
            "person_id": "p_1",
            "state": "searching",
            "packet_name": packet,
            "packet_version": "v",
            "cutoff": now,
            "zone": "UTC",
            "requested_by": "hr",
            "requested_at": now,
            "version": len(events),
        }
        drafts = [Draft(key=f"k{number}", event=event) for number, event in enumerate(events)]
        await self.ledger.append(
            [StreamAppend(e.run_stream(run_id), 0, drafts)], [RowWrite("runs", {"run_id": run_id}, row)]
        )


@pytest_asyncio.fixture
async def kept(database_url: str) -> AsyncIterator[Kept]:
    database = Database(database_url, role="offboard_app")
    kept = Kept(database)
    yield kept
    await kept.ledger.aclose()
    await database.aclose()


async def test_the_next_events_go_to_subscribers_and_no_faster_than_asked(kept: Kept) -> None:
    await kept.happened("r1", "one", e.RunHeld(by="hr"))
    everything, _ = await kept.webhooks.add(URL, HOSTS, "safety")
    runs, _ = await kept.webhooks.add(URL, HOSTS, "safety", types=["run"], packets=["one"])
    gate = e.GateWithdrawn(gate_id="g-1")
    for number in range(2, 12):
        await kept.happened(
            f"r{number}", "one" if number % 2 else "two", e.RunHeld(by="hr"), e.StepSkipped(step_id="s", by="hr"), gate
        )
    told: list[tuple[str, int]] = []
    position, looks = 0, 0
    while position < await kept.ledger.tail_position():
        due, position = await kept.webhooks.due_after(position, 8)
        assert len(due) <= 8
        told += [(delivery.hook_id, delivery.position) for delivery in due]
        looks += 1
    assert looks >= 4 and len(set(told)) == len(told)
    assert sum(hook == everything.hook_id for hook, _ in told) == 20
    assert sum(hook == runs.hook_id for hook, _ in told) == 5
    assert min(position for _, position in told) == 2, "nothing from before they were there"
    assert await kept.webhooks.due_after(position, 8) == ([], position)
    await kept.webhooks.disable(everything.hook_id)
    await kept.webhooks.disable(runs.hook_id)
    assert await kept.webhooks.due_after(0, 8) == ([], position)


async def test_webhooks_are_listed_recorded_and_bounded(kept: Kept) -> None:
    hook, secret = await kept.webhooks.add(URL, HOSTS, "safety", types=["run", "run", "gate.opened"])
    assert hook.types == ("run", "gate.opened") and hook.packets is None and secret.startswith("whsec_")
    await kept.webhooks.record(hook.hook_id, "500", gave_up=True)
    assert ((await kept.webhooks.all())[0].last_status, (await kept.webhooks.all())[0].given_up) == ("500", 1)
    assert secret not in repr(await kept.webhooks.all())
    for _ in range(MAX_WEBHOOKS - 1):
        await kept.webhooks.add(URL, HOSTS, "safety")
    with pytest.raises(Refusal, match="too_many_webhooks"):
        await kept.webhooks.add(URL, HOSTS, "safety")
    await kept.webhooks.disable(hook.hook_id)
    await kept.webhooks.add(URL, HOSTS, "safety")
    for asked in (kept.webhooks.get, kept.webhooks.disable, kept.webhooks.replace_secret, kept.webhooks.secrets_of):
        with pytest.raises(Refusal, match="unknown_webhook"):
            await asked("w_nobody")


async def test_what_was_mailed_is_remembered(kept: Kept) -> None:
    assert await is_look_late(kept.database, "here", timedelta(0))
    await kept.book.will_look("here", datetime.now(UTC) + timedelta(seconds=60))
    assert not await is_look_late(kept.database, "here", timedelta(0))
    assert await is_look_late(kept.database, "another cluster", timedelta(0))
    await kept.book.keep([("r1/g-1", "first"), ("r1/g-1", "first"), ("r2/g-1", "refused")], "it")
    await kept.book.keep([("r2/g-1", "refused")], "it")
    assert set(await kept.book.sent_to(["it", "nobody"])) == {("r1/g-1", "first"), ("r2/g-1", "refused")}
    assert await kept.book.sent_to(["nobody"]) == {}
    await kept.book.forget_old()
    assert len(await kept.book.sent_to(["it"])) == 2
    assert await kept.book.next_embargo_ends() is None
