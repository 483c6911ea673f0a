"""The command `systems test`: a worker tests one system of a packet and changes nothing."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.server.access import entering
from orchestrator.cli.server.inquiries import worker_answer
from orchestrator.cli.terminal.options import FOLDER, PACKET, As, Folder, Json, PacketOption
from orchestrator.cli.terminal.refusals import REFUSED
from orchestrator.cli.terminal.refusals import run as carry_out
from orchestrator.cli.terminal.screen import print_json, working
from orchestrator.cli.terminal.system_test_view import print_system_test
from orchestrator.documents.document import Document


def test(
    system: Annotated[str, typer.Argument(metavar="SYSTEM", help="The system's name in the packet.")],
    person: Annotated[
        str | None,
        typer.Option("--person", metavar="EMAIL", help="Whom to look up: a mail address, employee number or HR ID."),
    ] = None,
    alias: As = None,
    packet: PacketOption = PACKET,
    json: Json = False,
    folder: Folder = FOLDER,
) -> None:
    """Test a system: connection, credential, permissions, one person, and what a run would do. Changes nothing."""

    async def work() -> Document:
        async with entering(folder, alias) as server:
            with working(f"Testing {system}"):
                answer = await server.post("systems", system, "test", body={"packet": packet, "person": person})
                return await worker_answer(server, answer, "system_test")

    found = carry_out(work())
    if json:
        print_json(found)
    else:
        print_system_test(found)
    if not found["ok"]:
        raise typer.Exit(REFUSED)
