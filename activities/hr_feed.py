"""HR's feed: reads who leaves from HR's own records, and starts their runs.

    list of leavers ─► whose leaving has no run yet ─► start, as HR's feed ─► report for the page

It keeps no list of what it has started: which leavings have a run is read from the ledger each time, so a look can be
repeated, interrupted, and made by two workers. Starts go the way of all starts (`activities/starts.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from activities.attempts.current_facts import is_another_person, may_be_another_person
from activities.connections import Connections
from activities.inquiries.packets import governing
from activities.inquiries.people import People
from activities.starts import Starts, cutoff_at
from connectors.errors import ConnectorError, TryAgainError
from connectors.listing import LeaversListed, ListedLeaver
from connectors.people import Person
from orchestrator import commands
from orchestrator.commands import Services
from orchestrator.documents.hr_feed import MAX_ITEMS, FeedItem, FeedReason, FeedReport
from orchestrator.domain.commands.starts.reported_leavings import (
    DateChange,
    changed_leaving,
    had_restored,
    had_run,
    started_for,
    taken_back,
    waits_earlier,
    waits_for_hr,
)
from orchestrator.domain.errors import Refusal
from orchestrator.domain.events import RunRescheduled
from orchestrator.domain.organisation.person import PersonFacts
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.packet.version_choice import starts_dry_runs
from orchestrator.domain.permissions.levels import Actor, hr_feed
from orchestrator.domain.run.run import RunState
from orchestrator.ledger.book.errors import LedgerError
from orchestrator.ledger.engine.hr_feeds import HrFeedRows, LatestRun
from orchestrator.ledger.schema.database import Database
from orchestrator.reading.queries import Queries

log = logging.getLogger("offboard.hr_feed")

LEASE: Final = timedelta(minutes=15)
"""For how long another worker leaves a look to the one that began it."""
WOKEN_WITHIN: Final = 5.0
"""In how many seconds a feed that was woken is read."""
HELD: Final = frozenset({"starts_held", "last_holder"})
"""Refusals after which a second person confirms the start, and the next look repeats it."""
MAILED: Final = frozenset({"unreadable", "left_before", "too_many", "refused", "another_person"})
"""Records about which HR gets a mail. About held starts and changed leavings there are exceptions."""
TOO_MANY: Final = (
    "{count} runs would start or get an earlier cutoff; the limit of packet {packet} is {cap} per list. If the number "
    "is right, start these runs and change these cutoffs yourself."
)
ANOTHER_PERSON: Final = (
    "The record has another name and address than the person of the open run with this ID. It starts no run and "
    "changes none. If the employee number was given to a new person, map a column with HR's own ID (hr_id) in "
    "export_columns; otherwise correct the record."
)


@dataclass(slots=True)
class _Outcome:
    started: int = 0
    moved: int = 0
    with_run: int = 0
    items: list[FeedItem] = field(default_factory=list)

    def add(self, place: str, standing: FeedReason, message: str = "", run_id: str | None = None) -> None:
        self.items.append(FeedItem(place=place, standing=standing, message=message, run_id=run_id))


class HrFeed:
    """`packet` names the packet whose HR system is read, and under which runs start. `every` is in seconds. `failed`
    counts an error that was not expected."""

    def __init__(
        self,
        services: Services,
        queries: Queries,
        connections: Connections,
        database: Database,
        packet: str,
        *,
        every: float = 60.0,
        failed: Callable[[str], None] = lambda task: None,
    ) -> None:
        self._services = services
        self._queries = queries
        self._connections = connections
        self._rows = HrFeedRows(database, services.keyring)
        self._starts = Starts(services, queries, connections)
        self._packet = packet
        self._every = every
        self._failed = failed
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        """Ends `run` after the look that is in progress: a cancelled query may leave its connection unreturned."""
        self._stopped.set()

    async def run(self) -> None:
        """Until `stop`. Survives every error: the next look repeats what failed."""
        while not self._stopped.is_set():
            with self._surviving():
                await self.look()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), min(self._every, WOKEN_WITHIN))

    @contextlib.contextmanager
    def _surviving(self) -> Iterator[None]:
        """An error is logged without its message, which may name a person."""
        try:
            yield
        except LedgerError as error:
            log.warning("HR's feed paused, retrying: %s", type(error).__name__)
        except Exception as error:
            log.error("HR's feed failed, retrying: %s", type(error).__name__)
            self._failed("hr_feed")

    async def look(self) -> FeedReport | None:
        """Reads HR's list once and starts what is new in it. None where another worker does, and where no list could be
        read: then what was wrong is kept for the page, and nothing is started."""
        if not await self._rows.claim(self._packet, LEASE):
            return None
        try:
            return await self._look()
        except ConnectorError as error:
            await self._rows.keep_problem(
                self._packet,
                error.code,
                f"{error.detail} {error.remedy}".strip(),
                lasting=not isinstance(error, TryAgainError),
            )
        except Refusal as refused:
            await self._rows.keep_problem(self._packet, refused.code, refused.message, lasting=True)
        finally:
            # A little early, so that the same worker's next look finds it due.
            await self._rows.release(self._packet, timedelta(seconds=self._every * 0.9))
        return None

    async def _look(self) -> FeedReport:
        actor = hr_feed()
        await commands.record_actor(self._services, actor)
        _, packet = await governing(self._services.runs, self._queries, self._packet, actor)
        people = People(self._connections, packet, self._services.keyring)
        listed = await people.leavers()
        since = await self._rows.begin(packet.name, packet.platform.hr.system)
        before = await self._rows.last(packet.name)
        last = None if before is None or before.report is None else FeedReport.model_validate_json(before.report)
        earlier = last if before is not None and before.version == listed.version else None
        fewer = earlier.fewer if earlier is not None else max(last.leavers - len(listed.leavers), 0) if last else 0
        refused = earlier is not None and any(item.standing == "too_many" for item in earlier.items)
        found = await self._processed(actor, packet, people, listed, since, refused)
        # First, since it says of the whole list that nothing of it was carried out.
        found.items.sort(key=lambda item: item.standing != "too_many")
        started, moved = found.started, found.moved
        if earlier is not None:
            started, moved = started + earlier.started, moved + earlier.moved
        report = FeedReport(
            source=listed.source,
            as_of=listed.as_of,
            leavers=len(listed.leavers),
            fewer=fewer,
            started=started,
            moved=moved,
            with_run=found.with_run,
            waiting=len(found.items) - len(listed.unreadable),
            unreadable=len(listed.unreadable),
            items=tuple(found.items[:MAX_ITEMS]),
        )
        await self._rows.keep(packet.name, listed.version, report.model_dump_json().encode(), _asks(found.items))
        return report

    async def _processed(
        self, actor: Actor, packet: Packet, people: People, listed: LeaversListed, since: datetime, refused: bool
    ) -> _Outcome:
        """`refused`: the last look at this same list carried nothing of it out, and asked HR about earlier dates."""
        outcome = _Outcome()
        for record in listed.unreadable:
            outcome.add(record.place, "unreadable", record.message)
        now = await self._services.runs.ledger.now()
        known = await self._services.keyring.find_people("hr", [one.person_id for one in listed.leavers])
        # Beside a packet in use, a dry run of a person is not the run of a leaving.
        history = (await self._services.runs.shelf(packet.name)).history
        latest = await self._rows.latest_runs(known.values(), dry=starts_dry_runs(history))
        due: list[tuple[ListedLeaver, str | None]] = []
        changed: list[tuple[ListedLeaver, RunState]] = []
        unsure: list[tuple[ListedLeaver, RunState]] = []
        for leaver in listed.leavers:
            run = latest.get(known.get(leaver.person_id, ""))
            if run is not None and run.closed_at is None:
                state = (await self._services.runs.load(run.run_id)).state
                if state.dry or changed_leaving(state, leaver.leaving_at) is None:
                    changed += [] if state.dry else [(leaver, state)]
                    outcome.with_run += 1
                    continue
                try:
                    person = await people.by_id(leaver.person_id)
                except ConnectorError as error:
                    outcome.add(leaver.place, "refused", f"{error.detail} {error.remedy}".strip())
                    continue
                if self._of_another(state, person, leaver.place, now, outcome):
                    continue
                facts = state.asked.facts
                is_unsure = facts and person and may_be_another_person(PersonFacts.model_validate(facts), person)
                if not is_unsure and await self._ends_restore(leaver, run, state, packet, since, now):
                    due.append((leaver, run.run_id))
                    continue
                outcome.with_run += 1
                (unsure if is_unsure else changed).append((leaver, state))
            elif run is not None and await self._had_run(leaver, run):
                outcome.with_run += 1
            elif waits_for_hr(leaver.leaving_at, packet, since, now):
                outcome.add(leaver.place, "left_before")
            else:
                due.append((leaver, run.run_id if run is not None and await self._taken_back_by(run) else None))
        earlier = [one for one in changed if changed_leaving(one[1], one[0].leaving_at) is DateChange.EARLIER]
        waiting = sum(waits_earlier(state, leaver.leaving_at) for leaver, state in changed) if refused else 0
        cap, count = packet.workflow.thresholds.batch_cap, len(due) + len(earlier) + waiting
        if count > cap:
            said = TOO_MANY.format(count=count, packet=packet.name, cap=cap)
            shown = [leaver for leaver, state in earlier if not _under_embargo(state, now)]
            for leaver in (*(one for one, _ in due), *shown):
                outcome.add(leaver.place, "too_many", said)
            for leaver, state in earlier:
                at = cutoff_at(leaver.leaving_at, state.zone)
                await commands.report_leaving(self._services, actor, state.run_id, at, moves=False)
            due, changed = [], [one for one in changed if one not in earlier]
        for leaver, after in due:
            await self._start_one(actor, packet, leaver, after, outcome)
        for leaver, state in changed:
            await self._report(actor, state, leaver.leaving_at, leaver.place, now, outcome)
        for leaver, state in unsure:
            await self._report(actor, state, leaver.leaving_at, leaver.place, now, outcome, moves=False)
        await self._taken_back(actor, packet, people, known.values(), now, outcome)
        return outcome

    async def _ends_restore(
        self, leaver: ListedLeaver, run: LatestRun, state: RunState, packet: Packet, since: datetime, now: datetime
    ) -> bool:
        """Whether a run starts for this leaving although a restore is open, which the start cancels: it is another
        leaving than the one that was taken back. About one that is long ago, HR is asked."""
        if state.restores is None or waits_for_hr(leaver.leaving_at, packet, since, now):
            return False
        return not await self._had_run(leaver, run)

    async def _taken_back_by(self, run: LatestRun) -> bool:
        return run.state == "ended" and taken_back((await self._services.runs.load(run.run_id)).state)

    async def _had_run(self, leaver: ListedLeaver, run: LatestRun) -> bool:
        if await self._taken_back_by(run):
            return False
        state = (await self._services.runs.load(run.run_id)).state
        if state.restores is not None:
            restored = (await self._services.runs.load(state.restores)).state
            if state.finish != "ended":
                return had_restored(state, restored, leaver.leaving_at)
            ended = restored.finish == "ended"
            same = had_run(leaver.leaving_at, restored.cutoff, ended, restored.finished_at)
            return same or started_for(restored, leaver.leaving_at)
        if had_run(leaver.leaving_at, run.cutoff, run.state == "ended", run.closed_at):
            return True
        return started_for(state, leaver.leaving_at)

    @staticmethod
    def _of_another(state: RunState, person: Person | None, place: str, now: datetime, outcome: _Outcome) -> bool:
        """Whether HR's record is about another person than the open run."""
        facts = state.asked.facts
        if facts is None or person is None or not is_another_person(PersonFacts.model_validate(facts), person):
            return False
        if not _under_embargo(state, now):
            outcome.add(place, "another_person", ANOTHER_PERSON, state.run_id)
        return True

    async def _report(
        self,
        actor: Actor,
        state: RunState,
        leaving_at: datetime | None,
        place: str,
        now: datetime,
        outcome: _Outcome,
        *,
        moves: bool = True,
    ) -> None:
        """Reports HR's record of a person with an open run, and names the run while HR is asked about it. With `moves`
        off, HR is asked about an earlier date as well."""
        if changed_leaving(state, leaving_at) is not None:
            at = None if leaving_at is None else cutoff_at(leaving_at, state.zone)
            done = await commands.report_leaving(self._services, actor, state.run_id, at, moves=moves)
            state = (await self._services.runs.load(state.run_id)).state
            if not _under_embargo(state, now):
                outcome.moved += any(isinstance(event, RunRescheduled) for event in done.events)
        if _under_embargo(state, now):
            return
        if any(known.opened.kind == "leaving_changed" for known in state.work.open_exceptions()):
            outcome.add(place, "taken_back" if leaving_at is None else "date_changed", "", state.run_id)

    async def _start_one(
        self, actor: Actor, packet: Packet, leaver: ListedLeaver, after: str | None, outcome: _Outcome
    ) -> None:
        """`after` is the cancelled run after which HR has the leaving again, or the restore that the start cancels."""
        try:
            done = await self._starts.start_reported(actor, packet, leaver.person_id, leaver.leaving_at, after)
        except ConnectorError as error:
            outcome.add(leaver.place, "refused", f"{error.detail} {error.remedy}".strip())
        except Refusal as refused:
            if refused.code == "run_open":
                outcome.with_run += 1
            else:
                outcome.add(leaver.place, "held" if refused.code in HELD else "refused", refused.message)
        else:
            if done is None:
                outcome.add(leaver.place, "changed_since")
            elif done.run_id is None:
                outcome.with_run += 1  # under an embargo: those who see that run were asked
            else:
                outcome.started += 1

    async def _taken_back(
        self, actor: Actor, packet: Packet, people: People, listed: Iterable[str], now: datetime, outcome: _Outcome
    ) -> None:
        """Open runs whose person HR's record has no leaving for any more. A person who is missing in it takes nothing
        back: an export can be truncated."""
        for run_id in await self._rows.other_open_runs(packet.name, list(listed)):
            state = (await self._services.runs.load(run_id)).state
            facts = state.asked.facts
            if facts is None or (state.asked.hr_leaving_at is None and state.leaving_change is None):
                continue
            with contextlib.suppress(ConnectorError):
                person = await people.by_id(facts["hr_id"])
                if self._of_another(state, person, "", now, outcome):
                    continue
                if person is not None and person.leaving_at is None:
                    await self._report(actor, state, None, "", now, outcome)


def _asks(items: Iterable[FeedItem]) -> str:
    """The same for the same records, in whatever lines they are. HR is asked about the others by exceptions."""
    asked = [item for item in items if item.standing in MAILED]
    texts = sorted(f"{item.standing}:{item.message}" for item in asked if item.standing != "too_many")
    texts += sorted({item.message for item in asked if item.standing == "too_many"})
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16] if texts else ""


def _under_embargo(state: RunState, now: datetime) -> bool:
    return state.embargo_until is not None and now < state.embargo_until
