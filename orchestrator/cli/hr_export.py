"""HR's list of people as a CSV file: the rows that can be read, and the errors in the others.

Every HR system exports differently, so `platform.yaml` says which column holds what. Read here: UTF-8 (with or without
byte order marks) and UTF-16 with one; comma, semicolon or tab, also as a line `sep=;` names it; quoted fields with line
breaks (RFC 4180); lines that end with LF, CR LF or CR. Invisible characters around a value are removed. Nothing is
guessed: a row that is not clear is a bad row, named by the line on which it begins.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import available_timezones

from orchestrator.cli.terminal.local_refusals import LocalRefusal
from orchestrator.cli.terminal.remedies import remedy_of
from orchestrator.domain.errors import Invalid
from orchestrator.domain.invisible import BIDI, CONTROLS, JOINERS, ZERO_WIDTH
from orchestrator.domain.organisation.person import PersonFacts
from orchestrator.domain.run.cutoff import Cutoff, parse_cutoff

MAX_EXPORT_BYTES: Final = 32 * 1024 * 1024
END_OF_DAY: Final = "18:00"
"""When work ends on a last day for which the export gives no time."""
_DELIMITERS: Final = ",;\t"
_SEPARATOR_LINE: Final = re.compile(r'"?sep=(?P<separator>[,;\t])"?[,;\t]*\n', re.IGNORECASE)
_LISTS: Final = frozenset({"former_emails", "former_names"})


@dataclass(frozen=True, slots=True)
class ExportRow:
    """One person. `line` is where the row begins, counted from 1 with the titles in the first line. `cutoff` is None
    for someone who stays."""

    line: int
    person: PersonFacts
    cutoff: Cutoff | None = None


@dataclass(frozen=True, slots=True)
class BadRow:
    """`message` says what is wrong and what to do; it quotes no more than the wrong date, time or zone."""

    line: int
    message: str


@dataclass(frozen=True, slots=True)
class Export:
    rows: list[ExportRow] = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)

    @property
    def leaving(self) -> list[ExportRow]:
        return [row for row in self.rows if row.cutoff is not None]


def read_export(text: bytes | str, columns: Mapping[str, str], now: datetime | None = None) -> Export:
    """`columns` maps `PersonFacts` fields, `cutoff_date` and `cutoff_time` to titles, as `hr.export_columns` does.

    Raises `Invalid` where the file as a whole cannot be read: no text, no titles, a mapped column missing. Several
    former addresses or names in one field are separated by `;`, `|` or line breaks. A manager is named in an export
    by employee number; where that person is in the file too, `manager_email` is filled in. Without a name to display,
    it is the given and the family name. Rows without a value are passed over. A day alone ends at `END_OF_DAY`, in the
    person's own time zone. Last days more than a year before `now` (an aware time; by default the clock's), and more
    than 15 years after it, are bad rows; from 2099 on they mean that the person stays."""
    now = now or datetime.now(UTC)
    content, before, separator = _without_separator_line(_decoded(text))
    if "employee_number" not in columns:
        raise LocalRefusal(
            "export_columns_incomplete",
            "The packet does not set the column of the employee number in the export",
            "add 'employee_number' to hr.export_columns in platform.yaml",
        )
    lines = _rows(content, separator or _delimiter(content, columns))
    titles, places = _titles(lines, columns)
    export = Export()
    rows: list[tuple[int, list[str]]] = []
    lines_of: dict[str, list[int]] = {}
    for line, cells in ((before + line, cells) for line, cells in lines):
        if isinstance(cells, str):
            export.bad.append(BadRow(line, cells))
        elif any(_trimmed(cell) for cell in cells):
            rows.append((line, cells))
            if len(cells) == len(titles):
                lines_of.setdefault(_trimmed(cells[places["employee_number"]]), []).append(line)
    for line, cells in rows:
        try:
            row = _row(line, cells, len(titles), places, now)
            others = [other for other in lines_of[row.person.employee_number] if other != line]
            if others:  # one may be from before the person was hired again, and only HR knows which
                raise _Unreadable(
                    f"has the same employee number as line {', '.join(map(str, others))}; keep the row that is true "
                    "today"
                )
        except _Unreadable as wrong:
            export.bad.append(BadRow(line, wrong.message))
        else:
            export.rows.append(row)
    export.bad.sort(key=lambda row: row.line)
    return Export(_with_managers(export.rows), export.bad)


class _Unreadable(Exception):
    def __init__(self, message: str) -> None:
        super().__init__("unreadable row")
        self.message = message


def _decoded(text: bytes | str) -> str:
    """Bytes that are not UTF-8 stay in the text as lone surrogates, so that only the rows with them are bad."""
    if isinstance(text, str):
        return text.lstrip("\ufeff")
    if len(text) > MAX_EXPORT_BYTES:
        raise LocalRefusal(
            "export_too_large", f"The export is larger than {MAX_EXPORT_BYTES >> 20} MiB", "split the file"
        )
    if text[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        return text.decode("utf-8", "surrogateescape").lstrip("\ufeff")
    decoded = text.decode("utf-16", "replace")
    if "\ufffd" in decoded:
        raise LocalRefusal(
            "export_encoding", "The export starts like UTF-16 text, but is not valid UTF-16", "save it again as UTF-8"
        )
    return decoded.lstrip("\ufeff")


def _without_separator_line(content: str) -> tuple[str, int, str]:
    """The content with every line end as LF, without a first line `sep=;` as Excel writes and reads it; the number of
    lines that were removed; and the separator that it names."""
    content = content.replace("\r\n", "\n").replace("\r", "\n")
    found = _SEPARATOR_LINE.match(content)
    return (content, 0, "") if found is None else (content[found.end() :], 1, found["separator"])


def _delimiter(content: str, columns: Mapping[str, str]) -> str:
    """The one under which most of the mapped titles are found in the first line."""

    def titles_found(delimiter: str) -> int:
        first = next(csv.reader(io.StringIO(content), delimiter=delimiter), [])
        return len({_title(cell) for cell in first} & {_title(title) for title in columns.values()})

    return max(_DELIMITERS, key=titles_found)


def _rows(content: str, delimiter: str) -> Iterator[tuple[int, list[str] | str]]:
    """Each row with the line on which it begins, or what keeps it from being read."""
    # newline="" leaves line breaks inside quotation marks as they are, as the csv module asks for.
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter, strict=True)
    while True:
        begins = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield begins, "has a quotation mark that is not closed, or not doubled inside a value; correct it"
        else:
            yield begins, cells


def _titles(
    lines: Iterator[tuple[int, list[str] | str]], columns: Mapping[str, str]
) -> tuple[list[str], dict[str, int]]:
    titles = next((cells for _, cells in lines if isinstance(cells, str) or any(cell.strip() for cell in cells)), None)
    if titles is None or isinstance(titles, str):
        raise LocalRefusal("export_empty", "The export is empty", "export it again with a line of column titles")
    known: dict[str, int] = {}
    for index, title in enumerate(titles):
        name = _title(title)
        if name in known and name in {_title(wanted) for wanted in columns.values()}:
            raise LocalRefusal(
                "export_columns_twice", f"Two columns of the export have the title {title!r}", "rename one"
            )
        known.setdefault(name, index)
    missing = sorted(title for title in columns.values() if _title(title) not in known)
    if missing:
        there = [_shown(" ".join(title.split())) for title in titles if title.strip()]
        more = f" and {len(there) - _TITLES_NAMED} more" if len(there) > _TITLES_NAMED else ""
        raise LocalRefusal(
            "export_columns_missing",
            f"The export has no column {', '.join(repr(title) for title in missing)}. Its columns are: "
            f"{', '.join(there[:_TITLES_NAMED])}{more}",
            "export these columns too, or correct hr.export_columns in platform.yaml, which needs only the column of "
            "the employee number",
        )
    return titles, {name: known[_title(title)] for name, title in columns.items()}


def _title(text: str) -> str:
    return " ".join(_trimmed(text).split()).casefold()


def _trimmed(text: str) -> str:
    """Without white space and invisible characters at the ends: spreadsheets and web pages add them unseen."""
    return _AT_THE_ENDS.sub("", text)


def _row(line: int, cells: list[str], width: int, places: Mapping[str, int], now: datetime) -> ExportRow:
    if len(cells) != width:
        raise _Unreadable(
            f"has {len(cells)} fields, but there are {width} titles; check for a separator inside a value"
        )
    values = {name: _trimmed(cells[place]) for name, place in places.items()}
    if any(_NOT_UTF8.search(value) for value in values.values()):
        raise _Unreadable("has bytes that are not UTF-8 text; save the file again with the encoding UTF-8")
    if any(_UNPRINTABLE.search(value) for value in values.values()):
        raise _Unreadable("has a control character in a field; remove it")
    for name, value in values.items():
        if _INVISIBLE.search(value):
            raise _Unreadable(f"has an invisible character inside the value of the column of {name}; type it again")
    if not values["employee_number"]:
        raise _Unreadable("has no employee number; add it")
    zone = values.get("time_zone", "")
    if zone and zone not in _zones():
        raise _Unreadable(f"has the time zone {_shown(zone)}, which does not exist; write for example Europe/Berlin")
    cutoff = _cutoff(values.pop("cutoff_date", ""), values.pop("cutoff_time", ""), zone, now)
    facts: dict[str, object] = {
        name: tuple(part.strip() for part in re.split(r"[;|\r\n]", value) if part.strip()) if name in _LISTS else value
        for name, value in values.items()
    }
    for name in ("manager_hr_id", "manager_email"):
        facts[name] = facts.get(name) or None
    facts.setdefault("hr_id", "")
    facts["display_name"] = facts.get("display_name") or " ".join(
        part for name in ("given_name", "family_name") if (part := values.get(name, ""))
    )
    return ExportRow(line, PersonFacts.model_validate(facts), cutoff)


_NOT_UTF8: Final = re.compile(r"[\ud800-\udfff]")
_UNPRINTABLE: Final = re.compile(f"[{CONTROLS}]")
_INVISIBLE: Final = re.compile(f"[{BIDI}{ZERO_WIDTH}]")
_AT_THE_ENDS: Final = re.compile(
    rf"^[\s{BIDI}{JOINERS}{ZERO_WIDTH}]+|[\s{BIDI}{JOINERS}{ZERO_WIDTH}]+\Z",
)
_TITLES_NAMED: Final = 30
_NO_END: Final = re.compile(r"(2099|2[1-9]\d\d|[3-9]\d{3})-\d\d-\d\d\Z")
"""HR systems write 2999-12-31, 4712-12-31 or 9999-12-31 for people who stay."""
_MAX_PAST: Final = timedelta(days=366)
"""A last day longer ago may be from before the person was hired again, so a person must look at the row."""
_MAX_FUTURE: Final = timedelta(days=15 * 366)


def _cutoff(day: str, time: str, zone: str, now: datetime) -> Cutoff | None:
    if _NO_END.match(day):
        return None  # whatever the time is
    if not day:
        if time:
            raise _Unreadable("has a leaving time, but no last day; add the day, or remove the time")
        return None
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", day):
        raise _Unreadable(f"has the last day {_shown(day)}; write it as year-month-day, for example 2026-11-30")
    if time and not re.fullmatch(r"\d{1,2}:\d{2}(:\d{2})?", time):
        raise _Unreadable(f"has the leaving time {_shown(time)}; write it as hours and minutes, for example 17:00")
    if not zone:
        raise _Unreadable("has a last day, but no time zone; add the zone, for example Europe/Berlin")
    clock = (time or END_OF_DAY).zfill(8 if time.count(":") == 2 else 5)
    try:
        cutoff = parse_cutoff(f"{day}T{clock}", zone)
    except Invalid as refused:
        raise _Unreadable(f"{refused.message} {remedy_of(refused)}") from None
    if not now - _MAX_PAST <= cutoff.instant <= now + _MAX_FUTURE:
        when = "more than a year ago" if cutoff.instant < now else "more than 15 years ahead"
        raise _Unreadable(
            f"has the last day {_shown(day)}, which is {when}; correct it, or remove the row and start the run alone"
        )
    return cutoff


def _with_managers(rows: list[ExportRow]) -> list[ExportRow]:
    addresses = {row.person.employee_number: row.person.email for row in rows if row.person.email}

    def with_manager(row: ExportRow) -> ExportRow:
        manager = row.person.manager_hr_id
        if row.person.manager_email or manager is None or manager not in addresses:
            return row
        person = row.person.model_copy(update={"manager_email": addresses[manager]})
        return ExportRow(row.line, person, row.cutoff)

    return [with_manager(row) for row in rows]


def _shown(text: str) -> str:
    return repr(text if len(text) <= 30 else f"{text[:30]}…")


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    """Every IANA name this machine knows; finding out reads hundreds of files."""
    return frozenset(available_timezones())
