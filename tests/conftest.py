"""Real servers for every test: started when the first test asks, shared by the session, gone with it.

`postgres`, `database_url` (a migrated, empty database a test), `temporal`, `company` (repaired, restarted and counted
afresh for each test), `hire` (new people in the company), `needs_directory` (skips without slapd), `stack` (all of
Offboard with its pages, as `offboard up` starts it; shared by every test that goes through the command line, the pages
or the API, so hire people of your own).
"""

from __future__ import annotations

import asyncio
import gc
import ipaddress
import itertools
import os
import shutil
import signal
import socket
import ssl
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import certifi
import hypothesis
import pytest
import pytest_asyncio
from joserfc.jwk import RSAKey

from orchestrator.deciding import assistant_calls
from orchestrator.domain.packet import packet as packet_models
from orchestrator.embedded.company.company import Company
from orchestrator.embedded.company.people import Employee
from orchestrator.embedded.postgres import PostgresServer
from orchestrator.embedded.server_process import ServerProcess
from orchestrator.embedded.temporal import TemporalServer
from tests.long_files import longest_first
from tests.long_tests import mark_long, whole_suite
from tests.tally import write_outcome

if TYPE_CHECKING:
    from orchestrator.embedded.stack import Stack
    from tests.connectors.vendors.active_directory.samba_domain import SambaDomain

TEMPLATE = "migrated_template"
SERVERS = frozenset({"postgres", "temporal", "shared_company", "stack", "chromium", "fragile", "time_skipping_server",
    "samba",
})  # fmt: skip
"""Fixtures that start a server, directly or by what they ask for."""
START_SERVERS = (
    "tests/compatibility/", "tests/demo/", "tests/embedded/", "tests/cli/commands/test_administration.py",
    "tests/connectors/protocols/test_scim.py", "tests/connectors/protocols/test_scim_modest.py",
    "tests/integration/faults/test_background_tasks.py", "tests/ledger/book/test_following.py",
    "tests/ledger/book/test_store.py", "tests/ledger/schema/test_driver_pool.py", "tests/web/test_rendering.py",
    "tests/workflows/",
    "tests/cli/commands/test_connector_new.py::test_the_skeleton_passes_its_own_tests_and_is_loaded",
)  # fmt: skip
"""Files, folders and tests that start one by themselves, or that start pytest and mypy as processes."""
NOTICES_GATHER_SECONDS = 30.0
"""In the stacks that tests share, whose mail no test reads: each look at the notices reads the inbox of all staff."""
_numbers = itertools.count(1)

hypothesis.settings.register_profile("any machine", deadline=None)  # the machine may be busy with other tests
hypothesis.settings.load_profile("any machine")
gc.set_threshold(100_000, 20, 20)
gc.disable()  # until all tests are collected: what imports and collecting make lives to the end


