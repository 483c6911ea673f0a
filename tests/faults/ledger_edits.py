"""Edits of a ledger by a superuser of its database, each with random rows, columns and values.

`FOUND` are edits of what is hashed, up to the checkpoint: `offboard ledger verify --against` must find each one.
`NOT_COVERED` are edits of what no hash or no checkpoint covers, each with the place that the report must name.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta

from tests.faults.tampered_ledger import COLUMNS, TamperedLedger, WrittenFields

Edit = Callable[[TamperedLedger], None]
VALUES = {
    "stream": ("'run:other'", "''", "NULL", "upper(stream)"),
    "version": ("version + 1", "0", "-version", "NULL"),
    "event_key": ("event_key || 'x'", "''", "NULL"),
    "event_type": ("'RoleRevoked'", "''", "NULL", "lower(event_type)"),
    "subject": ("'p_other'", "''", "CASE WHEN subject IS NULL THEN 'p_x' END"),
    "stored": ("stored || '\\x00'", "''", "NULL", "substr(stored, 2)", "set_byte(stored, length(stored) / 2, "
               "(get_byte(stored, length(stored) / 2) + 1) %% 256)"),
    "leaf_hash": ("sha256(leaf_hash)", "''", "NULL", "substr(leaf_hash, 2)"),
    "recorded_at": ("recorded_at + interval '1 us'", "recorded_at - interval '1 year'", "NULL", "'infinity'",
                    "'-infinity'", "'4000-01-01 BC'", "'20000-01-01'"),
}  # fmt: skip
"""Values for each hashed column of an event."""
FILE_VALUES = {
    "digest": ("sha256(digest)", "''", "NULL"),
    "subject": ("'p_other'", "''", "NULL"),
    "media_type": ("media_type || ' '", "''", "NULL"),
    "bytes": ("bytes + 1", "0", "NULL"),
    "sealed": ("sealed || '\\x00'", "''", "NULL", "set_byte(sealed, length(sealed) / 2, "
               "(get_byte(sealed, length(sealed) / 2) + 1) %% 256)"),
    "stored_at": ("stored_at + interval '1 us'", "NULL", "'infinity'", "'-infinity'", "'20000-01-01'"),
}  # fmt: skip
POSITIONS = ("NULL", "0", "-1", "position", "-9223372036854775808")
"""Positions at which an event is inserted beside the others; one after the checkpoint is not covered by it."""


def one_column(here: TamperedLedger) -> None:
    column = here.chance.choice(list(VALUES))
    value = here.chance.choice(VALUES[column])
    here.edit(f"UPDATE ledger.events SET {column} = {value} WHERE position = %s", here.position())


def column_and_hash(here: TamperedLedger) -> None:
    """Bytes are changed, and their hash is made to agree."""
    value = here.chance.choice([one for one in VALUES["stored"] if one != "NULL"])
    at = here.position()
    here.edit(f"UPDATE ledger.events SET stored = {value} WHERE position = %s", at)
    here.edit("UPDATE ledger.events SET leaf_hash = sha256('\\x00'::bytea || stored) WHERE position = %s", at)


def position_moved(here: TamperedLedger) -> None:
    to = here.chance.choice(["NULL", "0", "-position", "position + 1", "position + 1000000000000"])
    here.edit(f"UPDATE ledger.events SET position = {to} WHERE position = %s", here.position())


def rows_deleted(here: TamperedLedger) -> None:
    at = here.position()
    until = min(here.size, at + here.chance.choice([0, 0, 1, 5]))
    here.edit("DELETE FROM ledger.events WHERE position BETWEEN %s AND %s", at, until)
    if here.chance.random() < 0.5:
        here.edit("UPDATE ledger.head SET position = (SELECT count(*) FROM ledger.events)")


def tail_truncated(here: TamperedLedger) -> None:
    """Into the part that the checkpoint covers; the head agrees with what is left, or not."""
    left = here.chance.randint(0, here.size - 1)
    here.edit("DELETE FROM ledger.events WHERE position > %s", left)
    if here.chance.random() < 0.8:
        here.edit("UPDATE ledger.head SET position = %s", left)


def row_inserted(here: TamperedLedger) -> None:
    """A copy of an event, or one with other bytes that fit their hash, beside the others."""
    position = here.chance.choice(POSITIONS)
    version = here.chance.choice(
        [
            "version",
            "version + 1",
            "(SELECT max(version) + 1 FROM ledger.events AS other WHERE other.stream = events.stream)",
        ]
    )
    here.edit(
        "INSERT INTO ledger.events (position, stream, version, event_key, event_type, subject, append_id, stored, "
        f"leaf_hash, recorded_at) SELECT {position}, stream, {version}, event_key || 'x', event_type, subject, "
        "append_id, stored, leaf_hash, recorded_at FROM ledger.events WHERE position = %s",
        here.position(),
    )


def rows_swapped(here: TamperedLedger) -> None:
    """All columns of two events but their positions, or some of them."""
    one, other = here.chance.sample(range(1, here.size + 1), 2)
    columns = COLUMNS.split(", ")
    if here.chance.random() < 0.5:
        columns = here.chance.sample(columns, here.chance.randint(1, len(columns) - 1))
    names = ", ".join(columns)
    here.edit(
        f"UPDATE ledger.events AS one SET ({names}) = ROW({', '.join(f'other.{name}' for name in columns)}) "
        "FROM kept.ledger_events AS other WHERE (one.position, other.position) IN ((%s, %s), (%s, %s))",
        one,
        other,
        other,
        one,
    )


def field_rewritten(here: TamperedLedger) -> None:
    """One field of an event as it was written; every hash and column after it agrees."""
    at = here.position() - 1
    changes: list[Callable[[WrittenFields], WrittenFields]] = [
        lambda one: {"type": here.chance.choice(["RoleRevoked", "Noted", one["type"] + "x"])},
        lambda one: {"key": one["key"] + "x"},
        lambda one: {"schema": one["schema"] + 1},
        lambda one: {"subject": "p_other" if one["subject"] != "p_other" else None},
        lambda one: {"recorded_at": one["recorded_at"] + timedelta(microseconds=here.chance.choice([-1, 1, 10**9]))},
        lambda one: {"public": one["public"].replace(b"{", b'{"added":1,', 1)},
        lambda one: {"public": b"{}" if one["public"] != b"{}" else b'{"a":1}'},
        lambda one: {"public": b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"},
        lambda one: {"public": b'{"stored_files":[{"stored":"zz"}]}'},
        lambda one: {
            "public": b'{"stored_files":[{"stored":"' + b"0" * 64 + b'","media_type":"a","bytes":1e400,'
            b'"stored_at":"2026-01-01T00:00:00+00:00"}]}'
        },
        lambda one: {"sealed": one["sealed"][:-1] if one["sealed"] else b"x"},
        lambda one: {"stream": "run:" + uuid.UUID(int=here.chance.getrandbits(128)).hex},
    ]
    change = here.chance.choice(changes)

    def rewrite(entries: list[WrittenFields]) -> None:
        entries[at].update(change(entries[at]))

    here.rewrite(rewrite)


def events_removed_and_rewritten(here: TamperedLedger) -> None:
    """An event, or all of a stream, is removed as if it had never been written."""
    at, all_of_it = here.position() - 1, here.chance.random() < 0.3

    def remove(entries: list[WrittenFields]) -> None:
        stream = entries[at]["stream"]
        if all_of_it:
            entries[:] = [one for one in entries if one["stream"] != stream]
        else:
            del entries[at]

    here.rewrite(remove)


def event_inserted_and_rewritten(here: TamperedLedger) -> None:
    at, source = here.position() - 1, here.position() - 1

    def insert(entries: list[WrittenFields]) -> None:
        entries.insert(at, entries[source] | {"key": entries[source]["key"] + "x"})

    here.rewrite(insert)


def events_swapped_and_rewritten(here: TamperedLedger) -> None:
    one, other = here.chance.sample(range(here.size), 2)

    def swap(entries: list[WrittenFields]) -> None:
        entries[one], entries[other] = entries[other], entries[one]

    here.rewrite(swap)


def truncated_and_filled_again(here: TamperedLedger) -> None:
    """The last events of the checkpoint are replaced by others, so that there are as many as it states."""
    left = here.chance.randint(here.size // 2, here.size - 1)

    def replace(entries: list[WrittenFields]) -> None:
        others = [one | {"key": f"{one['key']}-{number}"} for number, one in enumerate(entries[:left])]
        del entries[left:]
        while len(entries) < here.events:
            entries.append(dict(others[len(entries) % len(others)]) | {"key": f"k{len(entries)}"})

    here.rewrite(replace)


def head_changed(here: TamperedLedger) -> None:
    here.edit(
        here.chance.choice(
            [
                "UPDATE ledger.head SET position = position + 1",
                "UPDATE ledger.head SET position = position - 1",
                "UPDATE ledger.head SET position = NULL",
                "INSERT INTO ledger.head SELECT NOT one_row, position FROM ledger.head",
                "INSERT INTO ledger.head SELECT * FROM ledger.head",
                "DELETE FROM ledger.head",
            ]
        )
    )


def a_file(here: TamperedLedger) -> bytes:
    return here.chance.choice(here.files)


def file_column(here: TamperedLedger) -> None:
    column = here.chance.choice(list(FILE_VALUES))
    value = here.chance.choice(FILE_VALUES[column])
    here.edit(f"UPDATE ledger.files SET {column} = {value} WHERE digest = %s", a_file(here))


def file_deleted(here: TamperedLedger) -> None:
    if here.chance.random() < 0.1:
        here.edit("DELETE FROM ledger.files")
    else:
        here.edit("DELETE FROM ledger.files WHERE digest = %s", a_file(here))


def file_replaced(here: TamperedLedger) -> None:
    """Another ciphertext, under its own digest."""
    other = here.chance.randbytes(40)
    here.edit("UPDATE ledger.files SET sealed = %s, digest = sha256(%s) WHERE digest = %s", other, other, a_file(here))


def files_swapped(here: TamperedLedger) -> None:
    one, other = here.chance.sample(here.files, 2)
    columns = here.chance.sample(sorted(FILE_VALUES), here.chance.randint(1, 5))
    names = ", ".join(columns)
    here.edit(
        f"UPDATE ledger.files AS one SET ({names}) = ROW({', '.join(f'other.{name}' for name in columns)}) "
        "FROM kept.ledger_files AS other WHERE (one.digest, other.digest) IN ((%s, %s), (%s, %s))",
        one,
        other,
        other,
        one,
    )


def file_inserted_twice(here: TamperedLedger) -> None:
    """A second row with the digest of a file, and other columns."""
    column = here.chance.choice([name for name in FILE_VALUES if name != "digest"])
    changed = [FILE_VALUES[name][0] if name == column else name for name in FILE_VALUES]
    here.edit(
        f"INSERT INTO ledger.files ({', '.join(FILE_VALUES)}) SELECT {', '.join(changed)} FROM ledger.files "
        "WHERE digest = %s",
        a_file(here),
    )


def listed_file_rewritten(here: TamperedLedger) -> None:
    """A file's row is changed, and the event that lists it is made to agree."""
    digest = a_file(here)

    def rewrite(entries: list[WrittenFields]) -> None:
        for one in entries:
            if digest.hex().encode() in one["public"]:
                one["public"] = one["public"].replace(b'"media_type":"text/plain"', b'"media_type":"text/html"')

    here.rewrite(rewrite)
    here.edit("UPDATE ledger.files SET media_type = 'text/html' WHERE digest = ANY(%s)", here.files)


