"""`offboard hr check`: what would be read in an export and started, without a server."""

from __future__ import annotations

import io
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from orchestrator.cli.terminal import screen
from orchestrator.domain.packet.packet_files import starter_packet
from tests.cli.command_line import Offboard

TITLES = "Employee ID;Name;Work email;Manager ID;Last day;Status;Shoe size"
MAPPING = {
    "export_columns": {
        "employee_number": "Employee ID", "display_name": "Name", "email": "Work email",
        "manager_hr_id": "Manager ID", "cutoff_date": "Last day", "status": "Status",
    },
    "export_format": {
        "dates": "german", "time_zone": "Europe/Berlin", "leaves_when": "row.status == 'Leaving'",
        "trailer": "Total", "several_rows": "combine",
    },
}  # fmt: skip


@pytest.fixture
def offboard(tmp_path: Path) -> Offboard:
    return Offboard(tmp_path / "stack")


@pytest.fixture
def packet(tmp_path: Path) -> Path:
    """The starter packet with a mapping of its own."""
    folder = tmp_path / "packet"
    folder.mkdir()
    for name, content in starter_packet("standard-leaver").files.items():
        (folder / name).write_bytes(content)
    platform = yaml.safe_load((folder / "platform.yaml").read_text())
    platform["hr"] |= MAPPING
    (folder / "platform.yaml").write_text(yaml.safe_dump(platform))
    return folder


def export(path: Path, *rows: str, titles: str = TITLES) -> Path:
    path.write_text("\n".join([titles, *rows, f"Total;{len(rows)};;;;;"]) + "\n")
    return path


def day(ahead: int) -> str:
    return f"{datetime.now(UTC) + timedelta(days=ahead):%d.%m.%Y}"


async def test_each_row_is_shown_as_it_was_understood(offboard: Offboard, packet: Path, tmp_path: Path) -> None:
    file = export(
        tmp_path / "people.csv",
        f"E-1;Nora Berg;nora@f.example;E-2;{day(20)};Leaving;42",
        f"E-2;Bea Kraft;bea@f.example;;{day(50)};Active;39",
        f"E-3;Omar Lind;omar@f.example;E-2;{day(-9)};Leaving;40",
        "E-4;Ida Holm;ida@f.example;E-2;soon;Leaving;41",
        f"E-5;Ed Moss;ed@f.example;E-2;{day(-900)};Leaving;41",
        f"E-1;Nora Berg;nora@f.example;E-2;{day(3)};Leaving;42",
    )
    shown = await offboard("hr", "check", str(file), "--packet", str(packet))
    lines = {line[:1]: line for line in shown.out.splitlines() if line[:1].isdigit() and "would start" not in line}
    assert list(lines) == ["2", "3", "4", "5", "6"] and lines["2"].startswith("2, 7  E-1")
    assert "Nora Berg" in lines["2"] and "18:00 (Europe/Berlin)" in lines["2"] and "A run starts" in lines["2"]
    assert "Works here" in lines["3"] and "An urgent run starts, with --yes" in lines["4"]
    assert "Cannot be read: has the last day 'soon'" in lines["5"]
    assert "Not started: has the last day" in lines["6"] and "more than a year ago" in lines["6"]
    assert "2 runs would start: offboard start --from-csv people.csv --skip-bad --yes" in shown.out
    assert "Columns of people.csv: Employee ID, Name, Work email, Manager ID, Last day, Status, Shoe size" in shown.out
    assert "Not mapped: country, cutoff_time," in shown.out and "Needed: employee_number" in shown.out
    assert shown.code == 1, "a row cannot be read"

    answer = await offboard("hr", "check", str(file), "--packet", str(packet), "--json")
    assert answer.json["counts"] == {
        "works": 1,
        "left": 0,
        "starts": 1,
        "starts_urgent": 1,
        "not_started": 1,
        "not_read": 1,
    }
    written = set(re.findall(r"[a-z_]+", (Path(__file__).parents[3] / "docs" / "json.md").read_text()))
    assert answer.json.keys() | answer.json["rows"][0].keys() | answer.json["counts"].keys() <= written
    nora = answer.json["rows"][0]
    assert (nora["employee_number"], nora["manager"], nora["zone"], nora["result"]) == (
        "E-1",
        "E-2",
        "Europe/Berlin",
        "starts",
    )
    assert f"{datetime.fromisoformat(nora['local']):%d.%m.%Y}" == day(20), "the later of two positions"

    few = await offboard("hr", "check", str(file), "--packet", str(packet), "--leaving")
    assert "Bea Kraft" not in few.out and "Nora Berg" in few.out


