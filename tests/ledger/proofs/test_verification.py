"""Tampering is found, and the first wrong row is named."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import psycopg
import pytest

from orchestrator.ledger.book.format import NO_PREVIOUS, Entry, leaf_hash, read, write
from orchestrator.ledger.book.records import StreamAppend
from orchestrator.ledger.book.store import Ledger
from orchestrator.ledger.proofs import stream_order, verification
from orchestrator.ledger.proofs.checkpoints import NoteSigner, SignerKeyInvalid, make_checkpoint
from orchestrator.ledger.proofs.raw_rows import export_rows
from orchestrator.ledger.proofs.signed_note import NoteRefused, read_signed_root
from orchestrator.ledger.proofs.verification import VerificationReport, verify_database, verify_file
from orchestrator.ledger.schema.database import Database
from tests.ledger.sample_events import counts

SIGNER = NoteSigner("offboard.example.com/ledger", bytes(range(32, 64)))
KEY = SIGNER.verifier_text()


@pytest.fixture
async def filled(ledger: Ledger) -> Ledger:
    """12 events: run:a has the odd positions, run:b the even ones."""
    for number in range(1, 7):
        await ledger.append([StreamAppend(f"run:{name}", number - 1, counts(number, number)) for name in ("a", "b")])
    return ledger


def tamper(url: str, *statements: str, parameters: tuple[object, ...] = ()) -> None:
    """As an owner with intent does it: without the triggers."""
    with psycopg.connect(url.replace("+psycopg", "", 1)) as connection:
        connection.execute("ALTER TABLE ledger.events DISABLE TRIGGER ALL; ALTER TABLE ledger.head DISABLE TRIGGER ALL")
        for constraint in ("events_pkey", "events_stream_version", "events_stream_key"):
            connection.execute(f"ALTER TABLE ledger.events DROP CONSTRAINT {constraint}".encode())
        for column in ("position", "stored", "leaf_hash", "recorded_at", "version"):
            connection.execute(f"ALTER TABLE ledger.events ALTER {column} DROP NOT NULL".encode())
        for statement in statements:
            connection.execute(statement.encode(), parameters or None)


def rewrite(url: str, position: int, **changes: object) -> None:
    """Changes one event and recomputes every hash after it in its stream, as a skilled owner would."""
    with psycopg.connect(url.replace("+psycopg", "", 1)) as connection:
        connection.execute("ALTER TABLE ledger.events DISABLE TRIGGER ALL")
        rows = connection.execute("SELECT position, stored FROM ledger.events ORDER BY position").fetchall()
        tails: dict[str, bytes] = {}
        for at, stored in rows:
            entry = read(stored)
            fields = {name: getattr(entry, name) for name in Entry.__slots__}
            fields["previous"] = tails.get(entry.stream, NO_PREVIOUS)
            if at == position:
                fields.update(changes)
            new = write(Entry(**fields))
            tails[entry.stream] = leaf_hash(new)
            connection.execute(
                "UPDATE ledger.events SET stored = %s, leaf_hash = %s WHERE position = %s", (new, leaf_hash(new), at)
            )


def check(url: str, *notes: str) -> VerificationReport:
    return verify_database(url, against=notes, verifier_key=KEY)


async def test_an_untouched_ledger_verifies(filled: Ledger, url: str, database: Database, tmp_path: Path) -> None:
    note = await make_checkpoint(database, SIGNER)
    found = check(url, note)
    assert found.ok and (found.events, found.streams, found.checkpoints) == (12, 2, 1)
    assert read_signed_root(note, KEY).root == found.root and read_signed_root(note, KEY).size == 12
    assert await asyncio.to_thread(export_rows, url, tmp_path / "export.jsonl") == 12
    assert verify_file(tmp_path / "export.jsonl", against=[note], verifier_key=KEY) == found


def in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of four rows, two of which are read at once, and a file for every five events of streams."""
    monkeypatch.setattr(verification, "PART", 4)
    monkeypatch.setattr(verification, "PARTS_AT_ONCE", 2)
    monkeypatch.setattr(stream_order, "EVENTS_A_FILE", 5)


