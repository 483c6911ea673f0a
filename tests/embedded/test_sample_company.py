"""The company of the demo answers as Okta, GitHub, Slack and BambooHR do, to the connectors that are used for them, and
what the connectors end there is gone for the person and for no one else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from activities.connections import Connections
from connectors.abilities import Account, Effect, Lookup
from connectors.people import PeopleSource
from orchestrator.domain.packet.packet import APPROVALS_FILE
from orchestrator.domain.packet.packet_files import starter_packet
from orchestrator.embedded.company.company import Company
from orchestrator.embedded.company.people import Employee, default_people
from orchestrator.embedded.smaller_packet import sample_packet

LEAVER = next(person for person in default_people() if person.leaving)
VENDORS = {"okta": "Okta", "github": "GitHub", "slack": "Slack"}


class Reached:
    """The company, and its systems by the connectors and settings of the sample packet."""

    def __init__(self, company: Company, folder: Path) -> None:
        self.company = company
        self.platform = sample_packet().platform
        self.connections = Connections(company.connections, secrets_folder=folder)

    async def to(self, system: str) -> Any:
        return await self.connections.to(system, self.platform.systems[system])

    async def found(self, system: str, person: Employee) -> Sequence[Account]:
        values = {"employee_number": person.employee_number, "email": person.email}
        lookups = [
            Lookup(match.attribute, values[match.key])
            for match in self.platform.systems[system].match
            if match.strength == "strong"
        ]
        found: Sequence[Account] = await (await self.to(system)).find_accounts(lookups)
        return found


@pytest.fixture(scope="module")
async def reached(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Reached]:
    folder = tmp_path_factory.mktemp("sample-company")
    async with Company.start(folder, vendors=True) as company:
        there = Reached(company, folder)
        yield there
        await there.connections.aclose()


async def test_each_system_accepts_its_connector_and_knows_the_people(reached: Reached) -> None:
    for system, spec in reached.platform.systems.items():
        if system not in reached.company.missing:
            checked = await (await reached.to(system)).check()
            assert checked.reachable and not checked.lacking, (spec.title, checked)
    for system in VENDORS:
        [account] = await reached.found(system, LEAVER)
        assert account.active is not False
    hr: PeopleSource = await reached.to("bamboohr")
    [person] = await hr.find_person(LEAVER.employee_number)
    assert (person.display_name, person.email, person.status) == (LEAVER.name, LEAVER.email, "left")
    [manager] = [one for one in await hr.managers(person.id) if one.id == person.manager_id]
    assert manager.employee_number == LEAVER.manager_number
    [renamed] = await hr.find_person("E-1015")
    assert renamed.display_name == "Živadinka Ølgaarden-Þorvaldsdóttir"
    assert renamed.time_zone == "Atlantic/Reykjavik", "by the location"
    assert await reached.company.violations() == []


async def test_without_a_credential_each_refuses_in_the_vendors_form(reached: Reached) -> None:
    given = reached.company.connections
    async with httpx.AsyncClient(trust_env=False) as web:
        okta = await web.get(f"{given['OKTA_URL']}/api/v1/users")
        github = await web.get(f"{given['GITHUB_URL']}/orgs/{given['GITHUB_ORGANIZATION']}/members")
        slack = await web.post(f"{given['SLACK_URL']}/api/users.list")
        bamboohr = await web.get(f"{given['BAMBOOHR_URL']}/api/v1/employees")
    assert (okta.status_code, okta.json()["errorCode"]) == (401, "E0000004")
    assert (github.status_code, github.json()["message"]) == (401, "Requires authentication")
    assert (slack.status_code, slack.json()) == (200, {"ok": False, "error": "not_authed"})
    assert (bamboohr.status_code, bool(bamboohr.headers["x-bamboohr-error-message"])) == (401, True)


async def test_what_connectors_end_is_gone_for_the_person_and_for_no_one_else(reached: Reached) -> None:
    before = await reached.company.standing()
    had = before[LEAVER.employee_number]
    assert all(had[vendor]["accounts"] and had[vendor]["tokens"] for vendor in VENDORS.values())
    assert len(had["Okta"]["sessions"]) == len(had["Slack"]["sessions"]) == 2
    for system, ability in (
        ("okta", "suspend_account"), ("okta", "revoke_sessions"), ("github", "remove_member"),
        ("slack", "deactivate_account"),
    ):  # fmt: skip
        [account] = await reached.found(system, LEAVER)
        await (await reached.to(system)).attempt(Effect(ability, f"test-{ability}", account))
    after = await reached.company.standing()
    for vendor in VENDORS.values():
        still = {kind for kind, entries in after[LEAVER.employee_number][vendor].items() if entries}
        assert not still & {"accounts", "sessions", "tokens"}, (vendor, still)
    assert {number for number, has in after.items() if has != before[number]} == {LEAVER.employee_number}
    assert await reached.company.violations() == []


async def test_no_one_is_hired_later(reached: Reached) -> None:
    with pytest.raises(ValueError, match="no one is hired"):
        await reached.company.hire([Employee("X-1", "Ann", "Late", "ann.late@corp.example")])


def test_the_packet_has_the_name_and_the_approvals_of_the_starter_packet() -> None:
    sample, starter = sample_packet(), starter_packet("standard-leaver")
    assert sample.name == starter.name and sample.version != starter.version
    assert sample.files[APPROVALS_FILE] == starter.files[APPROVALS_FILE]
    assert {spec.title for name, spec in sample.platform.systems.items() if name in VENDORS} == set(VENDORS.values())
