"""Layouts, conditions and several rows of one person, as `hr.export_format` in `platform.yaml` describes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import ActionRequiredError
from connectors.people_csv.mapping import ExportFormat, mapping_problems
from connectors.people_csv.reading import read_export
from tests.connectors.people_csv.sample_export import ADA, COLUMNS, NOW, TITLES, ZOE, changed, written


@pytest.mark.parametrize(
    ("dates", "day"),
    [
        ("us", "11/30/2026"),
        ("us", "11/30/2026 00:00:00"),
        ("german", "30.11.2026"),
        ("iso", "2026-11-30T00:00:00"),
        ("DD-MMM-YYYY", "30-Nov-2026"),
        ("MMM D, YYYY", "November 30, 2026"),
        ("D/M/YY", "30/11/26"),
        ("YYYYMMDD", "20261130"),
        (["iso", "german"], "30.11.2026"),
    ],
)
def test_dates_are_read_by_their_format(dates: str | list[str], day: str) -> None:
    form = ExportFormat.model_validate({"dates": dates})
    export = read_export(written(changed(cutoff_date=day)), COLUMNS, form, now=NOW)
    assert export.bad == []
    assert [row.cutoff and row.cutoff.local for row in export.rows] == ["2026-11-30T17:00:00+01:00"]


@pytest.mark.parametrize(
    ("dates", "day", "said"),
    [
        ("us", "30/11/2026", "not a valid date"),
        ("us", "2026-11-30", "write it as M/D/YYYY, for example 11/30/2026"),
        (["us", "D/M/YYYY"], "11/10/2026", "two of the formats"),
        ("DD-MMM-YYYY", "30-Nop-2026", "write it as DD-MMM-YYYY, for example 30-Nov-2026"),
    ],
)
def test_a_date_that_the_format_does_not_read_is_named(dates: str | list[str], day: str, said: str) -> None:
    form = ExportFormat.model_validate({"dates": dates})
    [row] = read_export(written(changed(cutoff_date=day)), COLUMNS, form, now=NOW).bad
    assert said in row.message


@pytest.mark.parametrize(("time", "hour"), [("5:00 PM", 16), ("12:00 am", 23), ("12:30PM", 11)])
def test_times_with_halves_of_the_day(time: str, hour: int) -> None:
    [row] = read_export(written(changed(cutoff_time=time)), COLUMNS, now=NOW).rows
    assert row.cutoff is not None and row.cutoff.instant.hour == hour


def test_a_zone_for_rows_without_one() -> None:
    form = ExportFormat(time_zone="America/New_York", end_of_day="17:30")
    export = read_export(written(changed(time_zone="", cutoff_time="")), COLUMNS, form, now=NOW)
    assert [row.cutoff and row.cutoff.local for row in export.rows] == ["2026-11-30T17:30:00-05:00"]
    assert export.rows[0].person.time_zone == "America/New_York"


def test_hr_can_know_the_zone() -> None:
    export = read_export(written(changed(time_zone="")), COLUMNS, now=NOW, hr_has_zones=True)
    assert [(row.cutoff, row.local) for row in export.leaving] == [(None, "2026-11-30T17:00")]


@pytest.mark.parametrize("encoding", ["windows-1252", "iso-8859-1", "utf-16-le", "utf-16-be", "mac-roman"])
def test_encodings_by_setting(encoding: str) -> None:
    form = ExportFormat.model_validate({"encoding": encoding})
    for mark in ("", "utf-8-sig", "utf-16"):  # a byte order mark decides against the setting
        export = read_export(written(ZOE, ADA).encode(mark or encoding), COLUMNS, form, now=NOW)
        assert [row.person.given_name for row in export.rows] == ["Zoë", "Ada"], mark


def test_rows_around_the_people() -> None:
    lines = written(ZOE, ADA).splitlines()
    content = "\n".join(
        ["Leavers report", "", *lines[:1], "Text," * 10 + "Text", *lines[1:], "Total,2", "printed today"]
    )
    form = ExportFormat(title_row=3, rows_after_titles=1, trailer="Total")
    export = read_export(content, COLUMNS, form, now=NOW)
    assert ([row.line for row in export.rows], export.bad) == ([5, 6], [])
    export = read_export(content, COLUMNS, ExportFormat(title_row=3, rows_after_titles=1, trailer_rows=2), now=NOW)
    assert ([row.line for row in export.rows], export.bad) == ([5, 6], [])
    cut = content[: content.index("Total")]
    with pytest.raises(ActionRequiredError, match="export_incomplete"):
        read_export(cut, COLUMNS, form, now=NOW)


STATUS = {**COLUMNS, "status": "Status"}


def test_a_condition_says_who_leaves() -> None:
    stays = changed(employee_number="E-3", email="c@f.example", status="Fixed term")
    without_day = changed(employee_number="E-4", email="d@f.example", cutoff_date="", cutoff_time="")
    form = ExportFormat(leaves_when="row.status in ['Leaving', 'Terminated']")
    export = read_export(written(ZOE, ADA, stays, without_day), STATUS, form, now=NOW)
    assert [row.person.employee_number for row in export.leaving] == ["E-1"]
    assert {row.person.employee_number: row.person.status for row in export.rows} == {
        "E-1": "leaving",
        "E-2": "active",
        "E-3": "active",
    }
    [problem] = export.bad
    assert problem.line == 5 and "no last day" in problem.message


def test_a_person_who_still_works_is_no_leaver() -> None:
    """An old row, a second position that ends, and a row without an end."""
    before = changed(cutoff_date="2019-03-31")
    second = changed(title="Trainer")
    now_here = changed(cutoff_date="", cutoff_time="")
    form = ExportFormat(several_rows="combine")
    for rows in ((before, now_here), (now_here, before), (before, second, now_here)):
        export = read_export(written(*rows, ADA), COLUMNS, form, now=NOW)
        assert ([row.person.status for row in export.rows], export.not_started) == (["active", "active"], [])


def test_a_person_with_several_positions_leaves_with_the_last() -> None:
    form = ExportFormat(several_rows="combine")
    export = read_export(
        written(changed(cutoff_date="2026-11-15"), ZOE, changed(cutoff_date="2019-01-01")), COLUMNS, form, now=NOW
    )
    [row] = export.leaving
    assert row.cutoff is not None and row.cutoff.local.startswith("2026-11-30") and export.not_started == []
    other = changed(given_name="Ben", family_name="Otto", email="ben@f.example")
    export = read_export(written(ZOE, other), COLUMNS, form, now=NOW)
    assert [(bad.line, "another name" in bad.message) for bad in export.bad] == [(2, True), (3, True)]
    export = read_export(written(ZOE, changed(cutoff_date="soon")), COLUMNS, form, now=NOW)
    assert [bad.line for bad in export.bad] == [2, 3]


def test_an_hr_id_of_two_people_is_named() -> None:
    columns = {"employee_number": "Employee ID", "hr_id": "Work email"}
    export = read_export(written(ZOE, changed(employee_number="E-9")), columns, now=NOW)
    assert [(bad.line, "same HR ID" in bad.message) for bad in export.bad] == [(2, True), (3, True)]


@pytest.mark.parametrize(
    ("columns", "form", "where", "said"),
    [
        ({}, {}, "export_columns", "employee number"),
        (COLUMNS, {"encodin": "utf-8"}, "export_format.encodin", "use one of: dates"),
        (COLUMNS, {"encoding": "klingon"}, "export_format.encoding", "byte order mark"),
        (COLUMNS, {"dates": "MM/DD"}, "export_format.dates", "one year, one month and one day"),
        (COLUMNS, {"dates": "Month D, YYYY"}, "export_format.dates", "a pattern has"),
        (COLUMNS, {"time_zone": "Berlin"}, "export_format.time_zone", "no such time zone"),
        (COLUMNS, {"title_row": 0}, "export_format.title_row", "counted from 1"),
        (COLUMNS, {"leaves_when": "row.status == 'x'"}, "export_format.leaves_when", "not a mapped column"),
        (COLUMNS, {"leaves_when": "row.email"}, "export_format.leaves_when", "true or false"),
        (COLUMNS, {"leaves_when": "row.email =="}, "export_format.leaves_when", "not valid CEL"),
        ({"employee_number": "N"}, {"leaves_when": "true"}, "export_columns", "the last day"),
    ],
)
def test_what_is_wrong_with_a_mapping(columns: dict[str, str], form: dict[str, object], where: str, said: str) -> None:
    problems = mapping_problems(columns, form)
    assert any(name == where and said in f"{cause} {remedy}" for name, cause, remedy in problems), problems
    assert mapping_problems(COLUMNS, {}) == []


@given(
    order=st.permutations(range(len(TITLES))),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "windows-1252", "iso-8859-15", "utf-16-le"]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_the_same_people_in_any_layout(order: list[int], delimiter: str, encoding: str, end: str) -> None:
    rows = [[row[place] for place in order] for row in (ZOE, ADA)]
    content = written(*rows, delimiter=delimiter, titles=[TITLES[place] for place in order]).replace("\r\n", end)
    named = encoding if encoding not in ("utf-8-sig", "utf-16") else "utf-8"
    export = read_export(content.encode(encoding), COLUMNS, ExportFormat.model_validate({"encoding": named}), now=NOW)
    expected = read_export(written(ZOE, ADA), COLUMNS, now=NOW)
    assert export.bad == []
    assert [(row.person, row.cutoff) for row in export.rows] == [(row.person, row.cutoff) for row in expected.rows]