@pytest.fixture(scope="session", autouse=True)
def only_this_machine() -> Iterator[None]:
    """No test connects to another machine, whatever its settings say."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(address[0]):
            raise ConnectionRefusedError(f"tests stay on this machine: {address[0]} is not")
        connect(self, address)

    patch = pytest.MonkeyPatch()
    patch.setattr(socket.socket, "connect", guarded)
    yield
    patch.undo()


@pytest.fixture(scope="session", autouse=True)
def many_runs_can_be_started() -> Iterator[None]:
    """Tests share packets and start many runs within an hour. Tests of the limits set their own in the packet."""
    patch = pytest.MonkeyPatch()
    patch.setattr(
        packet_models,
        "DEFAULT_START_LIMITS",
        packet_models.StartLimits(
            per_requester=10**6,
            per_packet=10**6,
            urgent_per_requester=10**6,
            urgent_per_packet=10**6,
        ),
    )
    yield
    patch.undo()


@pytest.fixture(scope="session", autouse=True)
def assistants_can_send_many_requests() -> Iterator[None]:
    """Tests try every route as an assistant within a minute. Tests of the limit set their own."""
    patch = pytest.MonkeyPatch()
    patch.setattr(assistant_calls, "MAX_CALLS_A_MINUTE", 10**6)
    yield
    patch.undo()


@pytest.fixture(scope="session", autouse=True)
def private_keys_are_read_once() -> Iterator[None]:
    """Reading an RSA key checks its primes. Tests make hundreds of connectors with the same few keys; checking
    these again and again took a fifth of the processor time of the tests of vendors that sign with a key."""
    read, known = RSAKey.import_key, dict[str, RSAKey]()

    def import_key(cls: type[RSAKey], value: Any, *more: Any, **named: Any) -> RSAKey:
        if cls is not RSAKey or more or named:
            return read(value, *more, **named)
        text = repr(value)
        if text not in known:
            known[text] = read(value)
        return known[text]

    patch = pytest.MonkeyPatch()
    patch.setattr(RSAKey, "import_key", classmethod(import_key))
    yield
    patch.undo()


@pytest.fixture(scope="session", autouse=True)
def public_certificates_are_read_once() -> Iterator[None]:
    """httpx reads them for each client that is given no TLS settings, which takes 24 ms of processor time. Tests make
    hundreds of such clients, most of which use no TLS."""
    create, shared = ssl.create_default_context, list[ssl.SSLContext]()

    def shared_or_new(*purpose: Any, **named: Any) -> ssl.SSLContext:
        if purpose or named != {"cafile": certifi.where()}:
            return create(*purpose, **named)
        if not shared:
            shared.append(create(**named))
        return shared[0]

    patch = pytest.MonkeyPatch()
    patch.setattr(ssl, "create_default_context", shared_or_new)
    yield
    patch.undo()


@pytest.fixture(scope="session", autouse=True)
def processes_are_started_as_by_a_person() -> None:
    """What every process that a test starts would inherit: a shell has whatever runs in its background ignore SIGINT,
    and tests in parallel processes see 80 columns in every terminal."""
    for name in ("COLUMNS", "LINES"):
        os.environ.pop(name, None)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@pytest_asyncio.fixture(scope="session")
async def postgres(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PostgresServer]:
    """One PostgreSQL for the session; do not crash this one, start your own for that."""
    async with PostgresServer.start(tmp_path_factory.mktemp("postgres"), databases=()) as server:
        yield server


@pytest_asyncio.fixture(scope="session")
async def migrated_template(postgres: PostgresServer) -> str:
    """The name of a database on which every migration ran, to be copied."""
    from orchestrator.ledger.schema.migrate import upgrade  # only who needs a ledger pays for its import

    await postgres.create_database(TEMPLATE)
    await asyncio.to_thread(upgrade, postgres.url(TEMPLATE))
    return TEMPLATE


@pytest_asyncio.fixture
async def database_url(postgres: PostgresServer, migrated_template: str) -> AsyncIterator[str]:
    """A fresh, migrated, empty database; the URL logs in as its owner."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    await postgres.create_database(name, template=migrated_template)
    yield postgres.url(name)
    await postgres.drop_database(name)


@pytest_asyncio.fixture(scope="session")
async def temporal(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TemporalServer]:
    """One Temporal dev server for the session; use task queues of your own. Do not crash this one."""
    async with TemporalServer.start(tmp_path_factory.mktemp("temporal")) as server:
        yield server


@pytest_asyncio.fixture(scope="session")
async def shared_company(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Company]:
    async with Company.start(tmp_path_factory.mktemp("company")) as company:
        yield company


@pytest_asyncio.fixture(scope="session")
async def samba() -> AsyncIterator[SambaDomain]:
    """One Active Directory domain for the session, for tests marked `servers`; add users of your own."""
    from tests.connectors.vendors.active_directory.samba_domain import samba_domain, why_absent

    if why_absent():
        pytest.skip(why_absent())
    async with samba_domain() as domain:
        yield domain


