"""Attached files: kept once, encrypted, erased with the person, and checked when the ledger is verified."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest

from orchestrator import commands
from orchestrator.domain import events as e
from orchestrator.domain.errors import Invalid, NotAllowed, Refusal
from orchestrator.ledger.book.codec import canonical_json
from orchestrator.ledger.book.errors import UnreadableEvent
from orchestrator.ledger.persons.files import MAX_FILE_BYTES, MAX_FILES, Attachment
from orchestrator.ledger.proofs.raw_rows import export_rows
from orchestrator.ledger.proofs.verification import verify_database, verify_file
from tests.ledger.small_office import AUDREY, IVO, OLE, SmallOffice, acting, small_office

RECEIPT = "Unterschrieben: Quirina ✓".encode()


@pytest.fixture
async def services(url: str) -> AsyncIterator[SmallOffice]:
    async with small_office(url) as made:
        yield made


async def tamper(url: str, statement: str) -> None:
    def change() -> None:
        with psycopg.connect(url.replace("+psycopg", "", 1)) as connection:
            connection.execute("ALTER TABLE ledger.files DISABLE TRIGGER ALL")
            connection.execute("ALTER TABLE ledger.files DROP CONSTRAINT IF EXISTS files_pkey")
            for column in ("digest", "sealed", "subject", "media_type", "bytes", "stored_at"):
                connection.execute(f"ALTER TABLE ledger.files ALTER {column} DROP NOT NULL".encode())
            connection.execute(statement.encode())

    await asyncio.to_thread(change)


async def test_a_file_opens_for_its_person_alone_until_they_are_erased(services: SmallOffice) -> None:
    files, keyring = services.ledger.files, services.keyring
    person, other = await keyring.create_person(), await keyring.create_person()
    kept = await files.keep(person, RECEIPT, "C:\\scans\\receipt\n.txt")
    assert kept == {
        "name": "receipt?.txt",
        "media_type": "text/plain",
        "bytes": len(RECEIPT),
        "sha256": hashlib.sha256(RECEIPT).hexdigest(),
        "stored": kept["stored"],
    }
    assert await files.open(person, kept["stored"]) == RECEIPT
    again = await files.keep(person, RECEIPT, "receipt.txt")
    assert again["stored"] != kept["stored"], "equal files do not show that they are equal"
    for who, stored in ((other, kept["stored"]), (person, "00" * 32), (person, "nonsense")):
        with pytest.raises(Invalid) as unknown:
            await files.open(who, stored)
        assert unknown.value.code == "unknown_file"

    await keyring.erase_person(person)
    with pytest.raises(Invalid) as erased:
        await files.open(person, kept["stored"])
    assert erased.value.code == "file_erased"
    with pytest.raises(Invalid) as refused:
        await files.keep(person, RECEIPT, "receipt.txt")
    assert refused.value.code == "person_erased"
    assert verify_database(services.url).ok, "an erased person leaves every proof valid"


async def test_nothing_readable_is_stored_and_rows_stay_as_they_are(services: SmallOffice) -> None:
    person = await services.keyring.create_person()
    kept = await services.ledger.files.keep(person, RECEIPT, "quirina.txt")
    async with await services.database.dedicated() as connection:
        row = await (await connection.execute("SELECT * FROM ledger.files")).fetchone()
        assert row is not None and b"Quirina" not in b"".join(part for part in row if isinstance(part, bytes))
        assert "quirina" not in str(row)
        for forbidden in ("UPDATE ledger.files SET bytes = 1", "DELETE FROM ledger.files", "TRUNCATE ledger.files"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await connection.execute(forbidden.encode())
    with (
        psycopg.connect(services.url.replace("+psycopg", "", 1), autocommit=True) as owner,
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="only grows"),
    ):
        owner.execute("DELETE FROM ledger.files")
    await tamper(services.url, "UPDATE ledger.files SET media_type = 'text/html'")
    with pytest.raises(UnreadableEvent):
        await services.ledger.files.open(person, kept["stored"])


async def test_a_changed_file_is_found_by_verification(services: SmallOffice, tmp_path: Path) -> None:
    person = await services.keyring.create_person()
    kept = [await services.ledger.files.keep(person, bytes([number]) * 100, "x") for number in range(1, 12)]
    found = verify_database(services.url)
    assert found.ok and found.files == len(kept)
    await asyncio.to_thread(export_rows, services.url, tmp_path / "rows.jsonl")
    assert verify_file(tmp_path / "rows.jsonl").ok, "the exported rows are the events alone"
    stored = sorted(file["stored"] for file in kept)[6]
    await tamper(services.url, f"UPDATE ledger.files SET sealed = sealed || '\\x00' WHERE digest = '\\x{stored}'")
    found = verify_database(services.url)
    assert found.wrong is not None and found.wrong.place == f"file {stored}" and found.files == 6


async def test_evidence_names_files_and_a_refused_command_stores_none(services: SmallOffice) -> None:
    run_id = await services.start()
    await services.work(run_id)
    state = await services.state(run_id)
    task_id = next(id_ for id_, task in state.work.tasks.items() if task.open)
    files = [Attachment("receipt.txt", RECEIPT), Attachment("page.html", b"<html><script>alert(1)</script>")]

    async def stored() -> int:
        async with await services.database.dedicated() as connection:
            row = await (await connection.execute("SELECT count(*) FROM ledger.files")).fetchone()
            assert row is not None
            return int(row[0])

    too_many = [Attachment("x", b"x")] * (MAX_FILES + 1)
    large = [Attachment("small", b"x"), Attachment("large", bytes(MAX_FILE_BYTES + 1))]
    stranger = acting("stranger", "gardener")
    await services.keyring.create_person(stranger.human)
    for actor, task, given, code in (
        (IVO, task_id, files, "role_missing"),
        (AUDREY, task_id, files, "role_missing"),
        (stranger, task_id, files, "unknown_run"),
        (stranger, "t-none", files, "unknown_run"),
        (OLE, "t-none", files, "unknown_task"),
        (OLE, task_id, too_many, "too_many_attachments"),
        (OLE, task_id, large, "attachment_too_large"),
        (OLE, task_id, [Attachment("empty", b"")], "attachment_empty"),
    ):
        with pytest.raises(Refusal) as refused:
            await commands.complete_task(services.services, actor, run_id, task, "done", None, given)
        assert refused.value.code == code and not (isinstance(refused.value, NotAllowed) and actor is OLE)
    assert await stored() == 0

    done = await commands.complete_task(services.services, OLE, run_id, task_id, "done", {"note": "there"}, files)
    completed = next(event for event in done.events if isinstance(event, e.TaskCompleted))
    attested = next(event for event in done.events if isinstance(event, e.StepAttested))
    assert completed.evidence == attested.evidence and completed.evidence is not None
    named = completed.evidence["attachments"]
    assert [file["media_type"] for file in named] == ["text/plain", "application/octet-stream"]
    assert all("content" not in file for file in named) and await stored() == 2, "each is stored once"
    person_id = state.asked.person_id
    assert [await services.ledger.files.open(person_id, file["stored"]) for file in named] == [
        file.content for file in files
    ]


SWAPPED = """
UPDATE ledger.files one SET {columns} FROM kept_files other WHERE one.digest <> other.digest
"""
CHANGES = {
    "deleted": "DELETE FROM ledger.files WHERE digest = (SELECT max(digest) FROM ledger.files)",
    "all deleted": "DELETE FROM ledger.files",
    "digest": "UPDATE ledger.files SET digest = sha256(digest)",
    "subject": "UPDATE ledger.files SET subject = 'p_other'",
    "media_type": "UPDATE ledger.files SET media_type = 'text/html'",
    "bytes": "UPDATE ledger.files SET bytes = bytes + 1",
    "sealed": "UPDATE ledger.files SET sealed = sealed || 'x'",
    "stored_at": "UPDATE ledger.files SET stored_at = stored_at + interval '1us'",
    "sealed is empty": "UPDATE ledger.files SET sealed = NULL",
    "endless stored_at": "UPDATE ledger.files SET stored_at = 'infinity'",
    "listed twice": "INSERT INTO ledger.files SELECT digest, subject, 'text/html', bytes, sealed, stored_at "
    "FROM ledger.files",
    "another ciphertext": "UPDATE ledger.files SET sealed = sealed || 'x', digest = sha256(sealed || 'x')",
    "swapped ciphertexts": SWAPPED.format(columns="sealed = other.sealed"),
    "swapped columns": SWAPPED.format(columns="media_type = other.media_type, bytes = other.bytes"),
}


async def complete_with(services: SmallOffice, files: list[Attachment]) -> e.TaskCompleted:
    run_id = await services.start()
    await services.work(run_id)
    task_id = next(id_ for id_, task in (await services.state(run_id)).work.tasks.items() if task.open)
    done = await commands.complete_task(services.services, OLE, run_id, task_id, "done", {"note": "there"}, files)
    return next(event for event in done.events if isinstance(event, e.TaskCompleted))


async def test_a_missing_changed_or_swapped_row_of_a_file_is_found(services: SmallOffice) -> None:
    completed = await complete_with(services, [Attachment("a.txt", RECEIPT), Attachment("b.bin", bytes([0, 255]))])
    stated = {file.stored: (file.media_type, file.bytes) for file in completed.stored_files}
    assert completed.evidence is not None
    assert stated == {file["stored"]: (file["media_type"], file["bytes"]) for file in completed.evidence["attachments"]}
    found = verify_database(services.url)
    assert found.ok and found.files == 2
    await tamper(services.url, "CREATE TABLE kept_files AS SELECT * FROM ledger.files")
    for change, statement in CHANGES.items():
        await tamper(services.url, statement)
        found = verify_database(services.url)
        assert found.wrong is not None and found.wrong.place.startswith("file "), change
        if change in ("subject", "media_type", "bytes", "stored_at"):
            assert f"the column {change} differs from the event at position" in found.wrong.what
        if "deleted" in change:
            assert found.wrong.place.removeprefix("file ") in stated and "missing" in found.wrong.what
        await tamper(services.url, "TRUNCATE ledger.files; INSERT INTO ledger.files SELECT * FROM kept_files")
        assert verify_database(services.url).ok, change
    await tamper(
        services.url, "UPDATE ledger.files SET digest = NULL WHERE digest = (SELECT max(digest) FROM kept_files)"
    )
    found = verify_database(services.url)
    assert found.wrong is not None and str(found.wrong).startswith("ledger.files: 1 of its rows have no digest")
    await tamper(services.url, "ALTER TABLE ledger.files RENAME TO moved_files")
    found = verify_database(services.url)
    assert found.wrong is not None and "missing" in found.wrong.what


async def test_events_without_files_have_the_bytes_of_earlier_versions(services: SmallOffice) -> None:
    """Files that only such events name are checked against their digests, as before."""
    fields = {"task_id": "t", "by": "ole", "outcome": "done", "on_behalf_of": None}
    assert services.codec.encode(e.TaskCompleted.model_validate(fields)).public == canonical_json(fields)
    person = await services.keyring.create_person()
    await services.ledger.files.keep(person, RECEIPT, "receipt.txt")
    await tamper(services.url, "DELETE FROM ledger.files")
    assert verify_database(services.url).ok


async def test_evidence_of_before_with_the_content_in_it_is_still_read(services: SmallOffice) -> None:
    run_id = await services.start()
    await services.work(run_id)
    task_id = next(iter((await services.state(run_id)).work.tasks))
    old = {"attachments": [{"name": "a.txt", "media_type": "text/plain", "bytes": 1, "sha256": "0", "content": "YQ=="}]}
    await commands.complete_task(services.services, OLE, run_id, task_id, "done", old)
    stream = e.run_stream(run_id)
    read = (await services.ledger.read({stream: 0})).events[stream]
    assert any(isinstance(one.event, e.TaskCompleted) and one.event.evidence == old for one in read)
