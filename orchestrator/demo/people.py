"""The people of the demo: leavers from an HR export, the company around them, and staff that decides."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from connectors.people_csv.reading import read_export
from connectors.people_csv.rows import BadRow, Export, ExportRow
from orchestrator.cli.exports import export_from, read_file
from orchestrator.cli.terminal.local_refusals import LocalRefusal
from orchestrator.cli.terminal.options import PACKET
from orchestrator.domain.packet.packet import Packet
from orchestrator.embedded.company.people import Employee, default_people, packaged_export, read_people, with_traits
from orchestrator.embedded.smaller_packet import SAMPLE_PACKET
from orchestrator.embedded.staff import STAFF, StaffEntry

PLATFORM_FILE = f"{SAMPLE_PACKET}/platform.yaml"
NOT_YET = timedelta(seconds=12)
"""How long after the start the cutoff of one packaged leaver comes, so that a wait for it is seen."""
MAX_PEOPLE = 300
"""Above this number, the demo's company has only the leavers and the people whom their runs need."""


class BadExport(Exception):
    """`rows` are the broken ones, by line."""

    def __init__(self, rows: Sequence[BadRow]) -> None:
        super().__init__(f"{len(rows)} invalid rows")
        self.rows = list(rows)


class NoLeavers(Exception):
    """`message` says what to put into the file."""

    def __init__(self, message: str) -> None:
        super().__init__("no leavers")
        self.message = message


@dataclass(frozen=True, slots=True)
class Cast:
    """`people` work at the company, `staff` decides; `export` gives the leavers when the runs are to start, so that
    packaged ones leave just then. `left_over` leave too, and are more than one list may start. `notes` say what was
    added to make the company whole."""

    people: list[Employee]
    staff: Sequence[StaffEntry]
    export: Callable[[datetime], list[ExportRow]]
    source: str
    left_over: int = 0
    notes: tuple[str, ...] = ()


def packaged_cast(columns: Mapping[str, str]) -> Cast:
    def leaving(now: datetime) -> list[ExportRow]:
        export = read_export(_dated(now), columns, now=now)
        if export.bad:  # now is an hour that the clocks repeat or leave out somewhere
            export = read_export(packaged_export((now - timedelta(days=1)).date()), columns, now=now)
        return export.leaving

    return Cast(default_people(), STAFF, leaving, "the packaged HR export")


