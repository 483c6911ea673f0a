"""The commands `ledger checkpoint|verify|rebuild|export|key|new-master-key|rewrap`, for administrators."""

from __future__ import annotations

import asyncio
import base64
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.terminal.local_refusals import LocalRefusal
from orchestrator.cli.terminal.options import FOLDER, Folder, Json
from orchestrator.cli.terminal.refusals import REFUSED
from orchestrator.cli.terminal.refusals import run as carry_out
from orchestrator.cli.terminal.screen import complain, note, print_json, say, table, working
from orchestrator.domain.errors import Invalid
from orchestrator.settings import PREFIX, SettingMissing

if TYPE_CHECKING:
    from orchestrator.ledger.book.rebuild import Rebuilt
    from orchestrator.ledger.persons.rewrapping import Rewrapped
    from orchestrator.ledger.proofs.verification import VerificationReport

VERIFIER = PREFIX + "CHECKPOINT_VERIFIER"
RESTART_FIRST = (
    "Restart all processes with the new key first, then run this again; keep the former key after it until then."
)


def checkpoint(
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="A new file to write to.")] = None,
    folder: Folder = FOLDER,
) -> None:
    """Sign a checkpoint of the ledger: its size and its root. Keep the checkpoint on another system."""

    async def work() -> str:
        from orchestrator.cli.server.installation import server_settings
        from orchestrator.ledger.proofs.checkpoints import NoteSigner, make_checkpoint
        from orchestrator.ledger.schema.database import Database

        settings = server_settings(folder)
        if settings.checkpoint_key is None:
            raise SettingMissing(PREFIX + "CHECKPOINT_KEY", "the signing key; create one with `offboard ledger key`")
        database = Database(settings.database_url)
        try:
            return await make_checkpoint(database, NoteSigner.parse(settings.checkpoint_key))
        finally:
            await database.aclose()

    with working("Reading the events since the last checkpoint"):
        signed = carry_out(work())
    if out is None:
        typer.echo(signed, nl=False)
        return
    carry_out(_written(out, signed))
    say(f"Checkpoint of {signed.splitlines()[1]} events in {out}.")


async def _written(path: Path, text: str, mode: int = 0o644) -> None:
    """Into a new file: what was kept is never written over."""

    def write() -> None:
        try:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            raise LocalRefusal("file_exists", f"{path} already exists.", "Give the name of a new file.") from None

    await asyncio.to_thread(write)


def verify(
    against: Annotated[
        list[Path] | None,
        typer.Option("--against", metavar="FILE", help="A checkpoint kept on another system. Repeatable."),
    ] = None,
    verifier: Annotated[
        str | None, typer.Option("--key", metavar="KEY", envvar=VERIFIER, help="The verifier key: NAME+ID+BASE64.")
    ] = None,
    rows: Annotated[
        Path | None,
        typer.Option(
            "--rows", metavar="FILE", help="Verify the file that `ledger export` wrote, instead of the database."
        ),
    ] = None,
    json: Json = False,
    folder: Folder = FOLDER,
) -> None:
    """Verify the ledger: read every row with independent code, and report the first row that is wrong."""

    async def work() -> VerificationReport:
        from orchestrator.cli.server.installation import server_settings
        from orchestrator.ledger.proofs.verification import verify_database, verify_file

        notes = [await asyncio.to_thread(path.read_text, "utf-8") for path in against or ()]
        key = _verifier(verifier, folder) if notes else None
        if rows is not None:
            return await asyncio.to_thread(verify_file, rows, against=notes, verifier_key=key)
        url = server_settings(folder).database_url
        processors = len(os.sched_getaffinity(0))
        return await asyncio.to_thread(verify_database, url, against=notes, verifier_key=key, processes=processors)

    with working("Reading every row"):
        found = carry_out(work())
    from orchestrator.ledger.proofs.coverage import not_covered

    left_out = not_covered(found, exported=rows is not None) if found.ok else ()
    if json:
        print_json(
            {
                "ok": found.ok,
                "events": found.events,
                "streams": found.streams,
                "root": found.root.hex(),
                "checkpoints": found.checkpoints,
                "covered": found.covered,
                "not_covered": [{"place": one.place, "why": one.why} for one in left_out],
                "wrong": None
                if found.wrong is None
                else {
                    "position": found.wrong.position,
                    "place": found.wrong.place,
                    "what": found.wrong.what,
                    "remedy": found.wrong.remedy,
                },
            }
        )
    elif found.wrong is not None:
        complain(f"Verification failed at {found.wrong.place}: {found.wrong.what}", found.wrong.remedy)
        note(f"The {found.events} events before it are verified.")
    else:
        with_them = f" and with {found.checkpoints} checkpoints" if found.checkpoints > 1 else ""
        with_them = " and with the checkpoint" if found.checkpoints == 1 else with_them
        counted = f"{found.events} events in {found.streams} streams"
        say(f"Verified, no tampering found: {counted} agree with each other{with_them}.", style="green")
        say(f"Root {found.root.hex()}")
        say("Not covered:")
        for one in left_out:
            say(f"- {one.place}: {one.why}")
        if not found.checkpoints:
            note(
                "To detect changes by database administrators, verify with a checkpoint kept elsewhere: --against FILE."
            )
    if not found.ok:
        raise typer.Exit(REFUSED)


