"""Runs: `runs`, `show`, `watch`, `reschedule`, `end`."""

from __future__ import annotations

import asyncio
import json as json_text
from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live

from orchestrator import commands
from orchestrator.cli.options import FOLDER, As, Folder, Json, NeededReason, Run
from orchestrator.cli.refusals import run as carry_out
from orchestrator.cli.run_pages import print_events, print_run
from orchestrator.cli.screen import cutoff, instant, length, name, plain, print_json, say, table
from orchestrator.cli.session import Session, acting, reading
from orchestrator.documents.run import Document, run_document, without_content
from orchestrator.domain.cutoff import parse_cutoff
from orchestrator.domain.status import run_status
from orchestrator.ledger.queries import RunList

LOOK_EVERY = 0.5  # seconds


def runs(
    alias: As,
    state: Annotated[
        list[str] | None, typer.Option("--state", help="Only these: open, finished, or a state as listed. Repeatable.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=500)] = 50,
    after: Annotated[str | None, typer.Option("--after", help="Go on where the list before ended.")] = None,
    json: Json = False,
    folder: Folder = FOLDER,
) -> None:
    """List runs, the latest first."""

    async def work() -> RunList:
        async with reading(folder, alias) as session:
            return await session.queries.run_list(session.viewer, state or (), after, limit)

    found = carry_out(work())
    if json:
        print_json(runs_document(found))
        return
    if not found.lines:
        say("No runs.")
        return
    table(
        ("Run", "Person", "State", "Cutoff", "Steps", "Waits", "Next due"),
        [
            (
                line.run_id,
                name(asdict(line.person)),
                line.state,
                cutoff(line.cutoff, line.zone),
                f"{line.summary['final']}/{line.summary['steps']}",
                waiting(dict(line.summary)),
                instant(line.due_at),
            )
            for line in found.lines
        ],
    )
    if found.after is not None:
        say(f"There are more: offboard runs --after {found.after}")


def runs_document(found: RunList) -> dict[str, Any]:
    lines = []
    for line in found.lines:
        fields = asdict(line)
        fields["person"] = fields["person"] if line.person.name is not None else None
        fields["finished_at"] = fields.pop("closed_at")
        lines.append(fields)
    return {"runs": lines, "after": found.after, "now": found.now}


def waiting(summary: dict[str, int]) -> str:
    words = (("gate", "open_gates"), ("task", "open_tasks"), ("exception", "open_exceptions"))
    counted = [(word, summary.get(key, 0)) for word, key in words]
    return ", ".join(f"{count} {word}{'s' if count > 1 else ''}" for word, count in counted if count)


def show(
    run_id: Run,
    alias: As,
    events: Annotated[bool, typer.Option("--events", help="With everything that happened, in order.")] = False,
    json: Json = False,
    folder: Folder = FOLDER,
) -> None:
    """Show one run: its steps with evidence, who decided, what waits and for whom."""

    async def work() -> dict[str, Any]:
        async with reading(folder, alias) as session:
            page = await session.queries.run_page(session.viewer, run_id)
            return run_document(page, with_events=events)

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
    late = gone - document["cutoff"]
    words = f"{length(late)} after the cutoff" if late >= timedelta(0) else f"{length(-late)} before the cutoff"
    yield f"Access gone {words} ({promised})"


def reschedule(
    run_id: Run,
    alias: As,
    when: Annotated[str, typer.Option("--cutoff", metavar="TIME", help="When access ends: 2026-11-30T17:00.")],
    zone: Annotated[str | None, typer.Option("--zone", help="The time zone it is said in: Europe/Berlin.")] = None,
    folder: Folder = FOLDER,
) -> None:
    """Move a run's cutoff."""

    async def work() -> None:
        new = parse_cutoff(when, zone)
        async with acting(folder, alias) as session:
            found = await session.find_run(run_id)
            done = await commands.reschedule_run(session.office, session.actor, found, new)
            if done.events:
                say(f"Run {found}: access ends {cutoff(new.instant, new.zone)}.")
            else:
                say(f"Run {found}: that is its cutoff already.")
            session.tell(done)

    carry_out(work())


def end(run_id: Run, alias: As, reason: NeededReason, folder: Folder = FOLDER) -> None:
    """Call a leaving off. What is done stays done; nothing further is."""

    async def work() -> None:
        async with acting(folder, alias) as session:
            found = await session.find_run(run_id)
            done = await commands.end_run(session.office, session.actor, found, reason)
            say(f"Run {found} is ended.")
            session.tell(done)

    carry_out(work())


def watch(run_id: Run, alias: As, json: Json = False, folder: Folder = FOLDER) -> None:
    """Follow a run until it ends. Ctrl-C stops watching; the run goes on. With --json, one line an event."""
    try:
        carry_out(_watch(run_id, alias, folder, json))
    except KeyboardInterrupt:
        if not json:
            say("The run goes on.")


async def _watch(run_id: str, alias: str, folder: Path, json: bool) -> None:
    console = Console(highlight=False, markup=False, emoji=False)
    async with reading(folder, alias) as session:
        found = await session.find_run(run_id)
        if json or not console.is_terminal or console.is_dumb_terminal:
            await _watch_plainly(session, found, json)
            return
        from orchestrator.cli.live import RunView

        situation = await session.books.runs.look(found)
        with Live(RunView(situation.state, situation.world), console=console, refresh_per_second=4) as live:
            while not situation.state.finished:
                await asyncio.sleep(LOOK_EVERY)
                await session.find_run(found)
                situation = await session.books.runs.look(found)
                live.update(RunView(situation.state, situation.world))
    say(f"Run {found} has ended: {situation.state.finish}.")


async def _watch_plainly(session: Session, run_id: str, json: bool) -> None:
    """A line for each event as it comes."""
    seen = 0
    while True:
        page = await session.queries.run_page(session.viewer, run_id)
        state = page.situation.state
        if state.version > seen:
            document = run_document(page, with_events=True)
            document["events"] = [event for event in document["events"] if event["version"] > seen]
            if json:
                _print_lines(document)
            else:
                print_events(document)
            seen = state.version
        if state.finished:
            if not json:
                say(f"Run {run_id} has ended: {run_status(state)}.")
            return
        await asyncio.sleep(LOOK_EVERY)


def _print_lines(document: Document) -> None:
    """Each event as a document on a line of its own, written at once: somebody reads while it goes on."""
    for event in document["events"]:
        data = {name: without_content(value) for name, value in event["data"].items()}
        line = {"run_id": document["run_id"], **event, "data": data}
        typer.echo(json_text.dumps(line, ensure_ascii=False, default=plain))
