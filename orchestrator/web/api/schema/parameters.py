"""Parts of addresses and requests: ids, cursors, dates and texts, each with its bounds and its description.

A text holds no NUL, which PostgreSQL cannot keep; an id no control character at all.
"""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Path, Query
from pydantic import AwareDatetime, StringConstraints

from orchestrator.web.access.forms import MAX_REASON_CHARACTERS

ID: Final = r"^[^\x00-\x1f\x7f/]+$"
TEXT: Final = r"^[^\x00]*$"
MAX_ID_CHARACTERS: Final = 200

Id = Annotated[str, StringConstraints(min_length=1, max_length=MAX_ID_CHARACTERS, pattern=ID)]
Text = Annotated[str, StringConstraints(max_length=4000, pattern=TEXT, strip_whitespace=True)]
Reason = Annotated[
    str, StringConstraints(min_length=1, max_length=MAX_REASON_CHARACTERS, pattern=TEXT, strip_whitespace=True)
]

_id = {"min_length": 1, "max_length": MAX_ID_CHARACTERS, "pattern": ID}

RunId = Annotated[str, Path(description="The run's ID, or a unique start of it", **_id)]
GateId = Annotated[str, Path(description="The gate's ID within its run", examples=["g-access-1"], **_id)]
TaskId = Annotated[str, Path(description="The task's ID within its run", **_id)]
ExceptionId = Annotated[str, Path(description="The exception's ID within its run", **_id)]
StepId = Annotated[str, Path(description="The step's ID, or its name if it is unique", **_id)]
SystemName = Annotated[str, Path(description="The system's name in the packet", examples=["identity"], **_id)]
PacketName = Annotated[str, Path(description="The packet's name", examples=["standard-leaver"], **_id)]
Version = Annotated[str, Path(description="The version, or at least its first eight characters", **_id)]

InPacket = Annotated[str, Query(description="The packet's name", examples=["standard-leaver"], **_id)]
After = Annotated[str | None, Query(description="The cursor from the previous page", max_length=400, pattern=TEXT)]
Limit = Annotated[int, Query(description="Maximum number of results", ge=1, le=500)]
Word = Annotated[str | None, Query(min_length=1, max_length=MAX_ID_CHARACTERS, pattern=ID)]
InstantParameter = Annotated[AwareDatetime | None, Query()]
FromParameter = Annotated[AwareDatetime | None, Query(alias="from", description="From this time, inclusive")]
UntilParameter = Annotated[AwareDatetime | None, Query(alias="to", description="Until this time, exclusive")]
