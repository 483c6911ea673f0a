"""Limits on starts: `starts`, and `release`, `confirm` below it."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.server.access import entering
from orchestrator.cli.terminal.options import FOLDER, As, Folder, Json, has_subcommand
from orchestrator.cli.terminal.refusals import run as carry_out
from orchestrator.cli.terminal.screen import instant, print_json, say, table
from orchestrator.documents.document import Document


def starts(context: typer.Context, alias: As = None, json: Json = False, folder: Folder = FOLDER) -> None:
    """List the limits on starts that are reached or were released, and the starts that are held."""
    if has_subcommand(context):
        return

    async def work() -> Document:
        async with entering(folder, alias) as server:
            return await server.get("starts")

    found = carry_out(work())
    if json:
        print_json(found)
        return
    if not found["reached"] and not found["held"]:
        say("No limit is reached, and no start is held that you requested or can confirm.")
    if found["reached"]:
        table(("Limit", "Holds", "Reached", "Since", "Released by"), [_reached(one) for one in found["reached"]])
        say("Two people release a limit: offboard starts release LIMIT")
    if found["held"]:
        table(("Held start", "Person", "Requested by", "Urgent", "Confirmed by"), [_held(one) for one in found["held"]])
        say("Another person confirms a start: offboard starts confirm HELD")
    if found["released"]:
        table(
            ("Limit", "Held", "Reached", "Since", "Starts held", "Released", "Released by"),
            [_released(one) for one in found["released"]],
        )


def _reached(one: Document) -> tuple[str, str, str, str, str]:
    holds = f"starts by {one['by']}" if one["scope"] == "requester" else f"packet {one['packet']}"
    kind = "urgent starts" if one["urgent"] else "starts"
    return one["trip_id"], holds, f"{one['limit']} {kind}", instant(one["reached_at"]), ", ".join(one["released_by"])


def _released(one: Document) -> tuple[str, ...]:
    limit, holds, reached, since, by = _reached(one)
    return limit, holds, reached, since, str(one["starts_held"]), instant(one["released_at"]), by


def _held(one: Document) -> tuple[str, str, str, str, str]:
    urgent = "yes" if one["urgent"] else ""
    return one["held_id"], one["person"] or "erased", one["by"], urgent, one["confirmed_by"] or ""


def release(
    limit: Annotated[str, typer.Argument(metavar="LIMIT", help="As `starts` lists it.")],
    alias: As = None,
    folder: Folder = FOLDER,
) -> None:
    """Release a limit on starts that was reached. Two people have to do this."""

    async def work() -> None:
        async with entering(folder, alias) as server:
            done = await server.post("starts", "limits", limit, "release")
            say(
                f"Limit {limit} is released."
                if done["released"]
                else f"Your approval is recorded. A second person has to release {limit} as well."
            )

    carry_out(work())


def confirm(
    held: Annotated[str, typer.Argument(metavar="HELD", help="As `starts` lists it.")],
    alias: As = None,
    folder: Folder = FOLDER,
) -> None:
    """Confirm a held start of another person. They can then repeat it within an hour."""

    async def work() -> None:
        async with entering(folder, alias) as server:
            done = await server.post("starts", "held", held, "confirmation")
            say(f"{held} is confirmed." if done["changed"] else f"{held} was confirmed already.")

    carry_out(work())
