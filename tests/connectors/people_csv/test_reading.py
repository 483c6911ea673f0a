"""Reading HR's export: what can be read is read, and every bad row is named by its line."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.errors import ActionRequiredError
from connectors.people_csv import text
from connectors.people_csv.mapping import COLUMNS as FIELDS
from connectors.people_csv.mapping import ExportFormat
from connectors.people_csv.reading import count_people, read_export
from connectors.people_csv.rows import BadRow, Export
from orchestrator.domain import invisible
from orchestrator.domain.packet.packet import EXPORTABLE
from tests.connectors.people_csv.sample_export import ADA, COLUMNS, NOW, SEVERAL, TITLES, ZOE, changed, written


def bad(*rows: list[str]) -> list[BadRow]:
    return read_export(written(*rows), COLUMNS, now=NOW).not_started


def test_people_and_their_cutoffs() -> None:
    export = read_export(written(ZOE, ADA), COLUMNS, now=NOW)
    assert export.bad == []
    zoe, ada = export.rows
    assert (zoe.line, ada.line) == (2, 3)
    assert zoe.person.display_name == "Zoë Müller"
    assert zoe.cutoff is not None and zoe.cutoff.instant == datetime(2026, 11, 30, 16, tzinfo=UTC)
    assert zoe.person.manager_email == "ada@f.example"
    assert ada.person.former_emails == ("a@f.example", "b@f.example")
    assert (ada.cutoff, ada.person.manager_id, ada.person.display_name) == (None, None, "Ada E.")
    assert export.leaving == [zoe]


@pytest.mark.parametrize(
    ("first", "second", "manager"),
    [("", "2026-10-01", "E-2"), ("2026-10-01", "", "E-3"), ("", "", None), ("2026-10-01", "2026-10-02", None)],
    ids=["the_second_left", "the_first_left", "both_work_here", "both_left"],
)
def test_a_managers_address_that_was_given_to_a_new_person_names_the_one_who_works_here(
    first: str, second: str, manager: str | None
) -> None:
    columns = {
        "employee_number": "N", "email": "Mail", "manager_email": "Boss", "cutoff_date": "Last", "time_zone": "Zone",
    }  # fmt: skip
    rows = ["N,Mail,Boss,Last,Zone", "E-1,l@f.example,Boss@f.example,,UTC"]
    rows += [f"E-2,boss@f.example,,{first},UTC", f"E-3,boss@f.example,,{second},UTC"]
    person = read_export("\n".join(rows), columns, now=NOW).rows[0].person
    assert (person.manager_id, person.manager_email) == (manager, "Boss@f.example")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_delimiters_and_encodings(delimiter: str, encoding: str) -> None:
    export = read_export(written(ZOE, ADA, delimiter=delimiter).encode(encoding), COLUMNS, now=NOW)
    assert export.bad == []
    assert [row.person.given_name for row in export.rows] == ["Zoë", "Ada"]


def test_line_breaks_and_separators_inside_quotation_marks() -> None:
    export = read_export(
        written(changed(family_name='Mül"ler,\n jr'), changed(employee_number="E-3")), COLUMNS, now=NOW
    )
    assert [row.line for row in export.rows] == [2, 4]
    assert export.rows[0].person.family_name == 'Mül"ler,\n jr'


def test_titles_in_any_order_case_and_spacing() -> None:
    content = "work  EMAIL,employee id,Shoe size\nz@f.example,E-1,42\n"
    export = read_export(content, {"email": "Work email", "employee_number": "Employee ID"})
    assert export.rows[0].person.email == "z@f.example"


def test_rows_without_values_are_passed_over() -> None:
    export = read_export(written(ZOE, [""] * len(TITLES), [], ["", " "], ADA), COLUMNS, now=NOW)
    assert (len(export.rows), export.bad) == (2, [])


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (changed(employee_number=" "), "no employee number"),
        (changed(time_zone="Berlin"), "the time zone 'Berlin', which does not exist"),
        (changed(time_zone=""), "a last day, but no time zone"),
        (changed(cutoff_date="30.11.2026"), "the last day '30.11.2026'; write it as year-month-day"),
        (changed(cutoff_date="2026-02-30"), "not a valid date"),
        (changed(cutoff_date=""), "a leaving time, but no last day"),
        (changed(cutoff_time="5pm"), "the leaving time '5pm'"),
        (changed(cutoff_time="25:00"), "not a valid date"),
        (changed(cutoff_date="2026-03-29", cutoff_time="02:30"), "does not exist in Europe/Berlin"),
        (changed(cutoff_date="2026-10-25", cutoff_time="02:30"), "occurs twice"),
        (changed(given_name="Zo\x00ë"), "control character"),
        (ZOE[:-1], "has 10 fields, but there are 11 titles"),
        ([*ZOE, "more"], "has 12 fields, but there are 11 titles"),
    ],
)
def test_a_bad_row_is_named_by_its_line_and_the_others_are_read(row: list[str], said: str) -> None:
    export = read_export(written(ADA, row, changed(employee_number="E-9")), COLUMNS, now=NOW)
    assert [problem.line for problem in export.bad] == [3]
    assert said in export.bad[0].message
    assert [person.line for person in export.rows] == [2, 4]


def test_every_bad_row_is_named() -> None:
    assert [row.line for row in bad(changed(employee_number=""), ADA, changed(time_zone="X"), ZOE[:3])] == [2, 4, 5]


def test_of_two_rows_of_one_person_neither_is_used() -> None:
    rehired = changed(cutoff_date="", cutoff_time="")
    export = read_export(written(ZOE, ADA, rehired, ZOE), COLUMNS, now=NOW)
    assert [row.person.employee_number for row in export.rows] == ["E-2"]
    assert export.bad[:2] == [
        BadRow(2, f"has the same employee number as line 4, 5; {SEVERAL}"),
        BadRow(4, f"has the same employee number as line 2, 5; {SEVERAL}"),
    ]


def test_a_row_from_before_a_person_was_hired_again_starts_nothing() -> None:
    export = read_export(written(changed(cutoff_date="2019-03-31"), changed(cutoff_date="", cutoff_time="")), COLUMNS)
    assert (export.rows, [row.line for row in export.bad]) == ([], [2, 3])


@pytest.mark.parametrize("day", ["2999-12-31", "3000-01-01", "4712-12-31", "9999-12-31", "2099-12-31"])
def test_a_date_that_means_no_end_is_no_last_day(day: str) -> None:
    export = read_export(written(changed(cutoff_date=day)), COLUMNS, now=NOW)
    assert (export.not_started, export.leaving) == ([], [])


@pytest.mark.parametrize(("day", "said"), [("2019-03-31", "more than a year ago"), ("2045-01-01", "15 years ahead")])
def test_a_last_day_that_is_far_away_is_asked_about(day: str, said: str) -> None:
    [row] = bad(changed(cutoff_date=day))
    assert said in row.message


@pytest.mark.parametrize("first", ["", "\ufeff\ufeff", "sep=,\r\n", '"sep=,"\n', "\ufeffsep=,\n"])
@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_what_spreadsheets_write_around_a_list(first: str, end: str) -> None:
    content = (first + written(ADA, ZOE, changed(time_zone="X", employee_number="E-9"))).replace("\r\n", end)
    export = read_export(content.encode(), COLUMNS, now=NOW)
    assert [row.person.employee_number for row in export.rows] == ["E-2", "E-1"]
    assert [row.line for row in export.bad] == [5 if "sep" in first else 4]


def test_a_line_that_names_another_separator() -> None:
    export = read_export("sep=;\n" + written(ZOE, delimiter=";"), COLUMNS, now=NOW)
    assert [row.line for row in export.rows] == [3]


@pytest.mark.parametrize("unseen", ["\u200b", "\ufeff", "\u00a0", "\u2060", "\u202e", "\u200e"])
def test_invisible_characters_are_removed_at_the_ends_and_named_inside(unseen: str) -> None:
    around = changed(employee_number=f"{unseen}E-1{unseen} ", email=f"zoe@f.example{unseen}")
    [row] = read_export(written(around, titles=[f"{title}{unseen}" for title in TITLES]), COLUMNS, now=NOW).rows
    assert (row.person.employee_number, row.person.email) == ("E-1", "zoe@f.example")
    if unseen != "\u00a0":
        [problem] = bad(changed(email=f"zoe@f{unseen}.example"))
        assert "an invisible character inside the value of the column of email" in problem.message


def test_a_text_that_was_written_as_a_formula_is_that_text() -> None:
    export = read_export(written(changed(employee_number='="00123"'), ADA), COLUMNS, now=NOW)
    assert export.bad == [] and export.rows[0].person.employee_number == "00123"
    both = [changed(employee_number='="00123"'), changed(employee_number="00123")]
    assert [row.line for row in bad(*both)] == [2, 3] and count_people(written(*both), COLUMNS) == 1


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("employee_number", "=A2+1", "formula or its error in the column of employee_number"),
        ("employee_number", "#N/A", "formula or its error in the column of employee_number"),
        ("email", "#REF!", "formula or its error in the column of email"),
        ("manager_hr_id", "#VALUE!", "formula or its error in the column of manager_hr_id"),
        ("employee_number", "1.23E+08", "shortened in the column of employee_number"),
        ("manager_hr_id", "1,2e+10", "shortened in the column of manager_hr_id"),
    ],
)
def test_what_a_spreadsheet_put_in_place_of_a_value_is_named(column: str, value: str, said: str) -> None:
    [row] = bad(changed(**{column: value}), ADA)
    assert row.line == 2 and said in row.message


@pytest.mark.parametrize("other", ["e-1", "\uff25-\uff11", "E - 1", "E\u20111"])
@pytest.mark.parametrize("several", ["refuse", "combine"])
def test_two_people_whose_numbers_differ_in_spelling_alone_are_both_named(other: str, several: str) -> None:
    rows = (changed(employee_number="E-1"), changed(employee_number=other, email="another@f.example"), ADA)
    export = read_export(written(*rows), COLUMNS, ExportFormat.model_validate({"several_rows": several}), now=NOW)
    assert [row.person.employee_number for row in export.rows] == ["E-2"]
    first, second = export.bad
    assert (first.line, second.line) == (2, 3)
    assert "has the same employee number as line 2, in another spelling" in second.message
    assert "has the same employee number as line 3, in another spelling" in first.message


def test_numbers_in_two_forms_of_unicode_are_one_number() -> None:
    forms = [unicodedata.normalize(form, "É-1") for form in ("NFC", "NFD")]
    assert [row.line for row in bad(*(changed(employee_number=form) for form in forms))] == [2, 3]


def test_bytes_that_are_not_utf8_spoil_their_row_only() -> None:
    content = written(ADA, ZOE).encode().replace("Müller".encode(), "Müller".encode("latin-1"))
    export = read_export(content, COLUMNS, now=NOW)
    assert [row.line for row in export.rows] == [2]
    assert [(row.line, "UTF-8" in row.message) for row in export.bad] == [(3, True)]


def test_a_quotation_mark_that_is_not_closed_spoils_its_row() -> None:
    export = read_export(written(ADA) + '"E-4"x,a\n' + ",".join(ZOE) + '\n"E-5', COLUMNS, now=NOW)
    assert [(row.line, "quotation mark" in row.message) for row in export.bad] == [(3, True), (5, True)]
    assert [row.line for row in export.rows] == [2, 4]


@pytest.mark.parametrize(("time", "hour"), [("", 17), ("9:05", 8), ("09:05:00", 8)])
def test_times_of_day(time: str, hour: int) -> None:
    [row] = read_export(written(changed(cutoff_time=time)), COLUMNS, now=NOW).rows
    assert row.cutoff is not None and row.cutoff.instant.hour == hour


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("", "export_empty"),
        ("\n \n", "export_empty"),
        (b"\xff\xfea", "export_encoding"),
        ("Employee ID,First name\nE-1,Zo\n", "export_columns_missing"),
        (written(titles=[*TITLES, "work email"]), "export_columns_twice"),
    ],
)
def test_what_cannot_be_read_at_all(content: bytes | str, code: str) -> None:
    with pytest.raises(ActionRequiredError) as refused:
        read_export(content, COLUMNS, now=NOW)
    assert refused.value.code == code


def test_missing_columns_are_named() -> None:
    with pytest.raises(ActionRequiredError) as refused:
        read_export("Employee ID\nE-1\n", {"employee_number": "Employee ID", "email": "Work email"})
    assert "no column 'Work email'. Its columns are: 'Employee ID'" in refused.value.detail
    with pytest.raises(ActionRequiredError, match="export_columns_incomplete"):
        read_export("a\nb\n", {"email": "a"})


def test_messages_quote_no_names_and_addresses() -> None:
    said = str(bad(changed(time_zone="X"), changed(cutoff_date="x"), ZOE[:-1], ZOE, ZOE, changed(given_name="Zoë\x07")))
    assert not any(personal in said for personal in ("Zoë", "Müller", "zoe@", "E-1"))


@given(st.binary(max_size=300) | st.text(max_size=300))
def test_no_bytes_do_anything_but_be_read_or_refused(content: bytes | str) -> None:
    header = ",".join(TITLES) + "\n"
    whole = header.encode() + content if isinstance(content, bytes) else header + content
    export = read_export(whole, COLUMNS, now=NOW)
    assert isinstance(export, Export)
    lines = [row.line for row in export.rows] + [row.line for row in export.bad]
    assert len(lines) == len(set(lines))


def test_the_fields_and_characters_are_those_of_packets() -> None:
    assert FIELDS == EXPORTABLE
    assert (text.CONTROLS, text.BIDI, text.JOINERS, text.ZERO_WIDTH) == (
        invisible.CONTROLS,
        invisible.BIDI,
        invisible.JOINERS,
        invisible.ZERO_WIDTH,
    )