def _dated(now: datetime) -> str:
    """The packaged export as HR would hand it out today: everyone who leaves does so now, the last one in a moment."""
    rows = list(csv.DictReader(io.StringIO(packaged_export())))
    leaving = [row for row in rows if row["Last day"]]
    for row in leaving:
        at = (now + (NOT_YET if row is leaving[-1] else timedelta(0))).astimezone(ZoneInfo(row["Time zone"]))
        row["Last day"], row["Leaving time"] = f"{at:%Y-%m-%d}", f"{at:%H:%M:%S}"
    output = io.StringIO()
    writer = csv.DictWriter(output, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return output.getvalue()


def cast_from(path: Path, packet: Packet) -> Cast:
    """Reads the user's own export. Raises `BadExport`, `NoLeavers` or `LocalRefusal`; nothing has been started then."""
    export = _usable_export(path, packet)
    if not export.leaving:
        raise NoLeavers(_how_to_leave(path, packet.platform.hr.export_columns))
    leaving, cap = export.leaving, packet.workflow.thresholds.batch_cap
    taken = leaving[:cap]
    people, staff, notes = _company(export.rows, [row.person.employee_number for row in taken])
    people = [replace(person, last_day="") for person in people]  # all leave now, whatever their day
    return Cast(people, staff, lambda now: taken, path.name, len(leaving) - len(taken), notes)


def own_company(path: Path, packet: Packet) -> tuple[list[Employee], list[StaffEntry], tuple[str, ...]]:
    """The people of the user's own export, the staff beside them, and notes, for a stack that keeps running. Raises
    `BadExport` or `LocalRefusal`."""
    export = _usable_export(path, packet)
    return _company(export.rows, [row.person.employee_number for row in export.leaving])


def _usable_export(path: Path, packet: Packet) -> Export:
    """The user's own file, read with the packet's mapping. Raises `BadExport` or `LocalRefusal`."""
    hr = packet.platform.hr
    try:
        export = export_from(read_file(path), path.name, hr.export_columns, hr.export_format)
    except LocalRefusal as refused:
        said = refused.remedy
        remedy = f"{said} (here: {PLATFORM_FILE})" if "platform.yaml" in said and packet.name == PACKET else said
        raise LocalRefusal(refused.code, refused.message, remedy) from refused
    bad = sorted([*export.not_started, *_unusable(export)], key=lambda row: row.line)
    if bad:
        raise BadExport(bad)
    return export


def _unusable(export: Export) -> list[BadRow]:
    """What the product would take, but the make-believe company cannot give accounts to."""
    bad = []
    first: dict[str, int] = {}
    for row in export.rows:
        address = row.person.email.casefold()
        if "@" not in address:
            said = "has no mail address" if not address else "has a mail address without @"
            needed = "the sample company needs one to make accounts for this person"
            bad.append(BadRow(row.line, f"{said}; {needed}"))
        elif address in first:
            bad.append(
                BadRow(row.line, f"has the same mail address as line {first[address]}; each person needs their own")
            )
        else:
            first[address] = row.line
    return bad


def _how_to_leave(path: Path, columns: Mapping[str, str]) -> str:
    day = columns.get("cutoff_date")
    if day is None:
        return (
            f"No leavers in {path.name}: platform.yaml does not set the column of the last day.\n"
            f"Add `cutoff_date: <title of the column>` under hr.export_columns in {PLATFORM_FILE}."
        )
    time, zone = columns.get("cutoff_time"), columns.get("time_zone")
    hint = f"No leavers in {path.name}. Put a last day such as {datetime.now(UTC):%Y-%m-%d} into the column {day!r}"
    hint += f" (and optionally a time such as 17:00 into {time!r})" if time else ""
    hint += f", with a zone such as Europe/Berlin in {zone!r}" if zone else ""
    return f"{hint}, in the row of each leaver."


def _company(
    rows: Sequence[ExportRow], leaving: Sequence[str]
) -> tuple[list[Employee], list[StaffEntry], tuple[str, ...]]:
    notes = []
    numbers = {row.person.id: row.person.employee_number for row in rows}
    employees = {row.person.employee_number: _employee(row, leaving, numbers) for row in rows}
    staff_people, staff = _own_staff({person.email.casefold() for person in employees.values()}, set(employees))
    chief = staff_people[0].employee_number
    replaced = 0
    for number in leaving:
        manager = _manager_who_stays(employees, number, leaving)
        if manager is None or manager != employees[number].manager_number:
            replaced += 1
        employees[number] = replace(employees[number], manager_number=manager or chief)
    if replaced:
        notes.append(
            f"{replaced} leavers have no line manager in the file who stays; the sample company takes the next one in "
            "the reporting line."
        )
    if len(employees) > MAX_PEOPLE:
        wanted = {*leaving, *(employees[number].manager_number for number in leaving)}
        rest = [number for number in employees if number not in wanted][: MAX_PEOPLE - len(wanted)]
        notes.append(f"The sample company uses {MAX_PEOPLE} of the {len(employees)} people in the file.")
        employees = {number: employees[number] for number in employees if number in {*wanted, *rest}}
    known = {*employees, chief}
    people = [
        person if person.manager_number in known else replace(person, manager_number=chief)
        for person in employees.values()
    ]
    people = _without_traps(with_traits(people), leaving)
    return [*people, *staff_people], staff, tuple(notes)


def _employee(row: ExportRow, leaving: Sequence[str], numbers: Mapping[str, str]) -> Employee:
    """`numbers` are employee numbers by HR id."""
    person, manager = row.person, row.person.manager_id or ""
    given, _, family = person.display_name.rpartition(" ")  # a directory needs a family name
    return Employee(
        employee_number=person.employee_number,
        given_name=person.given_name or given,
        family_name=person.family_name or family or person.employee_number,
        email=person.email,
        display_name=person.display_name,
        former_emails=person.former_emails,
        former_names=person.former_names,
        department=person.department,
        title=person.title,
        manager_number=numbers.get(manager, manager),
        country=person.country,
        time_zone=person.time_zone or "UTC",
        leaving=person.employee_number in leaving,
        last_day=row.cutoff.local[:10] if row.cutoff is not None else "",
    )


def _manager_who_stays(employees: Mapping[str, Employee], number: str, leaving: Sequence[str]) -> str | None:
    """The next one up who does not leave as well."""
    seen = {number}
    above = employees[number].manager_number
    while above in employees and above not in seen:
        if above not in leaving:
            return above
        seen.add(above)
        above = employees[above].manager_number
    return None


def _own_staff(addresses: set[str], numbers: set[str]) -> tuple[list[Employee], list[StaffEntry]]:
    """The packaged staff under numbers and addresses of their own. With any export, the gates have deciders who do not
    leave and do not report to a leaver."""
    needed = {member.employee_number for member in STAFF}
    packaged = [person for person in read_people(packaged_export()) if not person.leaving]
    packaged = packaged[:1] + [person for person in packaged[1:] if person.employee_number in needed]
    prefix = "demo-"
    while any(prefix + person.employee_number in numbers for person in packaged):
        prefix += "staff-"
    people = []
    for person in packaged:
        local, _, domain = person.email.partition("@")
        address = f"{local}@{prefix.rstrip('-')}.{domain}"
        while address in addresses:
            address = f"x-{address}"
        manager = prefix + packaged[0].employee_number if person is not packaged[0] else ""
        people.append(
            replace(person, employee_number=prefix + person.employee_number, email=address, manager_number=manager)
        )
    return people, [replace(member, employee_number=prefix + member.employee_number) for member in STAFF]


def _without_traps(people: list[Employee], leaving: Sequence[str]) -> list[Employee]:
    """One leaver has two accounts. A person who takes over repositories has one, under today's address."""
    managers = {person.manager_number for person in people if person.employee_number in leaving}
    doubled = next(iter([*leaving[1:2], *leaving[:1]]), None)
    result = []
    for person in people:
        traits = set(person.traits) - {"two_code_accounts"}
        if person.employee_number == doubled:
            traits = traits - {"code_under_former_email"} | {"two_code_accounts"}
        if person.employee_number in managers:
            traits -= {"code_under_former_email", "two_code_accounts", "recycled_number"}
        result.append(replace(person, traits=frozenset(traits)))
    return result
