"""Decisions about batches, on the streams `batches` and `batch:ID`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from orchestrator.deciding.folds import Folds
from orchestrator.deciding.optimistic import until_appended
from orchestrator.domain import events as e
from orchestrator.domain.batches import batch_commands
from orchestrator.domain.batches.batch import BatchList, BatchState, fold_batch, fold_batch_list, unknown_batch
from orchestrator.domain.events.event import Draft, Event
from orchestrator.domain.events.event_keys import event_key
from orchestrator.domain.organisation.organisation import Organisation
from orchestrator.ledger.access.keyed_requests import keyed_append
from orchestrator.ledger.book.records import StreamAppend
from orchestrator.ledger.book.store import Ledger

OVER = (e.BatchEnded, e.BatchCancelled)


class Batches:
    """What this process decides on: the list, and the batches that are open. Pages read a batch with `read`, which
    decrypts it each time, since a person of it can have been erased."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._list: Folds[BatchList] = Folds(BatchList(), fold_batch_list, 1)
        self._known: Folds[BatchState] = Folds(BatchState(), fold_batch, 16)

    def forget(self) -> None:
        self._list.clear()
        self._known.clear()

    async def listed(self) -> BatchList:
        known = self._list.get(e.BATCHES)
        page = await self._ledger.read({e.BATCHES: known[0]})
        return self._list.advance(e.BATCHES, known, page.events[e.BATCHES])[1]

    async def read(self, batch_ids: Sequence[str]) -> dict[str, BatchState]:
        """Raises `Invalid` (`unknown_batch`)."""
        streams = {batch_id: e.batch_stream(batch_id) for batch_id in batch_ids}
        if not streams:
            return {}
        page = await self._ledger.read(dict.fromkeys(streams.values(), 0))
        found = {}
        for batch_id, stream in streams.items():
            state = BatchState()
            for recorded in page.events[stream]:
                state = fold_batch(state, recorded.event, recorded.recorded_at)
            if state.proposed is None:
                raise unknown_batch(batch_id)
            found[batch_id] = state
        return found

    async def load(self, batch_id: str) -> BatchState:
        """As this process knows it, with what is new since: for decisions. Raises `Invalid` (`unknown_batch`)."""
        return (await self._loaded(batch_id))[0]

    async def _loaded(self, batch_id: str) -> tuple[BatchState, int]:
        """With the version of the list."""
        stream = e.batch_stream(batch_id)
        known, listed = self._known.get(stream), self._list.get(e.BATCHES)
        page = await self._ledger.read({stream: known[0], e.BATCHES: listed[0]})
        self._list.advance(e.BATCHES, listed, page.events[e.BATCHES])
        _, state = self._known.advance(stream, known, page.events[stream])
        if state.proposed is None:
            raise unknown_batch(batch_id)
        if state.over:
            self._known.forget(stream)
        return state, page.version(e.BATCHES)

    async def propose(
        self,
        batch_id: str,
        organisation: Callable[[], Awaitable[Organisation]],
        decide: Callable[[Organisation], Sequence[Event]],
    ) -> None:
        """Appends a batch that does not exist yet. One that exists is left as it is: the proposal was repeated."""

        async def attempt() -> None:
            people, stream = await organisation(), e.batch_stream(batch_id)
            page = await self._ledger.read({stream: 0, e.BATCHES: 0})
            if page.version(stream):
                return
            listed = StreamAppend(
                e.BATCHES, page.version(e.BATCHES), _drafts([e.BatchListed(batch_id=batch_id)], page.version(e.BATCHES))
            )
            proposed = StreamAppend(stream, 0, _drafts(decide(people), 0))
            await self._ledger.append([proposed, listed, StreamAppend(e.ORGANISATION, people.version)])

        await until_appended(attempt)

    async def decide(
        self,
        batch_id: str,
        organisation: Callable[[], Awaitable[Organisation]],
        decide: Callable[[Organisation, BatchState], Sequence[Event]],
        subject: str | None = None,
    ) -> Sequence[Event]:
        """Appends what `decide` says about the accounts and the batch, if neither has changed since. `subject` is the
        person under whose key personal fields are encrypted. Raises what it raises, and `LedgerUnavailable`."""

        keyed = keyed_append(e.batch_stream(batch_id))
        if earlier := await keyed.found(self._ledger):
            return [recorded.event for recorded in earlier]

        async def attempt() -> Sequence[Event]:
            people = await organisation()
            state, listed = await self._loaded(batch_id)
            wanted = decide(people, state)
            if wanted:
                rests_on = StreamAppend(e.ORGANISATION, people.version)
                appends = [*self._appends(state, listed, wanted, subject), rests_on]
                await self._ledger.append(appends, append_id=keyed.append_id)
            return wanted

        return await until_appended(attempt)

    async def row_start(self, batch_id: str, row: int) -> Callable[[str | None], Sequence[StreamAppend]]:
        """What the start of this row's run is appended with, once the batch was read. Raises `TooLate` where the batch
        starts no runs now, or the row has its run."""
        state, listed = await self._loaded(batch_id)
        batch_commands.require_waiting(state, row)
        return lambda run_id: self._appends(state, listed, batch_commands.row_started(state, row, run_id))

    @staticmethod
    def _appends(
        state: BatchState, listed: int, events: Sequence[Event], subject: str | None = None
    ) -> list[StreamAppend]:
        """With the entry of the list, where the batch is over with these events."""
        batch_id = state.asked.batch_id
        appends = [StreamAppend(e.batch_stream(batch_id), state.version, _drafts(events, state.version, subject))]
        if any(isinstance(event, OVER) for event in events):
            appends.append(StreamAppend(e.BATCHES, listed, _drafts([e.BatchOver(batch_id=batch_id)], listed)))
        return appends


def _drafts(events: Sequence[Event], version: int, subject: str | None = None) -> list[Draft]:
    """A row is encrypted under the key of its person."""
    return [
        Draft(
            key=event_key(event, version + number),
            event=event,
            subject=event.person_id if isinstance(event, e.BatchRowProposed) else subject,
        )
        for number, event in enumerate(events, start=1)
    ]
