"""Two people of an export, and their rows with other values."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

COLUMNS = {
    "employee_number": "Employee ID",
    "given_name": "First name",
    "family_name": "Last name",
    "display_name": "Preferred name",
    "email": "Work email",
    "former_emails": "Former emails",
    "manager_hr_id": "Manager ID",
    "time_zone": "Time zone",
    "cutoff_date": "Last day",
    "cutoff_time": "Leaving time",
}
TITLES = [*COLUMNS.values(), "Status"]
NOW = datetime(2026, 11, 1, tzinfo=UTC)
ZOE = ["E-1", "Zoë", "Müller", "", "zoe@f.example", "", "E-2", "Europe/Berlin", "2026-11-30", "17:00", "Leaving"]
ADA = [
    "E-2",
    "Ada",
    "Ek",
    "Ada E.",
    "ada@f.example",
    "a@f.example; b@f.example",
    "",
    "Europe/Stockholm",
    "",
    "",
    "Active",
]


SEVERAL = "keep the row that is true today, or set export_format.several_rows to combine in platform.yaml"


def written(*rows: list[str], delimiter: str = ",", titles: list[str] = TITLES) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows([titles, *rows])
    return out.getvalue()


def changed(**values: str) -> list[str]:
    names = [*COLUMNS, "status"]
    return [values.get(name, old) for name, old in zip(names, ZOE, strict=True)]
