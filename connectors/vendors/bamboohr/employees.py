"""Employees as BambooHR shows them, in its list and one by one, and the people that they are.

BambooHR leaves out what the access level of the key's user does not show, without an error; in the list it names it in
`_restrictedFields`. What is hidden never counts as empty.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any

from pydantic import ConfigDict, Field

from connectors.abilities import Account
from connectors.account_set import comparable
from connectors.errors import ActionRequiredError, TryAgainError
from connectors.http.flows import Fields, all_pages, parse, unexpected
from connectors.http.pages import Cursor
from connectors.http.requests import Answer, Flow, Operation, Request
from connectors.people import Person, number_key
from connectors.vendors.bamboohr.company import BambooHrCompany, FieldsHiddenError, require_own
from connectors.vendors.bamboohr.employment import (
    TABLE,
    StatusRow,
    day_of,
    employment,
    read_rows,
    require_history,
)

LIST_EMPLOYEES = Operation("GET", "/api/v1/employees", "list-employees")
GET_EMPLOYEE = Operation("GET", "/api/v1/employees/{id}", "get-employee")
GET_TABLE = Operation("GET", "/api/v1/employees/{id}/tables/{table}", "get-employee-table-data")
PAGE_SIZE = "500"
_EVERYONE = "all"
_RESTRICTED = "_restrictedFields"


class _Employee(Fields):
    model_config = ConfigDict(coerce_numbers_to_str=True)

    number: str | None = Field(alias="employeeNumber")
    given_name: str | None = Field(alias="firstName")
    family_name: str | None = Field(alias="lastName")
    preferred_name: str | None = Field(alias="preferredName")
    email: str | None = Field(alias="workEmail")
    country: str | None
    hire_date: str | None = Field(alias="hireDate")
    status: str | None


class OneEmployee(_Employee):
    """One employee. `supervisorEId` is the manager's id: `supervisorId` is their employee number."""

    id: str = Field(min_length=1)
    title: str | None = Field(alias="jobTitle")
    department: str | None
    location: str | None
    manager: str | None = Field(alias="supervisorEId")
    employment_status: str | None = Field(alias="employmentHistoryStatus")


class ListedEmployee(_Employee):
    """One employee of the list, which has other names for some fields."""

    id: str = Field(alias="employeeId", min_length=1)
    title: str | None = Field(alias="jobTitleName")
    department: str | None = Field(alias="departmentName")
    location: str | None = Field(alias="locationName")
    manager: str | None = Field(alias="reportsToId")
    hidden: frozenset[str] = frozenset()

    @property
    def shown(self) -> dict[str, str]:
        """By the attributes that people are found by."""
        return {"id": self.id, "employeeNumber": self.number or "", "workEmail": self.email or ""}

    def as_account(self) -> Account:
        return Account(self.id, display_name(self), self.shown, self.status == "Active")


def _asked(shape: type[_Employee]) -> tuple[str, ...]:
    return tuple(field.alias or name for name, field in shape.model_fields.items() if name not in ("id", "hidden"))


FIELDS = _asked(OneEmployee)
_ALWAYS_LISTED = frozenset({"firstName", "lastName", "preferredName", "jobTitleName", "status"})
LISTED = _asked(ListedEmployee)


_CURSOR = Cursor(items_at=("data",), next_at=("meta", "page", "nextCursor"), parameter="page[after]")


class _EmployeePages:
    """The pages of one list, with the number of its entries that BambooHR named last. See `connectors.http.pages`."""

    max_items = _CURSOR.max_items
    total: Any = None

    def first(self, request: Request) -> Request:
        return request

    def items(self, answer: Answer) -> list[Any]:
        items = _CURSOR.items(answer)
        meta = answer.body.get("meta")
        self.total = meta.get("total") if isinstance(meta, dict) else None
        return items

    def next(self, request: Request, answer: Answer, count: int) -> Request | None:
        return _CURSOR.next(request, answer, count)


def list_employees(company: BambooHrCompany) -> Flow[list[ListedEmployee]]:
    """Every employee that the key's user sees, active or not. Raises `ActionRequiredError`, and
    `TryAgainError("list_incomplete")` where the list has another length than BambooHR says."""
    asked = {"fields": ",".join(name for name in LISTED if name not in _ALWAYS_LISTED), "page[limit]": PAGE_SIZE}
    pages = _EmployeePages()
    items = yield from all_pages(LIST_EMPLOYEES.request(params=asked), pages)
    employees = [_listed(item) for item in items]
    if len({employee.id for employee in employees}) != pages.total:
        raise TryAgainError(
            "list_incomplete",
            f"The list of employees has {len(employees)} entries, but BambooHR names another total.",
            remedy="It is tried again.",
            happened="no",
        )
    if not employees:
        raise ActionRequiredError(
            "search_unproven",
            "BambooHR lists no employee, so it does not prove that there is none.",
            remedy="Let the access level of the API key's user view all employees.",
            happened="no",
        )
    company.last.keys = [(one.id, number_key(one.number or ""), comparable(one.email or "")) for one in employees]
    company.last.at = company.now
    return employees


