"""An office whose HR system is a folder with CSV files, a worker that checks lists, and one that feeds batches."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from activities.batch_feeder import BatchFeeder
from activities.inquiries.batch_checks import BatchChecks
from orchestrator import commands
from orchestrator.documents.batches.rows import BatchChecked, BatchRowAsked
from orchestrator.documents.runs.questions import BatchAsked
from orchestrator.domain.batches.batch import BatchState
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.levels import Actor
from orchestrator.reading.batches import BatchQueries
from tests.hr_feed.feeding import PACKET, Feeding, csv_packet, feeding, row
from tests.ledger.small_office import HANNA, SAM

NEXT_YEAR = datetime.now(UTC).year + 1
FRIDAY = f"{NEXT_YEAR}-02-26T18:00"


def asked(
    number: int | str, line: int, cutoff: str = FRIDAY, email: str = "", zone: str | None = "Europe/Berlin"
) -> Any:
    return BatchRowAsked(place=f"line {line}", person=str(number), cutoff=cutoff, email=email, zone=zone)


class BatchOffice:
    def __init__(self, here: Feeding) -> None:
        self.here = here
        self.office = here.office
        self.services = here.office.services
        self.feeder = self.another_feeder()
        self.checks = BatchChecks(
            self.services,
            self.office.queries,
            BatchQueries(self.office.database, self.office.queries),
            here.connections,
        )

    def another_feeder(self) -> BatchFeeder:
        """As another worker has it."""
        office = self.office
        return BatchFeeder(office.services, office.queries, self.here.connections, office.database)

    async def check(
        self, rows: Sequence[BatchRowAsked], by: Actor = HANNA, inquiry_id: str | None = None, **more: Any
    ) -> BatchChecked:
        question = BatchAsked(packet=PACKET, rows=tuple(rows), **more)
        return await self.checks.check(by.actor_id, question, inquiry_id or secrets.token_hex(8))

    async def proposed(self, rows: Sequence[BatchRowAsked], by: Actor = HANNA, **more: Any) -> str:
        checked = await self.check(rows, by, **more)
        assert checked.batch_id is not None, checked.broken
        return checked.batch_id

    async def running(self, rows: Sequence[BatchRowAsked], by: Actor = HANNA, **more: Any) -> str:
        """A batch that starts runs from now on."""
        batch_id = await self.proposed(rows, by, **more)
        await commands.start_batch(self.services, by, batch_id, len(rows))
        if (await self.state(batch_id)).status == "awaiting_confirmation":
            await commands.confirm_batch(self.services, SAM, batch_id)
        return batch_id

    async def state(self, batch_id: str) -> BatchState:
        return (await self.services.runs.batches.read([batch_id]))[batch_id]

    async def started(self, batch_id: str) -> list[int]:
        """The rows that have a run, in the order in which they were started."""
        rows = [one for one in (await self.state(batch_id)).rows.values() if one.run_id is not None and one.at]
        return [one.proposed.row for one in sorted(rows, key=lambda one: str(one.at))]


@asynccontextmanager
async def batch_office(
    url: str, folder: Path, people: int = 12, packet: Packet | None = None
) -> AsyncIterator[BatchOffice]:
    """HR has people with the numbers 1 to `people`, of whom no one leaves by HR's own record."""
    async with feeding(url, folder, packet or csv_packet()) as here:
        here.put(*(row(number) for number in range(1, people + 1)))
        yield BatchOffice(here)
