"""Appends to one stream: events with their keys, and the decision for the small streams outside of runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from orchestrator.deciding.optimistic import until_appended
from orchestrator.domain.events.event import Draft, Event
from orchestrator.domain.events.event_keys import event_key
from orchestrator.ledger.book.records import RowWrite, StreamAppend
from orchestrator.ledger.book.store import Ledger


def drafts(events: Sequence[Event], version: int, subject: str | None) -> tuple[Draft, ...]:
    """Drafts for consecutive versions after `version`."""
    return tuple(
        Draft(key=event_key(event, version + number), event=event, subject=subject)
        for number, event in enumerate(events, start=1)
    )


async def append_to(
    ledger: Ledger,
    stream: str,
    decide: Callable[[Sequence[Event]], Sequence[Draft]],
    rows: Callable[[Sequence[Event]], Sequence[RowWrite]] = lambda events: (),
) -> Sequence[Event]:
    """Decides on all of a stream's events, and appends the result. `rows` is given the whole stream as it will be.
    Raises what `decide` raises, and `LedgerUnavailable`."""

    async def attempt() -> Sequence[Event]:
        page = await ledger.read({stream: 0})
        history = [recorded.event for recorded in page.events[stream]]
        wanted = decide(history)
        if not wanted:
            return ()
        fresh = [draft.event for draft in wanted]
        append = StreamAppend(stream, page.version(stream), tuple(wanted))
        await ledger.append([append], rows([*history, *fresh]))
        return fresh

    return await until_appended(attempt)
