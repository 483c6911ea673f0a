"""Instants and lengths of time for people: in the reader's zone, to the minute, and in words.

Instants come as `datetime` or, inside an event's data, as ISO 8601 text; both are taken. Names of months are
English whatever the machine's locale.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from orchestrator.notifications.notice_words import MONTHS
from orchestrator.vocabulary.durations import Length, coarse, seconds_of

Instant = datetime | str | None

NOW: Final = timedelta(seconds=5)
"""Nearer than this is "just now"."""


def moment(value: Instant) -> datetime | None:
    """The instant with its time zone; an instant without one is taken as UTC, like the ledger's times."""
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


def _date(at: datetime) -> str:
    return f"{at.day} {MONTHS[at.month - 1]} {at.year}"


def _zone_name(at: datetime) -> str:
    """`CET`; `UTC+03` where a zone has no name of its own."""
    name = at.strftime("%Z")
    return f"UTC{name}" if name[:1] in "+-" else name
