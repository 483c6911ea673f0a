"""A process that appends without end, to be killed: `python -m tests.ledger.appending_process URL NAME`.

Every append writes two events to each of two streams; `stream version` goes to stdout once the ledger said yes.
"""

from __future__ import annotations

import asyncio
import sys

from orchestrator.ledger.book.codec import EventCodec
from orchestrator.ledger.book.records import StreamAppend
from orchestrator.ledger.book.store import Ledger
from orchestrator.ledger.persons.keys import Keyring
from orchestrator.ledger.schema.database import Database
from tests.ledger.sample_events import EVENT_TYPES, counts


async def append_without_end(url: str, name: str) -> None:
    database = Database(url, role="offboard_app")
    ledger = Ledger(database, Keyring(database, bytes(32)), EventCodec(EVENT_TYPES))

    async def write(writer: int) -> None:
        version = 0
        pair = (f"{name}:{writer}:a", f"{name}:{writer}:b")
        while True:
            drafts = counts(version, version + 1)
            await ledger.append([StreamAppend(stream, version, drafts) for stream in pair])
            version += 2
            sys.stdout.write(f"{name}:{writer} {version}\n")
            sys.stdout.flush()

    await asyncio.gather(*(write(writer) for writer in range(16)))


if __name__ == "__main__":
    asyncio.run(append_without_end(sys.argv[1], sys.argv[2]))
