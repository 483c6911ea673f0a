"""Dates, times and zones of an export: which day was written, and the instant at which work ends.

Nothing is guessed. A pattern says how dates are written; a time that the clocks leave out or repeat on that day is
refused (PEP 495).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

NAMED: Final = {"iso": "YYYY-MM-DD", "us": "M/D/YYYY", "german": "D.M.YYYY"}
_MONTHS: Final = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
_TOKENS: Final = {
    "YYYY": r"(?P<year>\d{4})",
    "YY": r"(?P<year>\d{2})",
    "MMM": r"(?P<word>[A-Za-z]{3,9})",
    "MM": r"(?P<month>\d{2})",
    "M": r"(?P<month>\d{1,2})",
    "DD": r"(?P<day>\d{2})",
    "D": r"(?P<day>\d{1,2})",
}
_MIDNIGHT: Final = re.compile(r"[ T]0?0:00(:00(\.0+)?)?\Z")
"""Spreadsheets and databases write days with this time, which says nothing about when work ends."""
_NO_DATE: Final = re.compile(r"[0 ]+([-/.][0 ]+)+\Z")
"""`0000-00-00`, which databases write where there is no date."""
_TIME: Final = re.compile(
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(:(?P<second>\d{2}))?( ?(?P<half>[AP])M)?", re.IGNORECASE
)


class DatePatternError(ValueError):
    """The pattern is not one. Says why."""


class UnreadableRow(Exception):
    """What is wrong with a row, and what to do. Quotes no more than the wrong date, time or zone."""

    def __init__(self, message: str) -> None:
        super().__init__("unreadable row")
        self.message = message


@dataclass(frozen=True, slots=True)
class WorkEnd:
    """`instant` is in UTC. `zone` is the IANA name it was given in, `local` the time there with its offset."""

    instant: datetime
    zone: str
    local: str


@dataclass(frozen=True, slots=True)
class DatePattern:
    written: str
    _expression: re.Pattern[str]

    @classmethod
    def parse(cls, text: str) -> DatePattern:
        """`iso`, `us`, `german`, or a pattern of YYYY or YY, MM, M or MMM (an English month), DD or D, and signs."""
        pattern = NAMED.get(text.strip().casefold(), text.strip())
        expression, rest = "", pattern
        while rest:
            token = next((token for token in _TOKENS if rest.startswith(token)), None)
            if token is None and rest[0].isalnum():
                raise DatePatternError("a pattern has YYYY or YY, MM, M or MMM, DD or D, and signs between them")
            expression += _TOKENS[token] if token else re.escape(rest[0])
            rest = rest[len(token or rest[0]) :]
        try:
            compiled = re.compile(expression, re.ASCII)
        except re.error:
            raise DatePatternError("a pattern has one year, one month and one day") from None
        parts = compiled.groupindex.keys()
        if "year" not in parts or "day" not in parts or len(parts) != 3:
            raise DatePatternError("a pattern has one year, one month and one day")
        return cls(pattern, compiled)

    def read(self, text: str) -> date | None:
        """None where the text is not written like this. Raises `ValueError` for a day that does not exist."""
        found = self._expression.fullmatch(text)
        if found is None:
            return None
        parts = found.groupdict()
        year = int(parts["year"]) + (2000 if len(parts["year"]) == 2 else 0)
        month = _month(parts["word"]) if "word" in parts else int(parts["month"])
        return date(year, month, int(parts["day"])) if month else None

    @property
    def example(self) -> str:
        day = self.written
        for token, value in (("YYYY", "2026"), ("YY", "26"), ("MMM", "Nov"), ("MM", "11"), ("DD", "30"), ("D", "30")):
            day = day.replace(token, value)
        return re.sub(r"M(?![a-z])", "11", day)


def _month(word: str) -> int | None:
    wanted = word.casefold()
    return next((number for number, month in enumerate(_MONTHS, start=1) if wanted in (month, month[:3])), None)


def read_day(text: str, patterns: Sequence[DatePattern]) -> date | None:
    """None where there is no date. Raises `UnreadableRow`, also where two patterns read different days in the text."""
    if not text or _NO_DATE.fullmatch(text):
        return None
    written = _MIDNIGHT.sub("", text)
    days, matched = set(), False
    for pattern in patterns:
        try:
            day = pattern.read(written)
        except ValueError:
            matched = True
            continue
        if day is not None:
            days.add(day)
    if len(days) == 1:
        return days.pop()
    if days:
        raise UnreadableRow(
            f"has the date {shown(text)}, which two of the formats in export_format.dates read differently"
        )
    if matched:
        raise UnreadableRow(f"has the date {shown(text)}, which is not a valid date; correct it")
    form = " or ".join("year-month-day" if one.written == NAMED["iso"] else one.written for one in patterns)
    raise UnreadableRow(
        f"has the last day {shown(text)}; write it as {form}, for example {patterns[0].example}, or set "
        "export_format.dates in platform.yaml"
    )


def read_time(text: str) -> str:
    """HH:MM or HH:MM:SS. Raises `UnreadableRow`."""
    found = _TIME.fullmatch(text)
    if found is None:
        raise UnreadableRow(f"has the leaving time {shown(text)}; write it as hours and minutes, for example 17:00")
    hour = int(found["hour"])
    if found["half"]:
        hour = hour % 12 + (12 if found["half"] in "Pp" else 0) if 1 <= hour <= 12 else 24
    if hour > 23 or int(found["minute"]) > 59 or int(found["second"] or 0) > 59:
        raise UnreadableRow(f"has the leaving time {shown(text)}, which is not a valid date and time; correct it")
    return f"{hour:02}:{found['minute']}" + (f":{found['second']}" if found["second"] else "")


def work_end(wall: str, zone: str) -> WorkEnd:
    """The instant of a local time such as 2026-11-30T17:00. Raises `UnreadableRow` for a zone that does not exist and
    for a time that the clocks there leave out or repeat."""
    if zone not in zones():
        raise UnreadableRow(f"has the time zone {shown(zone)}, which does not exist; write for example Europe/Berlin")
    naive, where = datetime.fromisoformat(wall), ZoneInfo(zone)
    both = [naive.replace(tzinfo=where, fold=fold) for fold in (0, 1)]
    possible = [one for one in both if one.astimezone(UTC).astimezone(where).replace(tzinfo=None) == naive]
    if not possible:
        raise UnreadableRow(
            f"has the time {wall}, which does not exist in {zone}: the clocks are set forward; write another"
        )
    if possible[0].utcoffset() != possible[-1].utcoffset():
        raise UnreadableRow(
            f"has the time {wall}, which occurs twice in {zone}: the clocks are set back; write another"
        )
    return WorkEnd(possible[0].astimezone(UTC), zone, possible[0].isoformat())


def shown(text: str) -> str:
    return repr(text if len(text) <= 30 else f"{text[:30]}…")


@lru_cache(maxsize=1)
def zones() -> frozenset[str]:
    """Every IANA name this machine knows; finding out reads hundreds of files."""
    return frozenset(available_timezones())
