"""HR's list of people as a CSV file: the people that can be read, and what is wrong with the other rows.

Nothing is guessed: a row that is not clear is a bad row, named by the line on which it begins. Several rows with one
employee number are refused, or combined (`ExportFormat.several_rows`): a person with a row that has no end works, and
the others leave on the latest of their last days.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from connectors.people import Person, number_key
from connectors.people_csv.combining import one_person, with_managers, with_own_ids
from connectors.people_csv.condition import Condition, ConditionError
from connectors.people_csv.dates import DatePattern, UnreadableRow, read_day, read_time, shown, work_end, zones
from connectors.people_csv.mapping import ExportFormat, mapping_problems
from connectors.people_csv.rows import BadRow, Export, ExportRow, keys_of
from connectors.people_csv.text import (
    FORMULA,
    INVISIBLE,
    SHORTENED,
    SUSPECT,
    UNDECODED,
    UNPRINTABLE,
    refused,
    rows_of,
    title_key,
    trimmed,
)

DEFAULT_FORMAT: Final = ExportFormat()
NO_END: Final = 2099
"""HR systems write 2999-12-31, 4712-12-31 or 9999-12-31 for people who stay."""
_MAX_PAST: Final = timedelta(days=366)
"""A last day longer ago may be from before the person was hired again, so a person must look at the row."""
_MAX_FUTURE: Final = timedelta(days=15 * 366)
_TITLES_NAMED: Final = 30
_NUMBERS: Final = frozenset({"employee_number", "hr_id", "manager_hr_id"})


def read_export(
    content: bytes | str,
    columns: Mapping[str, str],
    form: ExportFormat = DEFAULT_FORMAT,
    *,
    now: datetime | None = None,
    hr_has_zones: bool = False,
) -> Export:
    """`columns` maps fields (`mapping.COLUMNS`) to titles, as `hr.export_columns` does.

    Raises `ActionRequiredError` where the file as a whole cannot be read: no text, no titles, a mapped column missing,
    a trailer missing. Several former addresses or names in one field are separated by `;`, `|` or line breaks. A
    manager is named by employee number or HR id; where that person is in the file too, `manager_email` is filled in.
    Without a name to display, it is the given and the family name. Rows without a value are passed over. Last days more
    than a year before `now` (an aware time; by default the clock's) are doubtful; those more than 15 years after it are
    bad rows; from 2099 on they mean that the person stays. `hr_has_zones`: a last day without a zone is no bad row."""
    reader = _Reader(columns, form, now or datetime.now(UTC), hr_has_zones)
    rows = rows_of(content, form, columns.values())
    titles = _title_row(rows, form)
    places = _places(titles, columns)
    kept, bad = _people_rows(rows, form)
    read: dict[str, list[ExportRow | BadRow]] = {}
    for line, cells in kept:
        number = trimmed(cells[places["employee_number"]]) if len(cells) == len(titles) else ""
        one = reader.row(line, cells, len(titles), places)
        read.setdefault(number_key(number) or f"\0{line}", []).append(one)
    found: list[ExportRow] = []
    for same in read.values():
        for row in one_person(same, form):
            found.append(row) if isinstance(row, ExportRow) else bad.append(row)
    found.sort(key=lambda row: row.line)
    return with_managers(with_own_ids(Export(found, bad, tuple(_shown_titles(titles)))))


def _people_rows(
    rows: Iterator[tuple[int, list[str] | str]], form: ExportFormat
) -> tuple[list[tuple[int, list[str]]], list[BadRow]]:
    """The rows between the titles and the trailer that have a value."""
    kept: list[tuple[int, list[str] | str]] = []
    ended = not form.trailer
    for line, cells in rows:
        if isinstance(cells, list):
            filled = [value for cell in cells if (value := trimmed(cell))]
            if not filled:
                continue
            if form.trailer and filled[0].casefold().startswith(form.trailer.casefold()):
                ended = True
                break
        kept.append((line, cells))
    if not ended:
        raise refused(
            "export_incomplete",
            f"The export has no row that begins with {form.trailer!r}, so its end is missing.",
            "Export it again, or correct export_format.trailer in platform.yaml.",
        )
    kept = kept[form.rows_after_titles : len(kept) - form.trailer_rows if form.trailer_rows else None]
    bad = [BadRow(line, cells, hides=True) for line, cells in kept if isinstance(cells, str)]
    return [(line, cells) for line, cells in kept if isinstance(cells, list)], bad


def count_people(content: bytes | str, columns: Mapping[str, str], form: ExportFormat = DEFAULT_FORMAT) -> int:
    """How many employee numbers the file has, in rows that can be read and others. Raises `ActionRequiredError`."""
    rows = rows_of(content, form, columns.values())
    place = _places(_title_row(rows, form), columns)["employee_number"]
    numbers = (trimmed("".join(cells[place:][:1])) for _, cells in _people_rows(rows, form)[0])
    return len({number_key(number) for number in numbers if number})


def titles_of(content: bytes | str, columns: Mapping[str, str], form: ExportFormat = DEFAULT_FORMAT) -> list[str]:
    """The file's columns, whatever is mapped. Raises `ActionRequiredError` where it has none."""
    return _shown_titles(_title_row(rows_of(content, form, columns.values()), form))


def missing_columns(titles: Iterable[str], columns: Mapping[str, str]) -> list[str]:
    """The fields whose column the file does not have."""
    known = {title_key(title) for title in titles}
    return [name for name, title in columns.items() if title_key(title) not in known]


def _title_row(rows: Iterator[tuple[int, list[str] | str]], form: ExportFormat) -> list[str]:
    titles = None
    for number, (_, cells) in enumerate(rows, start=1):
        if number == form.title_row or (
            form.title_row is None and (isinstance(cells, str) or any(trimmed(cell) for cell in cells))
        ):
            titles = cells
            break
    if titles is None or isinstance(titles, str):
        where = f" in row {form.title_row}" if form.title_row else ""
        raise refused(
            "export_empty",
            f"The export is empty, or has no column titles{where}.",
            "Export it again with a line of column titles, or correct export_format.title_row.",
        )
    return titles


def _places(titles: Sequence[str], columns: Mapping[str, str]) -> dict[str, int]:
    if "employee_number" not in columns:
        _, said, remedy = mapping_problems(columns, {})[0]
        raise refused("export_columns_incomplete", f"In platform.yaml, {said}.", f"Under hr.export_columns, {remedy}.")
    known: dict[str, int] = {}
    mapped = {title_key(title) for title in columns.values()}
    for index, title in enumerate(titles):
        name = title_key(title)
        if name in known and name in mapped:
            raise refused(
                "export_columns_twice", f"Two columns of the export have the title {trimmed(title)!r}.", "Rename one."
            )
        known.setdefault(name, index)
    missing = sorted(columns[name] for name in missing_columns(titles, columns))
    if missing:
        there = [shown(title) for title in _shown_titles(titles)]
        more = f" and {len(there) - _TITLES_NAMED} more" if len(there) > _TITLES_NAMED else ""
        raise refused(
            "export_columns_missing",
            f"The export has no column {', '.join(repr(title) for title in missing)}. Its columns are: "
            f"{', '.join(there[:_TITLES_NAMED])}{more}.",
            "Export these columns too, or correct hr.export_columns in platform.yaml, which needs only the column of "
            "the employee number. If the titles are not in the first row, set hr.export_format.title_row.",
        )
    return {name: known[title_key(title)] for name, title in columns.items()}


def _shown_titles(titles: Iterable[str]) -> list[str]:
    return [" ".join(trimmed(title).split()) for title in titles if trimmed(title)]


class _Reader:
    def __init__(self, columns: Mapping[str, str], form: ExportFormat, now: datetime, hr_has_zones: bool) -> None:
        self._form = form
        self._now = now
        self._hr_has_zones = hr_has_zones
        self._patterns = [DatePattern.parse(written) for written in form.dates]
        self._leaves = Condition.compile(form.leaves_when, columns) if form.leaves_when else None

    def row(self, line: int, cells: Sequence[str], width: int, places: Mapping[str, int]) -> ExportRow | BadRow:
        if len(cells) != width:
            said = f"has {len(cells)} fields, but there are {width} titles; check for a separator inside a value"
            return BadRow(line, said, keys_of(trimmed(cell) for cell in cells))
        values = {name: trimmed(cells[place]) for name, place in places.items()}
        try:
            return self._read(line, values)
        except UnreadableRow as wrong:
            keys = (values.get(name, "") for name in ("employee_number", "hr_id", "email"))
            return BadRow(line, wrong.message, keys_of(keys))

    def _read(self, line: int, values: Mapping[str, str]) -> ExportRow:
        if SUSPECT.search("\n".join(values.values())):
            self._require_plain(values)
        _require_no_formula(values)
        if not values["employee_number"]:
            raise UnreadableRow("has no employee number; add it")
        zone = values.get("time_zone", "") or self._form.time_zone
        if zone and zone not in zones():
            raise UnreadableRow(
                f"has the time zone {shown(zone)}, which does not exist; write for example Europe/Berlin"
            )
        start = read_day(values.get("start_date", ""), self._patterns)
        row = ExportRow(line, _person(values, zone), start=start)
        wall = self._last_moment(values)
        return row if wall is None else self._leaver(row, wall, zone)

    def _require_plain(self, values: Mapping[str, str]) -> None:
        for name, value in values.items():
            if UNDECODED.search(value):
                encoding = self._form.encoding.upper()
                raise UnreadableRow(
                    f"has bytes that are not {encoding} text; save the file again with the encoding UTF-8, or set "
                    "export_format.encoding in platform.yaml, for example windows-1252"
                )
            if UNPRINTABLE.search(value):
                raise UnreadableRow("has a control character in a field; remove it")
            if INVISIBLE.search(value):
                raise UnreadableRow(
                    f"has an invisible character inside the value of the column of {name}; type it again"
                )

    def _last_moment(self, values: Mapping[str, str]) -> str | None:
        """The local time at which work ends, None for a person who stays."""
        written, time = values.get("cutoff_date", ""), values.get("cutoff_time", "")
        if self._leaves is not None:
            try:
                leaves = self._leaves.holds(values)
            except ConditionError as wrong:
                raise UnreadableRow(f"does not fit export_format.leaves_when: {wrong}; correct the row") from None
            if not leaves:
                return None
        elif time and not written:
            raise UnreadableRow("has a leaving time, but no last day; add the day, or remove the time")
        day = read_day(written, self._patterns)
        if day is None or day.year >= NO_END:
            if self._leaves is not None:
                raise UnreadableRow("is a leaver by export_format.leaves_when, but has no last day; add it")
            return None
        return f"{day}T{read_time(time) if time else self._form.end_of_day}"

    def _leaver(self, row: ExportRow, wall: str, zone: str) -> ExportRow:
        if zone:
            cutoff = work_end(wall, zone)
            row = replace(row, cutoff=cutoff, person=at(row.person, cutoff.instant, self._now))
            instant = cutoff.instant
        elif self._hr_has_zones:
            row, instant = replace(row, local=wall), datetime.fromisoformat(wall).replace(tzinfo=UTC)
        else:
            raise UnreadableRow(
                "has a last day, but no time zone; add the zone, for example Europe/Berlin, or set "
                "export_format.time_zone in platform.yaml"
            )
        if instant > self._now + _MAX_FUTURE:
            raise UnreadableRow(f"has the last day {wall[:10]}, which is more than 15 years ahead; correct it")
        if instant < self._now - _MAX_PAST:
            said = (
                f"has the last day {wall[:10]}, which is more than a year ago; correct it, or remove the row and start "
            )
            return replace(row, doubt=f"{said}the run alone")
        return row


def _require_no_formula(values: Mapping[str, str]) -> None:
    for name, value in values.items():
        if value[:1] in ("=", "#") and FORMULA.match(value):
            raise UnreadableRow(f"has a formula or its error in the column of {name}; write the value itself")
        if name in _NUMBERS and SHORTENED.fullmatch(value):
            raise UnreadableRow(
                f"has a number that a spreadsheet shortened in the column of {name}; export it again as text"
            )


def at(person: Person, leaving_at: datetime | None, now: datetime) -> Person:
    """The person with the status that follows from the last day."""
    if leaving_at is None:
        return replace(person, status="active", leaving_at=None)
    return replace(person, status="leaving" if leaving_at > now else "left", leaving_at=leaving_at)


def _person(values: Mapping[str, str], zone: str) -> Person:
    def text(name: str) -> str:
        return values.get(name, "")

    def several(name: str) -> tuple[str, ...]:
        return tuple(part for each in re.split(r"[;|\r\n]", text(name)) if (part := trimmed(each)))

    names = [name for name in (text("given_name"), text("family_name")) if name]
    return Person(
        id=text("hr_id") or text("employee_number"),
        employee_number=text("employee_number"),
        given_name=text("given_name"),
        family_name=text("family_name"),
        display_name=text("display_name") or " ".join(names),
        email=text("email"),
        former_emails=several("former_emails"),
        former_names=several("former_names"),
        department=text("department"),
        title=text("title"),
        manager_id=text("manager_hr_id") or None,
        manager_email=text("manager_email") or None,
        country=text("country"),
        time_zone=zone,
        status="active",
        leaving_at=None,
        payroll="running",
        assets=(),
    )
