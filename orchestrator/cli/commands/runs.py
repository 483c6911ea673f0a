"""Runs: `runs`, `show`, `reschedule`, `end`, `embargo`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.server.access import entering
from orchestrator.cli.server.server import Document
from orchestrator.cli.terminal.moments import instant_given
from orchestrator.cli.terminal.names import colleague_named
from orchestrator.cli.terminal.options import FOLDER, As, Folder, Json, NeededReason, Run
from orchestrator.cli.terminal.outcomes import tell
from orchestrator.cli.terminal.refusals import run as carry_out
from orchestrator.cli.terminal.run_pages import print_run
from orchestrator.cli.terminal.screen import cutoff, instant, length, name, print_json, say, table, when


def runs(
    alias: As = None,
    state: Annotated[
        list[str] | None, typer.Option("--state", help="Only these: open, finished, or a state as listed. Repeatable.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=500)] = 50,
    after: Annotated[str | None, typer.Option("--after", help="Go on where the list before ended.")] = None,
    json: Json = False,
    folder: Folder = FOLDER,
) -> None:
    """List runs, the latest first."""

    async def work() -> Document:
        async with entering(folder, alias) as server:
            return await server.get("runs", state=state or None, after=after, limit=limit)

    found = carry_out(work())
    if json:
        print_json(found)
        return
    if not found["runs"]:
        say("No runs.")
        return
    table(
        ("Run", "Person", "State", "Cutoff", "Steps", "Waits", "Next due"),
        [
            (
                run["run_id"],
                name(run["person"]),
                run["state"],
                cutoff(run["cutoff"], run["zone"]),
                f"{run['summary']['final']}/{run['summary']['steps']}",
                waiting(run["summary"]),
                instant(run["due_at"]),
            )
            for run in found["runs"]
        ],
    )
    if found["after"] is not None:
        say(f"There are more: offboard runs --after {found['after']}")


def waiting(summary: dict[str, int]) -> str:
    words = (("gate", "open_gates"), ("task", "open_tasks"), ("exception", "open_exceptions"))
    counted = [(word, summary.get(key, 0)) for word, key in words]
    return ", ".join(f"{count} {word}{'s' if count > 1 else ''}" for word, count in counted if count)


def show(
    run_id: Run,
    alias: As = None,
    events: Annotated[bool, typer.Option("--events", help="With everything that happened, in order.")] = False,
    json: Json = False,
    folder: Folder = FOLDER,
) -> None:
    """Show one run: its steps with evidence, who decided, what waits and for whom."""

    async def work() -> Document:
        async with entering(folder, alias) as server:
            return await server.run(run_id, events=events)

    document = carry_out(work())
    if json:
        print_json(document)
    else:
        print_run(document)
        for line in [*_attached(document), *_access_gone(document)]:
            say(line)


def _attached(document: Document) -> Iterator[str]:
    for step in document["steps"]:
        evidence = step["evidence"] if isinstance(step["evidence"], dict) else {}
        for file in evidence.get("attachments") or ():
            about = f"{file['media_type']}, {file['bytes']} bytes, sha256 {file['sha256']}"
            yield f"Attached to {step['name']}: {file['name']} ({about})"


def _access_gone(document: Document) -> Iterator[str]:
    gone, promised = document["access_gone_at"], f"promised: within {length(document['access_gone_within'])}"
    if gone is None:
        return
    late = when(gone) - when(document["cutoff"])
    words = f"{length(late)} after the cutoff" if late >= timedelta(0) else f"{length(-late)} before the cutoff"
    yield f"Access gone {words} ({promised})"


def reschedule(
    run_id: Run,
    moved_to: Annotated[str, typer.Option("--cutoff", metavar="TIME", help="When access ends: 2026-11-30T17:00.")],
    zone: Annotated[str | None, typer.Option("--zone", help="The time zone it is said in, else the run's.")] = None,
    alias: As = None,
    folder: Folder = FOLDER,
) -> None:
    """Move a run's cutoff."""

    async def work() -> None:
        async with entering(folder, alias) as server:
            run = await server.run(run_id)
            said = {"cutoff": moved_to, "zone": zone or run["zone"]}
            done = await server.post("runs", run["run_id"], "reschedule", body=said)
            if done["events"]:
                run = await server.run(run["run_id"])
                say(f"Run {run['run_id']}: access ends {cutoff(run['cutoff'], run['zone'])}.")
            else:
                say(f"Run {run['run_id']}: that is its cutoff already.")
            tell(done)

    carry_out(work())


def end(run_id: Run, reason: NeededReason, alias: As = None, folder: Folder = FOLDER) -> None:
    """Call a leaving off. What is done stays done; nothing further is."""

    async def work() -> None:
        async with entering(folder, alias) as server:
            found = (await server.run(run_id))["run_id"]
            done = await server.post("runs", found, "end", body={"reason": reason})
            say(f"Run {found} is ended.")
            tell(done)

    carry_out(work())


def embargo(
    run_id: Run,
    until: Annotated[
        str | None,
        typer.Option("--until", metavar="TIME", help="Its new end: 2026-11-30T17:00, here or with an offset."),
    ] = None,
    over: Annotated[bool, typer.Option("--end", help="End it now; the whole record is readable then.")] = False,
    named: Annotated[
        list[str] | None,
        typer.Option("--named", metavar="NAME", help="For whom the run exists until then. Repeatable."),
    ] = None,
    alias: As = None,
    folder: Folder = FOLDER,
) -> None:
    """Move or end a run's embargo: until then it exists for those named only."""
    if (until is None) == (not over) or (over and named):
        raise typer.BadParameter("Say --until TIME, with --named where that changes, or --end.")
    carry_out(_embargo(run_id, until, named or [], alias, folder))


async def _embargo(run_id: str, until: str | None, named: list[str], alias: str | None, folder: Path) -> None:
    at = instant_given(until) if until is not None else None
    async with entering(folder, alias) as server:
        found = (await server.run(run_id))["run_id"]
        members = (await server.get("staff"))["members"] if named else []
        said = {"until": at, "named": [colleague_named(members, one) for one in named]}
        done = await server.post("runs", found, "embargo", body=said, with_nulls=True)
        say(f"Run {found}: " + ("it exists for everybody now." if at is None else f"embargoed until {instant(at)}."))
        tell(done)
