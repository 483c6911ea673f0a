"""Stops a server when the process that started it is gone, even if that process was killed.

Run as a script with the standard library only, so that it starts in milliseconds and under any user. The wish comes as
one JSON line on standard input: {"argv", "environment", "log", "user", "stop_signal", "grace", "remove"}. Then one word
a line: `start`, `kill` (SIGKILL at once), `stop` (the orderly way). The end of the input means: stop, remove, leave.
Answers are JSON lines on standard output: {"started": pid}, {"exited": return code}, {"refused": reason}.

Why not PR_SET_PDEATHSIG alone: it is cleared when the server drops root, and it follows the *thread* that forked. The
minder keeps its rights, notices the closed pipe, and adopts the server's orphans (PR_SET_CHILD_SUBREAPER), so that
after it left nothing is left. The server has PDEATHSIG on the minder, in case the minder itself is killed.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None)


def main() -> None:
    # Ctrl-C and a terminal's hang-up are for the one who wanted the server; we hear of it through the pipe.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    Minder(json.loads(_first_line()), parent=os.getppid()).run()


def _first_line() -> str:
    """Read to the end of the line and not a byte further, so that select sees what follows."""
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            raise SystemExit(0)
        line += byte
    return line.decode()


class Minder:
    def __init__(self, wish: dict[str, Any], *, parent: int) -> None:
        self.wish = wish
        self.parent = parent
        self.server: subprocess.Popen[bytes] | None = None
        self.wake, write_end = os.pipe()
        os.set_blocking(write_end, False)
        signal.set_wakeup_fd(write_end)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def run(self) -> None:
        pending = b""
        # The parent's number changes when the parent dies, even if a forked relative still holds the pipe open.
        while os.getppid() == self.parent:
            ready, _, _ = select.select([0, self.wake], [], [], 0.5)
            if self.wake in ready:
                os.read(self.wake, 4096)
                self.notice_exit()
            if 0 in ready:
                received = os.read(0, 4096)
                if not received:
                    break
                *lines, pending = (pending + received).split(b"\n")
                for line in lines:
                    self.obey(line.decode())
        self.end(self.wish["stop_signal"], self.wish["grace"])
        for path in self.wish["remove"]:
            shutil.rmtree(path, ignore_errors=True)

    def obey(self, word: str) -> None:
        if word == "start":
            self.start()
        elif word == "kill":
            self.end(signal.SIGKILL, 0)
        elif word == "stop":
            self.end(self.wish["stop_signal"], self.wish["grace"])

    def start(self) -> None:
        def die_with_the_minder() -> None:
            _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        user = self.wish["user"]
        identity = {"user": user[0], "group": user[1], "extra_groups": []} if user else {}
        try:
            with Path(self.wish["log"]).open("ab") as log:
                self.server = subprocess.Popen(  # noqa: S603 - the program that our own parent names
                    self.wish["argv"],
                    env=self.wish["environment"],
                    cwd="/",
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    preexec_fn=die_with_the_minder,  # single-threaded here, and it runs after the user was dropped
                    **identity,
                )
        except OSError as error:
            answer({"refused": f"{error.strerror}: {error.filename}"})
        else:
            answer({"started": self.server.pid})
        finally:
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)

    def notice_exit(self) -> None:
        if self.server is not None and self.server.poll() is not None:
            code = self.server.returncode
            self.server = None
            self.bury_orphans()
            answer({"exited": code})
        elif self.server is None:
            self.bury_orphans(grace=0)

    def end(self, number: int, grace: float) -> None:
        if self.server is None:
            self.bury_orphans()
            return
        self.server.send_signal(number)
        try:
            self.server.wait(grace if number != signal.SIGKILL else None)
        except subprocess.TimeoutExpired:
            self.server.kill()
            self.server.wait()
        self.notice_exit()

    def bury_orphans(self, grace: float = 5.0) -> None:
        """Wait for what the server left behind and became ours; after `grace` seconds kill it."""
        deadline = time.monotonic() + grace
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, _ = os.waitpid(-1, os.WNOHANG)
                if pid:
                    continue
                if time.monotonic() > deadline:
                    if grace == 0:
                        return
                    for orphan in our_children():
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(orphan, signal.SIGKILL)
                time.sleep(0.01)


def our_children() -> list[int]:
    me = os.getpid()
    text = Path(f"/proc/{me}/task/{me}/children").read_text()
    return [int(pid) for pid in text.split()]


def answer(message: dict[str, Any]) -> None:
    with contextlib.suppress(BrokenPipeError):
        os.write(1, json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    main()
