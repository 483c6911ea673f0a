"""A person's own runs, as the person's stream has them. Dry runs are not among them, but for those that earlier
versions put there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence

from orchestrator.deciding.snapshots import RunSnapshot
from orchestrator.domain import events as e
from orchestrator.domain.errors import Invalid, TooLate
from orchestrator.domain.events.event import Event
from orchestrator.ledger.book.records import Recorded, StreamAppend
from orchestrator.ledger.book.store import Ledger

Load = Callable[[str], Awaitable[RunSnapshot]]


async def last_own_run(happened: Sequence[Recorded], load: Load) -> RunSnapshot | None:
    """The latest run, open or not, of the person whose whole stream this is. A restore that was cancelled is none: the
    run that it was to undo counts again."""
    for one in reversed(happened):
        if isinstance(one.event, e.RunOpened):
            run = await load(one.event.run_id)
            if not run.state.dry and not (run.state.restores is not None and run.state.finish == "ended"):
                return run
    return None


def require_not_erased(happened: Sequence[Recorded]) -> None:
    """`happened` is the person's whole stream. Raises `Invalid` (`person_erased`)."""
    if any(isinstance(one.event, e.PersonalDataErased) for one in happened):
        raise Invalid("person_erased", "The personal data of this person has been erased.")


async def last_run_of(ledger: Ledger, load: Load, person_id: str) -> RunSnapshot | None:
    """The latest run of a person (an opaque id), open or not."""
    stream = e.person_stream(person_id)
    return await last_own_run((await ledger.read({stream: 0})).events[stream], load)


async def people_who_left(ledger: Ledger, load: Load, people: Iterable[str]) -> frozenset[str]:
    """Those of these people (opaque ids) whose cutoff has passed, in their latest run, unless it was cancelled or gives
    their access back."""
    left = set()
    for person_id in dict.fromkeys(people):
        stream = e.person_stream(person_id)
        page = await ledger.read({stream: 0})
        run = await last_own_run(page.events[stream], load)
        if run is None or run.state.finish == "ended" or run.state.restores is not None:
            continue
        if run.state.cutoff <= page.now:
            left.add(person_id)
    return frozenset(left)


async def latest_of_person(
    ledger: Ledger, load: Load, snapshot: RunSnapshot, caused: Sequence[Event]
) -> Sequence[StreamAppend]:
    """What a decision that opens a closed run again rests on besides: that the person got no other run since, and was
    not erased. Raises `TooLate` (`newer_run`) and `Invalid` (`person_erased`); nothing if the run is open or nothing
    was decided."""
    if not snapshot.state.finished or not caused:
        return ()
    stream = e.person_stream(snapshot.state.asked.person_id)
    page = await ledger.read({stream: 0})
    require_not_erased(page.events[stream])
    last = await last_own_run(page.events[stream], load)
    if last is not None and last.state.run_id != snapshot.state.run_id:
        raise TooLate("newer_run", f"The person of run {snapshot.state.run_id} has a later run.")
    return [StreamAppend(stream, page.version(stream))]
