"""Tasks for people: `tasks`, `tasks complete`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.commands.decisions import MAX_TOGETHER, overdue
from orchestrator.cli.server.access import entering
from orchestrator.cli.terminal.attachments import attachment
from orchestrator.cli.terminal.names import task_named
from orchestrator.cli.terminal.options import FOLDER, As, Folder, Json, RunArgument, has_subcommand
from orchestrator.cli.terminal.outcomes import print_closing
from orchestrator.cli.terminal.refusals import reporting_refusals
from orchestrator.cli.terminal.refusals import run as carry_out
from orchestrator.cli.terminal.screen import instant, name, print_json, say, table
from orchestrator.cli.terminal.shapes import role_words
from orchestrator.documents.document import Document
from orchestrator.vocabulary.states import TASK, in_sentence, label


def tasks(
    context: typer.Context,
    alias: As = None,
    everybody: Annotated[bool, typer.Option("--all", help="Include tasks for other people.")] = False,
    json: Json = False,
    folder: Folder = FOLDER,
) -> None:
    """List manual tasks."""
    if has_subcommand(context):
        return

    async def work() -> Document:
        async with entering(folder, alias) as server:
            return await server.get("tasks", mine=not everybody, limit=MAX_TOGETHER)

    found = carry_out(work())
    if json:
        print_json({"tasks": found["items"], "now": found["now"]})
        return
    if not found["items"]:
        say("No tasks.")
        return
    table(
        ("Task", "Run", "Person", "Role", "Due", "Instructions"),
        [
            (
                item["id"],
                item["run_id"],
                name(item["person"]),
                role_words(item["roles"]),
                overdue(item, found),
                _instructions(item),
            )
            for item in found["items"]
        ],
    )


def _instructions(item: Document) -> str:
    words, until = str(item["instruction"] or item["title"]), item.get("may_take_effect_until")
    return f"{words} The last attempt can take effect until {instant(until)}; check after that." if until else words


def complete(
    run_id: RunArgument,
    task: Annotated[str, typer.Argument(metavar="TASK", help="The task's ID, or the name of its step.")],
    alias: As = None,
    evidence: Annotated[
        str | None, typer.Option("--evidence", help="Evidence, or why the task was not done. Kept encrypted.")
    ] = None,
    attach: Annotated[
        list[Path] | None,
        typer.Option("--attach", metavar="FILE", help="A file as evidence, at most 10 MiB. Repeatable."),
    ] = None,
    outcome: Annotated[str, typer.Option("--outcome", help="done or not_done.")] = "done",
    folder: Folder = FOLDER,
) -> None:
    """Complete a task as done or not done, with evidence. Evidence is kept encrypted."""
    if outcome not in ("done", "not_done"):
        raise typer.BadParameter("Use done or not_done.", param_hint="--outcome")
    with reporting_refusals():
        files = [attachment(file) for file in attach or ()]

    async def work() -> None:
        async with entering(folder, alias) as server:
            run = await server.run(run_id)
            found, task_id = run["run_id"], task_named(run, task)
            stored = []
            for file in files:
                kept = await server.post("runs", found, "tasks", task_id, "files", file=file)
                stored.append({"stored": kept["stored"], "name": kept["name"]})
            said = {"outcome": outcome, "note": (evidence or "").strip() or None, "files": stored}
            done = await server.post("runs", found, "tasks", task_id, "completion", body=said)
            say(f"Task {task_id} of run {found}: {in_sentence(label(outcome, TASK))}.")
            await print_closing(server, run, done)

    carry_out(work())
