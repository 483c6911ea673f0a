"""Starts a run: queries HR once for the person, then opens the run with that response."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from activities.connections import Connections
from activities.inquiries.hr_list import HrList
from activities.inquiries.packets import governing
from activities.inquiries.people import People
from orchestrator import commands
from orchestrator.commands import Services
from orchestrator.documents.runs.questions import StartAsked, Started
from orchestrator.domain import events as e
from orchestrator.domain.batches.batch import BatchState
from orchestrator.domain.commands import requests
from orchestrator.domain.errors import Invalid, TooLate
from orchestrator.domain.organisation.organisation import actor_of
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.packet.version_choice import starts_dry_runs
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.permissions.urgent import SignIn
from orchestrator.domain.run.cutoff import Cutoff, parse_cutoff
from orchestrator.reading.queries import Queries


class Starts:
    def __init__(
        self, services: Services, queries: Queries, connections: Connections, first: Packet | None = None
    ) -> None:
        """`first` is as for `governing`."""
        self._services = services
        self._queries = queries
        self._connections = connections
        self._first = first

    async def start(
        self, asked_by: str, asked: StartAsked, start_id: str, waits: Callable[[], Awaitable[bool]]
    ) -> Started:
        """Opens the run for the account `asked_by`. `start_id` is the same each time that this start is repeated, since
        a worker can die after it has opened the run and before it has said so; the run is then the answer. `waits` says
        whether the asker still waits: if not, no run is opened. Raises `Refusal`, and `ConnectorError` where HR cannot
        be asked."""
        runs, keyring = self._services.runs, self._services.keyring
        actor = actor_of(await runs.organisation(), asked_by).model_copy(update={"up_to": asked.up_to})
        before = await commands.run_started(self._services, actor, start_id)
        if before is not None:
            return commands.started(before)
        _, packet = await governing(runs, self._queries, asked.packet, actor, self._first)
        # Before HR is asked: who may not prepare runs learns nothing about people, not even from a refusal.
        requests.require_prepare(actor, packet, packet, packet.name)
        people = People(self._connections, packet, keyring)
        known = await people.find(asked.wanted)
        person = await people.facts_to_search_by(known, asked.wanted)
        cutoff = asked.cutoff_for(person)
        if not await waits():
            raise TooLate("start_withdrawn", "This start was withdrawn before the run was opened.")
        done = await commands.start_run(
            self._services,
            actor,
            person,
            asked.packet,
            cutoff,
            urgent=asked.urgent,
            shadow=asked.shadow,
            embargo=asked.embargo(),
            reason=asked.reason,
            legal_hold=asked.legal_hold,
            answers=asked.answers,
            start_id=start_id,
            expected=is_expected(known.status, known.leaving_at, cutoff),
            hr_leaving_at=leaving_in_hr(known.status, known.leaving_at),
            sign_in=SignIn(asked.signed_in_recently, asked.sign_in_minutes),
        )
        return commands.started(done)

    async def start_reported(
        self, actor: Actor, packet: Packet, hr_id: str, leaving_at: datetime, after: str | None = None
    ) -> Started | None:
        """Opens the run of a person who leaves by HR's own record, as HR's feed: with HR's date, in the person's zone.
        A leaving has one run of the feed, whatever became of it, also if two processes ask at once: the run's id is
        derived from both, and from the cancelled run `after` which HR's record has the leaving again. None where HR has
        another leaving by now. Raises like `start`."""
        people = People(self._connections, packet, self._services.keyring)
        known = await people.by_id(hr_id)
        if known is None or known.leaving_at != leaving_at:
            return None
        person_id = await self._services.keyring.person_for("hr", hr_id)
        # A dry run of this leaving, from before the packet was in use, is not the run of the leaving.
        history = (await self._services.runs.shelf(packet.name)).history
        dry = ":dry" if starts_dry_runs(history) else ""
        again = f":after:{after}" if after is not None else ""
        start_id = f"hr-feed:{person_id}:{leaving_at.astimezone(UTC).isoformat()}{dry}{again}"
        before = await commands.run_started(self._services, actor, start_id)
        if before is not None:
            return commands.started(before)
        person = await people.facts_to_search_by(known)
        cutoff = cutoff_at(leaving_at, person.time_zone or "UTC")
        done = await commands.start_run(
            self._services,
            actor,
            person,
            packet.name,
            cutoff,
            start_id=start_id,
            expected=is_expected(known.status, known.leaving_at, cutoff),
            hr_leaving_at=leaving_in_hr(known.status, known.leaving_at),
        )
        return commands.started(done)

    async def start_row(self, actor: Actor, state: BatchState, row: e.BatchRowProposed, listed: HrList) -> None:
        """Opens the run of one row of a batch, and records it in the batch with the same append: a row whose run was
        started is never started again, and the other way round. `actor` proposed the batch. Raises like `start`, and
        `TooLate` where the batch starts no runs now or the row is done."""
        batch_id = state.asked.batch_id
        known = await listed.by_id(row.hr_id) if row.hr_id is not None else None
        if known is None:
            raise Invalid("unknown_person", "No one in HR matches this search.")
        if await self._services.keyring.find_person("hr", known.id) != row.person_id:
            raise Invalid("person_erased", "The personal data of this person has been erased.")
        person = await listed.facts_to_search_by(known)
        cutoff = Cutoff(instant=row.cutoff, zone=row.zone, local=row.local_cutoff)
        batches = self._services.runs.batches
        await commands.start_run(
            self._services,
            actor,
            person,
            state.asked.packet,
            cutoff,
            shadow=state.asked.shadow,
            start_id=f"batch:{batch_id}:{row.row}",
            expected=is_expected(known.status, known.leaving_at, cutoff),
            hr_leaving_at=leaving_in_hr(known.status, known.leaving_at),
            of_batch=commands.RowOfBatch(
                lambda: batches.row_start(batch_id, row.row), confirmed=state.confirmed is not None
            ),
        )


def cutoff_at(leaving_at: datetime, zone: str) -> Cutoff:
    """A leaving in HR as a cutoff. Raises `Invalid` for an unknown zone."""
    return parse_cutoff(f"{leaving_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}Z", zone)


def leaving_in_hr(status: str, leaving_at: datetime | None) -> datetime | None:
    """When the person leaves by HR's own record: now, where it says so without a date. None for a person who stays."""
    return None if status == "active" else leaving_at or datetime.now(UTC)


def is_expected(status: str, leaving_at: datetime | None, cutoff: Cutoff | None) -> bool:
    """Whether HR's own record says that the person leaves, on the day of the cutoff or before."""
    if status == "active" or leaving_at is None or cutoff is None:
        return False
    return cutoff.instant >= leaving_at - timedelta(days=1)
