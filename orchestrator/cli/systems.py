"""`systems check`: is every system of a packet there, and does it accept our credential?"""

from __future__ import annotations

import asyncio
from typing import Any

import typer

from connectors.errors import ConnectorError
from orchestrator.cli.options import FOLDER, PACKET, As, Folder, Json, PacketName
from orchestrator.cli.refusals import REFUSED
from orchestrator.cli.refusals import run as carry_out
from orchestrator.cli.screen import print_json, table
from orchestrator.cli.session import Session, reading
from orchestrator.domain import events as e
from orchestrator.domain import surroundings
from orchestrator.domain.packet import SystemSpec


def check(alias: As, packet: PacketName = PACKET, json: Json = False, folder: Folder = FOLDER) -> None:
    """Look whether every system of a packet answers and accepts our credential. Changes nothing."""

    async def work() -> list[dict[str, Any]]:
        async with reading(folder, alias) as session:
            _, current = await session.packet(packet)
            held = await _held(session, [*current.platform.systems, e.EVERYTHING])
            return list(
                await asyncio.gather(
                    *(_look(session, system, spec, held) for system, spec in current.platform.systems.items())
                )
            )

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


async def _look(session: Session, system: str, spec: SystemSpec, held: frozenset[str]) -> dict[str, Any]:
    try:
        connector = await session.connections.to(system, spec)
        answered = await connector.check(deadline=min(10.0, spec.deadline.total_seconds()))
        reachable, detail = answered.reachable, answered.detail
    except ConnectorError as error:
        reachable, detail = False, f"{error.detail} {error.remedy}".strip() or error.code
    return {
        "system": system,
        "title": spec.title,
        "kind": spec.connector,
        "reachable": reachable,
        "held": system in held or e.EVERYTHING in held,
        "detail": detail,
        "support": spec.support,
        "runbook": spec.runbook,
    }


async def _held(session: Session, systems: list[str]) -> frozenset[str]:
    page = await session.books.ledger.read({e.holds_stream(system): 0 for system in systems})
    happened = {system: page.events[e.holds_stream(system)] for system in systems}
    return frozenset(
        system
        for system, events in happened.items()
        if surroundings.holds_of(recorded.event for recorded in events).held
    )
