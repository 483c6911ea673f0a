"""A whole Offboard over one test's database, its own task queue and the small company: each test here begins with it.

async with installation(database_url, temporal.address, company) as here:
    run = await here.start(person)
    await here.attend(run)                     # decides at gates, completes tasks, until the run has ended
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import psycopg

from activities.connections import Connections
from activities.inquiries.people import People
from orchestrator import commands
from orchestrator.backend import Backend, engine_address, open_backend
from orchestrator.commands import Done, Services
from orchestrator.domain.organisation.person import PersonFacts
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.packet.packet_files import starter_packet
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.run.cutoff import Cutoff, parse_cutoff
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.work import ExceptionState, TaskState
from orchestrator.embedded.company.company import Company
from orchestrator.embedded.company.people import Employee
from orchestrator.embedded.smaller_packet import without_late_starts
from orchestrator.embedded.stack import put_in_production
from orchestrator.embedded.staff import STAFF
from orchestrator.engine import Engine
from orchestrator.ledger.proofs.verification import verify_database
from orchestrator.settings import PREFIX, Settings
from orchestrator.worker import relaying, working
from tests.integration.cadence import QUICK
from tests.integration.signed_databases import MASTER_KEY, conninfo, copy_signed

POLL = 0.05  # seconds between two looks
STARTED_WITHIN_SECONDS = 90.0
"""A worker process, on a machine that is busy."""
PAST = "2026-01-05T18:00"
FAR_FUTURE = "2035-01-05T18:00"
ZONE = "Europe/Berlin"


@dataclass(frozen=True, slots=True)
class Installation:
    """`actors` are the staff of the small company, signed in, by alias. `services` nudges the engine at once."""

    settings: Settings
    backend: Backend
    engine: Engine
    services: Services
    packet: Packet
    company: Company
    actors: dict[str, Actor]
    people: People
    found: dict[str, PersonFacts] = field(default_factory=dict)

    async def facts(self, person: Employee | str) -> PersonFacts:
        number = person if isinstance(person, str) else person.employee_number
        if number not in self.found:
            self.found[number] = await self.people.facts(await self.people.find(number))
        return self.found[number]

    async def start(
        self,
        person: Employee | str,
        *,
        cutoff: str | Cutoff = PAST,
        urgent: bool = False,
        services: Services | None = None,
        by: str = "hr",
        expected: bool = False,
    ) -> str:
        """Starts a run and returns its id. `expected`: HR's own record has the leaving."""
        instant = parse_cutoff(cutoff, ZONE) if isinstance(cutoff, str) else cutoff
        facts = await self.facts(person)
        done = await commands.start_run(
            services or self.services,
            self.actors[by],
            facts,
            self.packet.name,
            None if urgent else instant,
            urgent=urgent,
            expected=expected,
        )
        assert isinstance(done, Done)
        return done.run_id

    async def state(self, run_id: str) -> RunState:
        return (await self.backend.runs.load(run_id)).state

    async def wait_until(
        self, run_id: str, holds: Callable[[RunState], bool], what: str = "the wished-for state", deadline: float = 120
    ) -> RunState:
        """The first state for which `holds`. Fails with the run's story after `deadline` seconds."""
        loop = asyncio.get_running_loop()
        until = loop.time() + deadline
        while True:
            state = await self.state(run_id)
            if holds(state):
                return state
            if loop.time() >= until:
                raise AssertionError(
                    f"{run_id}: {what} did not come within {deadline:.0f} s\n" + await self.story(run_id)
                )
            await asyncio.sleep(POLL)

    async def attend(
        self,
        run_id: str,
        *,
        deadline: float = 120,
        until: Callable[[RunState], bool] = lambda state: state.finished,
        decide: bool = True,
        settle: Callable[[RunState, str], Sequence[str]] | None = None,
        confirm: str | None = None,
    ) -> RunState:
        """Does what people do until `until` holds: approves gates, completes tasks of work, settles matches with what
        `settle` says (by default the first candidate), answers "did it happen?" with `confirm` if that is given. HR
        confirms what the operator decided alone."""
        loop = asyncio.get_running_loop()
        stop = loop.time() + deadline
        while True:
            state = await self.state(run_id)
            if until(state):
                return state
            if loop.time() >= stop:
                raise AssertionError(f"{run_id} did not get there in {deadline:.0f} s\n" + await self.story(run_id))
            if not state.finished:
                await self.act_once(state, decide, settle, confirm)
            await asyncio.sleep(POLL)

    async def act_once(
        self,
        state: RunState,
        decide: bool = True,
        settle: Callable[[RunState, str], Sequence[str]] | None = None,
        confirm: str | None = None,
    ) -> None:
        """What people would do now, as `attend` says."""
        run_id = state.run_id
        for gate_id, gate in state.decisions.gates.items():
            if gate.open and decide:
                for alias in self.who_decides(gate.roles, gate.opened.quorum):
                    await commands.approve_gate(self.services, self.actors[alias], run_id, gate_id, (), "looks right")
        for task_id, task in state.work.tasks.items():
            if task.open and (task.opened.kind == "work" or confirm is not None):
                outcome = "done" if task.opened.kind == "work" else confirm
                assert outcome is not None
                by = self.who_decides([task.opened.role])[0]
                await commands.complete_task(
                    self.services, self.actors[by], run_id, task_id, outcome, {"note": "seen to it"}
                )
        for exception in state.work.open_exceptions():
            system, id_ = exception.opened.system, exception.opened.exception_id
            if exception.opened.kind == "access_kept":
                [second] = self.who_decides(exception.opened.owners)
                await commands.accept_exception(self.services, self.actors[second], run_id, id_, "asked the manager")
            if exception.opened.kind in ("ambiguous_match", "weak_match", "no_account") and system is not None:
                wanted = settle(state, system) if settle else state.accounts.planned_on[system].candidates[:1]
                await commands.settle_match(
                    self.services, self.actors["operator"], run_id, system, wanted, "asked the manager"
                )

    def who_decides(self, roles: Collection[str], count: int = 1) -> list[str]:
        aliases = [alias for alias, actor in self.actors.items() if actor.roles & set(roles)]
        assert len(aliases) >= count, f"nobody among {sorted(self.actors)} decides for {sorted(roles)}"
        return aliases[:count]

    async def story(self, run_id: str) -> str:
        """The run's events and open matters, for the message of a test that failed."""
        page = await self.backend.ledger.read({f"run:{run_id}": 0})
        lines = [f"  {r.version:3d} {r.type} {_brief(r.event.model_dump())}" for r in page.events[f"run:{run_id}"]]
        state = await self.state(run_id)
        known = state.work.steps
        waits = [f"  {step.name}: {known[id_].status} {known[id_].code}" for id_, step in state.plan.steps.items()]
        return "\n".join([*lines, *waits])

    async def events(self, run_id: str) -> list[str]:
        page = await self.backend.ledger.read({f"run:{run_id}": 0})
        return [recorded.type for recorded in page.events[f"run:{run_id}"]]

    async def verify(self) -> None:
        """The ledger, read again by the code that shares nothing with the store."""
        found = await asyncio.to_thread(verify_database, self.settings.database_url)
        assert found.ok, found.wrong

    async def set_clock_ahead(self, seconds: float) -> None:
        """The database's clock, for everything that asks it from now on."""
        async with await psycopg.AsyncConnection.connect(conninfo(self.settings.database_url), autocommit=True) as raw:
            await raw.execute(
                "INSERT INTO engine.settings (name, value) VALUES ('clock_offset_seconds', %s) "
                "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                (str(seconds),),
            )

    def environment(self) -> dict[str, str]:
        """What a process of its own needs to work here."""
        return environment_of(self.settings)


