"""The commands `backup` and `restore`, for administrators of the server."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.terminal.local_refusals import LocalRefusal
from orchestrator.cli.terminal.options import FOLDER, Folder
from orchestrator.cli.terminal.refusals import run as carry_out
from orchestrator.cli.terminal.screen import note, say, working

if TYPE_CHECKING:
    from orchestrator.backend import Backend
    from orchestrator.ledger.book.backup import BackupManifest
    from orchestrator.settings import Settings

LedgerFile = Annotated[Path, typer.Option("--ledger", metavar="FILE", help="The file with the ledger.")]
KeyringFile = Annotated[Path, typer.Option("--keyring", metavar="FILE", help="The file with people's keys.")]


def backup(ledger: LedgerFile, keyring: KeyringFile, folder: Folder = FOLDER) -> None:
    """Back up the ledger and people's keys to two new files. The master key is in neither of them."""

    async def work() -> BackupManifest:
        from orchestrator.cli.server.installation import server_settings
        from orchestrator.ledger.book.backup import back_up

        url = server_settings(folder).database_url
        try:
            return await asyncio.to_thread(back_up, url, {"ledger": ledger, "keyring": keyring})
        except FileExistsError as error:
            path = error.filename
            raise LocalRefusal("file_exists", f"{path} already exists.", "Give the name of a new file.") from None

    with working("Reading every row"):
        made = carry_out(work())
    say(f"{made.position} events in {ledger}, the keys of {made.people} people in {keyring}.")
    note("Keep them in different places, and the master key, which is in neither of them, in a third.")


def restore(ledger: LedgerFile, keyring: KeyringFile, folder: Folder = FOLDER) -> None:
    """Restore a backup into an empty database that was migrated. Then changes on all systems are paused."""

    async def work() -> BackupManifest:
        from orchestrator.backend import open_backend
        from orchestrator.cli.server.installation import server_settings
        from orchestrator.deciding.runs import RUN_EVENT_TYPES
        from orchestrator.ledger.book.backup import restore
        from orchestrator.ledger.book.codec import EventCodec
        from orchestrator.ledger.book.rebuild import rebuild
        from orchestrator.ledger.persons.erasures import RecordedErasures

        settings = server_settings(folder)
        found = await asyncio.to_thread(restore, settings.database_url, {"ledger": ledger, "keyring": keyring})
        async with open_backend(settings, abilities={}) as backend:
            await rebuild(backend.database, EventCodec(RUN_EVENT_TYPES))
            await RecordedErasures(backend.database, backend.keyring).carry_out()
            missing = await _missing_mark(settings, backend)
            await backend.lost_tails.pause(missing or f"after {found.position}:{found.leaf}")
        return found

    with working("Writing every row"):
        found = carry_out(work())
    say(f"Restored {found.position} events, as of {found.taken_at:%Y-%m-%d %H:%M:%S} UTC.")
    say("Changes on all systems are paused, since what was done after the backup is not recorded.")
    say("People whose erasure is recorded in the backup are erased. Repeat erasures that were recorded after it.")
    note("Next: verify the ledger against the last checkpoint (offboard ledger verify --against FILE).")


async def _missing_mark(settings: Settings, backend: Backend) -> str | None:
    """The mark in Temporal of an event that is not in the backup: the pause names it, so that a worker that compares
    the ledger with it does not pause again. None if there is none, or if Temporal does not respond; a worker then
    pauses changes once more if it finds one."""
    from orchestrator.backend import engine_address
    from orchestrator.engine import Engine, EngineUnavailable
    from orchestrator.ledger_marks import LedgerMarks

    try:
        engine = await Engine.connect(engine_address(settings))
        return await LedgerMarks(backend.ledger, backend.lost_tails, engine).missing()
    except EngineUnavailable:
        note("Temporal did not respond. If changes are resumed before it does, the first worker may pause them again.")
        return None
