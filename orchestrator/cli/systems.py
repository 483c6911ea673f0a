"""`systems check`: is every system of a packet there, and does it accept our credential?"""

from __future__ import annotations

import typer

from orchestrator.cli.access import entering
from orchestrator.cli.options import FOLDER, PACKET, As, Folder, Json, PacketName
from orchestrator.cli.refusals import REFUSED
from orchestrator.cli.refusals import run as carry_out
from orchestrator.cli.screen import print_json, table
from orchestrator.cli.server import Document

REACHABLE = {True: "yes", False: "no", None: "not looked at"}


def check(alias: As = None, packet: PacketName = PACKET, json: Json = False, folder: Folder = FOLDER) -> None:
    """Look whether every system of a packet answers and accepts our credential. Changes nothing."""

    async def work() -> Document:
        async with entering(folder, alias) as server:
            return await server.post("systems", "check", body={"packet": packet})

    found = carry_out(work())
    systems = found["systems"]
    if json:
        print_json(found)
    else:
        table(
            ("System", "Kind", "Reachable", "On hold", "What it says", "Support"),
            [
                (
                    system["system"],
                    system["kind"],
                    REACHABLE[system["reachable"]],
                    "held" if system["held"] else "",
                    system["detail"],
                    system["support"] if not system["reachable"] else "",
                )
                for system in systems
            ],
        )
    if any(system["reachable"] is False for system in systems):
        raise typer.Exit(REFUSED)
