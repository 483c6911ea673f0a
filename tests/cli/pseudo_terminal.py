"""The command line at a terminal of its own."""

from __future__ import annotations

import asyncio
import fcntl
import os
import struct
import sys
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

WITHIN = 60.0  # seconds


class TerminalScreen:
    """What a terminal of 110 columns has been sent."""

    def __init__(self, process: asyncio.subprocess.Process, master: int) -> None:
        self.process, self._master, self._sent = process, master, b""
        os.set_blocking(master, False)

    def type(self, line: str) -> None:
        os.write(self._master, f"{line}\n".encode())

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
async def at_a_terminal(folder: Path, *words: str, **more: str) -> AsyncIterator[TerminalScreen]:
    """The installed program at a terminal of its own; `more` is added to its environment."""
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 60, 110, 0, 0))
    environment = {**os.environ, "OFFBOARD_FOLDER": str(folder), "TERM": "xterm-256color", **more}
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("offboard"), *words, stdin=slave, stdout=slave, stderr=slave, env=environment
    )
    os.close(slave)
    try:
        yield TerminalScreen(process, master)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        os.close(master)