def _brief(values: dict[str, object]) -> str:
    wanted = ("step_id", "attempt", "code", "happened", "kind", "system", "gate_id", "outcome", "exception_id")
    return " ".join(f"{name}={values[name]}" for name in wanted if values.get(name))


def task_of(state: RunState, name: str, kind: str = "confirm_outcome") -> TaskState | None:
    """The last task of a kind about the step of this name."""
    ids = {id_ for id_, step in state.plan.steps.items() if step.name == name}
    found = [t for t in state.work.tasks.values() if t.opened.step_id in ids and t.opened.kind == kind]
    return found[-1] if found else None


def statuses(state: RunState) -> dict[str, str]:
    """Step name -> status; names are unique in the packets used here except where several accounts were found."""
    return {step.name: state.work.steps[id_].status for id_, step in state.plan.steps.items()}


def gate_open(state: RunState) -> bool:
    return any(gate.open for gate in state.decisions.gates.values())


def open_kinds(state: RunState) -> set[str]:
    return {exception.opened.kind for exception in state.work.open_exceptions()}


def exceptions_of(state: RunState, kind: str) -> list[ExceptionState]:
    return [exception for exception in state.work.exceptions.values() if exception.opened.kind == kind]


def new_settings(database_url: str, temporal_address: str, company: Company) -> Settings:
    return Settings(
        database_url=database_url,
        master_key=MASTER_KEY,
        temporal_address=temporal_address,
        temporal_task_queue=f"test-{uuid.uuid4().hex[:12]}",
        installation="test",
        environment=dict(company.connections),
    )


def environment_of(settings: Settings) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "PYTHONUNBUFFERED": "1",
        PREFIX + "DATABASE_URL": settings.database_url,
        PREFIX + "MASTER_KEY": settings.master_key,
        PREFIX + "TEMPORAL_ADDRESS": settings.temporal_address,
        PREFIX + "TEMPORAL_TASK_QUEUE": settings.temporal_task_queue,
        PREFIX + "PUBLIC_URL": settings.public_url or "",
        PREFIX + "WEBHOOK_HOSTS": ",".join(settings.webhook_hosts),
        **settings.environment,
    }


