"""Which mails are due: open items that were not mailed yet, and those that are due soon.

A notice is sent once when something begins to wait and once more before it is due. What comes within a short time is
gathered, so that a person with several open items gets one message.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from orchestrator.domain.events import ExceptionKind

MAX_REMINDER_LEAD = timedelta(hours=1)
RETRY_AFTER_REFUSAL = timedelta(hours=1)


News = Literal[
    "postponed", "paused", "cancelled", "service_revoked", "service_expires", "service_expired",
    "service_without_owner", "embargo_ends", "legal_hold_lifted", "hr_records",
    "replayed", "exception_waived", "exception_assigned",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class PendingItem:
    """Something that waits for a person, as far as mail may tell: `title` is the packet's own for a gate or a step,
    `steps` how many a gate is about, `close` whether it is a signature of the close. Of an `embargoed` run nothing is
    sent. Of the kind `news` is what people are only informed of: `news` says what, and `run_id` is empty for a service
    and for records of HR."""

    item_id: str
    run_id: str
    kind: str
    opened_at: datetime
    due_at: datetime | None
    title: str = ""
    steps: int = 0
    exception: ExceptionKind | str = ""
    embargoed: bool = False
    news: News | None = None
    close: bool = False


@dataclass(frozen=True, slots=True)
class Notice:
    waiting: PendingItem
    kind: Literal["first", "reminder"]


SentNotices = Mapping[tuple[str, str], datetime]
"""(item, kind of notice) -> when, for one recipient."""


def remind_at(opened_at: datetime, due_at: datetime) -> datetime:
    """A quarter of the whole time before it is due; at least an hour before, but never before half of it is over."""
    span = due_at - opened_at
    return due_at - max(span / 4, min(MAX_REMINDER_LEAD, span / 2))


def due_notices(
    waiting: Sequence[PendingItem], sent: SentNotices, now: datetime, gather: timedelta
) -> tuple[tuple[Notice, ...], datetime | None]:
    """The mails to send to one recipient now, and the time of the next check (None: when something else happens). The
    first mail about an item waits for `gather`, or is sent together with another that is due."""
    planned = [next_ for item in waiting if (next_ := _next(item, sent, now, gather)) is not None]
    if not any(at <= now for _, at in planned):
        return (), min((at for _, at in planned), default=None)
    due = tuple(notice for notice, at in planned if at <= now + gather)
    later = [at for _, at in planned if at > now + gather]
    for notice in due:
        item = notice.waiting
        if notice.kind == "first" and item.due_at is not None and (at := remind_at(item.opened_at, item.due_at)) > now:
            later.append(at)
    return due, min(later, default=None)


def _next(item: PendingItem, sent: SentNotices, now: datetime, gather: timedelta) -> tuple[Notice, datetime] | None:
    """The next notice about an item, and from when on it is due."""
    again = sent[item.item_id, "refused"] + RETRY_AFTER_REFUSAL if (item.item_id, "refused") in sent else None
    first = sent.get((item.item_id, "first"))
    if first is None:
        return Notice(item, "first"), again or item.opened_at + gather
    if item.due_at is None or item.due_at <= now or (item.item_id, "reminder") in sent:
        return None
    at = remind_at(item.opened_at, item.due_at)
    if first >= at:  # sent so late that it was a reminder itself
        return None
    return Notice(item, "reminder"), max(at, again) if again else at