@pytest.mark.parametrize("other", ["e-1", "E -1", "E\u20131"], ids=["case", "space", "dash"])
async def test_two_people_whose_numbers_differ_in_spelling_alone_are_both_named(
    offboard: Offboard, packet: Path, tmp_path: Path, other: str
) -> None:
    file = export(
        tmp_path / "people.csv",
        f"E-1;Nora Berg;nora@f.example;E-2;{day(20)};Leaving;42",
        f"{other};Bea Kraft;bea@f.example;E-2;;Active;39",
    )
    shown = await offboard("hr", "check", str(file), "--packet", str(packet))
    assert shown.code == 1 and "No run would start" in shown.out
    words = " ".join(shown.out.split())
    for line in ("2", "3"):
        assert f"has the same employee number as line {line}, in another spelling" in words


async def test_columns_that_are_missing_are_named_with_those_that_are_there(
    offboard: Offboard, packet: Path, tmp_path: Path
) -> None:
    file = export(tmp_path / "people.csv", titles="Employee ID;Full name;Work email;Manager;Last day;Status;Shoe size")
    answer = await offboard("hr", "check", str(file), "--packet", str(packet))
    assert answer.code == 1
    assert "people.csv has no column 'Name', 'Manager ID'" in answer.err
    assert "display_name" in answer.out and "Full name, Work email" in answer.out
    document = (await offboard("hr", "check", str(file), "--packet", str(packet), "--json")).json
    assert document["missing"] == ["display_name", "manager_hr_id"] and document["rows"] == []


async def test_a_file_that_runs_would_not_use_for_its_age(offboard: Offboard, packet: Path, tmp_path: Path) -> None:
    file = export(tmp_path / "people.csv", "E-1;Berg;Nora;nora@f.example;;;Active")
    os.utime(file, (datetime.now(UTC).timestamp() - 60 * 3600,) * 2)
    read = await offboard("hr", "check", str(file), "--packet", str(packet), "--json")
    assert read.json["too_old"] is None, "this packet's HR is not read from files"
    platform = yaml.safe_load((packet / "platform.yaml").read_text())
    platform["systems"]["hr"] |= {"connector": "people_csv", "connection": {"path": str(tmp_path)}}
    (packet / "platform.yaml").write_text(yaml.safe_dump(platform))
    answer = await offboard("hr", "check", str(file), "--packet", str(packet))
    assert answer.code == 1 and "people.csv is 60 hours old" in answer.err and "max_age_hours" in answer.err
    platform["systems"]["hr"]["connection"]["max_age_hours"] = "61"
    (packet / "platform.yaml").write_text(yaml.safe_dump(platform))
    assert (await offboard("hr", "check", str(file), "--packet", str(packet), "--json")).json["too_old"] is None


async def test_a_file_or_mapping_that_cannot_be_used(offboard: Offboard, packet: Path, tmp_path: Path) -> None:
    assert "No such file" in await offboard.refused("hr", "check", str(tmp_path / "none.csv"))
    cut = export(tmp_path / "cut.csv", "E-1;Nora Berg;nora@f.example;;;Active;42")
    cut.write_text(cut.read_text().partition("Total")[0])
    error = await offboard.refused("hr", "check", str(cut), "--packet", str(packet))
    assert "cut.csv: The export has no row that begins with 'Total', so its end is missing." in error
    platform = packet / "platform.yaml"
    platform.write_text(platform.read_text().replace("dates: german", "dates: germn"))
    error = await offboard.refused("hr", "check", str(cut), "--packet", str(packet))
    assert "hr.export_format.dates in platform.yaml: a pattern has YYYY" in error
    checked = await offboard.refused("packet", "check", str(packet))
    assert "platform.yaml:" in checked and "hr.export_format.dates" in checked


async def test_a_starter_packet_reads_the_sample_export_with_any_line_ends(offboard: Offboard, tmp_path: Path) -> None:
    people = Path(__file__).parents[3] / "orchestrator" / "embedded" / "people.csv"
    file = tmp_path / "people.csv"
    file.write_bytes(people.read_bytes().replace(b"\n", b"\r"))
    answer = await offboard("hr", "check", str(file), "--json")
    assert answer.json["counts"]["not_read"] == 0 and answer.json["counts"]["works"] > 5