FOUND: dict[str, Edit] = {
    each.__name__: each
    for each in (
        one_column, column_and_hash, position_moved, rows_deleted, tail_truncated, row_inserted, rows_swapped,
        field_rewritten, events_removed_and_rewritten, event_inserted_and_rewritten, events_swapped_and_rewritten,
        truncated_and_filled_again, head_changed, file_column, file_deleted, file_replaced, files_swapped,
        file_inserted_twice, listed_file_rewritten,
    )
}  # fmt: skip


def append_id_changed(here: TamperedLedger) -> None:
    here.edit(
        "UPDATE ledger.events SET append_id = '00000000-0000-0000-0000-000000000000' WHERE position = %s",
        here.position(),
    )


def later_events_truncated(here: TamperedLedger) -> None:
    left = here.chance.randint(here.size, here.events - 1)
    here.edit("DELETE FROM ledger.events WHERE position > %s", left)
    here.edit("UPDATE ledger.head SET position = %s", left)


def later_event_rewritten(here: TamperedLedger) -> None:
    at = here.chance.randint(here.size, here.events - 1)
    here.rewrite(lambda entries: entries[at].update(sealed=entries[at]["sealed"] + b"x"))


def unlisted_file_deleted(here: TamperedLedger) -> None:
    here.edit("DELETE FROM ledger.files WHERE digest = %s", here.chance.choice(here.unlisted))


def unlisted_file_changed(here: TamperedLedger) -> None:
    column = here.chance.choice(["subject", "media_type", "bytes", "stored_at"])
    value = FILE_VALUES[column][0]
    here.edit(f"UPDATE ledger.files SET {column} = {value} WHERE digest = %s", here.chance.choice(here.unlisted))


def person_key_changed(here: TamperedLedger) -> None:
    value = here.chance.choice(["sha256(wrapped)", "NULL"])
    here.edit(
        f"UPDATE keyring.person_keys SET wrapped = {value} WHERE person_id = (SELECT min(person_id) FROM "
        "keyring.person_keys)"
    )


def person_key_deleted(here: TamperedLedger) -> None:
    here.edit("DELETE FROM keyring.person_keys WHERE person_id = (SELECT max(person_id) FROM keyring.person_keys)")


NOT_COVERED: dict[Edit, str] = {
    append_id_changed: "ledger.events.append_id",
    later_events_truncated: "events after position",
    later_event_rewritten: "events after position",
    unlisted_file_deleted: "ledger.files",
    unlisted_file_changed: "ledger.files",
    person_key_changed: "keyring",
    person_key_deleted: "keyring",
}