def _listed(item: Any) -> ListedEmployee:
    if not isinstance(item, dict):
        unexpected("An entry of the list of employees is not an object.")
    restricted = item.get(_RESTRICTED) or []
    if not isinstance(restricted, list):
        unexpected(f"{_RESTRICTED} of an employee is not a list.")
    hidden = frozenset(name for name in LISTED if name in restricted or name not in item)
    return parse({**dict.fromkeys(hidden), **item, "hidden": hidden}, ListedEmployee)


def require_shown(employees: Collection[ListedEmployee], names: Collection[str]) -> None:
    """Raises `FieldsHiddenError` where one of these fields is hidden of an employee: that could be the one that is
    looked for."""
    found = [employee.hidden.intersection(names) for employee in employees]
    if hidden := frozenset[str]().union(*found):
        raise FieldsHiddenError(hidden, f"{sum(map(bool, found))} employees")


def is_id(text: str) -> bool:
    """BambooHR's ids are numbers from 1. 0 would be the employee of the key's user."""
    return text.isascii() and text.isdecimal() and not text.startswith("0")


def get_employee(id: str) -> Flow[OneEmployee | None]:
    """None where BambooHR says that there is no such employee."""
    if not is_id(id):
        return None
    answer = yield GET_EMPLOYEE.request(id, params={"fields": ",".join(FIELDS)}, missing_ok=True)
    if answer.missing:
        require_own(answer)
        return None
    if not isinstance(answer.body, dict):
        unexpected("The response about an employee is not an object.")
    if hidden := [name for name in FIELDS if name not in answer.body]:
        raise FieldsHiddenError(hidden, "an employee")
    employee = parse(answer.body, OneEmployee)
    if employee.id != id:
        unexpected("The response shows another employee than the one that was requested.")
    return employee


def history(id: str) -> Flow[list[StatusRow]]:
    """The employment status of one employee, from its first row to its last."""
    rows = read_rows((yield _table(id)).body)
    if any(row.employee != id for row in rows):
        unexpected(f"The table {TABLE} shows another employee than the one that was requested.")
    return rows


def histories() -> Flow[dict[str, list[StatusRow]]]:
    """The same of every employee, by id."""
    found: dict[str, list[StatusRow]] = {}
    for row in read_rows((yield _table(_EVERYONE)).body):
        found.setdefault(row.employee, []).append(row)
    if not found:
        unexpected(f"The table {TABLE} has no row of any employee.")
    return found


def _table(id: str) -> Request:
    return GET_TABLE.request(id, TABLE)


def get_person(company: BambooHrCompany, id: str) -> Flow[Person | None]:
    """Raises `ConnectorError`, also where a field that Offboard needs is hidden."""
    employee = yield from get_employee(id)
    if employee is None:
        return None
    rows = yield from history(id)
    require_history(rows, employee.employment_status)
    return as_person(company, employee, rows)


def as_person(company: BambooHrCompany, employee: OneEmployee | ListedEmployee, rows: Sequence[StatusRow]) -> Person:
    zone = company.zone_of(employee.location or "")
    hired: date | None = day_of(employee.hire_date)
    known = employment(rows, inactive=employee.status == "Inactive", hired=hired, today=company.today)
    leaving_at = company.end_of(known.last_day, zone) if known.last_day is not None else None
    left = known.ended and (leaving_at is None or leaving_at <= company.now)
    return Person(
        id=employee.id,
        employee_number=employee.number or "",
        given_name=employee.given_name or "",
        family_name=employee.family_name or "",
        display_name=display_name(employee),
        email=employee.email or "",
        former_emails=(),
        former_names=(),
        department=employee.department or "",
        title=employee.title or "",
        manager_id=employee.manager if employee.manager not in ("", "0") else None,
        manager_email=None,
        country=employee.country or "",
        time_zone=zone,
        status="left" if left else "leaving" if known.ended else "active",
        leaving_at=leaving_at,
        payroll="running",
        assets=(),
    )


def display_name(employee: _Employee) -> str:
    return f"{employee.preferred_name or employee.given_name or ''} {employee.family_name or ''}".strip()