async def test_the_table_fits_a_terminal_of_80_columns(
    offboard: Offboard, packet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = export(
        tmp_path / "people.csv",
        f"E-1001;Nora Bergström-Lindqvist;nora@f.example;E-2;{day(20)};Leaving;42",
        "E-4;Ida Holm;ida@f.example;E-2;soon;Leaving;41",
    )
    shown = io.StringIO()
    console = Console(file=shown, width=80, force_terminal=True, color_system=None, markup=False, emoji=False)
    monkeypatch.setattr(screen, "out", lambda: console)
    await offboard("hr", "check", str(file), "--packet", str(packet))
    table = shown.getvalue().partition("Leaves")[2].partition("People:")[0]
    assert "Lindqvist" in table and "A run starts" in table
    assert max(len(line) for line in table.splitlines()) <= 80


async def test_a_list_is_checked_where_people_are_in_bamboohr(offboard: Offboard, packet: Path, tmp_path: Path) -> None:
    platform = yaml.safe_load((packet / "platform.yaml").read_text())
    connection = {"url": "https://corp.bamboohr.com", "api_key": "env:KEY", "time_zone": "America/Denver"}
    platform["systems"]["hr"] |= {"connector": "bamboohr", "connection": connection, "hosts": ["corp.bamboohr.com"]}
    platform["hr"]["export_format"].pop("time_zone")
    (packet / "platform.yaml").write_text(yaml.safe_dump(platform))
    file = export(tmp_path / "people.csv", f"1;Isa Lund;isa@f.example;;{day(30)};Leaving;", "2;Bo Berg;b@f.example;;;;")
    shown = await offboard("hr", "check", str(file), "--packet", str(packet), "--json")
    assert shown.code == 0, shown.out + shown.err
    found = {row["employee_number"]: (row["result"], row["zone"]) for row in shown.json["rows"]}
    assert found == {"1": ("starts", None), "2": ("works", None)}, "the zone is BambooHR's to say"


async def test_what_a_feed_would_do_is_shown_row_by_row(offboard: Offboard, packet: Path, tmp_path: Path) -> None:
    platform = yaml.safe_load((packet / "platform.yaml").read_text())
    platform["systems"]["hr"] |= {"connector": "people_csv", "connection": {"path": "people"}, "hosts": []}
    (packet / "platform.yaml").write_text(yaml.safe_dump(platform))
    rows = [
        f"E-1;Nora Berg;nora@f.example;;{day(20)};Leaving;42",
        "E-2;Bea Kraft;bea@f.example;;;Active;39",
        f"E-3;Omar Lind;omar@f.example;;{day(-9)};Leaving;40",
        f"E-4;Ida Holm;ida@f.example;;{day(-900)};Leaving;41",
    ]
    file = export(tmp_path / "people.csv", *rows)
    shown = await offboard("hr", "check", str(file), "--packet", str(packet))
    lines = {line[:1]: line for line in shown.out.splitlines() if line[:1].isdigit() and "would start" not in line}
    assert "Starts" in lines["2"] and "Waits for HR" in lines["4"] and "Waits for HR" in lines["5"], shown.out
    assert "Starts" not in lines["3"] and "Waits" not in lines["3"]
    said = " ".join(shown.out.split())
    assert "at the first read: Starts: 1. Waits for HR: 2." in said
    many = [f"N-{number};Person;p{number}@f.example;;{day(20)};Leaving;42" for number in range(11)]
    found = (await offboard("hr", "check", str(export(file, *many)), "--packet", str(packet), "--json")).json
    assert found["read_by_feed"] and {row["feed"] for row in found["rows"]} == {"too_many"}


async def test_another_hr_system_reads_no_file_as_a_feed(offboard: Offboard, packet: Path, tmp_path: Path) -> None:
    file = export(tmp_path / "people.csv", f"E-1;Nora Berg;nora@f.example;;{day(20)};Leaving;42")
    shown = await offboard("hr", "check", str(file), "--packet", str(packet))
    assert "OFFBOARD_HR_FEED_PACKET" not in shown.out and "Feed" not in shown.out
    found = (await offboard("hr", "check", str(file), "--packet", str(packet), "--json")).json
    assert not found["read_by_feed"] and [row["feed"] for row in found["rows"]] == [None]
