"""A worker with a feed: a file that is put into HR's folder starts a run, which plans."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

from orchestrator.domain.permissions.levels import HR_FEED
from orchestrator.embedded.stack import Stack, put_in_production
from orchestrator.settings import Settings
from orchestrator.worker import working
from tests.cli.command_line import hired
from tests.hr_feed.feeding import TITLES, csv_packet

FRIDAY = f"{datetime.now(UTC).year + 1}-02-26"


def test_without_the_setting_no_feed_reads_anything() -> None:
    given = {"OFFBOARD_DATABASE_URL": "postgresql://offboard_worker@localhost/offboard", "OFFBOARD_MASTER_KEY": "x"}
    assert Settings.read(given).hr_feed_packet is None
    settings = Settings.read({**given, "OFFBOARD_HR_FEED_PACKET": "leavers", "OFFBOARD_HR_FEED_SECONDS": "300"})
    assert (settings.hr_feed_packet, settings.hr_feed_seconds) == ("leavers", 300)


async def test_a_file_that_arrives_starts_a_run_that_is_planned(stack: Stack) -> None:
    actors = (await stack.services.runs.organisation()).actors
    packet = csv_packet(name="feed-in-a-worker", path="feed-in-a-worker")
    await put_in_production(stack.services, packet, actors["value-owner"], actors["safety-owner"])
    folder = stack.settings.secrets_folder / "feed-in-a-worker"
    folder.mkdir(parents=True)
    nora = await hired(stack, ())
    settings = replace(stack.settings, hr_feed_packet=packet.name, hr_feed_seconds=0.05)
    async with working(settings), asyncio.timeout(60):
        unfinished = folder / "people.csv.part"
        unfinished.write_text(f"{TITLES}\n{nora.employee_number},{nora.given_name},{nora.email},{FRIDAY},17:30\n")
        unfinished.rename(folder / "people.csv")
        while not (run_id := await _run_of(stack, nora.employee_number)):
            await asyncio.sleep(0.05)
        while not (state := (await stack.services.runs.load(run_id)).state).plan.steps:
            await asyncio.sleep(0.05)
    assert state.asked.requested_by == HR_FEED and state.local_cutoff == f"{FRIDAY}T17:30:00+01:00"
    assert {step.system for step in state.plan.steps.values()} == {"identity"}


async def _run_of(stack: Stack, number: str) -> str | None:
    person = (await stack.services.keyring.find_people("hr", [number])).get(number)
    async with stack.backend.database.driver() as connection:
        found = await connection.execute("SELECT run_id FROM read.runs WHERE person_id = %s", (person,))
        row = await found.fetchone()
    return None if row is None else str(row[0])