async def test_processes_side_by_side_find_the_same(
    filled: Ledger, url: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    early = await make_checkpoint(database, SIGNER)
    await filled.append([StreamAppend("run:a", 6, counts(7, 12))])
    late = await make_checkpoint(database, SIGNER)
    notes = [late, early]
    alone = check(url, *notes)
    in_parts(monkeypatch)

    async def side_by_side() -> VerificationReport:
        return await asyncio.to_thread(verify_database, url, against=notes, verifier_key=KEY, processes=2)

    assert alone.ok and (alone.events, alone.streams, alone.checkpoints) == (18, 2, 2)
    assert await side_by_side() == check(url, *notes) == alone
    tamper(url, "UPDATE ledger.events SET event_key = 'n1' WHERE position = 15")
    rewrite(url, 15, key="n1")
    found = await side_by_side()
    assert found.wrong is not None and found.wrong.position == 15 and "event key" in found.wrong.what
    assert (found.events, found.streams, found.checkpoints) == (14, 2, 1)
    assert found == check(url, *notes)


async def test_rows_in_order_are_read_by_their_lengths_alone(
    filled: Ledger, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading row by row takes several times as long: it is for what is not as expected."""

    def not_needed(*_: object) -> None:
        raise AssertionError("a row was checked on its own")

    monkeypatch.setattr(verification, "careful_part", not_needed)
    in_parts(monkeypatch)
    assert verify_database(url).ok


async def test_an_empty_ledger_verifies(url: str, database: Database) -> None:
    note = await make_checkpoint(database, SIGNER)
    assert check(url, note).ok and check(url, note).events == 0 and check(url, note).checkpoints == 1


@pytest.mark.parametrize(
    ("statement", "position", "what"),
    [
        (
            "UPDATE ledger.events SET stored = stored || '\\x00' WHERE position IN (5, 9)",
            5,
            "the hash of the stored bytes",
        ),
        ("UPDATE ledger.events SET leaf_hash = sha256('x') WHERE position = 4", 4, "the hash of the stored bytes"),
        ("UPDATE ledger.events SET event_type = 'Noted' WHERE position = 7", 7, "column event_type differs"),
        ("UPDATE ledger.events SET subject = 'p_x' WHERE position = 7", 7, "column subject differs"),
        ("UPDATE ledger.events SET event_key = 'other' WHERE position = 7", 7, "column event_key differs"),
        ("UPDATE ledger.events SET stream = 'run:c' WHERE position = 7", 7, "column stream differs"),
        (
            "UPDATE ledger.events SET recorded_at = recorded_at + interval '1us' WHERE position = 2",
            2,
            "column recorded_at differs",
        ),
        ("DELETE FROM ledger.events WHERE position = 6", 6, "missing; the next row is 7"),
        ("DELETE FROM ledger.events WHERE position = 1", 1, "missing; the next row is 2"),
        (
            "INSERT INTO ledger.events SELECT * FROM ledger.events WHERE position = 3",
            3,
            "twice",
        ),
        ("UPDATE ledger.events SET position = 13 WHERE position = 12", 12, "missing; the next row is 13"),
        ("UPDATE ledger.events SET position = 5000000000000 WHERE position >= 12", 12, "missing; the next row is 5000"),
        ("UPDATE ledger.head SET position = 11", None, "it says 11, there are 12"),
        ("DELETE FROM ledger.events WHERE position = 12", None, "it says 12, there are 11"),
        ("DELETE FROM ledger.head", None, "it says nothing"),
        ("UPDATE ledger.events SET stored = NULL WHERE position = 8", 8, "column stored is empty"),
        ("UPDATE ledger.events SET leaf_hash = NULL WHERE position = 8", 8, "column leaf_hash is empty"),
        ("UPDATE ledger.events SET version = NULL WHERE position = 8", 8, "column version differs"),
        ("UPDATE ledger.events SET recorded_at = NULL WHERE position = 2", 2, "column recorded_at differs"),
        ("UPDATE ledger.events SET recorded_at = 'infinity' WHERE position = 2", 2, "column recorded_at differs"),
        ("UPDATE ledger.events SET recorded_at = '20000-01-01' WHERE position = 2", 2, "column recorded_at differs"),
        (
            "INSERT INTO ledger.events SELECT NULL, stream, version + 1, event_key || 'x', event_type, subject, "
            "append_id, stored, leaf_hash, recorded_at FROM ledger.events WHERE position = 11",
            None,
            "ledger.events: 1 of its rows have no position",
        ),
        ("ALTER TABLE ledger.events ENABLE ROW LEVEL SECURITY", None, "readers can be shown other rows"),
        (
            "CREATE RULE r AS ON UPDATE TO ledger.head DO INSTEAD NOTHING",
            None,
            "ledger.head: it is not a table without",
        ),
    ],
)
async def test_the_first_wrong_row_is_named(
    filled: Ledger, url: str, statement: str, position: int | None, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tamper(url, statement)
    found = verify_database(url)
    assert found.wrong is not None and found.wrong.position == position and what in str(found.wrong)
    assert found.wrong.remedy
    in_parts(monkeypatch)
    assert verify_database(url) == found, "the same, wherever a part ends"


async def test_changed_bytes_with_a_fitting_hash_break_the_stream(filled: Ledger, url: str) -> None:
    tamper(
        url,
        "UPDATE ledger.events SET stored = replace(encode(stored, 'escape'), '\"number\":2', '\"number\":9')::bytea "
        "WHERE position = 3",
        "UPDATE ledger.events SET leaf_hash = sha256('\\x00'::bytea || stored) WHERE position = 3",
    )
    found = verify_database(url)
    assert found.wrong is not None and found.wrong.position == 5
    assert "version 2 of its stream: that version was changed" in found.wrong.what


@pytest.mark.parametrize(
    "public",
    [
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"stored_files":[{"stored":"00"}]}',
        b'{"stored_files":[{"stored":"' + b"0" * 64 + b'","media_type":"a","bytes":1e400,"stored_at":'
        b'"2026-01-01T00:00:00+00:00"}]}',
    ],
    ids=["nested deeply", "short digest", "infinite size"],
)
async def test_a_public_part_that_is_not_in_the_format_is_found(filled: Ledger, url: str, public: bytes) -> None:
    rewrite(url, 3, public=public)
    found = verify_database(url)
    assert found.wrong is not None and found.wrong.position == 3 and "not in the written format" in found.wrong.what


@pytest.mark.parametrize("changes", [{"key": "n1"}, {"version": 9}])
async def test_bytes_that_agree_with_nothing_are_found(filled: Ledger, url: str, changes: dict[str, object]) -> None:
    rewrite(url, 3, **changes)
    column = {"key": "event_key"}.get(next(iter(changes)), next(iter(changes)))
    found = verify_database(url)
    assert found.wrong is not None and found.wrong.position == 3 and f"column {column}" in found.wrong.what


async def test_a_key_written_twice_is_found(filled: Ledger, url: str) -> None:
    tamper(url, "UPDATE ledger.events SET event_key = 'n1' WHERE position = 3")
    rewrite(url, 3, key="n1")
    found = verify_database(url)
    assert found.wrong is not None and found.wrong.position == 3 and "event key" in found.wrong.what


async def test_a_skilfully_rewritten_history_is_found_by_a_checkpoint(
    ledger: Ledger, filled: Ledger, url: str, database: Database
) -> None:
    early = await make_checkpoint(database, SIGNER)
    await ledger.append([StreamAppend("run:a", 6, counts(7, 10))])
    late = await make_checkpoint(database, SIGNER)
    await ledger.append([StreamAppend("run:a", 10, counts(11, 12))])
    rewrite(url, 14, public=b'{"number":99}')
    assert verify_database(url).ok, "without a checkpoint there is nothing to see"
    assert check(url, early).ok
    found = check(url, late, early)
    assert found.wrong is not None and found.wrong.place == "positions 13 to 16" and found.checkpoints == 1
    after = await make_checkpoint(database, SIGNER)
    assert check(url, after).wrong is not None, "a later checkpoint goes on from the earlier one's tree"


async def test_a_truncated_history_is_found_by_a_checkpoint(filled: Ledger, url: str, database: Database) -> None:
    note = await make_checkpoint(database, SIGNER)
    tamper(url, "DELETE FROM ledger.events WHERE position > 10", "UPDATE ledger.head SET position = 10")
    assert verify_database(url).ok
    found = check(url, note)
    assert found.wrong is not None and found.wrong.position == 11 and "missing" in found.wrong.what


async def test_exported_rows_that_were_changed_are_found(filled: Ledger, url: str, tmp_path: Path) -> None:
    path = tmp_path / "export.jsonl"
    await asyncio.to_thread(export_rows, url, path)
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    row = json.loads(lines[4]) | {"stream": "run:c"}
    path.write_text("".join([*lines[:4], json.dumps(row) + "\n", *lines[5:]]), encoding="utf-8")
    found = verify_file(path)
    assert found.wrong is not None and found.wrong.position == 5
    for changes in (
        None,
        {"position": "5"},
        {"position": None},
        {"stored": 5},
        {"recorded_at": "0001-01-01T00:00+23:00"},
    ):
        changed = "{}" if changes is None else json.dumps(json.loads(lines[4]) | changes)
        path.write_text("".join([*lines[:4], changed + "\n"]), encoding="utf-8")
        found = verify_file(path)
        assert found.wrong is not None and "line 5" in found.wrong.place, changes


async def test_a_row_without_values_is_exported_and_found_in_the_export(
    filled: Ledger, url: str, tmp_path: Path
) -> None:
    tamper(
        url,
        "UPDATE ledger.events SET stored = NULL WHERE position = 8",
        "UPDATE ledger.events SET recorded_at = '-infinity' WHERE position = 9",
    )
    path = tmp_path / "export.jsonl"
    assert await asyncio.to_thread(export_rows, url, path) == 12
    found = verify_file(path)
    assert found.wrong is not None and found.wrong.position == 8 and "stored is empty" in found.wrong.what


async def test_a_false_checkpoint_is_refused(filled: Ledger, url: str, database: Database) -> None:
    note = await make_checkpoint(database, SIGNER)
    other = NoteSigner.generate(SIGNER.name)
    for false, key in (
        (note.replace("\n12\n", "\n11\n"), KEY),
        (note, other.verifier_text()),
        (other.sign(12, bytes(32)), KEY),
        (note.partition("—")[0], KEY),
        (SIGNER.sign(12, bytes(31)), KEY),
        ("", KEY),
        (note, "nonsense"),
    ):
        found = verify_database(url, against=[false], verifier_key=key)
        assert found.wrong is not None and "checkpoint" in found.wrong.place
        with pytest.raises(NoteRefused):
            read_signed_root(false, key)
    with pytest.raises(ValueError, match="verifier key"):
        verify_database(url, against=[note])
    cosigned = note + other.sign(12, bytes(32)).rpartition("\n\n")[2]
    assert check(url, cosigned).ok and read_signed_root(cosigned, KEY).size == 12


def test_signer_keys_are_read_back() -> None:
    assert NoteSigner.parse(SIGNER.secret_text()).verifier_text() == KEY
    for bad in ("", KEY, SIGNER.secret_text()[:-8], SIGNER.secret_text().replace("example", "elsewhere")):
        with pytest.raises(SignerKeyInvalid) as refused:
            NoteSigner.parse(bad)
        assert SIGNER.secret_text()[-20:] not in str(refused.value)
