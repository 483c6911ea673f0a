"""Appends to streams: drafts, what an append depends on, and decisions on streams outside of runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from orchestrator.deciding.optimistic import until_appended
from orchestrator.domain import events as e
from orchestrator.domain.errors import Refusal
from orchestrator.domain.events.event import Draft, Event
from orchestrator.domain.events.event_keys import event_key
from orchestrator.domain.organisation.organisation import Organisation
from orchestrator.domain.run.run import RunState
from orchestrator.ledger.access.keyed_requests import keyed_append
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
    organisation: Callable[[], Awaitable[Organisation]],
    decide: Callable[[Organisation, Sequence[Event]], Sequence[Draft]],
    rows: Callable[[Sequence[Event]], Sequence[RowWrite]] = lambda events: (),
) -> Sequence[Event]:
    """Decides on all of a stream's events and on the accounts as `organisation` reads them, and appends the result if
    neither has changed since. `rows` is given the whole stream as it will be. Raises what `decide` raises, and
    `LedgerUnavailable`. What a refusal `records` is appended before it is raised."""

    keyed = keyed_append(stream)
    if earlier := await keyed.found(ledger):
        return [recorded.event for recorded in earlier]

    async def attempt() -> Sequence[Event]:
        people = await organisation()
        page = await ledger.read({stream: 0})
        history = [recorded.event for recorded in page.events[stream]]
        try:
            wanted = decide(people, history)
        except Refusal as refused:
            if refused.records:
                record = StreamAppend(stream, page.version(stream), drafts(refused.records, page.version(stream), None))
                await ledger.append([record, StreamAppend(e.ORGANISATION, people.version)])
            raise
        if not wanted:
            return ()
        fresh = [draft.event for draft in wanted]
        append = StreamAppend(stream, page.version(stream), tuple(wanted))
        rests_on = StreamAppend(e.ORGANISATION, people.version)
        await ledger.append([append, rests_on], rows([*history, *fresh]), append_id=keyed.append_id)
        return fresh

    return await until_appended(attempt)


def decided_before(state: RunState, events: Sequence[Event]) -> datetime | None:
    """When the gates lapse that these events are votes at. A vote is recorded later than it is decided; one that would
    be recorded too late is decided again, and refused."""
    voted = {event.gate_id for event in events if isinstance(event, e.GateVoted)}
    return min((state.decisions.gates[gate_id].opened.valid_until for gate_id in voted), default=None)
