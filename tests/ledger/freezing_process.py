"""A process that stops itself (SIGSTOP) in its commits: `python -m tests.ledger.freezing_process URL POINTS SERVER`.

It appends POINTS times, one event each, and stops before the first statement of the first commit, before the second
one of the second commit, and so on; the last points lie behind the COMMIT. `NUMBER OUTCOME` goes to stdout after each.
With SERVER `old` it treats the server as one without `transaction_timeout`.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import Any

import psycopg

from orchestrator.ledger.book.codec import EventCodec
from orchestrator.ledger.book.errors import LedgerError
from orchestrator.ledger.book.records import StreamAppend
from orchestrator.ledger.book.store import Ledger
from orchestrator.ledger.persons.keys import Keyring
from orchestrator.ledger.schema import database as database_module
from orchestrator.ledger.schema.database import Database
from tests.ledger.sample_events import EVENT_TYPES, counted

ENDED_AFTER_MS = 500
"""The server's time-outs here, in milliseconds: a test does not wait for 8 s at every point."""
STATEMENTS = 7
"""Of a commit of one event: BEGIN, the lock, two reads, the event, the head, COMMIT."""


class Stops:
    """Counts the statements of one commit, and stops the process before the one that is named."""

    def __init__(self) -> None:
        self.before = -1
        self.seen = 0

    def pass_by(self) -> None:
        self.seen += 1
        if self.seen == self.before:
            os.kill(os.getpid(), signal.SIGSTOP)


async def append_and_stop(url: str, points: int) -> None:
    stops = Stops()
    execute: Any = psycopg.AsyncConnection.execute

    async def stopping(self: Any, *arguments: Any, **keywords: Any) -> Any:
        stops.pass_by()
        return await execute(self, *arguments, **keywords)

    database = Database(url, role="offboard_app")
    ledger = Ledger(database, Keyring(database, bytes(32)), EventCodec(EVENT_TYPES))
    await ledger.append([StreamAppend("frozen:warm", 0, [counted(0)])])
    psycopg.AsyncConnection.execute = stopping  # type: ignore[method-assign]
    for number in range(1, points + 1):
        stops.before, stops.seen = number, 0
        try:
            await ledger.append([StreamAppend(f"frozen:{number}", 0, [counted(number)])])
            outcome = "Appended"
        except LedgerError as error:
            outcome = type(error).__name__
        if stops.seen < number:
            os.kill(os.getpid(), signal.SIGSTOP)  # behind the last statement
        print(number, outcome, flush=True)


if __name__ == "__main__":
    database_module.TRANSACTION_TIMEOUT_MS = database_module.IDLE_IN_TRANSACTION_TIMEOUT_MS = ENDED_AFTER_MS
    if sys.argv[3] == "old":
        database_module.TRANSACTION_TIMEOUT_SINCE = 10**9
    asyncio.run(append_and_stop(sys.argv[1], int(sys.argv[2])))
