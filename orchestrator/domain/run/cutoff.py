"""The instant at which a person's work ends, and the time zone that it was given in.

People say "the 31st at 17:00 in Berlin". That is one instant, except twice a year: in spring an hour of local time
does not exist, in autumn an hour happens twice. Neither is guessed here. Rules: the IANA time zone database through
`zoneinfo`; local times as ISO 8601 without week and ordinal dates.
"""

from __future__ import annotations

import difflib
import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import BaseModel, ConfigDict

from orchestrator.domain.errors import Invalid

LAST_YEAR: Final = 2199
"""Systems write later years, such as 2999, 4712 or 9999, for people who stay."""
_LOCAL: Final = re.compile(
    r"(?P<date>\d{4}-\d{2}-\d{2})"
    r"(?:[T ](?P<time>\d{2}:\d{2}(?::\d{2}(?:[.,]0{1,9})?)?)(?P<offset>Z|[+-]\d{2}:?\d{2})?)?"
)


class Cutoff(BaseModel):
    """`instant` is in UTC. `zone` is the IANA name it was given in, `local` the time there with its offset, as ISO
    8601 (`2026-11-30T17:00:00+01:00`)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    instant: datetime
    zone: str
    local: str


def parse_cutoff(text: str, zone: str | None) -> Cutoff:
    """A local time and an IANA zone; the time may carry an offset from UTC, which the zone must agree with. `Z` gives
    the instant only (RFC 9557 section 2), which is taken in the zone.

    Raises `Invalid`: `cutoff_without_zone`, `unknown_zone`, `cutoff_not_understood`, `cutoff_in_gap` (with the nearest
    times that exist), `cutoff_twice` (with both offsets), `cutoff_offset_differs`."""
    where = _zone(zone)
    found = _LOCAL.fullmatch(text.strip())
    if found is None or found["time"] is None:
        what = "has no time of day" if found is not None else "cannot be read as a date and time"
        raise Invalid("cutoff_not_understood", f"The cutoff {_shown(text)} {what}.")
    try:
        naive = datetime.fromisoformat(f"{found['date']}T{found['time']}")
    except ValueError:
        raise Invalid("cutoff_not_understood", f"The cutoff {_shown(text)} is not a valid date.") from None
    if not 1971 <= naive.year <= LAST_YEAR:
        raise Invalid("cutoff_not_understood", f"The cutoff {_shown(text)} is not in the years 1971 to {LAST_YEAR}.")
    if found["offset"] == "Z":
        there = naive.replace(tzinfo=UTC).astimezone(where)
        return Cutoff(instant=there.astimezone(UTC), zone=where.key, local=there.isoformat())
    possible = _instants(naive, where)
    if not possible:
        before, after = _around_gap(naive, where)
        raise Invalid(
            "cutoff_in_gap",
            f"The time {_shown(text)} does not exist in {where.key}: the clocks are set forward at this time.",
            before=_wall(before),
            after=_wall(after),
        )
    if found["offset"] is not None:
        offset = _offset(found["offset"])
        possible = [instant for instant in possible if instant.utcoffset() == offset]
        if not possible:
            right = " or ".join(_offset_text(instant) for instant in _instants(naive, where))
            raise Invalid(
                "cutoff_offset_differs",
                f"In {where.key} the offset at {_wall(naive)} is {right}, not {found['offset']}.",
            )
    if len(possible) > 1:
        both = " or ".join(f"{naive.isoformat()}{_offset_text(instant)}" for instant in possible)
        raise Invalid(
            "cutoff_twice",
            f"The time {_shown(text)} occurs twice in {where.key}: the clocks are set back at this time.",
            both=both,
        )
    return Cutoff(instant=possible[0].astimezone(UTC), zone=where.key, local=possible[0].isoformat())


def _zone(name: str | None) -> ZoneInfo:
    if name is None or not name.strip():
        raise Invalid("cutoff_without_zone", "The cutoff has no time zone.")
    wanted = name.strip()
    known = _zones()
    # Asking by the list keeps file names out of the lookup and makes "europe/berlin" an error on every file system.
    if wanted not in known:
        close = difflib.get_close_matches(wanted, known, n=1, cutoff=0.5)
        by_case = [zone for zone in known if zone.casefold() == wanted.casefold()]
        meant = by_case or close
        message = f"There is no time zone {_shown(wanted)}."
        raise Invalid("unknown_zone", message, suggestion=meant[0]) if meant else Invalid("unknown_zone", message)
    try:
        return ZoneInfo(wanted)
    except (ZoneInfoNotFoundError, ValueError) as broken:
        raise Invalid(
            "unknown_zone", f"The time zone {_shown(wanted)} cannot be loaded, since tzdata is not installed."
        ) from broken


def _instants(naive: datetime, zone: ZoneInfo) -> list[datetime]:
    """The instants at which clocks in the zone show this time: none in a gap, two where they are put back."""
    found: list[datetime] = []
    for fold in (0, 1):
        aware = naive.replace(tzinfo=zone, fold=fold)
        exists = aware.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == naive
        if exists and all(aware.utcoffset() != other.utcoffset() for other in found):
            found.append(aware)
    return found


def _around_gap(naive: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The last whole minute before the gap and the first time after it. Outside of a gap both folds agree; in it, the
    one with the offset from before the change lands after it and the other way round (PEP 495)."""
    after_gap = naive.replace(tzinfo=zone, fold=0).utcoffset() or timedelta(0)
    before_gap = naive.replace(tzinfo=zone, fold=1).utcoffset() or timedelta(0)
    width = before_gap - after_gap
    low, high = naive - width, naive  # low exists, high does not
    while high - low > timedelta(seconds=1):
        middle = (low + (high - low) / 2).replace(microsecond=0)
        if middle in (low, high):
            break
        low, high = (middle, high) if _instants(middle, zone) else (low, middle)
    edge = high
    return (edge - timedelta(seconds=1)).replace(second=0), edge + width


def _offset(text: str) -> timedelta:
    sign = -1 if text[0] == "-" else 1
    digits = text[1:].replace(":", "")
    return sign * timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))


def _offset_text(instant: datetime) -> str:
    return datetime.isoformat(instant)[-6:]


def _wall(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(sep=" ")


def _shown(text: str) -> str:
    """As given, cut short: a cutoff that is not one could be anything, also someone's pasted notes."""
    kept = text.strip()
    return repr(kept if len(kept) <= 40 else f"{kept[:40]}…")


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    """Every IANA name this machine knows; finding out reads hundreds of files."""
    return frozenset(available_timezones())