@asynccontextmanager
async def installation(
    database_url: str,
    temporal_address: str,
    company: Company,
    *,
    packet: Packet | None = None,
    worker: bool = True,
    relay: bool = True,
    settings: Settings | None = None,
    addresses: bool = False,
) -> AsyncIterator[Installation]:
    """`packet` (by default `standard-leaver`) is in production, and the staff is signed in, with `addresses` also with
    name, mail address and time zone. Without `worker` nothing works here but what the test starts. With `settings` of
    another installation this is a second process of it."""
    settings = settings or new_settings(database_url, temporal_address, company)
    packet = packet or without_late_starts(starter_packet("standard-leaver"))

    async def fill(url: str) -> None:
        async with open_backend(replace(settings, database_url=url)) as backend:
            connections = Connections(settings.environment, secrets_folder=settings.secrets_folder)
            people = People(connections, packet, backend.keyring)
            await _sign_everything(Services(backend.runs, backend.keyring, None), people, packet, addresses)
            await connections.aclose()

    copied = settings.master_key == MASTER_KEY and await copy_signed(settings.database_url, packet, addresses, fill)
    async with AsyncExitStack() as stack:
        if worker:
            backend, engine = await stack.enter_async_context(working(settings))
            if relay:
                await stack.enter_async_context(relaying(backend, engine, cadence=QUICK, settings=settings))
        else:
            backend = await stack.enter_async_context(open_backend(settings))
            engine = await Engine.connect(engine_address(settings))
        services = Services(backend.runs, backend.keyring, engine)
        connections = Connections(settings.environment, secrets_folder=settings.secrets_folder)
        stack.push_async_callback(connections.aclose)
        people = People(connections, packet, backend.keyring)
        if copied:
            known = (await backend.runs.organisation()).actors
            actors = {member.alias: known[member.alias] for member in STAFF}
        else:
            actors = await _sign_everything(services, people, packet, addresses)
        yield Installation(settings, backend, engine, services, packet, company, actors, people)


async def _sign_everything(services: Services, people: People, packet: Packet, addresses: bool) -> dict[str, Actor]:
    actors = {}
    for member in STAFF:
        actor = await people.actor(member.alias, member.employee_number, member.roles, member.kind)
        actors[member.alias] = actor
        if addresses:
            person = await people.find(member.employee_number)
            await commands.record_actor(services, actor, person.display_name, person.email, person.time_zone)
        else:
            await commands.record_actor(services, actor)
    await put_in_production(services, packet, actors["value-owner"], actors["safety-owner"])
    return actors


def without_engine(here: Installation) -> Services:
    """Commands through this office nudge no one: as if every nudge got lost."""
    return replace(here.services, engine=None)


@asynccontextmanager
async def worker_here(here: Installation) -> AsyncIterator[None]:
    """A worker and relay in this process, which starts faster than one of its own: for what needs no death."""
    async with (
        working(here.settings) as (backend, engine),
        relaying(backend, engine, cadence=QUICK, settings=here.settings),
    ):
        yield


class WorkerProcess:
    """A worker and relay in a process of their own; see `killable_worker` for the points at which it can die."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self.log = log

    @staticmethod
    @asynccontextmanager
    async def start(
        environment: dict[str, str],
        log: Path,
        point: str = "never",
        count: int = 1,
        number: signal.Signals = signal.SIGKILL,
    ) -> AsyncIterator[WorkerProcess]:
        """Ready when the block begins; killed when it ends."""
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.integration.killable_worker", point, str(count), number.name,
                env=environment, stdout=asyncio.subprocess.PIPE, stderr=output, cwd=environment["PYTHONPATH"],
            )  # fmt: skip
        assert process.stdout is not None
        try:
            async with asyncio.timeout(STARTED_WITHIN_SECONDS):
                line = await process.stdout.readline()
            assert line == b"ready\n", f"the worker did not start: {log.read_text()[-2000:]}"
            yield WorkerProcess(process, log)
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)

    async def died(self, deadline: float = 120) -> None:
        """Waits for the SIGKILL that it gives itself."""
        async with asyncio.timeout(deadline):
            code = await self._process.wait()
        assert code == -signal.SIGKILL, f"it ended with {code}: {self.log.read_text()[-2000:]}"

    async def stopped(self, deadline: float = 120) -> None:
        """Waits for the SIGSTOP that it gives itself."""
        loop = asyncio.get_running_loop()
        until = loop.time() + deadline
        while os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WNOHANG) is None:
            assert loop.time() < until, f"it did not stop: {self.log.read_text()[-2000:]}"
            await asyncio.sleep(POLL)

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)
