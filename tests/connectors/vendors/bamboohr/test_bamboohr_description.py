"""BambooHR: each request, and each field that the connector reads, is one of BambooHR's own description, or is named
here with the page that has it. The simulator in `embedded/vendors/bamboohr` checks every request and answer of the
other tests against the same description."""

from __future__ import annotations

import importlib
import json
import pkgutil
from pathlib import Path
from typing import Any

import pytest

import connectors.vendors.bamboohr as package
import orchestrator.embedded.vendors.bamboohr as simulator
from connectors.errors import ActionRequiredError
from connectors.http.dialect import Verdict
from connectors.http.requests import Answer, Operation
from connectors.vendors.bamboohr.company import DIALECT, REASON, require_own
from connectors.vendors.bamboohr.employees import FIELDS, LISTED, is_id
from connectors.vendors.bamboohr.employment import day_of, employment, read_rows
from orchestrator.embedded.vendors.bamboohr.described import NEWER

DESCRIPTION: dict[str, Any] = json.loads((Path(simulator.__file__).parent / "description.json").read_text())
MODULES = [importlib.import_module(f"{package.__name__}.{one.name}") for one in pkgutil.iter_modules(package.__path__)]
USED = {
    f"{one.method} {one.path}": one for module in MODULES for one in vars(module).values() if isinstance(one, Operation)
}
IDS = {
    "GET /api/v1/employees": "list-employees", "GET /api/v1/employees/{id}": "get-employee",
    "GET /api/v1/employees/{id}/tables/{table}": "get-employee-table-data",
    "GET /api/v1/employees/changed": "get-changed-employee-ids",
}  # fmt: skip
"""The operation ids of https://github.com/BambooHR/bhr-api-php/blob/main/specs/public.yaml."""
BY_NAME = {"employeeNumber", "jobTitle", "location", "supervisorEId", "employmentHistoryStatus"}
"""Fields of one employee that https://documentation.bamboohr.com/docs/list-of-field-names has: the description lists
common ones only, and permits others."""


def test_each_operation_is_described_and_only_reads() -> None:
    assert {name: one.operation_id for name, one in USED.items()} == IDS
    assert USED.keys() <= DESCRIPTION["operations"].keys()


def test_each_field_that_is_asked_for_is_described() -> None:
    known = DESCRIPTION["$defs"]
    optional = {*known["EmployeeOptionalField"]["enum"], *NEWER}
    always = set(known["GetEmployeesEmployeeBaseResponse"]["properties"])
    assert set(LISTED) <= optional | always
    assert set(FIELDS) - BY_NAME <= known["GetEmployeeResponse"]["properties"].keys()


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (200, [], Verdict.DONE),
        (400, {"error": {"code": "BadPage"}}, Verdict.RETRY),
        (400, {"error": {"code": "BadRequest"}}, Verdict.REFUSED),
        (400, None, Verdict.REFUSED),
        (403, None, Verdict.CREDENTIAL),
        (404, None, Verdict.MISSING),
        (429, None, Verdict.RATE_LIMITED),
        (503, None, Verdict.RETRY),
        (500, None, Verdict.FAILED),
    ],
)
def test_what_bamboohrs_errors_mean(status: int, body: Any, verdict: Verdict) -> None:
    assert DIALECT.verdict(status, body, {}) is verdict


def test_a_404_counts_only_with_bamboohrs_header() -> None:
    require_own(Answer(404, None, {REASON: "Employee not found"}))
    with pytest.raises(ActionRequiredError, match="answer_not_understood"):
        require_own(Answer(404, None, {"content-type": "text/html"}))


def test_ids_are_numbers_from_1() -> None:
    assert [text for text in ("1", "120", "0", "01", "", "-1", "1.0", "x", "\u0661") if is_id(text)] == ["1", "120"]


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        [{"id": "1"}],
        ["x"],
        [{"id": "x", "employeeId": "1", "date": "", "employmentStatus": ""}],
        [{"id": "1", "employeeId": "1", "date": "soon", "employmentStatus": ""}],
    ],
)
def test_rows_of_another_form_are_an_error(body: Any) -> None:
    with pytest.raises(ActionRequiredError):
        read_rows(body)


def test_of_two_terminations_the_one_in_force_counts() -> None:
    rows = read_rows(
        [
            {"id": number, "employeeId": 7, "date": date, "employmentStatus": status}
            for number, date, status in (
                (3, "2026-03-31", " terminated"),
                (2, "2026-01-31", "Terminated"),
                (1, "0000-00-00", "Full-Time"),
            )
        ]
    )
    assert [row.id for row in rows] == ["1", "2", "3"]
    for today, last_day in (("2026-01-01", "2026-01-31"), ("2026-02-01", "2026-01-31"), ("2026-04-01", "2026-03-31")):
        day = day_of(today)
        assert day is not None
        known = employment(rows, inactive=False, hired=None, today=day)
        assert (known.ended, known.last_day) == (True, day_of(last_day)), today
