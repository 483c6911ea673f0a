"""Parts of addresses and requests: ids, cursors, dates and texts, each with its bounds and its description.

A text holds no NUL, which PostgreSQL cannot keep; an id no control character at all.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import Path, Query
from pydantic import AfterValidator, AwareDatetime, StringConstraints

from orchestrator.web.access.forms import MAX_REASON_CHARACTERS

ID: Final = r"^[^\x00-\x1f\x7f/]+$"
TEXT: Final = r"^[^\x00]*$"
MAX_ID_CHARACTERS: Final = 200

Id = Annotated[str, StringConstraints(min_length=1, max_length=MAX_ID_CHARACTERS, pattern=ID)]
Text = Annotated[str, StringConstraints(max_length=4000, pattern=TEXT, strip_whitespace=True)]
Reason = Annotated[
    str, StringConstraints(min_length=1, max_length=MAX_REASON_CHARACTERS, pattern=TEXT, strip_whitespace=True)
]


def _in_utc(given: datetime) -> datetime:
    """PostgreSQL knows no offset of 16 hours or more, and Python no UTC before the year 1 or after 9999."""
    try:
        return given.astimezone(UTC)
    except OverflowError:
        raise ValueError("is not in the years 1 to 9999 in UTC") from None


GivenInstant = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""A time with an offset, taken in UTC."""

_id = {"min_length": 1, "max_length": MAX_ID_CHARACTERS, "pattern": ID}

RunId = Annotated[str, Path(description="The run's ID, or a unique start of it", **_id)]
GateId = Annotated[str, Path(description="The gate's ID within its run", examples=["g-access-1"], **_id)]
TaskId = Annotated[str, Path(description="The task's ID within its run", **_id)]
ExceptionId = Annotated[str, Path(description="The exception's ID within its run", **_id)]
StepId = Annotated[str, Path(description="The step's ID, or its name if it is unique", **_id)]
SystemName = Annotated[str, Path(description="The system's name in the packet", examples=["identity"], **_id)]
PacketName = Annotated[str, Path(description="The packet's name", examples=["standard-leaver"], **_id)]
Version = Annotated[str, Path(description="The version, or at least its first eight characters", **_id)]
DifferenceId = Annotated[str, Path(description="The ID of the step or change that differs", **_id)]
ObjectionId = Annotated[str, Path(description="The objection's ID", examples=["objection-1"], **_id)]
OtherVersion = Annotated[
    str | None, Query(description="Another version, or at least its first eight characters", **_id)
]

InPacket = Annotated[str, Query(description="The packet's name", examples=["standard-leaver"], **_id)]
After = Annotated[str | None, Query(description="The cursor from the previous page", max_length=400, pattern=TEXT)]
Limit = Annotated[int, Query(description="Maximum number of results", ge=1, le=500)]
Word = Annotated[str | None, Query(min_length=1, max_length=MAX_ID_CHARACTERS, pattern=ID)]
InstantParameter = Annotated[GivenInstant | None, Query()]
FromParameter = Annotated[GivenInstant | None, Query(alias="from", description="From this time, inclusive")]
UntilParameter = Annotated[GivenInstant | None, Query(alias="to", description="Until this time, exclusive")]
