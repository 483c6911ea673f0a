"""Files that were handed over and that no evidence names yet. They become part of the ledger, which only grows, when a
task is completed with them; files that no task is completed with are deleted."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from orchestrator.domain.errors import TooOften
from orchestrator.ledger.persons.files import MAX_FILES, Files, file_name
from orchestrator.ledger.persons.media_type import media_type
from orchestrator.ledger.schema.database import Database

UPLOAD_TTL = timedelta(days=1)
MAX_PENDING_BYTES = 200 << 20
"""Of one account, over all tasks."""
RETRY_AFTER_SECONDS = 3600

_OVER = "DELETE FROM access.uploads WHERE expires_at < engine.now()"
_HELD = """
SELECT count(*) FILTER (WHERE task = %s), coalesce(sum(bytes), 0) FROM access.uploads WHERE actor_id = %s
"""
_KEEP = """
INSERT INTO access.uploads (digest, subject, actor_id, task, media_type, bytes, sealed, expires_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, engine.now() + %s)
"""
_USE = """
WITH used AS (
    DELETE FROM access.uploads WHERE digest = %s AND subject = %s AND actor_id = %s AND task = %s
    AND expires_at >= engine.now() RETURNING digest, subject, media_type, bytes, sealed)
INSERT INTO ledger.files (digest, subject, media_type, bytes, sealed, stored_at)
SELECT digest, subject, media_type, bytes, sealed, engine.now() FROM used
"""


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A file that was handed over before: `stored` as the upload answered it."""

    stored: str
    name: str


class Uploads:
    """Raises `LedgerUnavailable`. Who may attach files to a task is for the caller to say."""

    def __init__(self, database: Database, files: Files) -> None:
        self._database = database
        self._files = files

    async def keep(
        self, person_id: str, actor_id: str, run_id: str, task_id: str, content: bytes, name: str
    ) -> dict[str, Any]:
        """Like `Files.keep`, for `UPLOAD_TTL`. Raises `TooOften` above the account's limit."""
        async with self._database.driver() as connection:
            await connection.execute(_OVER)
            row = await (await connection.execute(_HELD, (_task(run_id, task_id), actor_id))).fetchone()
        of_task, size = row if row is not None else (0, 0)
        if of_task >= MAX_FILES or size + len(content) > MAX_PENDING_BYTES:
            much = f"{of_task} files" if of_task >= MAX_FILES else f"{size >> 20} MiB"
            raise TooOften(
                "too_many_uploads",
                f"You have uploaded {much} that no completed task uses.",
                again_after=RETRY_AFTER_SECONDS,
                most=MAX_FILES,
            )
        sealed = await self._files.seal(person_id, content, name)
        values = (sealed.digest, person_id, actor_id, _task(run_id, task_id), sealed.kind, len(content), sealed.content)
        async with self._database.driver() as connection:
            await connection.execute(_KEEP, (*values, UPLOAD_TTL))
        return sealed.description

    async def use(self, person_id: str, actor_id: str, run_id: str, task_id: str, uploaded: Uploaded) -> dict[str, Any]:
        """Makes a file part of the ledger, if it is not yet, and returns its entry in the evidence, read from the file
        itself. Raises `Invalid` (`unknown_file`, `file_erased`)."""
        try:
            digest = bytes.fromhex(uploaded.stored)
        except ValueError:
            digest = b""
        async with self._database.driver() as connection:
            await connection.execute(_USE, (digest, person_id, actor_id, _task(run_id, task_id)))
        content = await self._files.open(person_id, uploaded.stored)
        return {
            "name": file_name(uploaded.name),
            "media_type": media_type(content),
            "bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
            "stored": uploaded.stored,
        }


def _task(run_id: str, task_id: str) -> str:
    return f"{run_id}/{task_id}"
