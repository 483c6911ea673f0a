"""Whether a person works here, from the history of their employment status. Without I/O."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from pydantic import ConfigDict, Field

from connectors.http.flows import Fields, parse, unexpected
from connectors.vendors.bamboohr.company import FieldsHiddenError

TABLE = "employmentStatus"
TERMINATED = "terminated"
"""BambooHR's own status with which an employment ends, in lower case."""
_NO_DATE = "0000-00-00"


def day_of(text: str | None) -> date | None:
    """BambooHR writes a date that is not set as `0000-00-00`, as an empty text or as null. Raises
    `ActionRequiredError("answer_not_understood")`."""
    if not text or text == _NO_DATE:
        return None
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        unexpected("A date is not written as year-month-day.")


class StatusRow(Fields):
    """One row of the table `employmentStatus`: from `since` on, the employee has this status."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    id: str = Field(pattern=r"^\d+$")
    employee: str = Field(alias="employeeId")
    since: str | None = Field(alias="date")
    status: str | None = Field(alias="employmentStatus")

    @property
    def day(self) -> date:
        return day_of(self.since) or date.min

    @property
    def ends(self) -> bool:
        return (self.status or "").strip().casefold() == TERMINATED


_COLUMNS = frozenset(field.alias or name for name, field in StatusRow.model_fields.items())


def read_rows(body: Any) -> list[StatusRow]:
    """In the order in which they come into force: BambooHR sends rows in no order. Raises `ActionRequiredError`, also
    where a column is hidden."""
    if not isinstance(body, list):
        unexpected(f"The table {TABLE} is not a list of rows.")
    hidden = {name for row in body if isinstance(row, dict) for name in _COLUMNS - row.keys()}
    if hidden:
        raise FieldsHiddenError(hidden, f"the table {TABLE}")
    return sorted((parse(row, StatusRow) for row in body), key=lambda row: (row.day, int(row.id)))


@dataclass(frozen=True, slots=True)
class Employment:
    """`ended` is true of a person whose employment ends or has ended, `last_day` the day of it, None where BambooHR
    names none."""

    ended: bool
    last_day: date | None = None


WORKS = Employment(ended=False)


def employment(rows: Sequence[StatusRow], *, inactive: bool, hired: date | None, today: date) -> Employment:
    """`rows` are in their order. `inactive` is BambooHR's own status, of today: also people who begin later have it.

    An old termination does not count once the person was rehired. A person who was rehired from a later day works
    here: nothing of theirs may be destroyed until then."""
    in_force = [row for row in rows if row.day <= today]
    later = rows[len(in_force) :]
    if in_force and in_force[-1].ends:
        return WORKS if any(not row.ends for row in later) else Employment(True, in_force[-1].day)
    ending = next((row for row in later if row.ends), None)
    if ending is not None:
        return Employment(True, ending.day)
    begins_later = bool(later) or (hired is not None and hired > today)
    return Employment(True) if inactive and not begins_later else WORKS


def require_history(rows: Collection[StatusRow], status: str | None) -> None:
    """Raises `ActionRequiredError("answer_not_understood")` for an empty table of an employee who has a status: an
    empty list is not evidence of an employment without an end."""
    if not rows and status:
        unexpected(f"The table {TABLE} has no row, but the employee has an employment status.")
