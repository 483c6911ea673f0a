"""The rows of a list, as they are sent to be checked, and what is wrong with them."""

from __future__ import annotations

from pydantic import Field

from orchestrator.documents.runs.shown import Shown

MAX_PLACE_CHARACTERS = 40
MAX_PERSON_CHARACTERS = 320
"""Of an employee number or a mail address."""
MAX_MESSAGE_CHARACTERS = 2000


class BatchRowAsked(Shown):
    """One person who leaves. `person` is as in a start. `email`: a mail address that HR must have for this person, so
    that a mistyped number is no other person; empty to check nothing. `cutoff` is a local time as `parse_cutoff` reads
    it, in `zone` or else in the person's own zone as HR has it."""

    place: str = Field(max_length=MAX_PLACE_CHARACTERS)
    person: str = Field(min_length=1, max_length=MAX_PERSON_CHARACTERS)
    email: str = Field(default="", max_length=MAX_PERSON_CHARACTERS)
    cutoff: str = Field(max_length=100)
    zone: str | None = Field(default=None, max_length=100)


class BrokenRow(Shown):
    """A row that cannot start a run. `message` says what is wrong and what to do."""

    place: str = Field(max_length=MAX_PLACE_CHARACTERS, description="Where the row is in the list, such as `line 12`")
    message: str = Field(max_length=MAX_MESSAGE_CHARACTERS)


class BatchChecked(Shown):
    """`batch_id` is None where nothing was recorded: rows are broken, or the rows were only to be checked."""

    batch_id: str | None = Field(description="Null if nothing was recorded")
    people: int = Field(description="Rows that can start a run")
    broken: tuple[BrokenRow, ...] = Field(description="Rows that cannot, in the order of the list")
