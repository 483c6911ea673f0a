"""An office whose HR system is a folder with CSV files, and the feed that reads it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from activities.connections import Connections
from activities.hr_feed import HrFeed
from orchestrator.domain.packet.packet import APPROVALS_FILE, PLATFORM_FILE, WORKFLOW_FILE, Packet
from orchestrator.domain.packet.packet_files import parse_packet, starter_packet
from orchestrator.domain.run.run import RunState
from orchestrator.ledger.engine.hr_feeds import HrFeedRows
from tests.ledger.small_office import SmallOffice, small_office

TITLES = "Number,Name,Mail,Last day,Time"
PACKET = "csv-feed"
COLUMNS = {
    "employee_number": "Number", "display_name": "Name", "email": "Mail", "cutoff_date": "Last day",
    "cutoff_time": "Time",
}  # fmt: skip


def csv_packet(
    approvals: str = "",
    levels: list[dict[str, Any]] | None = None,
    *,
    name: str = PACKET,
    no_hr: str = "",
    columns: Mapping[str, str] = COLUMNS,
    **settings: str,
) -> Packet:
    """The packet identity-only with people from files. `approvals` is added to its file, `levels` to its grants. The
    role `no_hr` does not read HR."""
    files = dict(starter_packet("identity-only").files)
    platform: dict[str, Any] = yaml.safe_load(files[PLATFORM_FILE])
    connection = {"path": "people", "settle_seconds": "0", "newest_by": "name", **settings}
    platform["systems"]["hr"] |= {"connector": "people_csv", "connection": connection, "hosts": []}
    platform["hr"] = {
        "system": "hr",
        "export_columns": dict(columns),
        "export_format": {"time_zone": "Europe/Berlin"},
    }
    platform["levels"] += levels or []
    for rule in platform["levels"]:
        if rule["who"] == no_hr:
            rule["systems"] = ["identity"]
    files[PLATFORM_FILE] = yaml.safe_dump(platform).encode()
    files[WORKFLOW_FILE] = files[WORKFLOW_FILE].replace(b"name: identity-only", f"name: {name}".encode())
    files[APPROVALS_FILE] += approvals.encode()
    return parse_packet(files)


def row(number: int, day: str = "", time: str = "") -> str:
    return f"{number},Person {number},p{number}@f.example,{day},{time}"


def leaves(number: int, at: datetime) -> str:
    """A row with this leaving, in UTC, as the zone of the file has it."""
    there = at.astimezone(ZoneInfo("Europe/Berlin"))
    return row(number, f"{there:%Y-%m-%d}", f"{there:%H:%M:%S}")


class Feeding:
    """`look` reads the folder once."""

    def __init__(self, office: SmallOffice, folder: Path) -> None:
        self.office = office
        self.folder = folder / "people"
        self.folder.mkdir()
        self.connections = Connections({}, secrets_folder=folder)
        self.rows = HrFeedRows(office.database, office.keyring)
        self.feed = self.another()

    def another(self) -> HrFeed:
        """As another worker has it."""
        office = self.office
        return HrFeed(office.services, office.queries, self.connections, office.database, PACKET, every=0.0)

    def put(self, *rows: str, staying: int = 12) -> Path:
        """The newest file, with so many people who stay: a short file is refused as truncated."""
        path = self.folder / f"people-{len(list(self.folder.iterdir())):04}.csv"
        others = [row(number) for number in range(900, 900 + staying)]
        path.write_text("\n".join([TITLES, *rows, *others]) + "\n")
        return path

    def age(self, path: Path, by: timedelta) -> None:
        before = path.stat().st_mtime - by.total_seconds()
        os.utime(path, (before, before))

    async def look(self, *rows: str) -> Any:
        if rows:
            self.put(*rows)
        report = await self.feed.look()
        assert report is not None, await self.rows.last(PACKET)
        return report

    async def runs_of(self, number: int) -> list[RunState]:
        """The person's runs, the oldest first."""
        person = (await self.office.keyring.find_people("hr", [str(number)])).get(str(number))
        async with self.office.database.driver() as connection:
            found = await connection.execute(
                "SELECT run_id FROM read.runs WHERE person_id = %s ORDER BY requested_at", (person,)
            )
            return [await self.office.state(run_id) for (run_id,) in await found.fetchall()]

    async def run_of(self, number: int) -> RunState:
        [state] = await self.runs_of(number)
        return state


@asynccontextmanager
async def feeding(url: str, folder: Path, packet: Packet | None = None) -> AsyncIterator[Feeding]:
    async with small_office(url, packet or csv_packet()) as office:
        yield Feeding(office, folder)
