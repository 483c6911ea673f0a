"""`systems check`: is every system of a packet there, and does it accept our credential?"""

from __future__ import annotations

from typing import Any

import typer

from activities.reachability import check_systems
from orchestrator.cli.options import FOLDER, PACKET, As, Folder, Json, PacketName
from orchestrator.cli.refusals import REFUSED
from orchestrator.cli.refusals import run as carry_out
from orchestrator.cli.screen import print_json, table
from orchestrator.cli.session import reading


def check(alias: As, packet: PacketName = PACKET, json: Json = False, folder: Folder = FOLDER) -> None:
    """Look whether every system of a packet answers and accepts our credential. Changes nothing."""

    async def work() -> list[dict[str, Any]]:
        async with reading(folder, alias) as session:
            _, current = await session.packet(packet)
            checked = await check_systems(session.books.runs, session.connections, current)
            return [system.model_dump(exclude={"answered_at"}) for system in checked]

    systems = carry_out(work())
    if json:
        print_json({"packet": packet, "systems": systems})
    else:
        table(
            ("System", "Kind", "Reachable", "On hold", "What it says", "Support"),
            [
                (
                    system["system"],
                    system["kind"],
                    "yes" if system["reachable"] else "no",
                    "held" if system["held"] else "",
                    system["detail"],
                    system["support"] if not system["reachable"] else "",
                )
                for system in systems
            ],
        )
    if not all(system["reachable"] for system in systems):
        raise typer.Exit(REFUSED)
