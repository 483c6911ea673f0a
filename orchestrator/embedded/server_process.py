"""A server that we start on this machine: it ends with us, even when we are killed (see `minder`)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MINDER = Path(__file__).with_name("minder.py")


class EmbeddedServerError(Exception):
    """A server of the embedded stack did not start, or ended unexpectedly. The message names it, its log and a
    remedy."""


async def made_folder(folder: Path) -> Path:
    """The folder, made where it was missing, as an absolute path without symbolic links."""

    def make() -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        return folder.resolve()

    return await asyncio.to_thread(make)


@dataclass(frozen=True, slots=True)
class ServerUser:
    """The user that a server runs as when we are root: numbers, since names may be missing in a container."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class ServerWish:
    """What to run. `environment` is the whole environment (nothing is inherited), `grace` the seconds between
    `stop_signal` and SIGKILL, `remove` the folders that vanish with the server, also when we are killed."""

    name: str
    argv: Sequence[str]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    user: ServerUser | None = None
    stop_signal: int = 15
    grace: float = 5.0
    remove: Sequence[Path] = ()


class ServerProcess:
    """One server and its minder. Not started until `start`; may be started again after `crash` or `stop`.

    The short calls block for milliseconds on a pipe; those that wait for a process run in a thread."""

    def __init__(self, wish: ServerWish) -> None:
        self.wish = wish
        self.pid: int | None = None
        self._minder: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None
        self._changed = threading.Condition()
        self._refused: str | None = None
        self._exit_code: int | None = None

    @property
    def running(self) -> bool:
        return self.pid is not None

    async def start(self) -> None:
        """Start the server; it is not yet ready. Raises EmbeddedServerError when the program cannot be started."""
        if self._minder is None:
            self._open()
        self._refused = None
        self._exit_code = None
        self._say("start")
        await self._until(lambda: self.running or self._refused is not None or self._exit_code is not None, 10)
        if self._refused is not None:
            raise EmbeddedServerError(f"{self.wish.name} could not be started: {self._refused}")

    async def crash(self) -> None:
        """SIGKILL the server; returns when it and all that it had started are gone."""
        await self._end("kill")

    async def stop(self) -> None:
        """End the server the orderly way; it may be started again."""
        await self._end("stop")

    async def close(self) -> None:
        """End the server and its minder, and remove the folders named in the wish."""
        await asyncio.to_thread(self.close_now)

    def close_now(self) -> None:
        """As `close`, blocking; for the case that no event loop is left."""
        if self._minder is None:
            return
        assert self._minder.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._minder.stdin.close()
        try:
            self._minder.wait(self.wish.grace + 15)
        except subprocess.TimeoutExpired:
            self._minder.kill()  # the server has PDEATHSIG on its minder
            self._minder.wait()
        if self._reader is not None:
            self._reader.join()
        if self._minder.stdout is not None:
            self._minder.stdout.close()
        self._minder = None
        self.pid = None

    def require_alive(self) -> None:
        """Raises EmbeddedServerError, with the end of the server's log, when it has exited."""
        if self.running:
            return
        raise EmbeddedServerError(
            f"{self.wish.name} stopped unexpectedly (exit code {self._exit_code}); the end of its log "
            f"{self.wish.log}:\n"
            f"{self.last_lines()}"
        )

    def last_lines(self, count: int = 12) -> str:
        try:
            text = self.wish.log.read_text(errors="replace")
        except OSError:
            return "(no log)"
        return "\n".join(text.splitlines()[-count:])

    def _open(self) -> None:
        self._minder = subprocess.Popen(  # noqa: S603 - our own script
            [sys.executable, "-I", "-S", str(MINDER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C in our terminal is ours to answer
            cwd="/",
        )
        user = self.wish.user
        wish = {
            "argv": list(self.wish.argv),
            "environment": dict(self.wish.environment),
            "log": str(self.wish.log),
            "user": [user.uid, user.gid] if user else None,
            "stop_signal": int(self.wish.stop_signal),
            "grace": self.wish.grace,
            "remove": [str(path) for path in self.wish.remove],
        }
        self._reader = threading.Thread(target=self._listen, name=f"{self.wish.name} minder", daemon=True)
        self._reader.start()
        self._write(json.dumps(wish))

    def _listen(self) -> None:
        assert self._minder is not None and self._minder.stdout is not None
        for line in self._minder.stdout:
            message: dict[str, Any] = json.loads(line)
            with self._changed:
                if "started" in message:
                    self.pid = message["started"]
                elif "exited" in message:
                    self.pid = None
                    self._exit_code = message["exited"]
                elif "refused" in message:
                    self._refused = message["refused"]
                self._changed.notify_all()
        with self._changed:
            self.pid = None
            self._changed.notify_all()

    def _say(self, word: str) -> None:
        self._write(word)

    def _write(self, line: str) -> None:
        assert self._minder is not None and self._minder.stdin is not None
        self._minder.stdin.write(line.encode() + b"\n")
        self._minder.stdin.flush()

    async def _end(self, word: str) -> None:
        if not self.running:
            return
        self._say(word)
        await self._until(lambda: not self.running, self.wish.grace + 15)

    async def _until(self, condition: Any, seconds: float) -> None:
        def wait() -> None:
            with self._changed:
                if not self._changed.wait_for(condition, seconds):
                    raise EmbeddedServerError(
                        f"{self.wish.name}: its supervisor process did not respond within {seconds:.0f} s; see "
                        f"{self.wish.log}"
                    )

        await asyncio.to_thread(wait)