def _verifier(given: str | None, folder: Path) -> str:
    if given is not None:
        return given
    from orchestrator.cli.server.installation import server_settings
    from orchestrator.ledger.proofs.checkpoints import NoteSigner

    try:
        secret = server_settings(folder).checkpoint_key
    except (SettingMissing, Invalid):
        secret = None
    if secret is None:
        raise SettingMissing(VERIFIER, "the verifier key of the checkpoint; or use --key")
    return NoteSigner.parse(secret).verifier_text()


def export(out: Annotated[Path, typer.Argument(metavar="FILE", help="A new file.")], folder: Folder = FOLDER) -> None:
    """Export all rows to a file, to verify them on another machine. Personal data stays encrypted."""

    async def work() -> int:
        from orchestrator.cli.server.installation import server_settings
        from orchestrator.ledger.proofs.raw_rows import export_rows

        try:
            return await asyncio.to_thread(export_rows, server_settings(folder).database_url, out)
        except FileExistsError:
            raise LocalRefusal("file_exists", f"{out} already exists.", "Give the name of a new file.") from None

    with working("Exporting all rows"):
        count = carry_out(work())
    say(f"{count} events in {out}.")


def rebuild(folder: Folder = FOLDER) -> None:
    """Rebuild the read tables from the events and report differences. The installation stays in use."""

    async def work() -> dict[str, Rebuilt]:
        from orchestrator.cli.server.installation import server_settings
        from orchestrator.deciding.runs import RUN_EVENT_TYPES
        from orchestrator.ledger.book.codec import EventCodec
        from orchestrator.ledger.book.rebuild import rebuild
        from orchestrator.ledger.schema.database import Database

        database = Database(server_settings(folder).database_url)
        try:
            processors = len(os.sched_getaffinity(0))
            return await rebuild(database, EventCodec(RUN_EVENT_TYPES), processes=processors)
        finally:
            await database.aclose()

    with working("Reading all events"):
        made = carry_out(work())
    table(
        ("Table", "Rows", "Corrected"),
        [(name, str(rebuilt.rows), str(rebuilt.differed)) for name, rebuilt in made.items()],
    )
    wrong = sum(rebuilt.differed for rebuilt in made.values())
    if wrong:
        say(f"{wrong} rows differed from the events and were corrected.", style="yellow")
    else:
        say("The read tables agree with the events.", style="green")


