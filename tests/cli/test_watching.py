"""`watch` at a terminal: a table that moves by itself until the run has ended."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import struct
import sys
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from orchestrator.embedded.stack import Stack
from tests.cli.command_line import Offboard, Started, until

WITHIN = 60.0  # seconds


class Screen:
    """What a terminal of 110 columns has been sent."""

    def __init__(self, process: asyncio.subprocess.Process, master: int) -> None:
        self.process, self._master, self._sent = process, master, b""
        os.set_blocking(master, False)

    async def until(self, text: str) -> None:
        """Reads on, from where it was read to, until this was shown."""
        async with asyncio.timeout(WITHIN):
            while text not in (seen := self._sent.decode(errors="replace")):
                try:
                    self._sent += os.read(self._master, 65536)
                except BlockingIOError:
                    await asyncio.sleep(0.05)
                except OSError:
                    raise AssertionError(f"it ended before {text!r} was shown: {seen[-3000:]}") from None
        self._sent = seen.partition(text)[2].encode()


@asynccontextmanager
async def at_a_terminal(folder: Path, *words: str) -> AsyncIterator[Screen]:
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 60, 110, 0, 0))
    environment = {**os.environ, "OFFBOARD_FOLDER": str(folder), "TERM": "xterm-256color", "COLUMNS": "110"}
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("offboard"), *words, stdin=slave, stdout=slave, stderr=slave, env=environment
    )
    os.close(slave)
    try:
        yield Screen(process, master)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        os.close(master)


async def test_a_run_moves_while_it_is_watched(offboard: Offboard, stack: Stack, started: Started) -> None:
    run_id = await started(cutoff="2026-01-15T18:00", traits=("two_code_accounts",))
    await until(offboard, run_id, lambda run: len(run["gates"]) >= 2 and run["summary"]["open_exceptions"])
    async with at_a_terminal(stack.folder, "watch", run_id, "--as", "hr") as screen:
        await screen.until("needs attention")
        await screen.until("waits at gate access (it_approver)")
        await screen.until("operator: ambiguous match, code")
        await screen.until("it_approver: decide at gate access about")
        await offboard.done("approve", run_id, "access", as_="it")
        await screen.until("verified")
        await offboard.done("end", run_id, "--reason", "called off", as_="hr")
        await screen.until(f"Run {run_id} has ended: ended.")
        async with asyncio.timeout(WITHIN):
            assert await screen.process.wait() == 0


async def test_whoever_stops_watching_stops_nothing(offboard: Offboard, stack: Stack, started: Started) -> None:
    run_id = await started(cutoff="2027-01-15T18:00")
    async with at_a_terminal(stack.folder, "watch", run_id, "--as", "hr") as screen:
        await screen.until("waits at gate")
        screen.process.send_signal(signal.SIGINT)
        await screen.until("The run goes on.")
        async with asyncio.timeout(WITHIN):
            assert await screen.process.wait() == 0
    assert (await offboard.done("show", run_id, "--json", as_="hr")).json["finished_at"] is None
    await offboard.done("end", run_id, "--reason", "called off", as_="hr")
