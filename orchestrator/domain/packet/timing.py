"""Lengths of time, and moments counted from a moment that a run knows.

Lengths are written as ISO 8601 durations in weeks, days, hours, minutes and seconds: `P30D`, `PT15M`, `P1DT12H`.
Years and months are refused, since their length depends on when one starts. A day is 24 hours.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, model_serializer, model_validator

_DURATION = re.compile(
    r"P(?=[0-9T])(?:(?P<weeks>\d{1,4})W)?(?:(?P<days>\d{1,5})D)?"
    r"(?:T(?=\d)(?:(?P<hours>\d{1,6})H)?(?:(?P<minutes>\d{1,7})M)?(?:(?P<seconds>\d{1,8}(?:\.\d{1,6})?)S)?)?"
)
_TIMING = re.compile(r"(?P<anchor>approval|cutoff)(?:(?P<sign>[+-])(?P<offset>P\S+))?")


def parse_duration(text: str) -> timedelta:
    """Raises `ValueError` with an example of what is meant."""
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise ValueError("not a duration; write for example PT15M (15 minutes), PT1H, P1D (a day) or P2W")
    return timedelta(**{unit: float(number) for unit, number in found.groupdict().items() if number is not None})


def duration_text(length: timedelta) -> str:
    """The shortest ISO 8601 text that `parse_duration` reads back to the same length."""
    days, seconds = length.days, length.seconds
    hours, minutes = divmod(seconds // 60, 60)
    rest = f"{seconds % 60}.{length.microseconds:06d}".rstrip("0").rstrip(".") if length.microseconds else seconds % 60
    clock = (f"{hours}H" if hours else "") + (f"{minutes}M" if minutes else "") + (f"{rest}S" if rest else "")
    text = (f"{days}D" if days else "") + (f"T{clock}" if clock else "")
    return f"P{text}" if text else "PT0S"


def _read_duration(value: Any) -> Any:
    if isinstance(value, str):
        return parse_duration(value)
    if isinstance(value, timedelta):
        return value
    raise ValueError("write the duration as text, for example PT15M (15 minutes), PT1H, P1D (a day) or P2W")


def _not_negative(value: timedelta) -> timedelta:
    if value < timedelta(0):
        raise ValueError("a duration cannot be negative")
    return value


def _some(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError("must be longer than zero")
    return value


Duration = Annotated[timedelta, BeforeValidator(_read_duration), AfterValidator(_not_negative)]
PositiveDuration = Annotated[timedelta, BeforeValidator(_read_duration), AfterValidator(_some)]


class Timing(BaseModel):
    """When a step may begin at the earliest: at `approval` (as soon as what it needs is there), or at the person's
    `cutoff`, moved by `offset` (`cutoff+P30D`, `cutoff-P7D`). Read from and written as that text."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    anchor: Literal["approval", "cutoff"] = "approval"
    offset: timedelta = timedelta(0)

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        found = _TIMING.fullmatch(value.strip().replace(" ", ""))
        if found is None:
            raise ValueError("write 'approval', 'cutoff', or 'cutoff' with a duration: cutoff+P30D, cutoff-P7D")
        offset = parse_duration(found["offset"]) if found["offset"] else timedelta(0)
        return {"anchor": found["anchor"], "offset": -offset if found["sign"] == "-" else offset}

    @model_validator(mode="after")
    def _only_cutoff_moves(self) -> Timing:
        if self.anchor == "approval" and self.offset:
            raise ValueError("only 'cutoff' can have an offset; 'approval' means as soon as the step is approved")
        return self

    @model_serializer
    def _to_text(self) -> str:
        return str(self)

    def __str__(self) -> str:
        if not self.offset:
            return self.anchor
        return f"{self.anchor}{'-' if self.offset < timedelta(0) else '+'}{duration_text(abs(self.offset))}"

    def not_before(self, cutoff: datetime) -> datetime | None:
        """The instant before which the step does not begin, or `None` where no date holds it back."""
        return None if self.anchor == "approval" else cutoff + self.offset
