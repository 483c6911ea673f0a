"""The input and output of the ledger: appends and recorded events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from orchestrator.domain.events.event import Draft, Event


@dataclass(frozen=True, slots=True)
class StreamAppend:
    """`expected` is the version that was read: the number of events in the stream, 0 for one that does not exist.
    Without drafts it only demands that the stream still is there."""

    stream: str
    expected: int
    drafts: Sequence[Draft] = ()


class RecordedAt(Enum):
    """In a row, replaced by the instant at which the ledger records the append, which is not known before."""

    RECORDED_AT = "recorded_at"


RECORDED_AT = RecordedAt.RECORDED_AT


@dataclass(frozen=True, slots=True)
class AfterRecorded:
    """In a row, replaced by the instant so long after the one at which the ledger records the append."""

    length: timedelta


@dataclass(frozen=True, slots=True)
class RowWrite:
    """One row of a read table, written in the append's transaction. `key` holds the primary key's column, `values`
    the other columns (those left out keep what they have, or the table's default); None deletes the row. JSON
    columns take plain values, instants aware datetimes, `RECORDED_AT` or `AfterRecorded`."""

    table: str
    key: dict[str, Any]
    values: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Recorded:
    """One event as it is in the ledger. Personal fields are None once the subject is erased."""

    position: int
    stream: str
    version: int
    key: str
    type: str
    event: Event
    subject: str | None
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """`events` has every stream that was asked for, in order of version, perhaps with none; `now` is the database's
    time, not earlier than any event here."""

    events: Mapping[str, Sequence[Recorded]]
    now: datetime
    _after: Mapping[str, int] = field(default_factory=dict)

    def version(self, stream: str) -> int:
        """Where the stream stands: what an append that follows from this page should expect."""
        return self._after.get(stream, 0) + len(self.events[stream])


@dataclass(frozen=True, slots=True)
class Appended:
    """What an append became: `events` in the order of the drafts, `versions` of every stream that was named, `leaves`
    the hash of each stream's last event."""

    recorded_at: datetime
    events: Sequence[Recorded]
    versions: Mapping[str, int]
    leaves: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def positions(self) -> tuple[int, ...]:
        return tuple(recorded.position for recorded in self.events)
