"""The people of the embedded company as employees in BambooHR."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from orchestrator.embedded.company.people import Employee, default_people
from orchestrator.embedded.vendors.bamboohr.records import BambooEmployee, BambooUser
from orchestrator.embedded.vendors.bamboohr.simulator import BambooSimulator

SCOPES = ("employee", "employee_directory", "public.user", "user", "field", "webhooks", "offline_access")


@dataclass
class BambooSeed:
    """`reader` is a user whose access level shows every field of every employee, and who is no employee; `api_key` is
    theirs, `token` an access token with the scopes above and `refresh_token` what renews it."""

    employees: Mapping[str, BambooEmployee]
    reader: BambooUser
    api_key: str
    token: str
    refresh_token: str

    def employee(self, number: str) -> BambooEmployee:
        return self.employees[number]


def seed_bamboohr(bamboo: BambooSimulator, people: Sequence[Employee] | None = None) -> BambooSeed:
    """Each reports to the manager of the company. A person who leaves is terminated in two weeks."""
    company = bamboo.state
    chosen = default_people() if people is None else list(people)
    employees = {
        one.employee_number: company.hire(
            firstName=one.given_name,
            lastName=one.family_name,
            preferredName=one.display_name or None,
            employeeNumber=one.employee_number,
            workEmail=one.email,
            country=one.country or None,
            jobTitle=one.title,
            department=one.department,
            timezone=one.time_zone,
        )
        for one in chosen
    }
    for one in chosen:
        employee = employees[one.employee_number]
        if one.manager_number in employees:
            employee.tables["jobInfo"][0]["reportsTo"] = employees[one.manager_number].id
        if one.leaving:
            company.terminate(employee, company.today + timedelta(days=14))
    reader = company.new_user("offboarding@corp.example")
    access, refresh = company.new_tokens(reader, *SCOPES)
    company.effects.clear()
    return BambooSeed(employees, reader, company.new_key(reader), access.value, refresh.value)