def key(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The ledger's name: offboard.example.com/ledger.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="A new file for the signing key.")],
) -> None:
    """Create a key pair for checkpoints. The signing key is written to a file, the verifier key is printed."""

    async def work() -> str:
        from orchestrator.ledger.proofs.checkpoints import NoteSigner

        signer = NoteSigner.generate(name)
        await _written(out, signer.secret_text() + "\n", 0o600)
        return signer.verifier_text()

    verifier = carry_out(work())
    typer.echo(verifier)
    note(f"Set {PREFIX}CHECKPOINT_KEY_FILE to {out}; give the line above to the auditors, as --key or {VERIFIER}.")


def new_master_key(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="A new file for the key.")],
    folder: Folder = FOLDER,
) -> None:
    """Create a master key that replaces the current one. Account IDs stay the same. Nothing is changed yet."""

    async def work() -> None:
        from orchestrator.cli.server.installation import server_settings
        from orchestrator.ledger.persons.keys import load_master_keys, next_master_key

        current, *_ = load_master_keys(server_settings(folder).master_key, PREFIX + "MASTER_KEY")
        await _written(out, base64.b64encode(next_master_key(current)).decode() + "\n", 0o600)

    carry_out(work())
    say(f"The new master key is in {out}.")
    note(
        f"Put both keys into {PREFIX}MASTER_KEY, the new one first, separated by a space or a line break, and restart "
        "all processes. Then: offboard ledger rewrap"
    )


def rewrap(folder: Folder = FOLDER) -> None:
    """Encrypt everything again that a former master key encrypted. Repeat it after an interruption."""

    async def work() -> Rewrapped:
        from orchestrator.cli.server.installation import server_settings
        from orchestrator.deciding.master_keys import record_end, record_start, require_current_key
        from orchestrator.deciding.runs import RUN_EVENT_TYPES
        from orchestrator.ledger.access import answers, sessions
        from orchestrator.ledger.book.codec import EventCodec
        from orchestrator.ledger.book.store import Ledger
        from orchestrator.ledger.engine import hr_feeds, inquiries, webhooks
        from orchestrator.ledger.persons.keys import Keyring, load_master_keys
        from orchestrator.ledger.persons.rewrapping import other_connections, rewrap
        from orchestrator.ledger.schema.database import Database

        settings = server_settings(folder)
        database = Database(settings.database_url)
        try:
            keyring = Keyring(database, *load_master_keys(settings.master_key, PREFIX + "MASTER_KEY"))
            sealed = (
                *webhooks.SEALED,
                *sessions.SEALED,
                *answers.SEALED,
                *inquiries.SEALED,
                *hr_feeds.SEALED,
            )
            ledger = Ledger(database, keyring, EventCodec(RUN_EVENT_TYPES))
            try:
                await require_current_key(ledger, keyring)
                if others := await other_connections(database, keyring):
                    # One that has only the former key could read nothing of what is encrypted again.
                    raise LocalRefusal(
                        "other_master_keys",
                        "Nothing was changed: other processes encrypt with another master key; open connections: "
                        f"{others}.",
                        RESTART_FIRST,
                    )
                await record_start(ledger, keyring)
                done = await rewrap(database, keyring, sealed)
                if done.finished:
                    await record_end(ledger, keyring)
            finally:
                await ledger.aclose()
            return done
        finally:
            await database.aclose()

    with working("Encrypting with the new master key"):
        done = carry_out(work())
    say(f"Encrypted again: the keys of {done.people} people, and {done.sealed} other values.")
    left = f"the keys of {done.people_left} people, and {done.sealed_left} other values"
    say(f"Still encrypted with a former key: {left}.")
    if not done.finished:
        what = (
            f"Other processes encrypt with another master key; open connections: {done.other_connections}."
            if done.other_connections
            else "A process encrypted with a former master key meanwhile."
        )
        complain(what, RESTART_FIRST)
        raise typer.Exit(REFUSED)
    say(
        "If every process was restarted with the new key first before this run, the former master key is not needed "
        f"any more: remove it from {PREFIX}MASTER_KEY.",
        style="green",
    )
