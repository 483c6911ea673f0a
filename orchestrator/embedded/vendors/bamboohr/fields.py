"""Fields of an employee by their aliases, https://documentation.bamboohr.com/docs/list-of-field-names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.embedded.vendors.bamboohr.records import NO_DATE, TERMINATED, BambooEmployee

if TYPE_CHECKING:
    from orchestrator.embedded.vendors.bamboohr.company import BambooCompany

FIELDS = {
    "firstName": ("1", "First Name", "text"), "lastName": ("2", "Last Name", "text"),
    "middleName": ("5", "Middle Name", "text"), "preferredName": ("1358", "Preferred Name", "text"),
    "displayName": ("", "Display Name", "text"), "employeeNumber": ("4047", "Employee #", "employee_number"),
    "workEmail": ("14", "Work Email", "email"), "homeEmail": ("15", "Home Email", "email"),
    "bestEmail": ("", "Best Email", "email"), "mobilePhone": ("11", "Mobile Phone", "phone"),
    "country": ("3991", "Country", "country"), "birthDate": ("6", "Birth Date", "date"),
    "ssn": ("7", "SSN", "ssn"), "hireDate": ("3", "Hire Date", "date"),
    "originalHireDate": ("4028", "Original Hire Date", "date"),
    "terminationDate": ("4314", "Termination Date", "date"), "status": ("1610", "Status", "status"),
    "employmentHistoryStatus": ("16", "Employment Status", "list"),
    "employmentStatus": ("4024", "Employment Status", "list"), "jobTitle": ("17", "Job Title", "list"),
    "jobTitleName": ("", "Job Title", "text"), "department": ("4", "Department", "list"),
    "departmentName": ("", "Department", "text"), "division": ("1355", "Division", "list"),
    "divisionName": ("", "Division", "text"), "location": ("18", "Location", "list"),
    "locationName": ("", "Location", "text"), "supervisor": ("91", "Reporting to", "employee"),
    "supervisorId": ("", "Supervisor Employee #", "text"), "supervisorEId": ("", "Supervisor ID", "text"),
    "supervisorEmail": ("", "Supervisor Email", "email"), "reportsToName": ("", "Reporting to", "text"),
    "reportsToId": ("", "Reporting to", "text"), "lastChanged": ("", "Last Changed", "timestamp"),
    "photoUrl": ("", "Photo URL", "url"), "timezone": ("", "Time Zone", "text"),
}  # fmt: skip
DATES = frozenset(alias for alias, (_, _, kind) in FIELDS.items() if kind == "date")
JOB = {
    "jobTitle": "jobTitle", "jobTitleName": "jobTitle", "department": "department", "departmentName": "department",
    "division": "division", "divisionName": "division", "location": "location", "locationName": "location",
}  # fmt: skip
MANAGER = ("supervisor", "supervisorId", "supervisorEId", "supervisorEmail", "reportsToName", "reportsToId")
GUARDS = {
    "terminationDate": "employmentHistoryStatus", "employmentStatus": "employmentHistoryStatus",
    **dict.fromkeys(MANAGER, "supervisor"), "jobTitleName": "jobTitle", "departmentName": "department",
    "divisionName": "division", "locationName": "location",
}  # fmt: skip
"""Which field's access decides on a field that shows the same data."""


def name_of(alias: str) -> str:
    """What a person reads for the field."""
    return FIELDS[alias][1] if alias in FIELDS else alias


def hidden(alias: str, hidden_fields: set[str]) -> bool:
    return alias in hidden_fields or GUARDS.get(alias, alias) in hidden_fields


def value(company: BambooCompany, employee: BambooEmployee, alias: str, *, future: bool = False) -> Any:
    """Of today, or with `future` as the last rows of its history have it. `status` is always of today."""
    status = company.current(employee, "employmentStatus", future=future)
    if alias == "status":
        return "Inactive" if company.terminated(employee) else "Active"
    if alias in ("employmentStatus", "employmentHistoryStatus"):
        return status.get("employmentStatus")
    if alias == "terminationDate":
        return status["date"] if status.get("employmentStatus") == TERMINATED else NO_DATE
    job = company.current(employee, "jobInfo", future=future)
    if alias in JOB:
        return job.get(JOB[alias])
    if alias in MANAGER:
        return _of_manager(company, alias, job.get("reportsTo"))
    if alias == "displayName":
        return f"{employee.fields.get('preferredName') or employee.fields.get('firstName')} " + str(
            employee.fields.get("lastName")
        )
    if alias == "bestEmail":
        return employee.fields.get("workEmail") or employee.fields.get("homeEmail")
    if alias == "lastChanged":
        return company.changed[employee.id][1].isoformat(timespec="seconds")
    return employee.fields.get(alias) or (NO_DATE if alias in DATES else None)


def _of_manager(company: BambooCompany, alias: str, id: str | None) -> str | None:
    """`supervisorId` is the manager's employee number, `supervisorEId` their id."""
    manager = company.employees.get(id or "")
    if manager is None:
        return None
    number, email = manager.fields.get("employeeNumber"), manager.fields.get("workEmail")
    known = {"supervisorEId": manager.id, "reportsToId": manager.id, "supervisorId": number, "supervisorEmail": email}
    return known.get(alias, f"{manager.fields.get('lastName')}, {manager.fields.get('firstName')}")
