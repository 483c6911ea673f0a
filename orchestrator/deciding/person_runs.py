"""A person's own runs, as the person's stream has them. Dry runs are not among them, but for those that earlier
versions put there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from functools import reduce

from orchestrator.deciding.snapshots import RunSnapshot
from orchestrator.domain import events as e
from orchestrator.domain.organisation.organisation import PersonRecord, fold_person
from orchestrator.ledger.book.records import Recorded
from orchestrator.ledger.book.store import Ledger

Load = Callable[[str], Awaitable[RunSnapshot]]


def person_record(happened: Iterable[Recorded]) -> PersonRecord:
    """The record after these events, which are all of the person's stream."""
    return reduce(fold_person, (one.event for one in happened), PersonRecord())


async def last_run_of(ledger: Ledger, load: Load, person_id: str) -> RunSnapshot | None:
    """The latest run of a person (an opaque id), open or not."""
    stream = e.person_stream(person_id)
    record = person_record((await ledger.read({stream: 0})).events[stream])
    return await load(record.last_run) if record.last_run is not None else None


async def people_who_left(ledger: Ledger, load: Load, people: Iterable[str]) -> frozenset[str]:
    """Those of these people (opaque ids) whose cutoff has passed, in their latest run, unless it was cancelled."""
    left = set()
    for person_id in dict.fromkeys(people):
        stream = e.person_stream(person_id)
        page = await ledger.read({stream: 0})
        opened = [one.event.run_id for one in page.events[stream] if isinstance(one.event, e.RunOpened)]
        for run_id in reversed(opened):
            state = (await load(run_id)).state
            if state.dry:
                continue
            if state.finish != "ended" and state.cutoff <= page.now:
                left.add(person_id)
            break
    return frozenset(left)
