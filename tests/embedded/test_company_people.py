"""Who works in the company, and that the same people always give the same accounts."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
import time
from collections import Counter
from datetime import date
from pathlib import Path

import httpx
import pytest

from orchestrator.embedded.company import directory
from orchestrator.embedded.company.company import Company
from orchestrator.embedded.company.people import default_people, packaged_export, read_people, with_traits
from orchestrator.embedded.company.population import populate


def test_the_same_people_always_give_the_same_accounts() -> None:
    assert populate(default_people()) == populate(default_people())


def test_the_export_holds_every_shape_that_matching_must_cope_with() -> None:
    people = default_people()
    population = populate(people)
    by_number = {person.employee_number: person for person in people}
    leaving = [person for person in people if person.leaving]
    assert len(leaving) == 4
    assert all(person.manager_number in by_number for person in people if person.manager_number)

    names = Counter(person.name for person in people)
    namesakes = [person for person in people if names[person.name] > 1]
    assert {person.leaving for person in namesakes} == {True, False}
    by_mail = Counter(account["email"] for account in population.code)
    assert any(by_mail[person.email] == 2 for person in leaving), "one leaver has two accounts that could be theirs"
    numbers = Counter(account["employee_number"] for account in population.code if account["employee_number"])
    assert max(numbers.values()) == 2, "a number was given out twice"
    assert any(account["employee_number"] is None for account in population.code)
    assert any(account["admin"] for account in population.code)
    assert any(not person.name.isascii() and person.former_emails for person in leaving)
    assert len(population.cards) < len(people)
    assert {"global-admins", "payroll-admins"} <= set(population.identity_groups)
    assert len({entry["uid"] for entry in population.directory}) == len(people)


def test_the_export_can_be_given_a_day() -> None:
    rows = list(csv.DictReader(io.StringIO(packaged_export(date(2031, 2, 3)))))
    assert {row["Last day"] for row in rows} == {"", "2031-02-03"}
    assert read_people(packaged_export(date(2031, 2, 3))) == read_people(packaged_export())


def test_another_export_makes_a_company_too() -> None:
    text = "\ufeffPersonnel no;Given;Work email;Last name\nX-1;Ann-Søfie;a@b.example;Drø\nX-2;Bo;;No address\n"
    people = with_traits(read_people(text, {"employee_number": "Personnel no", "given_name": "Given"}))
    assert [person.employee_number for person in people] == ["X-1"]
    assert populate(people).directory[0]["uid"] == "ann-soefie.droe"


async def test_without_slapd_the_company_starts_and_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory, "SEARCH_PATH", str(tmp_path))
    async with Company.start(tmp_path) as company:
        assert "slapd" in company.missing["directory"]
        assert "DIRECTORY_URL" not in company.connections
        assert await company.effects("directory") == []


async def test_an_identity_provider_without_patch(tmp_path: Path) -> None:
    async with Company.start(tmp_path, scim_patch=False) as company:
        async with httpx.AsyncClient(trust_env=False) as client:
            headers = {"Authorization": f"Bearer {company.connections['IDENTITY_TOKEN']}"}
            url = f"{company.connections['IDENTITY_URL']}/ServiceProviderConfig"
            config = (await client.get(url, headers=headers)).json()
        assert config["patch"]["supported"] is False


OWNER = """
import asyncio, sys
from pathlib import Path
from orchestrator.embedded.company.company import Company

async def main():
    async with Company.start(Path(sys.argv[1])) as company:
        pids = [company._process.pid] + ([company.directory._process.pid] if company.directory else [])
        print(*pids, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


def test_the_company_is_gone_when_its_owner_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as owner:
        assert owner.stdout is not None
        pids = owner.stdout.readline().split()
        owner.kill()
        owner.wait(20)
    assert pids
    deadline = time.monotonic() + 120
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < deadline, "the company outlived its owner"
        time.sleep(0.02)
