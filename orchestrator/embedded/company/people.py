"""The company's people, as rows of an HR export."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from importlib import resources
from typing import Any

EXPORT = "people.csv"

# What makes an account hard to match or special to remove; `population` says what each one does.
TRAITS = frozenset(
    {
        "admin",
        "no_card",
        "two_code_accounts",
        "recycled_number",
        "code_under_former_email",
        "code_without_number",
    }
)

_COLUMNS = {
    "employee_number": "Employee ID",
    "given_name": "First name",
    "family_name": "Last name",
    "display_name": "Preferred name",
    "email": "Work email",
    "former_emails": "Former emails",
    "department": "Department",
    "title": "Job title",
    "manager_number": "Manager ID",
    "country": "Country",
    "time_zone": "Time zone",
    "cutoff_date": "Last day",
    "status": "Status",
}


@dataclass(frozen=True, slots=True)
class Employee:
    """One row. `manager_number` is an employee number or empty; several `former_emails` are separated by `;` in a file.
    `leaving` is whether the export says that they leave, `last_day` when (an ISO date; empty: yesterday). `traits` are
    from TRAITS."""

    employee_number: str
    given_name: str
    family_name: str
    email: str
    display_name: str = ""
    former_emails: tuple[str, ...] = ()
    former_names: tuple[str, ...] = ()
    department: str = ""
    title: str = ""
    manager_number: str = ""
    country: str = ""
    time_zone: str = "UTC"
    leaving: bool = False
    last_day: str = ""
    traits: frozenset[str] = frozenset()

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Employee:
        """The inverse of `document`."""
        sequences = {name: tuple(document[name]) for name in ("former_emails", "former_names")}
        return cls(**{**document, **sequences, "traits": frozenset(document["traits"])})

    def document(self) -> dict[str, Any]:
        """JSON values only."""
        return {**asdict(self), "traits": sorted(self.traits)}

    @property
    def name(self) -> str:
        return self.display_name or f"{self.given_name} {self.family_name}"


def packaged_export(last_day: date | None = None) -> str:
    """The text of the export that ships with the package; with `last_day`, everyone who leaves does so on that day."""
    text = (resources.files("orchestrator.embedded") / EXPORT).read_text(encoding="utf-8")
    if last_day is None:
        return text
    rows = list(csv.DictReader(io.StringIO(text)))
    output = io.StringIO()
    writer = csv.DictWriter(output, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({**row, "Last day": last_day.isoformat() if row["Last day"] else ""})
    return output.getvalue()


def read_people(text: str, columns: Mapping[str, str] | None = None) -> list[Employee]:
    """Every row of an HR export.

    `columns` maps our field names (as `export_columns` in `platform.yaml` does) to the file's headings, where they
    differ from the packaged export's. Rows without a number or a mail address are left out: this populates a
    make-believe company, and judging an export is the product's own business."""
    names = {**_COLUMNS, **(columns or {})}
    names["manager_number"] = names.pop("manager_hr_id", names["manager_number"])  # exports name managers by number
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    people = []
    for row in csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), delimiter=delimiter):
        value = {field: (row.get(heading) or "").strip() for field, heading in names.items()}
        if not value["employee_number"] or not value["email"]:
            continue
        people.append(
            Employee(
                employee_number=value["employee_number"],
                given_name=value["given_name"],
                family_name=value["family_name"],
                email=value["email"],
                display_name=value["display_name"],
                former_emails=tuple(part.strip() for part in value["former_emails"].split(";") if part.strip()),
                department=value["department"],
                title=value["title"],
                manager_number=value["manager_number"],
                country=value["country"],
                time_zone=value["time_zone"] or "UTC",
                leaving=bool(value["cutoff_date"]) or value["status"].casefold() == "leaving",
            )
        )
    return people


def with_traits(people: Sequence[Employee]) -> list[Employee]:
    """Give traits where no one has any, by rule and not by chance, so that any export makes an instructive company:
    the second leaver gets two accounts in code hosting that could both be theirs, a person who had another address uses
    it in code hosting, and the last administrator who stays has a number that was another person's."""
    if any(person.traits for person in people):
        return list(people)
    leaving = [person.employee_number for person in people if person.leaving]
    staying_admins = [p.employee_number for p in people if not p.leaving and _is_admin(p)]
    traits: dict[str, set[str]] = {person.employee_number: set() for person in people}
    for index, person in enumerate(people):
        mine = traits[person.employee_number]
        if _is_admin(person):
            mine.add("admin")
        if person.department in {"Support", "IT"}:
            mine.add("no_card")
        if person.former_emails:
            mine.add("code_under_former_email")
        elif index % 4 == 3:
            mine.add("code_without_number")
    if len(leaving) > 1:
        traits[leaving[1]].add("two_code_accounts")
    for number in staying_admins[-1:]:
        traits[number].add("recycled_number")
    return [replace(person, traits=frozenset(traits[person.employee_number])) for person in people]


def _is_admin(person: Employee) -> bool:
    return "administrator" in person.title.casefold()


def default_people() -> list[Employee]:
    return with_traits(read_people(packaged_export()))
