"""A ledger with a packet in production and runs in it, made through the entry points of people and workers: commands,
and the domain's own protocol of searches and steps. There is no engine; `work` does what its workflow would have done.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import psycopg

from connectors.registry import connector_kinds
from orchestrator import commands
from orchestrator.commands import Done, Services
from orchestrator.deciding.runs import RUN_EVENT_TYPES, Runs
from orchestrator.domain import events as e
from orchestrator.domain.events.event import Event
from orchestrator.domain.organisation.person import PersonFacts
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.packet.packet_files import parse_packet, starter_packet
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.planning.matching import FoundAccount
from orchestrator.domain.planning.searching import judge, searches_due
from orchestrator.domain.run.cutoff import Cutoff
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps import steps
from orchestrator.domain.run.steps.readiness import World, readiness
from orchestrator.domain.run.steps.steps import AttemptResult
from orchestrator.embedded.smaller_packet import without_late_starts
from orchestrator.embedded.stack import adopt_by_owners
from orchestrator.ledger.book.codec import EventCodec
from orchestrator.ledger.book.store import Ledger
from orchestrator.ledger.persons.keys import Keyring
from orchestrator.ledger.schema.database import Database
from orchestrator.reading.exception_lists import ExceptionFilter, ExceptionLists, ListScope
from orchestrator.reading.queries import Queries
from orchestrator.reading.rows import ExceptionLine
from orchestrator.reading.run_lists import RunLists
from orchestrator.reading.visibility import Viewer

MASTER_KEY = bytes(range(32))
DONE = AttemptResult(read="done", detail={"shown": True})
REFUSED = AttemptResult("refused", "no", "refused")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def acting(actor_id: str, *roles: str) -> Actor:
    return Actor(actor_id=actor_id, roles=frozenset(roles), human=f"p_{actor_id}")


HANNA = acting("hanna", "requester")
IVO = acting("ivo", "it_approver")
FERN = acting("fern", "finance_approver")
OLE = acting("ole", "operator")
VERA = acting("vera", "value_owner")
SAM = acting("sam", "safety_owner")
AUDREY = acting("audrey", "auditor")
STAFF = (HANNA, IVO, FERN, OLE, VERA, SAM, AUDREY)


def answers_of_systems(state: RunState, world: World) -> list[Event]:
    """Every system that is due answers with one account that is the person's."""
    readiness_by_step = {id_: readiness(state, step, world) for id_, step in state.plan.steps.items()}
    due = searches_due(state, world, readiness_by_step).systems
    person = PersonFacts.model_validate(state.asked.facts)
    results, details = [], {}
    for system, purpose in due:
        spec = world.pinned.platform.systems[system]
        account = FoundAccount(
            system=system,
            account_id=f"a-{system}-{state.asked.person_id[2:10]}",
            native_id=person.hr_id,
            label=person.employee_number,
            active=True,
            attributes={spec.match[0].attribute: _matching(person, spec.match[0].key)},
        )
        results.append(judge(person, world.pinned, system, purpose, [account]))
        details[account.account_id] = account.model_dump(mode="json")
    return [e.AccountsSearched(results=tuple(results), details=details)] if results else []