@pytest_asyncio.fixture(scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    from orchestrator.embedded.smaller_packet import without_late_starts
    from orchestrator.embedded.stack import stack_up  # only who needs all of it pays for its import

    folder = tmp_path_factory.mktemp("stack")
    async with stack_up(folder, notices_gather_seconds=NOTICES_GATHER_SECONDS, change=without_late_starts) as up:
        yield up


@pytest_asyncio.fixture
async def company(shared_company: Company) -> AsyncIterator[Company]:
    """The company without faults or outages, its effects counted from the beginning of this test."""
    await shared_company.mark()
    yield shared_company
    await shared_company.clear_faults()
    await shared_company.restart()


class Hire(Protocol):
    async def __call__(self, count: int = 1, traits: Sequence[str] = (), **fields: Any) -> list[Employee]: ...


@pytest_asyncio.fixture
async def hire(company: Company) -> Hire:
    """New people in the company, whom no other test touches: `await hire(2, traits=["admin"], department="IT")`."""

    async def new_people(count: int = 1, traits: Sequence[str] = (), **fields: Any) -> list[Employee]:
        people = []
        for _ in range(count):
            number = next(_numbers)
            given, family = f"Veltramine{_letters(number)}", f"Ostrovanter{_letters(number)}"
            row: dict[str, Any] = {
                "employee_number": f"T-{number:05d}",
                "given_name": given,
                "family_name": family,
                "email": f"{given}.{family}@wolkenmuehle.example".lower(),
                "department": "Engineering",
                "title": "Software Engineer",
                "manager_number": "E-1010",
                "time_zone": "Europe/Berlin",
                "leaving": True,
            }
            people.append(Employee(**{**row, "traits": frozenset(traits), **fields}))
        await company.hire(people)
        return people

    return new_people


def _letters(number: int) -> str:
    """A number as letters, so that a name stays a name: 1 -> b, 26 -> ba."""
    text = ""
    while True:
        number, rest = divmod(number, 26)
        text = chr(ord("a") + rest) + text
        if number == 0:
            return text


@pytest.fixture
def needs_directory(company: Company) -> None:
    if "directory" in company.missing:
        pytest.skip(company.missing["directory"])


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--without-servers", action="store_true", help="leave out every test that starts a server (see `make check`)"
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Two processes for each processor, since about half of the time a test waits for a server."""
    return 2 * len(os.sched_getaffinity(0))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """For `--dist loadfile`, as `make test` and `make check` have it."""
    from tests.distribution import StackScheduling

    return StackScheduling(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Before pytest selects by marks."""
    with_servers = frozenset(
        item.nodeid
        for item in items
        if SERVERS.intersection(getattr(item, "fixturenames", ())) or item.nodeid.startswith(START_SERVERS)
    )
    if whole_suite(config.args):
        mark_long(items, with_servers)
    if hasattr(config, "workerinput"):
        longest_first(items)
    if config.getoption("--without-servers"):
        config.hook.pytest_deselected(items=[item for item in items if item.nodeid in with_servers])
        items[:] = [item for item in items if item.nodeid not in with_servers]


@pytest.fixture(scope="session", autouse=True)
def no_server_is_started_where_none_is_wanted(request: pytest.FixtureRequest) -> Iterator[None]:
    """So that a new test which starts one is named in `SERVERS` or `START_SERVERS`."""
    patch = pytest.MonkeyPatch()
    if request.config.getoption("--without-servers"):

        def refuse(self: ServerProcess) -> None:
            raise AssertionError("this test starts a server: name its fixture or its file in tests/conftest.py")

        patch.setattr(ServerProcess, "start", refuse)
    yield
    patch.undo()


def pytest_collection_finish() -> None:
    """What was imported and collected stays: no garbage collection looks through it."""
    gc.freeze()
    gc.enable()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """`@pytest.mark.servers("keycloak", ...)` names the programs that a test needs."""
    for mark in item.iter_markers("servers"):
        for program in mark.args:
            if shutil.which(program) is None:
                pytest.skip(f"{program} is not installed")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Where TALLY names a file, the outcome is appended to it (see tests/tally.py)."""
    path = os.environ.get("TALLY")
    if path and not hasattr(session.config, "workerinput"):
        write_outcome(Path(path), session.config.pluginmanager.get_plugin("terminalreporter").stats, exitstatus)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """End with what was left out, so that a green run that tested less cannot pass for a whole one."""
    reasons: dict[str, int] = {}
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reasons[reason.removeprefix("Skipped: ")] = reasons.get(reason.removeprefix("Skipped: "), 0) + 1
    if reasons:
        terminalreporter.section("left out")
        for reason, count in reasons.items():
            terminalreporter.write_line(f"{count} tests: {reason}")
