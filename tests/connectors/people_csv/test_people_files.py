"""Which file is read: complete, the newest, and not one that lost most of its people."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.abilities import Lookup
from connectors.errors import ActionRequiredError, RefusedError, TryAgainError
from connectors.people_csv.connector import PeopleCsvConnector, PeopleCsvSettings
from connectors.registry import connect

COLUMNS = {
    "employee_number": "Number", "display_name": "Name", "email": "Mail", "manager_hr_id": "Manager",
    "cutoff_date": "Last day",
}  # fmt: skip
TITLES = "Number,Name,Mail,Manager,Last day\n"
NOW = datetime.now(UTC)
NEXT_YEAR, LAST_YEAR = NOW.year + 1, NOW.year - 1


def write(path: Path, *people: str, age: float = 0) -> Path:
    """`people` are rows. `age` is how many hours before now the file has its time."""
    path.write_text(TITLES + "".join(f"{person}\n" for person in people))
    at = NOW.timestamp() - age * 3600
    os.utime(path, (at, at))
    return path


def many(count: int) -> list[str]:
    return [f"{number},Person {number},p{number}@f.example,," for number in range(1, count + 1)]


class MovedClock:
    """The real time and `ahead` seconds, so that files are as old as wanted: nothing can set when they were written."""

    def __init__(self) -> None:
        self.ahead = 3600.0

    def __call__(self) -> float:
        return datetime.now(UTC).timestamp() + self.ahead


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


def source(path: Path, clock: MovedClock, **settings: Any) -> PeopleCsvConnector:
    given = {"path": str(path), "columns": COLUMNS, "format": {"time_zone": "UTC"}, **settings}
    return PeopleCsvConnector(PeopleCsvSettings.model_validate(given), clock=clock)


async def names(hr: PeopleCsvConnector) -> set[str]:
    return {person.display_name for person in await hr.search_people("person")}


async def test_the_newest_file_is_read_by_time_or_by_name(tmp_path: Path, clock: MovedClock) -> None:
    write(tmp_path / "2026-11-28.csv", "1,Person Old,,,", age=1)
    write(tmp_path / "2026-11-29.csv", "1,Person New,,,", age=3)
    assert await names(source(tmp_path, clock)) == {"Person Old"}
    assert await names(source(tmp_path, clock, newest_by="name")) == {"Person New"}


async def test_a_file_from_the_future_is_an_error_and_not_passed_over(tmp_path: Path, clock: MovedClock) -> None:
    hr = source(tmp_path, clock)
    write(tmp_path / "a.csv", "1,Person Old,,,", age=1)
    new = write(tmp_path / "b.csv", "1,Person New,,,", age=-24)
    with pytest.raises(ActionRequiredError, match="people_file_time"):
        await names(hr)
    os.utime(new, (NOW.timestamp(), NOW.timestamp()))
    assert await names(hr) == {"Person New"}


async def test_a_file_that_no_newer_one_replaced_is_an_outage_of_hr(tmp_path: Path, clock: MovedClock) -> None:
    write(tmp_path / "2026-11-28.csv", "1,Person Old,,,", age=300)
    newest = write(tmp_path / "2026-11-29.csv", "1,Person New,,,", age=45)  # at the import, long before in a long run
    hr = source(tmp_path, clock)
    clock.ahead = 0.4 * 3600
    assert await names(hr) == {"Person New"}
    clock.ahead = 3.1 * 3600
    with pytest.raises(TryAgainError, match="people_file_old") as old:
        await hr.person("1")
    assert (old.value.happened, "48 hours old" in old.value.detail) == ("no", True), "read before, and outdated since"
    checked = await hr.check()
    assert not checked.reachable
    assert "2026-11-29.csv is 48 hours old" in checked.detail and "Export all people" in checked.detail
    assert await names(source(tmp_path, clock, max_age_hours=72)) == {"Person New"}
    assert await names(source(newest, clock, max_age_hours="72")) == {"Person New"}
    write(tmp_path / "2026-11-30.csv", "1,Person Newest,,,", age=1)
    assert await names(hr) == {"Person Newest"}, "a newer file ends the outage"


async def test_all_people_are_listed_unless_the_file_is_too_old_or_has_rows_that_cannot_be_read(
    tmp_path: Path, clock: MovedClock
) -> None:
    path = write(tmp_path / "a.csv", "1,Person A,,,", "2,Person B,,,2020-06-30", age=1)
    hr = source(path, clock)
    found = await hr.list_people(at_most=10, deadline=5.0)
    assert [(person.id, person.status) for person in found.people] == [("1", "active"), ("2", "left")]
    assert found.missing == ""
    assert (await hr.list_people(at_most=1, deadline=5.0)).missing == "HR has more than 1 people."
    clock.ahead = 48 * 3600
    with pytest.raises(TryAgainError, match="people_file_old"):
        await hr.list_people(at_most=10, deadline=5.0)
    clock.ahead = 3600.0
    bad = source(write(tmp_path / "b.csv", "1,Person A,,,", "2,Person B,,,no date", age=1), clock)
    assert (await bad.list_people(at_most=10, deadline=5.0)).missing == "1 rows of HR's file cannot be read."


@pytest.mark.parametrize("hours", ["0", "-1", "nan", "inf", "two days"])
def test_an_age_that_is_no_number_of_hours_is_refused(hours: str, tmp_path: Path, clock: MovedClock) -> None:
    with pytest.raises(ValidationError):
        source(tmp_path, clock, max_age_hours=hours)


async def test_a_new_file_changes_the_answers(tmp_path: Path, clock: MovedClock) -> None:
    hr = source(tmp_path, clock)
    write(tmp_path / "a.csv", f"1,Person A,,2,{NEXT_YEAR}-12-31", "2,Person B,,,", age=2)
    first = await hr.person("1")
    assert first is not None and (first.status, first.manager_id) == ("leaving", "2")
    write(tmp_path / "b.csv", "1,Person A,,3,", "3,Person C,,,", age=1)
    second = await hr.person("1")
    assert second is not None and (second.status, second.leaving_at, second.manager_id) == ("active", None, "3")
    assert await hr.person("2") is None, "a person who is missing is unknown, and has not left"
    with pytest.raises(RefusedError, match="not_found"):
        await hr.managers("2")


@pytest.mark.parametrize(
    "name",
    [
        ".people.csv",
        "people.csv.part",
        "people.filepart",
        "~people.csv",
        "people.tmp.csv",
        "people.csv.filepart",
        "notes.pdf",
    ],
)
async def test_names_of_unfinished_files_are_passed_over(name: str, tmp_path: Path, clock: MovedClock) -> None:
    write(tmp_path / name, "1,Person Half,,,")
    with pytest.raises(ActionRequiredError, match="people_file_missing"):
        await names(source(tmp_path, clock))
    write(tmp_path / "whole.csv", "1,Person Whole,,,", age=5)
    assert await names(source(tmp_path, clock)) == {"Person Whole"}


@pytest.mark.parametrize("in_folder", [True, False])
async def test_a_file_that_is_being_written_is_not_read(in_folder: bool, tmp_path: Path, clock: MovedClock) -> None:
    file = write(tmp_path / "people.csv", "1,Person One,,,", age=20)
    hr = source(tmp_path if in_folder else file, clock)
    clock.ahead = 0.0
    with pytest.raises(TryAgainError, match="people_file_not_complete"):
        await names(hr)
    clock.ahead = 60.0
    assert await names(hr) == {"Person One"}


async def test_while_a_file_is_written_the_one_before_is_read(tmp_path: Path, clock: MovedClock) -> None:
    write(tmp_path / "a.csv", *many(3), age=2)
    half = tmp_path / "b.csv"
    half.write_text(TITLES + "1,Person 1,p1@f.exa")
    written = datetime.now(UTC).timestamp() + 3600
    os.utime(half, (written, written))
    hr = source(tmp_path, clock)
    clock.ahead = 3600 + 1
    assert len(await names(hr)) == 3
    half.write_text(TITLES + "".join(f"{row}\n" for row in many(4)))
    clock.ahead = 3600
    assert len(await names(hr)) == 4


async def test_a_link_in_a_folder_is_no_export(tmp_path: Path, clock: MovedClock) -> None:
    secret = write(tmp_path / "elsewhere.csv", "1,Person Secret,,,")
    folder = tmp_path / "people"
    folder.mkdir()
    (folder / "people.csv").symlink_to(secret)
    with pytest.raises(ActionRequiredError, match="people_file_missing"):
        await names(source(folder, clock))


async def test_a_file_that_lost_most_people_is_refused_until_it_is_confirmed(tmp_path: Path, clock: MovedClock) -> None:
    write(tmp_path / "a.csv", *many(10), age=3)
    write(tmp_path / "b.csv", *many(4), age=2)
    hr = source(tmp_path, clock)
    with pytest.raises(ActionRequiredError, match="people_file_too_small") as refused:
        await hr.person("9")
    assert "b.csv has 4 people, but an earlier file has 10" in refused.value.detail
    assert "fewest_people" in refused.value.remedy
    write(tmp_path / "c.csv", *many(4), age=1)  # the same again is no confirmation
    with pytest.raises(ActionRequiredError, match="people_file_too_small"):
        await hr.person("1")
    assert not (await hr.check()).reachable
    assert len(await names(source(tmp_path, clock, fewest_people=4))) == 4
    with pytest.raises(ActionRequiredError, match="people_file_too_small"):
        await names(source(tmp_path, clock, fewest_people=5))
    write(tmp_path / "d.csv", *many(5), age=0)
    assert len(await names(hr)) == 5


async def test_one_file_that_is_replaced_is_compared_with_what_was_read_before(
    tmp_path: Path, clock: MovedClock
) -> None:
    file = write(tmp_path / "people.csv", *many(10), age=3)
    hr = source(file, clock)
    assert len(await names(hr)) == 10
    write(file, *many(2), age=1)
    for each in (hr, source(file, clock)):  # a connector that was not used is closed, and another one made
        with pytest.raises(ActionRequiredError, match="people_file_too_small"):
            await names(each)


async def test_a_file_that_is_no_export_is_not_read(tmp_path: Path, clock: MovedClock) -> None:
    secret = tmp_path / "HR_TOKEN"
    secret.write_text("s3cret,part\n")
    with pytest.raises(ActionRequiredError, match="people_file_missing") as refused:
        await names(source(secret, clock))
    assert "s3cret" not in refused.value.detail


async def test_a_person_whose_row_cannot_be_read_is_an_error_and_the_others_are_found(
    tmp_path: Path, clock: MovedClock
) -> None:
    write(tmp_path / "a.csv", "1,Person One,one@f.example,2,soon", "2,Person Two,two@f.example,,")
    hr = source(tmp_path, clock)
    for asked in (hr.person("1"), hr.find_person("ONE@f.example"), hr.managers("1")):
        with pytest.raises(ActionRequiredError, match="person_unreadable") as raised:
            await asked
        assert "a.csv, line 2: the row has the last day 'soon'" in raised.value.detail
    assert [person.id for person in await hr.find_person("2")] == ["2"]
    shown = await hr.check()
    assert (
        shown.reachable
        and f"a.csv of {NOW:%Y-%m-%d}" in shown.detail
        and "1 rows cannot be read (line 2)" in shown.detail
    )


async def test_a_quotation_mark_that_can_hide_people_refuses_the_file(tmp_path: Path, clock: MovedClock) -> None:
    write(tmp_path / "a.csv", "1,Person One,,,", '2,"Person "Two,,,', "3,Person Three,,,")
    with pytest.raises(ActionRequiredError, match="export_quotation"):
        await source(tmp_path, clock).person("1")


async def test_a_manager_is_found_by_a_number_in_another_spelling(tmp_path: Path, clock: MovedClock) -> None:
    rows = ("E-1,One,one@f.example,e - 2,", "E-2,Two,two@f.example,E\u20113,", "E-3,Three,three@f.example,,")
    write(tmp_path / "a.csv", *rows)
    hr = source(tmp_path, clock)
    assert [person.id for person in await hr.managers("E-1")] == ["E-2", "E-3"]


async def test_a_person_is_known_by_an_id_that_is_a_number_in_another_spelling(
    tmp_path: Path, clock: MovedClock
) -> None:
    write(tmp_path / "a.csv", "e-1,One,one@f.example,e-2,", "e-2,Two,two@f.example,,")
    hr = source(tmp_path, clock)
    found = await hr.person("E-1")
    assert found is not None and found.email == "one@f.example"
    assert [person.id for person in await hr.managers("E-1")] == ["e-2"]
    own_ids = source(tmp_path, clock, columns=COLUMNS | {"hr_id": "Name"})
    assert await own_ids.person("ONE") is None, "an ID of HR is compared as it is"
    assert await own_ids.person("E-1") is None


async def test_managers_that_report_in_a_circle_end(tmp_path: Path, clock: MovedClock) -> None:
    write(tmp_path / "a.csv", "1,Person A,,2,", "2,Person B,,3,", "3,Person C,,1,", "4,Person D,,4,", "5,Person E,,99,")
    hr = source(tmp_path, clock)
    assert [person.id for person in await hr.managers("1")] == ["2", "3"]
    assert list(await hr.managers("4")) == [] and list(await hr.managers("5")) == []


async def test_people_are_accounts_by_the_keys_that_people_use(tmp_path: Path, clock: MovedClock) -> None:
    write(tmp_path / "a.csv", f"1,Person A,a@f.example,,{LAST_YEAR}-12-31", "2,Person B,b@f.example,,")
    hr = source(tmp_path, clock)
    found = await hr.find_accounts([Lookup("employee_number", "1"), Lookup("email", "B@f.example"), Lookup("id", "")])
    assert {account.native_id: account.active for account in found} == {"1": False, "2": True}
    with pytest.raises(ActionRequiredError, match="unknown_attribute"):
        await hr.find_accounts([Lookup("shoe", "42")])
    without = source(tmp_path, clock, columns={"employee_number": "Number"})
    with pytest.raises(ActionRequiredError, match="unknown_attribute"):
        await without.find_accounts([Lookup("email", "a@f.example")])


async def test_a_kind_without_acts_pretends_none(tmp_path: Path) -> None:
    connector = connect("people_csv", {"path": str(tmp_path), "columns": json.dumps(COLUMNS)}, allowed_hosts=[])
    assert connector.abilities == {}
    for wrong in ({"columns": "{}"}, {"columns": json.dumps(COLUMNS), "format": '{"dates": "MM"}'}):
        with pytest.raises(ActionRequiredError, match="export_"):
            connect("people_csv", {"path": str(tmp_path), **wrong}, allowed_hosts=[])


async def test_a_file_that_cannot_be_opened_says_who_needs_the_permission(tmp_path: Path, clock: MovedClock) -> None:
    with pytest.raises(ActionRequiredError, match="people_file_missing"):
        await source(tmp_path / "none.csv", clock).person("1")


async def test_leavers_are_listed_with_the_rows_that_cannot_be_read(tmp_path: Path, clock: MovedClock) -> None:
    write(
        tmp_path / "people.csv",
        f"1,Person One,,,{NEXT_YEAR}-02-26",
        "2,Person Two,,,",
        "3,Person Three,,,soon",
        f"4,Person Four,,,{LAST_YEAR}-01-02",
    )
    hr = source(tmp_path, clock)
    found = await hr.leavers(deadline=5.0)
    assert [(one.person_id, one.leaving_at.isoformat(), one.place) for one in found.leavers] == [
        ("1", f"{NEXT_YEAR}-02-26T18:00:00+00:00", "line 2"),
        ("4", f"{LAST_YEAR}-01-02T18:00:00+00:00", "line 5"),
    ]
    for one in found.leavers:
        person = await hr.person(one.person_id)
        assert person is not None and person.leaving_at == one.leaving_at
    [bad] = found.unreadable
    assert bad.place == "line 4" and "the row has the last day 'soon'" in bad.message
    assert (found.source, found.as_of) == ("people.csv", NOW)
    assert (await hr.leavers(deadline=5.0)).version == found.version
    write(tmp_path / "people.csv", *(f"{number},Person,,," for number in range(1, 5)), age=-0.01)
    changed = await hr.leavers(deadline=5.0)
    assert not changed.leavers and not changed.unreadable and changed.version != found.version
