"""What HR's feed read last, as a document for pages, API and command line."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

MAX_ITEMS = 200

Standing = Literal[
    "unreadable", "left_before", "too_many", "held", "refused", "changed_since", "date_changed", "taken_back",
]  # fmt: skip


class FeedItem(BaseModel):
    """A record for which HR has to do something. `place` says where it is in HR's record, such as `line 12`."""

    model_config = ConfigDict(frozen=True)

    place: str
    standing: Standing
    message: str = ""
    run_id: str | None = None


class FeedReport(BaseModel):
    """One list of leavers and what came of it. `leavers` counts the people in it who leave or have left; `started` the
    runs that the feed started from this list, `moved` the cutoffs that it moved; `with_run` those whose leaving has a
    run already. `items` are the first ones of `items_in_all`."""

    model_config = ConfigDict(frozen=True)

    source: str
    as_of: datetime
    leavers: int = 0
    started: int = 0
    moved: int = 0
    with_run: int = 0
    items: tuple[FeedItem, ...] = Field(default=())
    items_in_all: int = 0

    @property
    def unreadable(self) -> int:
        return sum(1 for item in self.items if item.standing == "unreadable")
