"""The state of a batch: a fold over its stream, and over the stream that names the batches there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from orchestrator.domain import events as e
from orchestrator.domain.errors import Invalid
from orchestrator.domain.events.event import Event

BatchStatus = Literal["proposed", "awaiting_confirmation", "running", "held", "cancelled", "ended"]
RowStatus = Literal["waiting", "started", "received", "refused", "not_started"]


@dataclass(frozen=True, slots=True)
class BatchRow:
    """`code` is why no run was started; `at` is when the row was done."""

    proposed: e.BatchRowProposed
    run_id: str | None = None
    code: str | None = None
    at: datetime | None = None

    @property
    def waits(self) -> bool:
        return self.at is None


@dataclass(frozen=True, slots=True)
class BatchState:
    """`rows` by number. `held_code` is the refusal because of which Offboard paused the batch, empty where a person
    did."""

    version: int = 0
    proposed: e.BatchProposed | None = None
    proposed_at: datetime | None = None
    rows: Mapping[int, BatchRow] = field(default_factory=dict)
    started_by: str | None = None
    started_at: datetime | None = None
    confirmed: e.BatchConfirmed | None = None
    confirmed_at: datetime | None = None
    held_by: str | None = None
    held_code: str = ""
    cancelled: e.BatchCancelled | None = None
    over_at: datetime | None = None
    done: int = 0
    started: int = 0
    people: frozenset[str] = frozenset()

    @property
    def asked(self) -> e.BatchProposed:
        assert self.proposed is not None, "a batch begins with its proposal"
        return self.proposed

    @property
    def status(self) -> BatchStatus:
        if self.cancelled is not None:
            return "cancelled"
        if self.over_at is not None:
            return "ended"
        if self.started_by is None:
            return "proposed"
        if self.asked.needs_confirmation and self.confirmed is None:
            return "awaiting_confirmation"
        return "held" if self.held_by is not None else "running"

    @property
    def over(self) -> bool:
        return self.over_at is not None

    @property
    def waiting(self) -> int:
        """How many rows may still start a run; none of a batch that is over."""
        return 0 if self.over else len(self.rows) - self.done

    def next_rows(self, most: int) -> list[BatchRow]:
        """The rows that are started next: those whose access ends first."""
        waiting = (row for row in self.rows.values() if row.waits)
        return sorted(waiting, key=lambda row: (row.proposed.cutoff, row.proposed.row))[:most]

    def row_status(self, row: BatchRow) -> RowStatus:
        if row.waits:
            return "not_started" if self.over else "waiting"
        if row.code is not None:
            return "refused"
        return "started" if row.run_id is not None else "received"


def fold_batch(state: BatchState, event: Event, at: datetime) -> BatchState:
    state = replace(state, version=state.version + 1)
    match event:
        case e.BatchProposed():
            return replace(state, proposed=event, proposed_at=at)
        case e.BatchRowProposed(row=number, person_id=person):
            rows = {**state.rows, number: BatchRow(event)}
            return replace(state, rows=rows, people=state.people | {person})
        case e.BatchStarted(by=by):
            return replace(state, started_by=by, started_at=at)
        case e.BatchConfirmed():
            return replace(state, confirmed=event, confirmed_at=at)
        case e.BatchHeld(by=by, code=code):
            return replace(state, held_by=by, held_code=code)
        case e.BatchResumed():
            return replace(state, held_by=None, held_code="")
        case e.BatchCancelled():
            return replace(state, cancelled=event, over_at=at)
        case e.BatchRowStarted(row=number, run_id=run_id):
            row = replace(state.rows[number], run_id=run_id, at=at)
            return replace(state, rows={**state.rows, number: row}, done=state.done + 1, started=state.started + 1)
        case e.BatchRowRefused(row=number, code=code):
            row = replace(state.rows[number], code=code, at=at)
            return replace(state, rows={**state.rows, number: row}, done=state.done + 1)
        case e.BatchEnded():
            return replace(state, over_at=at)
    return state


@dataclass(frozen=True, slots=True)
class BatchList:
    """The ids of all batches, the latest last, and those of them that may still start runs."""

    all: tuple[str, ...] = ()
    open: tuple[str, ...] = ()


def fold_batch_list(state: BatchList, event: Event, at: datetime) -> BatchList:
    match event:
        case e.BatchListed(batch_id=batch_id):
            return BatchList((*state.all, batch_id), (*state.open, batch_id))
        case e.BatchOver(batch_id=batch_id):
            return replace(state, open=tuple(one for one in state.open if one != batch_id))
    return state


def unknown_batch(named: str) -> Invalid:
    return Invalid("unknown_batch", f"There is no batch {named[:40]}.")
