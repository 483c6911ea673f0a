"""Whether the key is accepted, and which employees and fields its user does not see."""

from __future__ import annotations

from collections import Counter

from connectors.http.connector import CredentialCheck
from connectors.http.flows import unexpected
from connectors.http.requests import Flow
from connectors.vendors.bamboohr.company import BambooHrCompany, FieldsHiddenError
from connectors.vendors.bamboohr.employees import get_employee, histories, list_employees


def check(company: BambooHrCompany) -> Flow[CredentialCheck]:
    """Raises `FieldsHiddenError` with every field that is hidden of all employees, or of the first one, under the names
    that it has where it is read. BambooHR does not show which employees its list leaves out: managers who are missing
    in it are counted."""
    employees = yield from list_employees(company)
    hidden = Counter(name for employee in employees for name in employee.hidden)
    never_shown = {name for name, count in hidden.items() if count == len(employees)}
    try:
        if (yield from get_employee(employees[0].id)) is None:
            unexpected("An employee of the list is not found by their ID.")
    except FieldsHiddenError as error:
        never_shown |= error.names
    with_history = 0
    try:
        with_history = len((yield from histories()).keys() & {employee.id for employee in employees})
    except FieldsHiddenError as error:
        never_shown |= error.names
    if never_shown:
        raise FieldsHiddenError(never_shown, f"{len(employees)} employees")
    lacking = [f"{name} of {count} employees is hidden" for name, count in sorted(hidden.items())]
    known = {None, "", "0", *(employee.id for employee in employees)}
    if unseen := {employee.manager for employee in employees} - known:
        lacking.append(f"{len(unseen)} of the managers are not shown")
    said = f"reachable, credential accepted: {len(employees)} employees, {with_history} of them with a status history"
    return CredentialCheck("; ".join([said, *lacking]), tuple(lacking))
