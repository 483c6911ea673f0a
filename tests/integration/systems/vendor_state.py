"""What a vendor's simulator holds, line by line, so that a test can say what a run changed for whom."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

OWNED_BY = ("id", "user", "login", "email", "principal", "assignee", "old_owner")
"""Fields that say whose a record is."""
CLIENTS = frozenset({"clients", "tokens", "tickets"})
LEFT_OUT = frozenset({"effects", "integration_logs", "resets", "everyone"})
"""Logs, and what is in another table too."""


def lines_of(state: Any, leaver: Collection[str], ours: Collection[str]) -> set[str]:
    """Everything that is not the leaver's: `TABLE/KEY FIELD=VALUE`, and a line for each entry of a field that is a
    collection. Left out are records and entries that name the leaver by one of these ids, and the clients in
    `ours`, with which Offboard works, with their tokens."""
    return {
        line for line in _lines(state, frozenset(leaver), frozenset(ours)) if not any(one in line for one in leaver)
    }


def _lines(state: Any, leaver: Collection[str], ours: Collection[str]) -> Iterator[str]:
    for table, held in vars(state).items():
        if table.startswith("_") or table in LEFT_OUT:
            continue
        for key, record in _entries(held):
            if is_dataclass(record) and not isinstance(record, type):
                values = {one.name: getattr(record, one.name) for one in fields(record)}
                owners = {str(values.get(name)) for name in OWNED_BY}
                if owners & {*leaver} or (table in CLIENTS and {str(one) for one in values.values()} & {*ours}):
                    continue
                for name, value in values.items():
                    yield from (f"{table}/{key or record} {name}={_entry(*one)}" for one in _entries(value))
            else:
                yield f"{table} {_entry(key, record)}"


def _entries(value: Any) -> Iterator[tuple[str, Any]]:
    """The key and value of each entry; a value that is no collection is its only entry."""
    if isinstance(value, Mapping):
        yield from ((str(key), one) for key, one in value.items())
    elif isinstance(value, (list, set, frozenset, tuple)):
        yield from (("", one) for one in value)
    else:
        yield "", value


def _entry(key: str, value: Any) -> str:
    return f"{key}:{value}" if key else str(value)
