"""AI assistants: `assistants`, `assistants calls|stop|resume`."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.server.access import entering
from orchestrator.cli.terminal.options import FOLDER, As, Folder, Json, ReasonOption
from orchestrator.cli.terminal.refusals import run as carry_out
from orchestrator.cli.terminal.screen import instant, print_json, say, table
from orchestrator.documents.document import Document

AssistantArgument = Annotated[
    str | None, typer.Argument(metavar="ACCOUNT", help="The assistant's account, as `assistants` lists it.")
]
AllOption = Annotated[bool, typer.Option("--all", help="All assistants, also those that are created later.")]


def assistants(context: typer.Context, alias: As = None, json: Json = False, folder: Folder = FOLDER) -> None:
    """List the AI assistants that you can stop."""
    if context.invoked_subcommand is not None:
        return

    async def work() -> Document:
        async with entering(folder, alias) as server:
            return await server.get("assistants")

    found = carry_out(work())
    if json:
        print_json(found)
        return
    if found["all_stopped"]:
        say("All assistants are stopped. To resume them: offboard assistants resume --all")
    working = [one for one in found["assistants"] if one["works"]]
    if not working:
        say("There are no assistants with an active token.")
        return
    table(
        ("Account", "Name", "Created by", "State", "Requests today", "Refused", "Last request"),
        [
            (
                one["actor_id"],
                one["name"],
                one["made_by"],
                "Stopped" if one["stopped"] else "Active",
                str(one["calls_today"]),
                str(one["refused_today"]),
                instant(one["last_call_at"]) if one["last_call_at"] else "none",
            )
            for one in working
        ],
    )
    say("What one requested: offboard assistants calls ACCOUNT. To stop one: offboard assistants stop ACCOUNT")


def calls(
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="As `assistants` lists it.")],
    date: Annotated[
        str | None, typer.Option("--date", metavar="YYYY-MM-DD", help="The day (UTC). Default: today.")
    ] = None,
    alias: As = None,
    json: Json = False,
    folder: Folder = FOLDER,
) -> None:
    """List the requests of an AI assistant on one day, newest first."""

    async def work() -> Document:
        async with entering(folder, alias) as server:
            return await server.get("assistants", account, "calls", date=date)

    found = carry_out(work())
    if json:
        print_json(found)
        return
    if not found["calls"]:
        say(f"The assistant sent no request on {found['date']} (UTC).")
        return
    table(
        ("Time", "Request", "Run", "Answer"),
        [
            (
                instant(one["at"]),
                one["operation"] or "more requests than it may send in a minute",
                one["run_id"] or "",
                one["code"] or str(one["status"]),
            )
            for one in found["calls"]
        ],
    )


def stop(
    account: AssistantArgument = None,
    everyone: AllOption = False,
    reason: ReasonOption = None,
    alias: As = None,
    folder: Folder = FOLDER,
) -> None:
    """Stop an AI assistant, or all of them, from the next request on."""

    async def work() -> None:
        async with entering(folder, alias) as server:
            body = {"reason": reason} if reason else None
            done = await server.post("assistants", *_which(account, everyone), "stop", body=body)
            who = "All assistants are" if everyone else f"Assistant {account} is"
            say(f"{who} stopped." if done["changed"] else f"{who} stopped already.")

    carry_out(work())


def resume(
    account: AssistantArgument = None, everyone: AllOption = False, alias: As = None, folder: Folder = FOLDER
) -> None:
    """Resume an AI assistant, or those that were stopped together, as a safety owner."""

    async def work() -> None:
        async with entering(folder, alias) as server:
            done = await server.post("assistants", *_which(account, everyone), "resume")
            who = "Assistants" if everyone else f"Assistant {account}"
            say(f"{who} resumed." if done["changed"] else f"{who}: not stopped.")

    carry_out(work())


def _which(account: str | None, everyone: bool) -> tuple[str, ...]:
    if (account is None) != everyone:
        raise typer.BadParameter("Give ACCOUNT or --all.")
    return () if account is None else (account,)
