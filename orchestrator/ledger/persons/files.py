"""Files that people attach: kept once, encrypted under the key of the person they are about, and only ever added.

An event's evidence names a file by the digest of its ciphertext. Erasing the person makes the file unreadable,
and everyone can still check that its bytes are those the ledger names (`docs/ledger-format.md`).
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.domain.errors import Invalid
from orchestrator.domain.events.work import StoredFile
from orchestrator.ledger.book.errors import PersonErased
from orchestrator.ledger.persons.keys import Keyring
from orchestrator.ledger.persons.media_type import media_type
from orchestrator.ledger.schema.database import Database

MAX_FILE_BYTES = 10 << 20
"""Bytes."""
MAX_FILES = 20
MAX_NAME_CHARACTERS = 200

_KEEP = """
INSERT INTO ledger.files (digest, subject, media_type, bytes, sealed, stored_at)
VALUES (%s, %s, %s, %s, %s, engine.now())
"""
_ROWS = "SELECT digest, media_type, bytes, stored_at FROM ledger.files WHERE digest = ANY(%s) AND subject = %s"
_OPEN = "SELECT media_type, bytes, sealed FROM ledger.files WHERE digest = %s AND subject = %s"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file as it was uploaded."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Sealed:
    """`content` is the ciphertext and `digest` its SHA-256; `told` is what the evidence says about the file."""

    digest: bytes
    kind: str
    content: bytes
    description: dict[str, Any]


class Files:
    """Raises `LedgerUnavailable`, and `PersonUnknown` for a person who was never created."""

    def __init__(self, database: Database, keyring: Keyring) -> None:
        self._database = database
        self._keyring = keyring

    async def keep(self, person_id: str, content: bytes, name: str) -> dict[str, Any]:
        """Stores a file and returns what evidence says about it: `name`, `media_type` (by its content), `bytes` and
        `sha256` of the file itself, and `stored`, the hex digest under which `open` finds it. Name and `sha256` belong
        in encrypted fields only.

        Raises `Invalid`: `attachment_too_large`, `attachment_empty`, `person_erased`."""
        sealed = await self.seal(person_id, content, name)
        values = (sealed.digest, person_id, sealed.kind, len(content), sealed.content)
        async with self._database.driver() as connection:
            await connection.execute(_KEEP, values)
        return sealed.description

    async def seal(self, person_id: str, content: bytes, name: str) -> Sealed:
        """The file as it is kept, without keeping it. Raises like `keep`."""
        require_size(len(content), name)
        try:
            key = await self._keyring.person_key(person_id)
        except PersonErased as erased:
            raise Invalid(
                "person_erased", "The personal data of this person has been erased, so no files can be stored for them."
            ) from erased
        kind = media_type(content)
        sealed = await asyncio.to_thread(key.seal, _context(kind, len(content)), content)
        digest = hashlib.sha256(sealed).digest()
        description = {
            "name": file_name(name),
            "media_type": kind,
            "bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "stored": digest.hex(),
        }
        return Sealed(digest, kind, sealed, description)

    async def keep_all(self, person_id: str, attachments: Sequence[Attachment]) -> list[dict[str, Any]]:
        """Like `keep`, for several: all are looked at before the first is stored. Raises `Invalid` also for more than
        `MAX_FILES` at once."""
        if len(attachments) > MAX_FILES:
            raise Invalid(
                "too_many_attachments",
                f"{len(attachments)} files are too many to attach at once.",
                most=MAX_FILES,
            )
        for file in attachments:
            require_size(len(file.content), file.name)
        return [await self.keep(person_id, file.content, file.name) for file in attachments]

    async def rows(self, person_id: str, stored: Sequence[str]) -> tuple[StoredFile, ...]:
        """What an event states about the rows of files, in the order of `stored`, each once. Raises `Invalid`
        (`unknown_file`)."""
        digests = list(dict.fromkeys(bytes.fromhex(one) for one in stored))
        async with self._database.driver() as connection:
            rows = await (await connection.execute(_ROWS, (digests, person_id))).fetchall()
        found = {bytes(row[0]): (bytes(row[0]), *row[1:]) for row in rows}
        missing = next((digest for digest in digests if digest not in found), None)
        if missing is not None:
            raise _unknown(missing.hex())
        return tuple(
            StoredFile(stored=digest.hex(), media_type=kind, bytes=size, stored_at=stored_at)
            for digest, kind, size, stored_at in (found[digest] for digest in digests)
        )

    async def open(self, person_id: str, stored: str) -> bytes:
        """The file's content. Raises `Invalid`: `file_erased` once the person is; `unknown_file` for one that is not
        there or is about someone else. Who may read it is for the caller to say: a viewer of a run whose evidence
        names it."""
        try:
            digest = bytes.fromhex(stored)
        except ValueError:
            raise _unknown(stored) from None
        async with self._database.driver() as connection:
            row = await (await connection.execute(_OPEN, (digest, person_id))).fetchone()
        if row is None:
            raise _unknown(stored)
        kind, size, sealed = row
        try:
            key = await self._keyring.person_key(person_id)
        except PersonErased as erased:
            raise Invalid(
                "file_erased", "The personal data of this person has been erased, including this file."
            ) from erased
        return await asyncio.to_thread(key.open, _context(kind, size), bytes(sealed))


def require_size(size: int, name: str) -> None:
    """Raises `Invalid` for a file that would not be kept."""
    if size > MAX_FILE_BYTES:
        raise Invalid(
            "attachment_too_large",
            f"{file_name(name)} is larger than {MAX_FILE_BYTES >> 20} MiB, the limit for an attachment.",
        )
    if size == 0:
        raise Invalid("attachment_empty", f"{file_name(name)} is empty.")


def _unknown(stored: str) -> Invalid:
    return Invalid("unknown_file", f"There is no file {stored[:64]}.")


def _context(kind: str, size: int) -> str:
    """Binds what stands beside the ciphertext in clear: with either changed it does not open."""
    return f"file:{kind}:{size}"


def file_name(name: str) -> str:
    """A name to show and to offer for saving: its last part, without what a terminal or a header would obey."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1].encode(errors="replace").decode()
    return "".join(letter if letter.isprintable() else "?" for letter in last)[:MAX_NAME_CHARACTERS] or "file"
