"""The ledger's disk is full, again and again, while runs are in progress: errors say so, and nothing is lost."""

from __future__ import annotations

import asyncio

import pytest

from orchestrator.embedded.company.company import Company
from orchestrator.embedded.company.people import Employee
from orchestrator.ledger.book.errors import LedgerError
from tests.conftest import Hire
from tests.faults.batch import TrialBatch
from tests.faults.small_disk import SmallDisk, small_disk
from tests.faults.trial import Trial, trial, under

MEBIBYTES = 192
"""For PostgreSQL's data and a second segment of its log."""
STARTS = 40
"""Of other people, while the disk is full: more than fit into its last pages."""


class FullDisk:
    """The fault. `named` counts commands that were refused since the disk is full, `down` those while the server was
    away because of that."""

    def __init__(self, disk: SmallDisk, others: list[Employee]) -> None:
        self._disk = disk
        self._others = others
        self.named = self.down = self.restarts = 0

    async def __call__(self, here: Trial) -> None:
        try:
            while True:
                await asyncio.sleep(here.chance.uniform(0.5, 2.0))
                await self.once(here)
        finally:
            await asyncio.shield(self._free(here))

    async def once(self, here: Trial) -> None:
        await asyncio.to_thread(self._disk.fill)
        await self._ask(here)
        await asyncio.sleep(here.chance.uniform(0.5, 3.0))
        await asyncio.shield(self._free(here))

    async def _ask(self, here: Trial) -> None:
        """Starts runs until one is refused."""
        while self._others:
            try:
                here.runs.append(await here.here.start(self._others[-1]))
                self._others.pop()
            except LedgerError as refused:
                if "the disk is full" in str(refused):
                    self.named += 1
                else:
                    self.down += 1
                assert refused.remedy and "PostgreSQL" in refused.place, refused
                return

    async def _free(self, here: Trial) -> None:
        """An administrator frees space, and starts the server if it ended."""
        await asyncio.to_thread(self._disk.free)
        if here.postgres.pid is None:
            self.restarts += 1
            await here.postgres.restart()


@pytest.mark.trial(row=12, batches=4)
async def test_the_disk_of_the_ledger_is_full(company: Company, hire: Hire, batch: TrialBatch) -> None:
    people = await hire(batch.sized(3, 16))
    others = await hire(STARTS)
    with small_disk(MEBIBYTES) as disk:
        async with trial(company, disk.folder, batch) as here:
            fault = FullDisk(disk, others)
            await under(fault, here, people)
            if not fault.named:  # the runs ended before a start was refused
                await fault.once(here)
            assert fault.named, "no command was refused because of the disk"
    batch.add("commands refused because the disk was full", fault.named)
    batch.add("restarts of PostgreSQL after that", fault.restarts)
