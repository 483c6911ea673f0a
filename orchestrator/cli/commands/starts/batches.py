"""Batches: `batches`, and `propose`, `show`, `start`, `confirm`, `hold`, `resume` and `cancel` below it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from orchestrator.cli.exports import export_from, read_file
from orchestrator.cli.server.access import entering
from orchestrator.cli.server.inquiries import worker_answer
from orchestrator.cli.server.server import Server
from orchestrator.cli.terminal.local_refusals import LocalRefusal
from orchestrator.cli.terminal.options import (
    FOLDER,
    PACKET,
    As,
    Folder,
    Json,
    NeededReasonOption,
    PacketOption,
    has_subcommand,
)
from orchestrator.cli.terminal.refusals import run as carry_out
from orchestrator.cli.terminal.screen import complain, cutoff, instant, print_json, say, table, working
from orchestrator.documents.batches.files import rows_of_export
from orchestrator.documents.document import Document
from orchestrator.domain.organisation.roles import either
from orchestrator.vocabulary.states import BATCH, BATCH_ROW, BATCH_WAITS_FOR, FAILURE, RUN, label

POLL_SECONDS = 1.0
OVER = ("ended", "cancelled")

BatchArgument = Annotated[str, typer.Argument(metavar="BATCH", help="As `batches` lists it.")]


def batches(context: typer.Context, alias: As = None, json: Json = False, folder: Folder = FOLDER) -> None:
    """List the latest batches."""
    if has_subcommand(context):
        return

    async def work() -> Document:
        async with entering(folder, alias) as server:
            return await server.get("batches")

    found = carry_out(work())
    if json:
        print_json(found)
        return
    if not found["batches"]:
        say("No batches.")
        return
    table(
        ("Batch", "State", "People", "Started", "Without a run", "Packet", "Proposed"),
        [
            (
                one["batch_id"],
                label(one["status"], BATCH),
                str(one["people"]),
                str(one["started"]),
                str(one["refused"]),
                one["packet"],
                f"{instant(one['proposed_at'])} by {one['proposed_by']}",
            )
            for one in found["batches"]
        ],
    )


def propose(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="An HR export. Rows with a last day are people who leave.")
    ],
    packet: PacketOption = PACKET,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Record the batch without the rows that cannot start a run.")
    ] = False,
    check: Annotated[bool, typer.Option("--check", help="Only check the rows: nothing is recorded.")] = False,
    shadow: Annotated[bool, typer.Option("--shadow", help="The rows start dry runs.")] = False,
    json: Json = False,
    alias: As = None,
    folder: Folder = FOLDER,
) -> None:
    """Check every row of an HR export, and record the batch. No run is started."""
    carry_out(_propose(file, packet, skip_bad, check, shadow, json, alias, folder))


async def _propose(
    path: Path, packet: str, skip_bad: bool, check: bool, shadow: bool, json: bool, alias: str | None, folder: Path
) -> None:
    content = await asyncio.to_thread(read_file, path)
    async with entering(folder, alias) as server:
        current = await server.get("packets", packet)
        columns, form = current["export_columns"], current.get("export_format", {})
        rows, unreadable = rows_of_export(export_from(content, path.name, columns, form, hr_has_zones=True))
        asked: Document = {
            "packet": packet,
            "rows": [row.model_dump() for row in rows],
            "unreadable": [row.model_dump() for row in unreadable],
            "skip_broken": skip_bad,
            "check_only": check,
            "shadow": shadow,
        }
        with working("Searching every person of the list in HR"):
            checked = await worker_answer(server, await server.post("batches", body=asked), "batch")
        if json:
            print_json(checked)
        for row in checked["broken"]:
            complain(f"{path.name}, {row['place']}: {row['message']}", "")
        if checked["batch_id"] is None and not check:
            count = len(checked["broken"])
            raise LocalRefusal(
                "bad_rows",
                f"Nothing was recorded: {count} {'row' if count == 1 else 'rows'} of {path.name} cannot be used.",
                "Correct them in HR and export again, or skip them with --skip-bad.",
            )
        if json:
            return
        if checked["batch_id"] is None:
            say(f"{checked['people']} people can be started. Nothing was recorded.")
            return
        found = await server.get("batches", checked["batch_id"])
        _print_batch(found, people=False)
        say(f"Start it: offboard batches start {found['batch_id']} --confirm {found['people']}")


def show(
    batch: BatchArgument,
    watch: Annotated[bool, typer.Option("--watch", help="Follow the batch until it ends.")] = False,
    json: Json = False,
    alias: As = None,
    folder: Folder = FOLDER,
) -> None:
    """Show a batch: what it does, how far it is, and each person with their run."""

    async def work() -> Document:
        async with entering(folder, alias) as server:
            return await _watched(server, batch) if watch else await server.get("batches", batch)

    found = carry_out(work())
    if json:
        print_json(found)
    else:
        _print_batch(found, people=True)


async def _watched(server: Server, batch: str) -> Document:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[pace]}"))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", pace="")
        while True:
            found = await server.get("batches", batch)
            bar.update(
                task,
                description=label(found["status"], BATCH),
                completed=found["started"] + found["refused"],
                total=found["people"],
                pace=_pace(found),
            )
            if found["status"] in OVER:
                return found
            await asyncio.sleep(POLL_SECONDS)


def start(
    batch: BatchArgument,
    count: Annotated[int, typer.Option("--confirm", metavar="N", help="The number of runs of the batch.")],
    alias: As = None,
    folder: Folder = FOLDER,
) -> None:
    """Start the runs of a batch, once the safety owner has confirmed it where it needs that."""
    found = _changed(batch, "start", {"runs": count}, alias, folder)
    if found["status"] == "awaiting_confirmation":
        say(f"Batch {batch} is started. {BATCH_WAITS_FOR['confirmation']}")
    else:
        say(f"Batch {batch} starts its runs. Follow it: offboard batches show {batch} --watch")


def confirm(batch: BatchArgument, alias: As = None, folder: Folder = FOLDER) -> None:
    """Confirm the number of runs of a batch of another person, as its safety owner."""
    _changed(batch, "confirmation", None, alias, folder)
    say(f"Batch {batch} is confirmed.")


def hold(batch: BatchArgument, alias: As = None, folder: Folder = FOLDER) -> None:
    """Pause a batch: it starts no run until it is resumed."""
    found = _changed(batch, "hold", None, alias, folder)
    say(f"Batch {batch} is paused. {found['started']} of {found['people']} runs were started, and continue.")


def resume(batch: BatchArgument, alias: As = None, folder: Folder = FOLDER) -> None:
    """Resume a batch."""
    _changed(batch, "resume", None, alias, folder)
    say(f"Batch {batch} is resumed.")


def cancel(batch: BatchArgument, reason: NeededReasonOption, alias: As = None, folder: Folder = FOLDER) -> None:
    """Cancel a batch: it starts no further run."""
    found = _changed(batch, "cancellation", {"reason": reason}, alias, folder)
    say(f"Batch {batch} is cancelled. Runs that were started continue:")
    for row in found["rows"]:
        if row["run_id"] is not None:
            say(f"{row['run_id']}  {row['person'] or 'erased'}")


def _changed(batch: str, act: str, body: Document | None, alias: str | None, folder: Path) -> Document:
    """The batch after it."""

    async def work() -> Document:
        async with entering(folder, alias) as server:
            await server.post("batches", batch, act, body=body)
            return await server.get("batches", batch)

    return carry_out(work())


def _print_batch(found: Document, *, people: bool) -> None:
    kind, status = "dry runs" if found["shadow"] else "runs", label(found["status"], BATCH)
    say(f"Batch {found['batch_id']}: {found['people']} {kind}, packet {found['packet']}. {status}.")
    counted = f"{found['started']} started, {found['refused']} without a run, {found['waiting']} waiting."
    say(f"{counted} {_pace(found)}".strip())
    if found["waits_for"] is not None:
        roles = either(found["waits_for"]["roles"])
        say(f"{BATCH_WAITS_FOR[found['waits_for']['what']]}{f' Who can: {roles}.' if roles else ''}")
    if found["held_code"]:
        say(f"Offboard paused it: {label(found['held_code'], FAILURE)}.")
    preview = found["preview"]
    say(f"Each run: up to {preview['steps_each']} steps. Systems: {', '.join(preview['systems'])}.")
    if preview["irreversible"]:
        say(f"Can't be undone: {', '.join(preview['irreversible'])}.")
    for late in preview["late"]:
        say(
            f"System {late['system']} takes {late['rate_per_second']:g} requests per second: access there ends "
            f"{instant(late['ends_at'])} at the earliest, late for {late['people']} people."
        )
    if found["runs"]:
        states = [f"{count} {label(state, RUN).lower()}" for state, count in found["runs"].items()]
        say(f"Runs: {', '.join(states)}.")
    for item in found["open_items"]:
        say(f"{item['count']} × {item['kind']}: {either(item['roles'])}")
    if people:
        table(
            ("Person", "State", "Access ends", "Run", "Row"),
            [
                (
                    row["person"] or "erased",
                    label(row["status"], BATCH_ROW) + (f": {label(row['code'], FAILURE)}" if row["code"] else ""),
                    cutoff(row["cutoff"], row["zone"]),
                    row["run_id"] or "",
                    row["place"],
                )
                for row in found["rows"]
            ],
        )


def _pace(found: Document) -> str:
    parts = []
    if found["rate_per_minute"]:
        parts.append(f"{found['rate_per_minute']:g} a minute.")
    if found["seconds_left"] is not None:
        parts.append(f"About {max(1, round(found['seconds_left'] / 60))} min left.")
    return " ".join(parts)
