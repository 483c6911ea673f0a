"""The names of the streams that events are appended to: `run:ID`, `person:ID`, `holds:SYSTEM`,
`organisation`, `starts`, `batches`, `batch:ID`, `assistant:ACCOUNT/DATE`, `keyring`.

A packet's stream and its events are in `domain/packet/history/packet_events.py`.
"""

from __future__ import annotations

from datetime import date

ORGANISATION = "organisation"
STARTS = "starts"
"""How many runs are started, under any packet."""
BATCHES = "batches"
"""Which batches there are."""
KEYRING = "keyring"
"""The master key of people's keys."""
EVERYTHING = "*"
"""In the place of a system: changes on every system."""


def run_stream(run_id: str) -> str:
    return f"run:{run_id}"


def person_stream(person_id: str) -> str:
    return f"person:{person_id}"


def holds_stream(system: str) -> str:
    return f"holds:{system}"


def batch_stream(batch_id: str) -> str:
    return f"batch:{batch_id}"


def assistant_stream(account: str, day: date) -> str:
    return f"assistant:{account}/{day.isoformat()}"
