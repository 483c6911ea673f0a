"""How BambooHR is connected: an API key of a user whose access level only shows fields of all employees."""

from __future__ import annotations

from connectors.setup import LeastRights, MatchBy, Setup, SystemCredential

_FIELDS = (
    "view only, of all employees: first, last and preferred name, employee number, work email, country, hire date, "
    "status, employment status (the whole table), job title, department, location, reporting to"
)

SETUP = Setup(
    "BambooHR",
    (
        SystemCredential(
            "API key",
            ("api_key",),
            (
                "In BambooHR under Settings, Access Levels, create a custom access level that can view the fields "
                "below of all employees, and can edit nothing.",
                "Add a user to it who is not an employee: the key has the permissions of its user, and stops with it.",
                "Sign in as this user, open API Keys in the menu of the profile, add a key, and keep it as a file.",
            ),
            (LeastRights("fields that the access level shows", _FIELDS, {}, checking="the same"),),
        ),
    ),
    (MatchBy("employee_number", "employeeNumber"), MatchBy("email", "workEmail")),
    page="bamboohr.md",
)
