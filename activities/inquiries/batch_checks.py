"""Checks every row of a list as its start would be checked, and records the batch: nothing has started then.

rows ─► HR, in one list where it has one ─► each row by the rules of a start ─► broken rows, or the batch
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from activities.connections import Connections
from activities.inquiries.hr_list import HrList
from activities.inquiries.packets import governing
from activities.inquiries.people import People
from connectors.account_set import comparable
from connectors.people import Person
from orchestrator import commands
from orchestrator.commands import Services
from orchestrator.deciding.packet_shelf import PacketShelf, version_for
from orchestrator.deciding.snapshots import StartContext
from orchestrator.documents.batches.rows import BatchChecked, BatchRowAsked, BrokenRow
from orchestrator.documents.runs.questions import BatchAsked
from orchestrator.domain import events as e
from orchestrator.domain.batches import batch_commands
from orchestrator.domain.commands import requests
from orchestrator.domain.errors import Invalid, Refusal, remedy_in
from orchestrator.domain.organisation.organisation import actor_of
from orchestrator.domain.permissions.command_table import require
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.run.cutoff import Cutoff, parse_cutoff
from orchestrator.ledger.persons.keys import new_person_id
from orchestrator.reading.batches import BatchQueries
from orchestrator.reading.queries import Queries
from orchestrator.reading.visibility import Viewer
from orchestrator.vocabulary.remedies import COMMON


@dataclass(frozen=True, slots=True)
class _Row:
    asked: BatchRowAsked
    person: Person
    cutoff: Cutoff


@dataclass(frozen=True, slots=True)
class _CheckedAgainst:
    """What rows are checked against: `people` are opaque IDs by HR's IDs, `open_runs` and `batches` the run and the
    open batch of a person that the requester sees, by opaque ID."""

    people: Mapping[str, str]
    open_runs: Mapping[str, str]
    batches: Mapping[str, str]


class BatchChecks:
    def __init__(self, services: Services, queries: Queries, batches: BatchQueries, connections: Connections) -> None:
        self._services = services
        self._queries = queries
        self._batches = batches
        self._connections = connections

    async def check(self, asked_by: str, question: BatchAsked, inquiry_id: str) -> BatchChecked:
        """The batch has the same ID each time that this question is answered. Raises `Refusal`, and `ConnectorError`
        where HR cannot be asked."""
        runs = self._services.runs
        actor = actor_of(await runs.organisation(), asked_by).model_copy(update={"up_to": question.up_to})
        shelf, packet = await governing(runs, self._queries, question.packet, actor)
        require("propose_batch", actor)
        # Before HR is asked: who may not prepare runs learns nothing about people, not even from a refusal.
        requests.require_prepare(actor, packet, packet, packet.name)
        batch_commands.require_size(len(question.rows))
        listed = await HrList.read(People(self._connections, packet, self._services.keyring), len(question.rows))
        broken = list(question.unreadable)
        rows = await self._found(question.rows, listed, broken)
        known = await self._known(actor, rows)
        context = await self._context(shelf)
        ready: list[e.BatchRowProposed] = []
        for row in rows:
            try:
                person_id = known.people.get(row.person.id) or new_person_id()
                self._require_startable(row, person_id, listed, actor, context, question, known)
            except Refusal as refused:
                broken.append(BrokenRow(place=row.asked.place, message=_said(refused)))
                continue
            ready.append(_proposed(len(ready) + 1, row, person_id))
        named = tuple(sorted(broken, key=_number))
        batch_id = f"b{hashlib.sha256(f'batch:{inquiry_id}'.encode()).hexdigest()[:16]}"
        if batch_id in (await runs.batches.listed()).all:
            return await self._recorded(batch_id, named)
        if question.check_only or (named and not question.skip_broken):
            return BatchChecked(batch_id=None, people=len(ready), broken=named)
        kept = [row.model_copy(update={"person_id": await self._person(row)}) for row in ready]
        await commands.propose_batch(
            self._services, actor, batch_id, packet, kept, broken=len(named), shadow=question.shadow
        )
        return BatchChecked(batch_id=batch_id, people=len(ready), broken=named)

    async def _recorded(self, batch_id: str, broken: tuple[BrokenRow, ...]) -> BatchChecked:
        """The answer of a worker that died after it recorded the batch. The rows of the batch now seem broken, since
        their people are in it."""
        state = (await self._services.runs.batches.read([batch_id]))[batch_id]
        places = {row.proposed.place for row in state.rows.values()}
        left_out = tuple(row for row in broken if row.place not in places)
        return BatchChecked(batch_id=batch_id, people=len(state.rows), broken=left_out)

    async def _found(self, asked: tuple[BatchRowAsked, ...], listed: HrList, broken: list[BrokenRow]) -> list[_Row]:
        """The rows whose person HR has, each person once, with the cutoff in their zone."""
        rows: dict[str, _Row] = {}
        for row in asked:
            try:
                person = await listed.find(row.person)
                _require_address(row, person)
                if person.id in rows:
                    raise Invalid(
                        "person_twice", f"This person is in the list already ({rows[person.id].asked.place})."
                    )
                cutoff = parse_cutoff(row.cutoff, row.zone or person.time_zone or None)
            except Refusal as refused:
                broken.append(BrokenRow(place=row.place, message=_said(refused)))
                continue
            rows[person.id] = _Row(row, person, cutoff)
        return list(rows.values())

    async def _known(self, actor: Actor, rows: list[_Row]) -> _CheckedAgainst:
        people = await self._services.keyring.find_people("hr", [row.person.id for row in rows])
        open_runs = await self._batches.open_runs_of(Viewer.of(actor), set(people.values()))
        runs = self._services.runs
        batches: dict[str, str] = {}
        for batch_id in (await runs.batches.listed()).open:
            state = await runs.batches.load(batch_id)
            current = (await runs.shelf(state.asked.packet)).current
            if current is not None and batch_commands.sees_batch(state, actor, current):
                waiting = (row.proposed.person_id for row in state.rows.values() if row.waits)
                batches |= dict.fromkeys(waiting, batch_id)
        return _CheckedAgainst(people, open_runs, batches)

    async def _context(self, shelf: PacketShelf) -> StartContext:
        runs = self._services.runs
        organisation = await runs.organisation()
        departed = await runs.departures.departed(organisation)
        now = await runs.ledger.now()
        return StartContext(None, shelf, organisation, now, runs.abilities, departed=departed)

    def _require_startable(
        self,
        row: _Row,
        person_id: str,
        listed: HrList,
        actor: Actor,
        context: StartContext,
        question: BatchAsked,
        known: _CheckedAgainst,
    ) -> None:
        """Raises what the start would raise, and for a person who waits in another batch."""
        facts = listed.facts(row.person)
        version = version_for(context.shelf, question.packet, facts, shadow=question.shadow)
        requests.request_run(
            run_id="check",
            person_id=person_id,
            person=facts,
            cutoff=row.cutoff,
            urgent=False,
            actor=context.requester(actor, person_id),
            packet=context.shelf.version(version.version),
            phase=version.phase,
            open_run=known.open_runs.get(person_id),
            now=context.now,
            shadow=question.shadow,
            actors=context.organisation.actors,
            abilities=context.abilities,
        )
        if not question.shadow and (batch_id := known.batches.get(person_id)) is not None:
            raise Invalid("person_in_batch", f"This person is in batch {batch_id}.")

    async def _person(self, row: e.BatchRowProposed) -> str:
        """The person's opaque ID, with a key. Only people of a batch that is recorded get one."""
        assert row.hr_id is not None, "a row that was checked has its person"
        person_id = await self._services.keyring.person_for("hr", row.hr_id)
        assert person_id is not None, "a person who is not known is created"
        return person_id


def _proposed(number: int, row: _Row, person_id: str) -> e.BatchRowProposed:
    return e.BatchRowProposed(
        row=number,
        place=row.asked.place,
        person_id=person_id,
        cutoff=row.cutoff.instant,
        zone=row.cutoff.zone,
        local_cutoff=row.cutoff.local,
        hr_id=row.person.id,
        label=row.person.display_name or None,
    )


def _require_address(row: BatchRowAsked, person: Person) -> None:
    if not row.email:
        return
    if comparable(row.email) not in {comparable(address) for address in (person.email, *person.former_emails)}:
        raise Invalid("address_differs", "HR has a different mail address for this employee number.")


def _said(refused: Refusal) -> str:
    return f"{refused.message} {remedy_in(COMMON, refused.code, refused.facts)}".strip()


def _number(row: BrokenRow) -> int:
    """The line of a file, so that broken rows are named in the order of the list."""
    found = re.search(r"\d+\Z", row.place)
    return int(found[0]) if found is not None else 0
