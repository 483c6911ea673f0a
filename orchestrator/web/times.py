"""Instants and lengths of time for people: in the reader's zone, to the minute, and in words.

Instants come as `datetime` or, inside an event's data, as ISO 8601 text; both are taken. Names of months are
English whatever the machine's locale.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Instant = datetime | str | None
Length = timedelta | float | int | str | None

MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
NOW: Final = timedelta(seconds=5)
"""Nearer than this is "just now"."""

_LENGTH = re.compile(r"P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")


def moment(value: Instant) -> datetime | None:
    """The instant with its zone; what has none is taken as UTC, as the ledger's times are."""
    if value is None or value == "":
        return None
    read = datetime.fromisoformat(value.replace("Z", "+00:00")) if isinstance(value, str) else value
    return read if read.tzinfo is not None else read.replace(tzinfo=UTC)


def zone_of(zone: str | None) -> tzinfo:
    """UTC where the zone is not given or unknown here."""
    try:
        return ZoneInfo(zone) if zone else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def iso(value: Instant) -> str:
    """For the `datetime` attribute: UTC, to the second."""
    at = moment(value)
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at is not None else ""


def instant(value: Instant, zone: str | None = None, *, seconds: bool = False) -> str:
    """`30 Nov 2026, 17:00 CET`."""
    at = moment(value)
    if at is None:
        return ""
    there = at.astimezone(zone_of(zone))
    return f"{_date(there)}, {there.strftime('%H:%M:%S' if seconds else '%H:%M')} {_zone_name(there)}"


def beside(value: Instant, zone: str | None, other: str | None) -> str:
    """The same instant on the person's clock (`11:00 in New York`), with the day where that differs; empty where both
    clocks show the same."""
    at = moment(value)
    if at is None or not other:
        return ""
    here, there = at.astimezone(zone_of(zone)), at.astimezone(zone_of(other))
    if here.utcoffset() == there.utcoffset():
        return ""
    place = other.rsplit("/", 1)[-1].replace("_", " ")
    time = there.strftime("%H:%M") if there.date() == here.date() else f"{_date(there)}, {there.strftime('%H:%M')}"
    return f"{time} in {place}"


def length(value: Length) -> str:
    """In words, the two largest parts: `2 h 5 min`, `7 days`, `3 days 4 h`, `45 s`. Takes seconds, or `PT1H` as packets
    write it."""
    seconds = seconds_of(value)
    if seconds is None:
        return ""
    whole = round(abs(seconds))
    if whole == 0:
        return "0 s" if seconds == 0 else "less than 1 s"
    days, rest = divmod(whole, 86_400)
    hours, rest = divmod(rest, 3_600)
    minutes, left = divmod(rest, 60)
    parts = [(days, "day" if days == 1 else "days"), (hours, "h"), (minutes, "min"), (left, "s")]
    first = next(at for at, (number, _) in enumerate(parts) if number)
    return " ".join(f"{number} {unit}" for number, unit in parts[first : first + 2] if number)


def ago(value: Instant, now: datetime) -> str:
    """`2 h 5 min ago`, `just now`, `in 3 days`."""
    at = moment(value)
    if at is None:
        return ""
    gap = now - at
    if abs(gap) < NOW:
        return "just now"
    return f"{coarse(gap)} ago" if gap > timedelta(0) else f"in {coarse(-gap)}"


def until(value: Instant, now: datetime) -> str:
    """Of something due: `3 h left`, `2 days late`."""
    at = moment(value)
    if at is None:
        return ""
    left = at - now
    return f"{coarse(left)} left" if left > timedelta(0) else f"{coarse(-left)} late"


def timing(value: Instant, now: datetime, soon: Length = 4 * 3600) -> str | None:
    """`late`, `soon` (within `soon`), or None where there is time or nothing is due."""
    at = moment(value)
    if at is None:
        return None
    if at <= now:
        return "late"
    return "soon" if at - now <= timedelta(seconds=seconds_of(soon) or 0) else None


def coarse(gap: timedelta) -> str:
    """A length as exact as it is worth from afar: no seconds beyond two minutes, no minutes beyond a day, no
    hours beyond a month."""
    seconds = gap.total_seconds()
    if seconds >= 30 * 86_400:
        return length(seconds // 86_400 * 86_400)
    if seconds >= 86_400:
        return length(seconds // 3_600 * 3_600)
    return length(seconds // 60 * 60 if seconds >= 120 else math.ceil(seconds))


def seconds_of(value: Length) -> float | None:
    """Raises `ValueError` for a text that is no length."""
    if value is None or value == "":
        return None
    if isinstance(value, timedelta):
        return value.total_seconds()
    if not isinstance(value, str):
        return float(value)
    read = _LENGTH.fullmatch(value)
    if read is None:
        return float(value)
    weeks, days, hours, minutes, seconds = (float(part or 0) for part in read.groups())
    return (weeks * 7 + days) * 86_400 + hours * 3_600 + minutes * 60 + seconds


def _date(at: datetime) -> str:
    return f"{at.day} {MONTHS[at.month - 1]} {at.year}"


def _zone_name(at: datetime) -> str:
    """`CET`; `UTC+03` where a zone has no name of its own."""
    name = at.strftime("%Z")
    return f"UTC{name}" if name[:1] in "+-" else name
