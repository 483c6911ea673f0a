"""Where a page of a list ends: `LABEL/TIME/ID`. The label is the list's order, so that a cursor fits no other order."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from orchestrator.domain.errors import Invalid

NEVER = "never"


def cursor(label: str | int, at: datetime | None, item_id: str) -> str:
    """The place behind an item. `at` is None if the item has no date."""
    return f"{label}/{at.isoformat() if at is not None else NEVER}/{item_id}"


def place(after: str, labels: Collection[str]) -> tuple[str, datetime, str]:
    """Label, time and ID of a cursor with one of `labels`. Raises `Invalid("bad_cursor")` for any other text."""
    label, _, rest = after.partition("/")
    time, _, item_id = rest.partition("/")
    try:
        at = datetime.fromisoformat(time)
    except ValueError:
        at = None
    if label not in labels or not item_id or at is None or at.tzinfo is None:
        raise Invalid("bad_cursor", "Invalid cursor.")
    return label, at, item_id


def undated(after: str, label: str) -> str | None:
    """The ID of a cursor behind an item without a date; None for any other cursor."""
    start = f"{label}/{NEVER}/"
    return after.removeprefix(start) or None if after.startswith(start) else None
