"""What the rows of an export say together: several rows of one person, HR ids and managers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date

from connectors.account_set import comparable
from connectors.people import Person, number_key
from connectors.people_csv.mapping import ExportFormat
from connectors.people_csv.rows import BadRow, Export, ExportRow, keys_of


def one_person(rows: Sequence[ExportRow | BadRow], form: ExportFormat) -> list[ExportRow | BadRow]:
    """What the rows with one employee number say together; numbers that differ in spelling alone are one."""
    if len(rows) == 1:
        return list(rows)
    lines = [row.line for row in rows]
    read = [row for row in rows if isinstance(row, ExportRow)]
    same, differ = "has the same employee number as line %s", ", but another name and address; correct one"
    if len({row.person.employee_number for row in read}) > 1:
        same, differ = f"{same}, in another spelling (case, spaces or form)", "; correct one"
    if form.several_rows == "refuse":
        remedy = "keep the row that is true today, or set export_format.several_rows to combine in platform.yaml"
        return _named(rows, lines, f"{same}; {remedy}")
    if len(read) < len(rows):
        return _named(rows, lines, "belongs to the person in line %s, where a row cannot be read; correct that row")
    if not all(_same_person(read[0].person, other.person) for other in read[1:]):
        return _named(rows, lines, f"{same}{differ}")
    staying = [row for row in read if row.cutoff is None and not row.local]
    if staying:
        return [_with_lines(max(staying, key=lambda row: (row.start or date.min, -row.line)), lines)]

    def last(row: ExportRow) -> tuple[str, int]:
        return (row.cutoff.instant.isoformat() if row.cutoff is not None else row.local, -row.line)

    return [_with_lines(max(read, key=last), lines)]


def _with_lines(row: ExportRow, lines: Iterable[int]) -> ExportRow:
    return replace(row, also=tuple(line for line in lines if line != row.line))


def _named(rows: Sequence[ExportRow | BadRow], lines: Sequence[int], said: str) -> list[ExportRow | BadRow]:
    named: list[ExportRow | BadRow] = []
    for row in rows:
        if isinstance(row, BadRow):
            named.append(row)
            continue
        others = ", ".join(str(line) for line in lines if line != row.line)
        named.append(BadRow(row.line, said % others, _keys(row.person)))
    return named


def _keys(person: Person) -> frozenset[str]:
    return keys_of((person.id, person.employee_number, person.email))


def _same_person(one: Person, other: Person) -> bool:
    if one.id != other.id:
        return False
    if one.email and comparable(one.email) == comparable(other.email):
        return True
    names = [
        (person.given_name.casefold(), person.family_name.casefold(), person.display_name.casefold())
        for person in (one, other)
    ]
    return names[0] == names[1]


def with_own_ids(export: Export) -> Export:
    """An HR id that two people have identifies neither."""
    lines: dict[str, list[int]] = {}
    for row in export.rows:
        lines.setdefault(row.person.id, []).append(row.line)
    rows: list[ExportRow] = []
    bad = list(export.bad)
    for row in export.rows:
        others = [line for line in lines[row.person.id] if line != row.line]
        if others:
            said = f"has the same HR ID as line {', '.join(map(str, others))}; correct one"
            bad.append(BadRow(row.line, said, _keys(row.person)))
        else:
            rows.append(row)
    return Export(rows, sorted(bad, key=lambda row: row.line), export.titles)


def with_managers(export: Export) -> Export:
    """Managers as the ids of their rows, with their addresses. Employee numbers are compared in any spelling, so that
    the people above a leaver are known whatever the column says. A mail address that was given to a new person names
    the one who works here; an address of two people who work here names neither."""
    people = {row.person.id: row.person for row in export.rows}
    numbers = {number_key(row.person.employee_number): row.person for row in export.rows if row.person.employee_number}
    addresses = _by_address([row.person for row in export.rows])

    def with_manager(row: ExportRow) -> ExportRow:
        person = row.person
        named = person.manager_id or ""
        manager = (
            people.get(named) or numbers.get(number_key(named)) or addresses.get(comparable(person.manager_email or ""))
        )
        if manager is None:
            return row
        known = person.manager_email or manager.email or None
        return replace(row, person=replace(person, manager_id=manager.id, manager_email=known))

    return Export([with_manager(row) for row in export.rows], export.bad, export.titles)


def _by_address(people: Iterable[Person]) -> dict[str, Person]:
    found: dict[str, list[Person]] = {}
    for person in people:
        if person.email:
            found.setdefault(comparable(person.email), []).append(person)
    working = {address: [one for one in several if one.status != "left"] for address, several in found.items()}
    return {
        address: (working[address] or several)[0]
        for address, several in found.items()
        if len(working[address] or several) == 1
    }
