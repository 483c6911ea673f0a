"""HR is asked again before anything is destroyed, and its newest file is the answer."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from activities.attempts.current_facts import CurrentFacts
from activities.connections import Connections
from activities.starts import is_expected
from connectors.abilities import Ability
from connectors.errors import ActionRequiredError, RefusedError, TryAgainError
from connectors.people import PeopleSource
from connectors.registry import connect
from orchestrator.domain.packet.packet import SystemSpec
from orchestrator.domain.run.cutoff import parse_cutoff

DELETE = Ability("delete_account", "change", "deletes", destroys=True)
COLUMNS = {"employee_number": "Number", "email": "Mail", "manager_hr_id": "Manager", "cutoff_date": "Last day"}
MANAGER = "E-2,new.manager@f.example,,"


def write(folder: Path, *rows: str) -> None:
    name = f"{len(list(folder.iterdir())):03}.csv"
    (folder / name).write_text("\n".join(["Number,Mail,Manager,Last day", *rows]) + "\n")


async def facts(folder: Path, now: datetime) -> Any:
    connection = {
        "path": str(folder),
        "columns": json.dumps(COLUMNS),
        "format": '{"time_zone": "UTC"}',
        "newest_by": "name",
        "settle_seconds": "0",
    }
    spec = SystemSpec(title="HR", connector="people_csv", connection=connection)
    platform = SimpleNamespace(hr=SimpleNamespace(system="hr"), systems={"hr": spec})
    packet = SimpleNamespace(platform=platform)
    known = {"hr_id": "E-1", "employee_number": "E-1", "manager_email": "old.manager@f.example"}
    state: Any = SimpleNamespace(
        asked=SimpleNamespace(facts=known, hr_leaving_at=None),
        plan=SimpleNamespace(steps={}),
        work=SimpleNamespace(steps={}),
        cutoff=now,
    )
    world: Any = SimpleNamespace(pinned=packet, current=packet, now=now)
    step: Any = SimpleNamespace(parameters={}, cuts_access=False)
    connections = Connections({}, secrets_folder=folder)
    keyring: Any = None
    return await CurrentFacts(connections, keyring).of(state, world, step, DELETE)


async def test_the_newest_file_stops_what_destroys(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    yesterday, next_year = now - timedelta(days=1), now + timedelta(days=365)
    write(tmp_path, f"E-1,nora@f.example,E-2,{yesterday:%Y-%m-%d}", MANAGER)
    assert (await facts(tmp_path, now)).manager_email == "new.manager@f.example"
    for number, works in (("E-1", ""), ("E-1", f"{next_year:%Y-%m-%d}"), ("e - 1", "")):
        write(tmp_path, f"{number},nora@f.example,E-2,{works}", MANAGER)
        with pytest.raises(RefusedError, match="employed_again") as refused:
            await facts(tmp_path, now)
        assert refused.value.happened == "no"
    write(tmp_path, "E-1,nora@f.example,E-2,soon", MANAGER)
    with pytest.raises(ActionRequiredError, match="person_unreadable"):
        await facts(tmp_path, now)
    write(tmp_path, MANAGER)
    assert (await facts(tmp_path, now)).manager_email == "old.manager@f.example", "unknown to HR, and so not employed"


async def test_what_destroys_waits_for_a_file_that_is_not_too_old(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    write(tmp_path, f"E-1,nora@f.example,E-2,{now - timedelta(days=1):%Y-%m-%d}", MANAGER)
    [file] = tmp_path.iterdir()
    os.utime(file, (now.timestamp() - 50 * 3600,) * 2)
    with pytest.raises(TryAgainError, match="people_file_old"):
        await facts(tmp_path, now)
    os.utime(file)
    assert (await facts(tmp_path, now)).manager_email == "new.manager@f.example"


async def test_a_start_that_the_file_announces_is_expected(tmp_path: Path) -> None:
    settings = {"path": str(tmp_path), "columns": json.dumps(COLUMNS), "settle_seconds": "0"}
    hr = connect("people_csv", {**settings, "format": '{"time_zone": "UTC"}'}, allowed_hosts=[])
    assert isinstance(hr, PeopleSource)
    day = f"{datetime.now(UTC) + timedelta(days=9):%Y-%m-%d}"
    write(tmp_path, f"E-1,nora@f.example,E-2,{day}", MANAGER)
    leaver, stays = await hr.person("E-1"), await hr.person("E-2")
    assert leaver is not None and stays is not None
    cutoff = parse_cutoff(f"{day}T18:00", "UTC")
    assert is_expected(leaver.status, leaver.leaving_at, cutoff)
    assert not is_expected(stays.status, stays.leaving_at, cutoff)
    early = parse_cutoff(f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%d}T18:00", "UTC")
    assert not is_expected(leaver.status, leaver.leaving_at, early)
