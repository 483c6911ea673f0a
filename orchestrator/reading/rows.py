"""One row of each list, as the read tables have it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class PersonName:
    """Whom a run is about, as HR said when it was asked for. All None once the person is erased."""

    name: str | None = None
    employee_number: str | None = None
    time_zone: str | None = None


ColumnValues = Mapping[str, Any]
Names = Mapping[str, PersonName]
"""Run id -> the person."""


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run in a list. `summary` has the numbers of `domain.run.status.counts`; `due_at` is the next date by which
    someone has to do something, and `access_gone_at` the end of access, in the future while old tokens are accepted.
    `shadow`: it is a dry run."""

    run_id: str
    person: PersonName
    state: str
    packet: str
    packet_version: str
    cutoff: datetime
    zone: str
    urgent: bool
    requested_by: str
    requested_at: datetime
    closed_at: datetime | None
    due_at: datetime | None
    version: int
    summary: Mapping[str, int]
    embargo_until: datetime | None = None
    access_gone_at: datetime | None = None
    legal_hold: bool = False
    shadow: bool = False

    @classmethod
    def of(cls, row: ColumnValues, names: Names) -> RunRow:
        return cls(
            run_id=row["run_id"],
            person=names.get(row["run_id"], PersonName()),
            state=row["state"],
            packet=row["packet_name"],
            packet_version=row["packet_version"],
            cutoff=row["cutoff"],
            zone=row["zone"],
            urgent=row["urgent"],
            requested_by=row["requested_by"],
            requested_at=row["requested_at"],
            closed_at=row["closed_at"],
            due_at=row["due_at"],
            version=row["version"],
            summary=row["summary"],
            embargo_until=row["embargo_until"],
            access_gone_at=row["access_gone_at"],
            legal_hold=row["legal_hold"],
            shadow=row["shadow"],
        )


@dataclass(frozen=True, slots=True)
class RunList:
    """`after` continues the list where this page ends; None at its end. `now` is the database's time."""

    lines: tuple[RunRow, ...]
    after: str | None
    now: datetime


@dataclass(frozen=True, slots=True)
class Item:
    """An open item: a gate, a task, an exception or a review. `id` is its ID within the run; `detail` describes it by
    its kind. Its rules are in the packet version `packet_version`. `on_behalf_of` is the account of a colleague for
    whom the viewer would act, None if the viewer acts for themselves. `shadow`: its run is a dry run."""

    id: str
    run_id: str
    person: PersonName
    kind: str
    roles: tuple[str, ...]
    system: str | None
    opened_at: datetime
    due_at: datetime | None
    cutoff: datetime
    zone: str
    packet: str
    packet_version: str
    detail: Mapping[str, Any]
    on_behalf_of: str | None = None
    shadow: bool = False

    @classmethod
    def of(cls, row: ColumnValues, names: Names) -> Item:
        return cls(
            id=row["detail"]["id"],
            run_id=row["run_id"],
            person=names.get(row["run_id"], PersonName()),
            kind=row["kind"],
            roles=tuple(row["roles"]),
            system=row["system"],
            opened_at=row["opened_at"],
            due_at=row["due_at"],
            cutoff=row["cutoff"],
            zone=row["zone"],
            packet=row["packet_name"],
            packet_version=row["packet_version"],
            detail={name: value for name, value in row["detail"].items() if name not in ("id", "voted")},
            on_behalf_of=row["on_behalf_of"],
            shadow=row["shadow"],
        )


@dataclass(frozen=True, slots=True)
class InboxRows:
    """`after` continues the list where this page ends; None at its end. `now` is the database's time."""

    items: tuple[Item, ...]
    now: datetime
    after: str | None = None


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text is not None else None


@dataclass(frozen=True, slots=True)
class ExceptionLine:
    """One exception in a list. `step` is the step's name in the packet and `title` its title. `assigned_to` is the
    account of the person who is to resolve it; empty where its roles are."""

    id: str
    run_id: str
    person: PersonName
    kind: str
    step: str | None
    step_id: str | None
    system: str | None
    owners: tuple[str, ...]
    opened_at: datetime
    due_at: datetime | None
    closed_at: datetime | None
    disposition: str | None
    closed_by: str
    code: str
    title: str | None = None
    assigned_to: str = ""
    snoozed_until: datetime | None = None
    waived_until: datetime | None = None

    @classmethod
    def of(cls, row: ColumnValues, names: Names, title: str | None = None) -> ExceptionLine:
        return cls(
            id=row["detail"]["id"],
            run_id=row["run_id"],
            person=names.get(row["run_id"], PersonName()),
            kind=row["kind"],
            step=row["detail"]["step"],
            step_id=row["step_id"],
            system=row["system"],
            owners=tuple(row["owner"].split(",")),
            opened_at=row["opened_at"],
            due_at=row["due_at"],
            closed_at=row["closed_at"],
            disposition=row["disposition"],
            closed_by=row["detail"]["by"],
            code=row["detail"]["code"],
            title=title,
            assigned_to=row["detail"].get("owned_by", ""),
            snoozed_until=_instant(row["detail"].get("snoozed_until")),
            waived_until=_instant(row["detail"].get("waived_until")),
        )


@dataclass(frozen=True, slots=True)
class PacketLine:
    name: str
    phase: str
    current_version: str | None
