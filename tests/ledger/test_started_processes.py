"""Processes that take work off a command do not outlive it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

WITHIN_SECONDS = 60.0
PROGRAM = """
import os, time
from orchestrator.ledger.processes import started_processes

def process_of(number):
    time.sleep(0.02)  # so that the other one takes a part of them
    return os.getpid()

if __name__ == "__main__":
    pool = started_processes(2)
    pids = set()
    while len(pids) < 2:
        pids |= set(pool.map(process_of, range(8)))
    print(*pids, flush=True)
    time.sleep(600)
"""


def runs(pid: int) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def test_processes_end_with_the_one_that_started_them(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    with subprocess.Popen([sys.executable, program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        started = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(started) == 2 and all(runs(pid) for pid in started)
        parent.send_signal(signal.SIGKILL)
    until = time.monotonic() + WITHIN_SECONDS
    while any(runs(pid) for pid in started):
        assert time.monotonic() < until, "they wait for work that never comes"
        time.sleep(0.05)
