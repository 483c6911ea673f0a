"""PostgreSQL from the wheel: as the user who runs the tests, across a crash, and gone when its owner is gone."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psycopg
import pytest

from orchestrator.embedded.postgres import PostgresServer
from orchestrator.embedded.postgres_binaries import programs
from orchestrator.embedded.server_process import EmbeddedServerError, ServerUser
from orchestrator.embedded.unprivileged import can_reach

REPOSITORY = Path(__file__).parents[2]


def query(server: PostgresServer, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(server.conninfo(), autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


async def test_a_crash_loses_no_committed_row(tmp_path: Path) -> None:
    async with PostgresServer.start(tmp_path) as server:
        query(server, "CREATE TABLE kept AS SELECT generate_series(1, 5000) AS n")
        first = server.pid
        await server.crash()
        assert server.pid is None
        with pytest.raises(psycopg.OperationalError):
            query(server, "SELECT 1")
        await server.restart()
        assert server.pid != first
        assert query(server, "SELECT count(*) FROM kept") == [(5000,)]


async def test_it_never_runs_as_root_and_its_socket_is_private(tmp_path: Path) -> None:
    async with PostgresServer.start(tmp_path) as server:
        assert server.pid is not None
        assert Path(f"/proc/{server.pid}").stat().st_uid != 0
        sockets = Path(psycopg.conninfo.conninfo_to_dict(server.conninfo())["host"])  # type: ignore[arg-type]
        assert sockets.stat().st_mode & 0o777 == 0o700
        assert len(os.fsencode(sockets / ".s.PGSQL.5432")) < 107


async def test_what_was_not_to_be_kept_is_gone_afterwards(tmp_path: Path) -> None:
    async with PostgresServer.start(tmp_path) as server:
        data = server.data
        sockets = Path(psycopg.conninfo.conninfo_to_dict(server.conninfo())["host"])  # type: ignore[arg-type]
        assert (data / "PG_VERSION").exists()
    assert not data.exists()
    assert not sockets.exists()


async def test_kept_data_are_found_again_even_behind_a_pid_file_that_names_another_process(tmp_path: Path) -> None:
    async with PostgresServer.start(tmp_path, keep=True) as server:
        query(server, "CREATE TABLE kept (n int)")
        data = server.data
    try:
        # What a killed server leaves behind; its number belongs to someone else by now: to us.
        (data / "postmaster.pid").write_text(f"{os.getpid()}\n{data}\n")
        async with PostgresServer.start(tmp_path, keep=True) as server:
            assert query(server, "SELECT * FROM kept") == []
            with pytest.raises(EmbeddedServerError, match="already running"):
                async with PostgresServer.start(tmp_path, keep=True):
                    raise AssertionError("two servers on the same data")
    finally:
        shutil.rmtree(data)


async def test_a_long_path_and_databases_from_a_template(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 40) / ("longer" * 20)
    async with PostgresServer.start(folder, databases=("original",)) as server:
        with psycopg.connect(server.conninfo("original"), autocommit=True) as connection:
            connection.execute("CREATE TABLE copied (n int)")
        await server.create_database("copy", template="original")
        connection = psycopg.connect(server.conninfo("copy"))
        connection.execute("SELECT * FROM copied")
        await server.drop_database("copy")  # also while someone is connected
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT * FROM copied")
        connection.close()
        await server.drop_database("copy")


async def test_the_log_tells_nothing_about_the_rows_that_were_refused(tmp_path: Path) -> None:
    async with PostgresServer.start(tmp_path) as server:
        query(server, "CREATE TABLE people (name text PRIMARY KEY)")
        query(server, "INSERT INTO people VALUES ('Zephyrino')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            query(server, "INSERT INTO people VALUES ('Zephyrino')")
    log = (tmp_path / "postgres.log").read_text()
    assert "people_pkey" in log
    assert "Zephyrino" not in log


OWNER = textwrap.dedent(
    """
    import asyncio, signal, sys
    from pathlib import Path
    from orchestrator.embedded.postgres import PostgresServer

    # A shell's background jobs are born deaf to it, and so are these tests there.
    signal.signal(signal.SIGINT, signal.default_int_handler)

    async def main():
        async with PostgresServer.start(Path(sys.argv[1])) as server:
            print(server.pid, server.data, flush=True)
            await asyncio.Event().wait()

    asyncio.run(main())
    """
)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_nothing_is_left_when_the_owner_is_killed(tmp_path: Path, number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as owner:
        assert owner.stdout is not None
        pid, data = owner.stdout.readline().split()
        owner.send_signal(number)
        owner.wait(20)
    deadline = time.monotonic() + 120
    while Path(f"/proc/{pid}").exists() or Path(data).exists():
        assert time.monotonic() < deadline, "the server outlived its owner"
        time.sleep(0.02)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_normal_user_can_run_it_too(tmp_path_factory: pytest.TempPathFactory) -> None:
    nobody = pwd.getpwnam("nobody")
    user = ServerUser(nobody.pw_uid, nobody.pw_gid)
    if not can_reach(Path(sys.executable).resolve(), user) or not can_reach(REPOSITORY / "x", user):
        pytest.skip("this checkout or its Python lies where a normal user cannot reach it")
    script = OWNER.replace("await asyncio.Event().wait()", "pass")
    folder = f"/tmp/offboard-test-{os.getpid()}"  # pytest's own folders are closed to other users
    done = subprocess.run(
        [sys.executable, "-c", script, folder],
        user=user.uid,
        group=user.gid,
        extra_groups=[],
        capture_output=True,
        text=True,
        cwd="/",
    )
    assert done.returncode == 0, done.stderr
    assert not (Path(folder) / "postgres").exists()
    shutil.rmtree(folder)


def test_programs_are_where_the_user_can_run_them() -> None:
    user = ServerUser(65534, 65534)
    folder = programs(user if os.geteuid() == 0 else None)
    for name in ("postgres", "initdb"):
        assert can_reach(folder / name, user if os.geteuid() == 0 else None)


async def test_every_test_gets_a_migrated_empty_database(database_url: str) -> None:
    with psycopg.connect(database_url.replace("+psycopg", "")) as connection:
        assert connection.execute("SELECT count(*) FROM ledger.events").fetchone() == (0,)
