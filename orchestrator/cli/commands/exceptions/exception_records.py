"""What people record about an exception without resolving it: `exceptions waive`, `owner`, `snooze`, `comment`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.commands.exceptions.exceptions import NamedException
from orchestrator.cli.server.access import entering
from orchestrator.cli.terminal.moments import instant_given
from orchestrator.cli.terminal.names import colleague_named, exception_named
from orchestrator.cli.terminal.options import (
    FOLDER,
    As,
    Folder,
    NeededReasonOption,
    ReasonOption,
    RunArgument,
)
from orchestrator.cli.terminal.outcomes import print_outcome
from orchestrator.cli.terminal.refusals import run as carry_out
from orchestrator.cli.terminal.screen import instant, say
from orchestrator.documents.document import Document


def waive(
    run_id: RunArgument,
    exception: NamedException,
    until: Annotated[str, typer.Option("--until", metavar="TIME", help="When it is open again; at most 90 days.")],
    reason: NeededReasonOption,
    control: Annotated[
        str | None, typer.Option("--control", help="The compensating control: what protects the company until then.")
    ] = None,
    alias: As = None,
    folder: Folder = FOLDER,
) -> None:
    """Waive an exception until a date. Then it is open again."""

    async def work() -> None:
        ends = instant_given(until)
        body = {"until": ends, "reason": reason, "compensating_control": control}
        await _send(run_id, exception, "waiver", body, f"is waived until {instant(ends)}", alias, folder)

    carry_out(work())


def owner(
    run_id: RunArgument,
    exception: NamedException,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="A person's account or name.", show_default=False)
    ] = None,
    none: Annotated[bool, typer.Option("--none", help="Give it back to its roles.")] = False,
    reason: ReasonOption = None,
    alias: As = None,
    folder: Folder = FOLDER,
) -> None:
    """Assign an exception to a person with one of its roles."""
    if (name is not None) == none:
        raise typer.BadParameter("Give a person, or --none.")
    to = name or "its roles"
    body: Document = {"account": name, "reason": reason}
    carry_out(_send(run_id, exception, "assignment", body, f"is assigned to {to}", alias, folder))


def snooze(
    run_id: RunArgument,
    exception: NamedException,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="When the inbox shows it again; at most 90 days.")
    ] = None,
    none: Annotated[bool, typer.Option("--none", help="Show it in the inbox again.")] = False,
    reason: ReasonOption = None,
    alias: As = None,
    folder: Folder = FOLDER,
) -> None:
    """Hide an exception from inboxes until a time. It stays due as before."""
    if (until is not None) == none:
        raise typer.BadParameter("Give --until or --none.")

    async def work() -> None:
        ends = instant_given(until) if until is not None else None
        said = f"is snoozed until {instant(ends)}" if ends is not None else "is in the inbox again"
        await _send(run_id, exception, "snooze", {"until": ends, "reason": reason}, said, alias, folder)

    carry_out(work())


def comment(
    run_id: RunArgument,
    exception: NamedException,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The comment. Kept encrypted in the ledger.")],
    alias: As = None,
    folder: Folder = FOLDER,
) -> None:
    """Comment on an exception, for those who see the run and read its system."""
    carry_out(_send(run_id, exception, "comments", {"text": text}, "has a new comment", alias, folder))


async def _send(
    run_id: str, exception: str, path: str, body: Document, said: str, alias: str | None, folder: Path
) -> None:
    async with entering(folder, alias) as server:
        run = await server.run(run_id)
        found, exception_id = run["run_id"], exception_named(run, exception)
        if body.get("account") is not None:
            body["account"] = colleague_named((await server.get("staff"))["members"], body["account"])
        done = await server.post("runs", found, "exceptions", exception_id, path, body=body, with_nulls=True)
        say(f"Exception {exception_id} of run {found} {said}.")
        print_outcome(done)
