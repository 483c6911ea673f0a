"""Who supports a system: its team, when the team works, whom to call at other times, and what to do first.

A version of a packet enters phase shadow once each of its systems has all of this (`missing_support`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Annotated, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import GetJsonSchemaHandler, StringConstraints, field_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import core_schema

from orchestrator.domain.invisible import is_blank
from orchestrator.domain.packet.written import Written

ROUND_THE_CLOCK: Final = "24/7"
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAY: Final = "(?:" + "|".join(_DAYS) + ")"
_HOURS: Final = re.compile(
    rf"(?P<days>{_DAY}(?:-{_DAY})?(?:,{_DAY}(?:-{_DAY})?)*) "
    r"(?P<opens>(?:[01]\d|2[0-3]):[0-5]\d)-(?P<closes>(?:[01]\d|2[0-3]):[0-5]\d|24:00) (?P<zone>\S+)"
)


@dataclass(frozen=True, slots=True)
class SupportHours:
    """`days` are weekdays, 0 for Monday. Hours that close at or before the time they open end on the next day.
    `zone` is None for a team that works around the clock."""

    days: frozenset[int]
    opens: time
    closes: time
    zone: ZoneInfo | None

    def open_at(self, at: datetime) -> bool:
        if self.zone is None:
            return True
        local = at.astimezone(self.zone)
        clock, today = local.time(), local.weekday()
        if self.opens < self.closes:
            return today in self.days and self.opens <= clock < self.closes
        yesterday = (local.date() - timedelta(days=1)).weekday()
        return (today in self.days and clock >= self.opens) or (yesterday in self.days and clock < self.closes)


@lru_cache(maxsize=256)
def parse_hours(text: str) -> SupportHours:
    """Raises `ValueError` with an example of what is meant."""
    if text == ROUND_THE_CLOCK:
        return SupportHours(frozenset(range(7)), time(0), time(0), None)
    found = _HOURS.fullmatch(text)
    if found is None:
        raise ValueError("write days, hours and a time zone, for example 'Mon-Fri 08:00-18:00 Europe/Berlin', or 24/7")
    try:
        zone = ZoneInfo(found["zone"])
    except (ZoneInfoNotFoundError, ValueError, OSError) as unknown:
        raise ValueError(f"there is no time zone {found['zone']!r}; write one such as Europe/Berlin") from unknown
    closes = time(0) if found["closes"] == "24:00" else time.fromisoformat(found["closes"])
    return SupportHours(_weekdays(found["days"]), time.fromisoformat(found["opens"]), closes, zone)


def _weekdays(text: str) -> frozenset[int]:
    """`Sat-Mon` is Saturday, Sunday and Monday."""
    days: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        start = _DAYS.index(first)
        days |= {(start + offset) % 7 for offset in range((_DAYS.index(last or first) - start) % 7 + 1)}
    return frozenset(days)


class SupportSpec(Written):
    """Who supports the system. `hours` are when the team works, with a time zone, such as
    `Mon-Fri 08:00-18:00 Europe/Berlin`, or `24/7`. `on_call` is the contact at other times, `escalation` the one if
    neither responds: an address, a number or a rota, not the name of a person. `runbook_url` is the page with what to
    do. Exceptions of the system are owned by `role` as well as by the role for exceptions in approvals.yaml. A text in
    place of the section is the team."""

    team: str = ""
    role: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}$")] | None = None
    hours: str = ""
    on_call: str = ""
    escalation: str = ""
    runbook_url: str = ""

    @field_validator("hours")
    @classmethod
    def _readable(cls, hours: str) -> str:
        if hours:
            parse_hours(hours)
        return hours

    @field_validator("runbook_url")
    @classmethod
    def _a_url(cls, url: str) -> str:
        parts = urlsplit(url)
        if url and (parts.scheme not in ("https", "http") or not parts.hostname or re.search(r"\s", url)):
            raise ValueError("write the address of a page, for example https://wiki.example.org/okta")
        if parts.username is not None or parts.password is not None:
            raise ValueError("this file must not contain an address with a user name or password")
        return url

    @property
    def missing(self) -> tuple[str, ...]:
        """The fields that have nothing, in words."""
        return tuple(words for field, words in FIELD_WORDS.items() if is_blank(getattr(self, field)))

    def contact_at(self, at: datetime) -> str:
        """The team while it works, and the on-call contact at other times. Empty if neither is known."""
        if not self.on_call or not self.hours or parse_hours(self.hours).open_at(at):
            return self.team
        return self.on_call


class TextOrSection:
    """In the schema of the field: a text is accepted in place of the section."""

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"anyOf": [{"type": "string"}, handler(schema)]}


FIELD_WORDS: Final[Mapping[str, str]] = MappingProxyType({
    "team": "support team",
    "hours": "support hours",
    "on_call": "on-call contact",
    "escalation": "escalation contact",
    "runbook_url": "runbook URL",
})  # fmt: skip
"""The fields that a system needs for phase shadow."""


def missing_support(systems: Mapping[str, SupportSpec]) -> tuple[str, ...]:
    """What the systems of a packet lack, a part of a sentence for each system that lacks something: `system 'okta' has
    no support hours and no on-call contact`."""
    return tuple(f"system {name!r} has {lacking(spec.missing)}" for name, spec in systems.items() if spec.missing)


def lacking(words: tuple[str, ...]) -> str:
    """`no support hours, no on-call contact and no runbook URL`."""
    first, last = [f"no {one}" for one in words[:-1]], f"no {words[-1]}"
    return f"{', '.join(first)} and {last}" if first else last
