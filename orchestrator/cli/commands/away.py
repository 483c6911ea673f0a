"""Delegation to a colleague: `away`, `away to`, `away end`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.server.access import entering
from orchestrator.cli.terminal.moments import instant_given
from orchestrator.cli.terminal.names import colleague_named
from orchestrator.cli.terminal.options import FOLDER, As, Folder, Json, ReasonOption, has_subcommand
from orchestrator.cli.terminal.refusals import run as carry_out
from orchestrator.cli.terminal.screen import instant, print_json, say, table
from orchestrator.documents.document import Document


def away(context: typer.Context, alias: As = None, json: Json = False, folder: Folder = FOLDER) -> None:
    """List your delegations: your delegates, and the colleagues you are a delegate for."""
    if has_subcommand(context):
        return

    async def work() -> Document:
        async with entering(folder, alias) as server:
            return await server.get("delegations")

    found = carry_out(work())
    if json:
        print_json(found)
        return
    if not found["delegations"]:
        say("You have no delegations.")
        return
    table(
        ("Delegation", "Delegator", "Delegate", "From", "Until"),
        [
            (held["delegation_id"], held["by"], held["to"], instant(held["since"]), instant(held["until"]))
            for held in found["delegations"]
        ],
    )


def to(
    colleague: Annotated[str, typer.Argument(metavar="NAME", help="A colleague's account, or their name.")],
    until: Annotated[
        str, typer.Option("--until", metavar="TIME", help="When it ends; at most 90 days after it starts.")
    ],
    since: Annotated[str | None, typer.Option("--from", metavar="TIME", help="When it starts. Default: now.")] = None,
    reason: ReasonOption = None,
    alias: As = None,
    folder: Folder = FOLDER,
) -> None:
    """Delegate your approvals to a colleague. Your delegate gets no permission beyond yours."""
    carry_out(_delegate(colleague, since, until, reason, alias, folder))


async def _delegate(
    colleague: str, since: str | None, until: str, reason: str | None, alias: str | None, folder: Path
) -> None:
    ends = instant_given(until)
    begins = instant_given(since) if since is not None else None
    async with entering(folder, alias) as server:
        account = colleague_named((await server.get("staff"))["members"], colleague)
        said = {"to": account, "since": begins, "until": ends, "reason": reason}
        made = await server.post("delegations", body=said)
        say(f"{account} is your delegate until {instant(ends)}.")
        say(f"To end the delegation early: offboard away end {made['delegation_id']}")


def end(
    delegation: Annotated[str, typer.Argument(metavar="DELEGATION", help="As `away` lists it.")],
    alias: As = None,
    folder: Folder = FOLDER,
) -> None:
    """End a delegation early. The delegator and the delegate can both do this."""

    async def work() -> None:
        async with entering(folder, alias) as server:
            ended = await server.post("delegations", delegation, "end")
            say(
                f"Delegation {delegation} has ended."
                if ended["changed"]
                else f"Delegation {delegation} had already ended."
            )

    carry_out(work())
