"""A termination in BambooHR starts the run of the person, once, and late data is caught up."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from activities.connections import Connections
from activities.hr_feed import HrFeed
from activities.inquiries.people import People
from connectors.vendors.bamboohr import finding
from orchestrator.domain.packet.packet import PLATFORM_FILE, WORKFLOW_FILE, Packet
from orchestrator.domain.packet.packet_files import parse_packet, starter_packet
from orchestrator.domain.run.run import RunState
from orchestrator.embedded.vendors.bamboohr.records import BambooEmployee
from orchestrator.ledger.engine.hr_feeds import HrFeedRows
from tests.connectors.vendors.bamboohr.connected_bamboohr import ZONE, ConnectedBambooHr, connected_bamboohr
from tests.ledger.small_office import SmallOffice, small_office

PACKET = "bamboohr-feed"


def packet_for(url: str) -> Packet:
    files = dict(starter_packet("identity-only").files)
    platform: dict[str, Any] = yaml.safe_load(files[PLATFORM_FILE])
    connection = {"url": url, "api_key": "env:BAMBOOHR_KEY", "time_zone": ZONE}
    platform["systems"]["hr"] |= {"connector": "bamboohr", "connection": connection, "hosts": ["127.0.0.1"]}
    platform["hr"] = {"system": "hr"}
    files[PLATFORM_FILE] = yaml.safe_dump(platform).encode()
    files[WORKFLOW_FILE] = files[WORKFLOW_FILE].replace(b"name: identity-only", f"name: {PACKET}".encode())
    return parse_packet(files)


class BambooFeeding:
    def __init__(self, office: SmallOffice, hr: ConnectedBambooHr, connections: Connections) -> None:
        self.office, self.hr, self.connections = office, hr, connections
        self.rows = HrFeedRows(office.database, office.keyring)
        self.feed = HrFeed(office.services, office.queries, connections, office.database, PACKET, every=0.0)

    async def look(self) -> Any:
        report = await self.feed.look()
        assert report is not None, await self.rows.last(PACKET)
        return report

    async def runs_of(self, employee: BambooEmployee) -> list[RunState]:
        person = (await self.office.keyring.find_people("hr", [employee.id])).get(employee.id)
        async with self.office.database.driver() as connection:
            found = await connection.execute("SELECT run_id FROM read.runs WHERE person_id = %s", (person,))
            return [await self.office.state(run_id) for (run_id,) in await found.fetchall()]


@asynccontextmanager
async def feeding(database_url: str, folder: Path) -> AsyncIterator[BambooFeeding]:
    async with (
        connected_bamboohr() as hr,
        small_office(database_url, packet_for(hr.bamboo.url)) as office,
    ):
        connections = Connections({"BAMBOOHR_KEY": hr.seed.api_key}, secrets_folder=folder)
        yield BambooFeeding(office, hr, connections)
        await connections.aclose()


async def test_a_termination_starts_one_run_and_late_ones_are_caught_up(database_url: str, tmp_path: Path) -> None:
    async with feeding(database_url, tmp_path) as here:
        company, hr = here.hr.company, here.hr
        company.terminate(hr.bo, hr.day(-200))
        assert [item.standing for item in (await here.look()).items] == ["left_before"]
        company.terminate(hr.isa, hr.day(40))
        report = await here.look()
        assert (report.source, report.leavers, report.started) == ("BambooHR", 2, 1)
        [run] = await here.runs_of(hr.isa)
        assert (run.cutoff, run.zone, run.asked.packet) == (hr.ends(40), ZONE, PACKET)
        assert (await here.look()).with_run == 1 and len(await here.runs_of(hr.isa)) == 1
        company.take_back_termination(hr.isa)
        assert ("taken_back", run.run_id) in [(item.standing, item.run_id) for item in (await here.look()).items]
        await here.office.advance_clock(timedelta(days=3))
        company.terminate(hr.kim, hr.day(1))
        assert (await here.look()).started == 1, "after the last day, by the clock of the office"
        [late] = await here.runs_of(hr.kim)
        assert late.cutoff == hr.ends(1) < await here.office.ledger.now()


async def test_nothing_starts_from_a_list_that_hides_who_leaves(database_url: str, tmp_path: Path) -> None:
    async with feeding(database_url, tmp_path) as here:
        company, hr = here.hr.company, here.hr
        company.terminate(hr.isa, hr.day(40))
        hr.seed.reader.hidden.add("employmentHistoryStatus")
        assert await here.feed.look() is None
        row = await here.rows.last(PACKET)
        assert row is not None and row.code == "fields_hidden" and "employmentStatus" in row.detail
        async with here.office.database.driver() as connection:
            found = await (await connection.execute("SELECT f::text FROM engine.hr_feeds AS f")).fetchone()
        # What HR's system says can name a person.
        assert found is not None and "employmentStatus" not in found[0] and b"employmentStatus".hex() not in found[0]
        hr.bamboo.faults.hide_list("/tables/")
        hr.seed.reader.hidden.clear()
        assert await here.feed.look() is None
        assert await here.runs_of(hr.isa) == []


async def test_the_feed_reads_one_list_for_all_starts_and_a_start_by_a_person_another(
    database_url: str, tmp_path: Path
) -> None:
    async with feeding(database_url, tmp_path) as here:
        company, hr = here.hr.company, here.hr
        for employee in (hr.isa, hr.kim):
            company.terminate(employee, hr.day(40))
        company.change(hr.bo, workEmail=hr.kim.fields["workEmail"])
        hr.bamboo.forget()
        assert (await here.look()).started == 2
        lists = [one for one in hr.bamboo.sent("GET") if one.path == "/api/v1/employees"]
        assert len(lists) == 1, "the list of leavers shows which mail addresses two people have"
        [kim], [isa] = await here.runs_of(hr.kim), await here.runs_of(hr.isa)
        assert ((kim.asked.facts or {}).get("shared"), (isa.asked.facts or {}).get("shared")) == (["email"], None)
        hr.bamboo.forget()
        people = People(here.connections, here.office.packet, here.office.keyring)
        facts = await people.facts_to_search_by(await people.find("E-3"), "E-3")
        assert facts.shared == ("email",)
        assert len([one for one in hr.bamboo.sent("GET") if one.path == "/api/v1/employees"]) == 1


async def test_an_old_list_does_not_show_what_two_people_have(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with feeding(database_url, tmp_path) as here:
        hr = here.hr
        people = People(here.connections, here.office.packet, here.office.keyring)
        known = await people.find("E-3")
        hr.company.change(hr.bo, workEmail=hr.kim.fields["workEmail"])
        assert (await people.facts_to_search_by(known, "E-3")).shared == ()
        monkeypatch.setattr(finding, "LIST_SERVES_FOR", timedelta(seconds=-1))
        assert (await people.facts_to_search_by(known, "E-3")).shared == ("email",)
