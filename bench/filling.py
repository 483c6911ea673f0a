"""A ledger with many runs, written by COPY: copies of the events of two runs that were recorded once.

`recorded_runs.json` has, of one run that waits at its gates and of one that went through, each event's key, type,
public part and the length of its personal part, from runs of the sample company. Copies get ids of their own and are
chained and hashed as the format says; personal parts are random bytes of the same length. Nothing personal is recorded.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import psycopg

from orchestrator.domain import events as e
from orchestrator.ledger.book.codec import EventCodec, canonical_json
from orchestrator.ledger.book.format import NO_PREVIOUS, Entry, leaf_hash, write

RECORDED: Final = Path(__file__).with_name("recorded_runs.json")
PEOPLE: Final = 3_000
WAITING, THROUGH = 0.02, 0.003
"""Shares of all runs: those that wait at gates, and those that have their whole history. The others were requested and
closed, so that a million runs have about four million events."""
AT_ONCE: Final = 200
"""Runs whose events lie between each other."""
_COPY = (
    "COPY ledger.events (position, stream, version, event_key, event_type, subject, append_id, stored, leaf_hash, "
    "recorded_at) FROM STDIN (FORMAT binary)"
)
_TYPES = ("int8", "text", "int4", "text", "text", "text", "uuid", "bytea", "bytea", "timestamptz")


def fill(url: str, runs: int) -> int:
    """Into an empty ledger, and without rows in the read tables. Returns how many events it has then."""
    recorded = json.loads(RECORDED.read_text())
    events, position = 0, 0
    with psycopg.connect(url.replace("postgresql+psycopg://", "postgresql://", 1)) as connection:
        with connection.cursor() as cursor, cursor.copy(_COPY) as copy:
            copy.set_types(_TYPES)
            for row in _rows(recorded, runs):
                copy.write_row(row)
                events += 1
                position = row[0]
        connection.execute("UPDATE ledger.head SET position = %s", (position,))
        connection.commit()
        connection.autocommit = True
        connection.execute("VACUUM ANALYZE ledger.events")
    return events


def _rows(recorded: Any, runs: int) -> Iterator[tuple[Any, ...]]:
    chance = random.Random(20261125)
    closed = EventCodec([e.RunClosed]).encode(e.RunClosed(outcome="clean", verified=20, attested=2, skipped=0))
    short = [
        recorded["waiting"]["events"][0],
        {"key": "closed", "type": closed.type, "schema": closed.schema, "public": json.loads(closed.public)}
        | {"about_person": False, "sealed": 0},
    ]
    now, position = datetime.now(UTC), 0
    prepared = {
        name: _prepared(events, recorded[of])
        for name, events, of in (
            ("waiting", recorded["waiting"]["events"], "waiting"),
            ("through", recorded["through"]["events"], "through"),
            ("short", short, "waiting"),
        )
    }
    for start in range(0, runs, AT_ONCE):
        open_runs = []
        for number in range(start, min(start + AT_ONCE, runs)):
            share = chance.random()
            kind = "waiting" if share < WAITING else "through" if share < WAITING + THROUGH else "short"
            open_runs.append([number, prepared[kind], 0, NO_PREVIOUS])
        while open_runs:
            for run in open_runs:
                number, events, version, previous = run
                key, kind, schema, about_person, public, sealed = events[version]
                run_id, person = f"rb{number:014x}", f"p_{number % PEOPLE:016x}"
                position += 1
                subject = person if about_person else None
                public = public.replace(b"@RUN@", run_id.encode()).replace(b"@PERSON@", person.encode())
                entry = Entry(
                    f"run:{run_id}",
                    version + 1,
                    position,
                    key,
                    kind,
                    schema,
                    subject,
                    now,
                    previous,
                    public,
                    os.urandom(sealed),
                )
                stored = write(entry)
                run[2], run[3] = version + 1, leaf_hash(stored)
                yield (
                    position,
                    entry.stream,
                    version + 1,
                    key,
                    kind,
                    subject,
                    _APPEND,
                    stored,
                    run[3],
                    now,
                )
            open_runs = [run for run in open_runs if run[2] < len(run[1])]


_APPEND = uuid4()


def _prepared(events: Sequence[Any], of: Any) -> list[tuple[str, str, int, bool, bytes, int]]:
    return [
        (
            event["key"],
            event["type"],
            event["schema"],
            event["about_person"],
            canonical_json(event["public"])
            .replace(of["run_id"].encode(), b"@RUN@")
            .replace(of["person_id"].encode(), b"@PERSON@"),
            event["sealed"],
        )
        for event in events
    ]
