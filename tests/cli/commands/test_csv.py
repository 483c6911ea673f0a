"""Starting everyone in an HR export."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orchestrator.cli.server.access import entering
from orchestrator.cli.server.server import ServerRefused
from orchestrator.embedded.company.people import Employee
from orchestrator.embedded.stack import Stack
from tests.cli.command_line import NewLeaver, Offboard

NEXT_YEAR = datetime.now(UTC).year + 1
TITLES = (
    "Employee ID,First name,Last name,Preferred name,Work email,Former emails,Department,Job title,Manager ID,Country,"
    "Time zone,Status,Last day,Leaving time"
)


def export(path: Path, people: Sequence[Employee], *lines: str, day: str = f"{NEXT_YEAR}-02-26") -> Path:
    rows = [
        f"{p.employee_number},{p.given_name},{p.family_name},,{p.email},,{p.department},{p.title},E-1010,DE,"
        f"Europe/Berlin,Leaving,{day},17:00"
        for p in people
    ]
    path.write_text("\n".join([TITLES, *rows, *lines]) + "\n")
    return path


async def test_broken_rows_are_named_by_line_and_nothing_starts(
    offboard: Offboard, leaver: NewLeaver, tmp_path: Path
) -> None:
    people = [await leaver(), await leaver()]
    unknown = f"X-1,No,Body,,no.body@wolkenmuehle.example,,A,B,E-1010,DE,Europe/Berlin,Leaving,{NEXT_YEAR}-02-26,17:00"
    gap = "X-2,In,Gap,,in.gap@wolkenmuehle.example,,A,B,E-1010,DE,Europe/Berlin,Leaving,2027-03-28,02:30"
    somebody_else = (
        f"{people[1].employee_number},Some,Body,,somebody.else@wolkenmuehle.example,,A,B,E-1010,DE,Europe/Berlin,"
        f"Leaving,{NEXT_YEAR}-02-26,17:00"
    )
    path = export(tmp_path / "leavers.csv", people[:1], unknown, "short,row", gap, somebody_else)
    error = await offboard.refused("start", "--from-csv", str(path), as_="hr")
    assert "line 3: No one in HR matches" in error and "line 4: has 2 fields" in error
    assert "line 5:" in error and "does not exist in Europe/Berlin" in error
    assert "line 6: HR has a different mail address for this employee number" in error
    assert "No run was started: 4 rows" in error and "--skip-bad" in error
    number = people[0].employee_number
    assert number not in (await offboard.done("runs", as_="hr")).out

    answer = await offboard("start", "--from-csv", str(path), "--skip-bad", as_="hr")
    assert answer.code == 0 and f"({number})" in answer.out and "line 4:" in answer.err
    assert number in (await offboard.done("runs", as_="hr")).out
    again = await offboard("start", "--from-csv", str(path), "--skip-bad", as_="hr")
    assert "line 2: this person already has an open run: r" in again.err and "run r" not in again.out


async def test_more_than_the_cap_wants_the_number_repeated(
    offboard: Offboard, leaver: NewLeaver, tmp_path: Path
) -> None:
    path = export(tmp_path / "many.csv", [await leaver() for _ in range(11)])
    error = await offboard.refused("start", "--from-csv", str(path), as_="hr")
    assert "11 runs would start" in error and "is 10 per list" in error and "--confirm 11" in error
    error = await offboard.refused("start", "--from-csv", str(path), "--confirm", "12", as_="hr")
    assert "--confirm is 12, but 11 runs would start" in error
    answer = await offboard.done("start", "--from-csv", str(path), "--confirm", "11", as_="hr")
    assert answer.out.count("run r") == 11


async def test_a_file_that_is_no_export(offboard: Offboard, tmp_path: Path) -> None:
    assert "No such file" in await offboard.refused("start", "--from-csv", str(tmp_path / "none.csv"), as_="hr")
    path = tmp_path / "other.csv"
    path.write_text("a,b\n1,2\n")
    assert "has no column 'Country'" in await offboard.refused("start", "--from-csv", str(path), as_="hr")


async def test_hr_has_the_zone_and_a_person_who_still_works_is_not_started(
    offboard: Offboard, leaver: NewLeaver, tmp_path: Path
) -> None:
    goes, stays = await leaver(time_zone="Asia/Tokyo"), await leaver()
    path = export(tmp_path / "leavers.csv", [goes, stays, stays])
    lines = path.read_text().replace("Europe/Berlin", "").splitlines()
    lines[3] = lines[3].replace(f",{NEXT_YEAR}-02-26,17:00", ",,")
    path.write_text("\n".join(lines) + "\n")
    answer = await offboard("start", "--from-csv", str(path), "--skip-bad", as_="hr")
    assert answer.code == 0 and answer.out.count("run r") == 1 and "in Asia/Tokyo)" in answer.out
    assert "line 3: has the same employee number as line 4" in answer.err
    assert stays.employee_number not in (await offboard.done("runs", as_="hr")).out


async def test_a_number_that_two_people_have_in_different_spellings_starts_no_one(
    offboard: Offboard, leaver: NewLeaver, stack: Stack, tmp_path: Path
) -> None:
    person = await leaver()
    other = await leaver(employee_number=person.employee_number.lower().replace("-", "\u2011"))
    when = ("--cutoff", f"{NEXT_YEAR}-02-26T17:00", "--zone", "Europe/Berlin")
    for number in (person.employee_number, other.employee_number):
        error = " ".join((await offboard.refused("start", number, *when, as_="hr")).split())
        assert "More than one person in HR matches" in error and "differ only in case, spaces or form" in error
        assert "More than one person" in await offboard.refused("start", number, *when, "--preview", as_="hr")
    path = export(tmp_path / "leavers.csv", [person])
    error = await offboard.refused("start", "--from-csv", str(path), as_="hr")
    assert "line 2: More than one person in HR matches" in error
    async with entering(stack.folder, "hr") as server:
        with pytest.raises(ServerRefused) as refused:
            await server.post(
                "runs", body={"person": person.employee_number, "packet": "standard-leaver", "urgent": True}
            )
        assert refused.value.code == "several_people"
        shown = await server.post("people", "search", body={"packet": "standard-leaver", "text": person.family_name})
        assert person.employee_number in [one["employee_number"] for one in shown["people"]]
    started = await offboard.done("start", other.email, *when, as_="hr")
    assert f"({other.employee_number})" in started.out
