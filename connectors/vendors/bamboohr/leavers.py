"""Everyone who leaves or has left, and whether that has to be read again.

BambooHR lists changes since a moment. They only say that something changed, so then the whole list is read: late data,
a termination in the past, and one that was taken back are all in it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from pydantic import Field

from connectors.http.flows import Fields, ask
from connectors.http.requests import Flow, Operation
from connectors.listing import LeaversListed, ListedLeaver, UnreadableRecord
from connectors.vendors.bamboohr.company import BambooHrCompany
from connectors.vendors.bamboohr.employees import as_person, histories, list_employees

LIST_CHANGES = Operation("GET", "/api/v1/employees/changed", "get-changed-employee-ids")
OVERLAP = timedelta(days=1)
"""Changes are asked for since so long before the last read, so that no difference of clocks hides one."""
READ_AGAIN_AFTER = timedelta(hours=1)
"""What the access level shows, and which employees, changes without a change of an employee."""
_SOURCE = "BambooHR"

SETTLED_AFTER = timedelta(seconds=10)
"""BambooHR writes whole seconds, so two changes of an employee within one look like one. What is read this long after
the changes were first listed has both."""

Changes = frozenset[tuple[str, str, str]]


class Change(Fields):
    action: str
    last_changed: str = Field(alias="lastChanged")


class ChangedEmployees(Fields):
    """By the employee's id."""

    employees: dict[str, Change]


@dataclass(frozen=True, slots=True)
class LeaversRead:
    """What the last read found `at` a time, and the changes `since` a moment that BambooHR had listed just before it,
    and listed for the first time when they were `first_seen`."""

    listed: LeaversListed
    since: str
    changes: Changes
    first_seen: datetime
    day: date
    at: datetime


def read_leavers(company: BambooHrCompany, last: LeaversRead | None) -> Flow[LeaversRead]:
    """The result of the last read, if BambooHR lists the same changes as then, on the same day."""
    now = company.now
    is_recent = last is not None and last.day == company.today and now - last.at < READ_AGAIN_AFTER
    if last is not None and is_recent and (yield from _changes(last.since)) == last.changes:
        if last.at - last.first_seen >= SETTLED_AFTER:
            return replace(last, listed=replace(last.listed, as_of=now))
        return replace(last, listed=(yield from _list(company)), at=now)
    since = (now - OVERLAP).strftime("%Y-%m-%dT%H:%M:%SZ")
    # Before the list is read: a change in the meantime is then seen as one the next time.
    changes = yield from _changes(since)
    return LeaversRead((yield from _list(company)), since, changes, now, company.today, now)


def _changes(since: str) -> Flow[Changes]:
    found = yield from ask(LIST_CHANGES.request(params={"since": since}), ChangedEmployees)
    return frozenset((id, one.action, one.last_changed) for id, one in found.employees.items())


def _list(company: BambooHrCompany) -> Flow[LeaversListed]:
    as_of = company.now
    employees = yield from list_employees(company)
    rows = yield from histories()
    leavers: list[ListedLeaver] = []
    unreadable: list[UnreadableRecord] = []
    for employee in employees:
        place = f"employee {employee.id}"
        if employee.hidden:
            said = f"BambooHR does not show {', '.join(sorted(employee.hidden))}; let the API key's user view it"
            unreadable.append(UnreadableRecord(place, said))
            continue
        person = as_person(company, employee, rows.get(employee.id, ()))
        if person.leaving_at is not None:
            leavers.append(ListedLeaver(person.id, person.leaving_at, place))
        elif person.status == "left":
            said = "the employee is inactive without a day; enter the termination with its date in employment status"
            unreadable.append(UnreadableRecord(place, said))
    leavers.sort(key=lambda one: one.leaving_at, reverse=True)  # a report names the first ones
    written = repr(
        sorted([(one.person_id, one.leaving_at.isoformat()) for one in leavers])
        + [(one.place, one.message) for one in unreadable]
    )
    version = hashlib.sha256(written.encode()).hexdigest()
    return LeaversListed(leavers, unreadable, _SOURCE, as_of, version)
