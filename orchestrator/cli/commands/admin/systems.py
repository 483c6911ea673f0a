"""The commands `systems` and `systems check`: whether each system can be reached and accepts its credential."""

from __future__ import annotations

import typer

from orchestrator.cli.server.access import entering
from orchestrator.cli.server.server import Document
from orchestrator.cli.terminal.options import FOLDER, PACKET, As, Folder, Json, PacketName, has_subcommand
from orchestrator.cli.terminal.refusals import REFUSED
from orchestrator.cli.terminal.refusals import run as carry_out
from orchestrator.cli.terminal.screen import instant, print_json, table

REACHABLE = {True: "yes", False: "no", None: "not checked"}


def systems(
    context: typer.Context,
    alias: As = None,
    packet: PacketName = PACKET,
    json: Json = False,
    folder: Folder = FOLDER,
) -> None:
    """List a packet's systems with the result of the last check."""
    if has_subcommand(context):
        return

    async def work() -> Document:
        async with entering(folder, alias) as server:
            return await server.get("systems", packet=packet)

    _show(carry_out(work()), json)


def check(alias: As = None, packet: PacketName = PACKET, json: Json = False, folder: Folder = FOLDER) -> None:
    """Check that every system of a packet responds and accepts the credentials. Changes nothing."""

    async def work() -> Document:
        async with entering(folder, alias) as server:
            return await server.post("systems", "check", body={"packet": packet})

    found = carry_out(work())
    _show(found, json)
    if any(system["reachable"] is False for system in found["systems"]):
        raise typer.Exit(REFUSED)


def _show(found: Document, json: bool) -> None:
    if json:
        print_json(found)
        return
    table(
        ("System", "Connector", "Reachable", "Changes", "Last check", "Details", "Support"),
        [
            (
                system["system"],
                system["kind"],
                REACHABLE[system["reachable"]],
                "paused" if system["held"] else "",
                instant(system["checked_at"]),
                system["detail"],
                system["support"] if not system["reachable"] else "",
            )
            for system in found["systems"]
        ],
    )
