"""What is handed to the ledger: events with their keys, for one stream."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.domain.events.event import Draft, Event
from orchestrator.domain.events.event_keys import event_key


def drafts(events: Sequence[Event], version: int, subject: str | None) -> tuple[Draft, ...]:
    """Drafts for consecutive versions after `version`."""
    return tuple(
        Draft(key=event_key(event, version + number), event=event, subject=subject)
        for number, event in enumerate(events, start=1)
    )
