"""The demo at a terminal of its own: questions are asked and answered, and a hang-up leaves nothing."""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from orchestrator.embedded.company.directory import Directory

DEMO = (
    "import os, sys; from pathlib import Path; from orchestrator.demo.demo import run_demo;"
    " os._exit(run_demo(csv=Path(sys.argv[1]) if sys.argv[1:] else None))"
)
WITHOUT_SLAPD = (
    "from orchestrator.embedded.company import directory; found = directory._program;"
    " directory._program = lambda name: None if name == 'slapd' else found(name); "
)
IN_THE_DIRECTORY = "Lock the directory account"
WITHIN = 180.0  # seconds


class Terminal:
    """A pseudo-terminal of 100 columns and 44 lines with the demo in it."""

    def __init__(self, folder: Path, export: Path | None = None, before: str = "") -> None:
        self.folder = folder
        self.seen = ""
        self.passed = ""
        self.shown = ""
        self.children: set[psutil.Process] = set()
        self.next_look = 0.0
        self.master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 44, 100, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-c", before + DEMO, *([str(export)] if export else [])],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "TMPDIR": str(folder), "TERM": "xterm-256color"},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)

    def until(self, text: str) -> None:
        """Reads on, from where it was read to, until this was shown."""
        deadline = time.monotonic() + WITHIN
        while text not in self.seen:
            assert time.monotonic() < deadline, f"{text!r} was not shown: {self.seen[-3000:]}"
            self._look()
            if select.select([self.master], [], [], 0.1)[0]:
                try:
                    self._read()
                except OSError:
                    raise AssertionError(f"it ended before {text!r} was shown: {self.seen[-3000:]}") from None
        self.passed, _, self.seen = self.seen.partition(text)
        self.next_look = 0.0
        self._look()

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def hang_up(self) -> None:
        os.close(self.master)
        self.master = -1

    def end(self) -> int:
        deadline = time.monotonic() + WITHIN
        while self.process.poll() is None:
            assert time.monotonic() < deadline, "it did not end"
            if self.master >= 0 and select.select([self.master], [], [], 0.1)[0]:
                try:
                    self._read()
                except OSError:
                    time.sleep(0.05)
        return self.process.returncode

    def left_behind(self) -> list[str]:
        _, alive = psutil.wait_procs(self.children, timeout=10)
        return [f"process {process.pid}" for process in alive] + [path.name for path in self.folder.iterdir()]

    def _read(self) -> None:
        text = os.read(self.master, 65536).decode(errors="replace")
        self.seen += text
        self.shown += text

    def _look(self) -> None:
        """Twice a second at most, since every process of the machine is read."""
        if time.monotonic() < self.next_look:
            return
        self.next_look = time.monotonic() + 0.5
        try:
            self.children.update(psutil.Process(self.process.pid).children(recursive=True))
        except psutil.NoSuchProcess:
            return


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    yield from _opened(Terminal(tmp_path))


@pytest.fixture
def short(tmp_path: Path, one_leaver: Path) -> Iterator[Terminal]:
    """With one person who leaves."""
    yield from _opened(Terminal(tmp_path, one_leaver))


@pytest.fixture
def short_without_slapd(tmp_path: Path, one_leaver: Path) -> Iterator[Terminal]:
    """On a machine where slapd is not installed."""
    yield from _opened(Terminal(tmp_path, one_leaver, WITHOUT_SLAPD))


def _opened(opened: Terminal) -> Iterator[Terminal]:
    yield opened
    if opened.process.poll() is None:
        opened.process.kill()
        opened.process.wait()
    if opened.master >= 0:
        opened.hang_up()


def test_a_person_decides(terminal: Terminal) -> None:
    terminal.until("Which accounts match?")
    terminal.type("9\n")  # no such account
    terminal.until("numbers from 1 to 2")
    terminal.type("\n")
    terminal.until("Reason [")
    terminal.type("asked around\n")
    terminal.until("Which accounts match?")
    terminal.type("1\n")
    terminal.until("Reason [")
    terminal.type("\n")
    terminal.until("Gate: Remove access")
    terminal.until("[A] approve")
    terminal.type("d\n")
    terminal.until("okta.suspend_account")
    terminal.until("[A] approve")
    terminal.type("x\n")
    terminal.until("Steps to exclude?")
    terminal.type("1\n")
    terminal.until("Reason [")
    terminal.type("\n")
    terminal.until("excluded from approval")
    terminal.until("[s] skip the step")
    terminal.type("s\n")
    terminal.until("Reason [")
    terminal.type("\n")
    terminal.until("The record has been unlocked")
    terminal.until("[t] retry")
    terminal.type("t\n")
    terminal.until("Reason [")
    terminal.type("\n")
    terminal.until("[A] approve")
    terminal.type("r\n")
    terminal.until("Reason [")
    terminal.type("not yet\n")
    terminal.until("[p] re-plan")
    terminal.type("p\n")
    terminal.until("Reason [")
    terminal.type("\n")
    terminal.until("[A] approve")
    terminal.type("f\n")
    terminal.until("asked around")
    terminal.until("Ledger verified:")
    terminal.until("The web pages are at ")
    terminal.until(" until Ctrl-C")
    address = re.search(r"http://127\.0\.0\.1:\d+", terminal.passed)
    assert address is not None
    with urllib.request.urlopen(f"{address[0]}/sign-in", timeout=WITHIN) as page:
        assert "auditor" in page.read().decode()
    terminal.until("for example for E-")
    terminal.type("\x03")
    assert terminal.end() == 0
    assert terminal.left_behind() == []
    assert (IN_THE_DIRECTORY in terminal.shown) is Directory.installed()


def test_ctrl_c_at_a_question(short: Terminal) -> None:
    short.until("Which accounts match?")
    short.type("\x03")
    assert short.end() == 128 + signal.SIGINT
    assert short.left_behind() == []


def test_a_hang_up_at_a_question(short: Terminal) -> None:
    short.until("Which accounts match?")
    short.hang_up()
    assert short.end() == 128 + signal.SIGHUP
    assert short.left_behind() == []


def test_input_that_ends_leaves_the_rest_to_the_demo_which_needs_no_slapd(short_without_slapd: Terminal) -> None:
    """Without slapd everything else is done, and what was left out is named."""
    demo = short_without_slapd
    demo.until("Which accounts match?")
    demo.type("\x04")
    demo.until("Ledger verified:")
    demo.until("The web pages are at ")
    demo.process.send_signal(signal.SIGTERM)
    assert demo.end() == 0
    assert "Skipped: all steps on the directory" in demo.shown
    assert IN_THE_DIRECTORY not in demo.shown
