"""The erasure of a person as the person's stream has it: requested, lapsed, carried out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from orchestrator.domain import events as e
from orchestrator.domain.events.event import Event

CONFIRMED_WITHIN: Final = timedelta(days=7)
"""How long a request waits for the second person."""


@dataclass(frozen=True, slots=True)
class ErasureState:
    """`requested` is the latest request, also a lapsed one."""

    requested: e.ErasureRequested | None = None
    requested_at: datetime | None = None
    erased: e.PersonalDataErased | None = None
    erased_at: datetime | None = None

    @property
    def until(self) -> datetime | None:
        """When the request lapses."""
        return self.requested_at + CONFIRMED_WITHIN if self.requested_at is not None else None

    def waiting(self, now: datetime) -> e.ErasureRequested | None:
        """The request that waits for the second person."""
        return self.requested if self.until is not None and now < self.until and self.erased is None else None


def erasure_of(happened: Iterable[tuple[Event, datetime]]) -> ErasureState:
    """From the person's whole stream, with the times at which its events were recorded."""
    state = ErasureState()
    for event, at in happened:
        match event:
            case e.ErasureRequested():
                state = replace(state, requested=event, requested_at=at)
            case e.PersonalDataErased():
                state = replace(state, erased=event, erased_at=at)
    return state
