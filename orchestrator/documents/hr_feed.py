"""What HR's feed read last, and what came of it: as the worker keeps it, and as pages, API and command line show it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from orchestrator.domain.errors import Refusal
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.grants import granted_level
from orchestrator.ledger.engine.hr_feeds import HrFeedRows
from orchestrator.reading.queries import Queries
from orchestrator.reading.visibility import Viewer

MAX_ITEMS = 200

FeedReason = Literal[
    "unreadable", "left_before", "too_many", "held", "refused", "changed_since", "another_person", "date_changed",
    "taken_back",
]  # fmt: skip


class FeedItem(BaseModel):
    """A record for which HR has to do something. `place` says where it is in HR's record, such as `line 12`; empty
    where the record is a run's, `run_id`."""

    model_config = ConfigDict(frozen=True)

    place: str
    standing: FeedReason
    message: str = ""
    run_id: str | None = None


class FeedReport(BaseModel):
    """One list of leavers and what came of it. `leavers` counts the people in it who leave or have left, `fewer` by how
    many they are fewer than in the list before: a missing person starts nothing and takes nothing back. `started` are
    the runs that the feed started from this list, `moved` the cutoffs that it moved; `with_run` those whose leaving has
    a run already. `unreadable` and `waiting` count the records for which HR has to do something; `items` are the first
    of them."""

    model_config = ConfigDict(frozen=True)

    source: str
    as_of: datetime
    leavers: int = 0
    fewer: int = 0
    started: int = 0
    moved: int = 0
    with_run: int = 0
    waiting: int = 0
    unreadable: int = 0
    items: tuple[FeedItem, ...] = ()


class FeedStatus(BaseModel):
    """`checked_at` is when the feed last looked, `read_at` when it last read a list, `report`. `code` and `detail` say
    why the last look read none."""

    model_config = ConfigDict(frozen=True)

    checked_at: datetime | None
    read_at: datetime | None
    code: str
    detail: str
    report: FeedReport | None


async def feed_status(rows: HrFeedRows, queries: Queries, viewer: Viewer, packet: Packet) -> FeedStatus | None:
    """None for a packet whose HR system no feed reads. Records are named for viewers who read the HR system, and runs
    for viewers who see them."""
    row = await rows.last(packet.name)
    if row is None or row.checked_at is None:
        return None
    report = None if row.report is None else FeedReport.model_validate_json(row.report)
    if report is not None:
        platform = packet.platform
        reads_hr = granted_level(platform.levels, viewer.actor, platform.hr.system, packet.name) is not None
        shown = [item for item in report.items if reads_hr and await _is_shown(queries, viewer, item)]
        report = report.model_copy(update={"items": tuple(shown)})
    return FeedStatus(checked_at=row.checked_at, read_at=row.read_at, code=row.code, detail=row.detail, report=report)


async def _is_shown(queries: Queries, viewer: Viewer, item: FeedItem) -> bool:
    if item.run_id is None:
        return True
    try:
        await queries.find_run(viewer, item.run_id)
    except Refusal:
        return False
    return True