class SmallOffice:
    def __init__(self, url: str, database: Database, packet: Packet) -> None:
        self.url = url
        self.database = database
        self.packet = packet
        self.keyring = Keyring(database, MASTER_KEY)
        self.codec = EventCodec(RUN_EVENT_TYPES)
        self.ledger = Ledger(database, self.keyring, self.codec)
        self.runs = Runs(self.ledger, connector_kinds())
        self.services = Services(self.runs, self.keyring)
        self.queries = Queries(database, self.ledger, self.runs)
        self.run_lists = RunLists(database, self.queries)
        self.exception_lists = ExceptionLists(database, self.queries)
        self._people = 0

    async def open(self) -> None:
        for actor in STAFF:
            await self.keyring.create_person(actor.human)
            await commands.record_actor(self.services, actor)
        await self.into_production(self.packet)

    async def into_production(self, packet: Packet) -> None:
        version = await adopt_by_owners(self.services, packet, VERA, SAM)
        for phase in ("shadow", "pilot", "production"):
            for owner in (VERA, SAM):
                await commands.sign_packet(self.services, owner, packet.name, version, None, [])
            await commands.move_packet(self.services, SAM, packet.name, version, phase, [])  # type: ignore[arg-type]  # one of the phases

    async def into_shadow(self, packet: Packet) -> None:
        version = await adopt_by_owners(self.services, packet, VERA, SAM)
        for owner in (VERA, SAM):
            await commands.sign_packet(self.services, owner, packet.name, version, None, [])
        await commands.move_packet(self.services, SAM, packet.name, version, "shadow", [])

    async def listed(self, viewer: Viewer) -> set[str]:
        """The runs in the list that pages and API show."""
        return {line.run_id for line in (await self.run_lists.page(viewer, limit=500)).lines}

    async def exceptions(self, viewer: Viewer, standing: ListScope = "open") -> tuple[ExceptionLine, ...]:
        """Those in the list that pages and API show."""
        return (await self.exception_lists.page(viewer, ExceptionFilter(standing), limit=500)).lines

    async def start(self, cutoff_in: timedelta = DAY, *, by: Actor = HANNA, **more: Any) -> str:
        """A run of someone new, planned already. `cutoff_in` counts from now."""
        self._people += 1
        number = f"S-{self._people:05d}"
        person = PersonFacts(
            hr_id=number,
            employee_number=number,
            display_name=f"Quirina Baldamus{self._people}",
            department="Sales",
            email=f"{number}@sales.example".lower(),
            manager_email="above@sales.example",
            time_zone="Europe/Berlin",
        )
        at = await self.ledger.now() + cutoff_in
        cutoff = Cutoff(instant=at, zone="Europe/Berlin", local=at.strftime("%Y-%m-%dT%H:%M"))
        done = await commands.start_run(self.services, by, person, self.packet.name, cutoff, **more)
        assert isinstance(done, Done)
        await self.search(done.run_id)
        return done.run_id

    async def search(self, run_id: str) -> bool:
        """Every system that is due answers with one account that is theirs. False if none is: only checks after the
        close are, which read no accounts here."""
        found: list[Event] = []

        def look(state: RunState, world: World) -> Sequence[Event]:
            found[:] = answers_of_systems(state, world)
            return found

        await self.runs.decide(run_id, look)
        return bool(found)

    async def approve(self, run_id: str) -> None:
        state = await self.state(run_id)
        for gate_id, gate in state.decisions.gates.items():
            if gate.open:
                by = FERN if "finance_approver" in gate.opened.roles else IVO
                await commands.approve_gate(self.services, by, run_id, gate_id)

    async def work(self, run_id: str, answers: dict[str, AttemptResult] | None = None, most: int = 200) -> list[str]:
        """Does what is due until nothing is, and returns the names of the steps in their order. `answers` by name."""
        did = []
        for _ in range(most):
            snapshot = await self.runs.load(run_id)
            now = snapshot.progress
            if now.search and await self.search(run_id):
                continue
            if not now.steps:
                break
            step_id = now.steps[0].step_id
            name = snapshot.state.plan.steps[step_id].name
            answer = (answers or {}).get(name, DONE)
            intent = steps.begin(snapshot.state, step_id, snapshot.world)
            assert intent is not None
            started, wanted = intent.started, intent
            await self.runs.decide(run_id, lambda state, world, started=started: [started])  # type: ignore[misc]  # bound now

            def result(
                state: RunState, world: World, intent: Any = wanted, answer: AttemptResult = answer
            ) -> list[Event]:
                found = steps.verdict(state, intent, answer, world.now)
                return [found] if found is not None else []

            await self.runs.decide(run_id, result)
            did.append(name)
        return did

    async def complete_tasks(self, run_id: str, by: Actor = OLE) -> None:
        for task_id, task in (await self.state(run_id)).work.tasks.items():
            if task.open:
                await commands.complete_task(self.services, by, run_id, task_id, "done", {"note": "seen"})

    async def whole(self, cutoff_in: timedelta = -HOUR, **more: Any) -> str:
        """A run from its request to its end; the cutoff has passed, so that everything is due."""
        run_id = await self.start(cutoff_in, **more)
        for _ in range(5):
            await self.approve(run_id)
            await self.work(run_id)
            await self.complete_tasks(run_id)
        return run_id

    async def state(self, run_id: str) -> RunState:
        return (await self.runs.load(run_id)).state

    async def advance_clock(self, by: timedelta) -> datetime:
        """Sets Offboard's clock ahead, as the database's owner."""

        def set_ahead() -> None:
            with psycopg.connect(self.url.replace("+psycopg", "", 1)) as connection:
                connection.execute(
                    "INSERT INTO engine.settings VALUES ('clock_offset_seconds', %s) ON CONFLICT (name) "
                    "DO UPDATE SET value = (settings.value::float8 + excluded.value::float8)::text",
                    (str(by.total_seconds()),),
                )

        await asyncio.to_thread(set_ahead)
        return await self.ledger.now()


def sees(actor: Actor) -> Viewer:
    return Viewer.of(actor)


STRANGER = Viewer("stranger", frozenset({"gardener"}))


@asynccontextmanager
async def small_office(url: str, packet: Packet | None = None) -> AsyncIterator[SmallOffice]:
    database = Database(url, role="offboard_app")
    services = SmallOffice(url, database, packet or without_late_starts(starter_packet("standard-leaver")))
    try:
        await services.open()
        yield services
    finally:
        await services.ledger.aclose()
        await database.aclose()


def renamed(packet: Packet, name: str, **changes: tuple[str, str]) -> Packet:
    """The same packet under another name, with texts changed: `renamed(p, "other", platform=("old", "new"))`."""
    files = {
        file: text.replace(f"name: {packet.name}\n".encode(), f"name: {name}\n".encode())
        for file, text in packet.files.items()
    }
    for stem, (old, new) in changes.items():
        text = files[f"{stem}.yaml"]
        assert old.encode() in text, f"{old!r} is not in {stem}.yaml"
        files[f"{stem}.yaml"] = text.replace(old.encode(), new.encode())
    return parse_packet(files)


def _matching(person: PersonFacts, key: str) -> str:
    return str(getattr(person, key))
