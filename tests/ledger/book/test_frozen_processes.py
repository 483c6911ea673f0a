"""A process that is stopped inside a commit holds the ledger's head for a bounded time, and writes all or nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import pytest

from orchestrator.ledger.book.records import StreamAppend
from orchestrator.ledger.book.store import Ledger
from orchestrator.ledger.proofs.verification import verify_database
from tests.ledger.freezing_process import ENDED_AFTER_MS, STATEMENTS
from tests.ledger.sample_events import counted

HELD_AT_MOST_SECONDS = ENDED_AFTER_MS / 1000 + 5.0
"""The server's time-out, and time for a busy machine."""
ANSWERED_WITHIN_SECONDS = 30.0


@pytest.mark.parametrize("server", ["new", "old"])
async def test_a_process_stopped_at_each_point_of_a_commit_holds_no_one_up(
    url: str, ledger: Ledger, server: str
) -> None:
    points = STATEMENTS + 1
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.ledger.freezing_process", url, str(points), server, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    outcomes = {}
    try:
        for number in range(1, points + 1):
            await stopped(process.pid)
            async with asyncio.timeout(HELD_AT_MOST_SECONDS):
                await ledger.append([StreamAppend("other", number - 1, [counted(number)])])
            # Also where it held nothing its own transaction is over by now, or will be.
            process.send_signal(signal.SIGCONT)
            async with asyncio.timeout(ANSWERED_WITHIN_SECONDS):
                said, outcome = (await process.stdout.readline()).split()
            assert int(said) == number
            outcomes[number] = outcome.decode()
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
    assert set(outcomes.values()) <= {"Appended", "LedgerUnavailable", "OutcomeUnknown"}, outcomes
    page = await ledger.read({f"frozen:{number}": 0 for number in outcomes})
    for number, outcome in outcomes.items():
        written = len(page.events[f"frozen:{number}"])
        assert written == 1 if outcome == "Appended" else written <= 1, f"point {number}: {outcome}, {written} events"
    assert (await asyncio.to_thread(verify_database, url)).ok


async def stopped(pid: int) -> None:
    """Returns once the process has stopped. Its end remains to be waited for."""
    loop = asyncio.get_running_loop()
    until = loop.time() + ANSWERED_WITHIN_SECONDS
    while os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOHANG) is None:
        assert loop.time() < until, "the process did not stop"
        await asyncio.sleep(0.01)
