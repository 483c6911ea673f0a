"""The packet's owners' commands: `packet check`, `packet sign`, `packet move`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from connectors.registry import SETTINGS, connector_kinds
from orchestrator import commands
from orchestrator.cli.options import FOLDER, As, Folder, Json, Reason
from orchestrator.cli.refusals import REFUSED, told
from orchestrator.cli.refusals import run as carry_out
from orchestrator.cli.screen import complain, print_json, say
from orchestrator.cli.session import Session, administering
from orchestrator.domain.errors import Invalid
from orchestrator.domain.packet import Packet
from orchestrator.domain.packet_checks import check_packet, roles_spoken_of
from orchestrator.domain.packet_files import read_packet_folder, starter_names, starter_packet
from orchestrator.domain.packet_history import FORWARD, Phase
from orchestrator.domain.packet_yaml import PacketProblems, Problem

PHASES: tuple[Phase, ...] = (*FORWARD, "retired")
FolderOrName = Annotated[
    str, typer.Argument(metavar="PACKET", help="A folder with the three files, or the name of a packet.")
]


def check(
    packet: FolderOrName,
    json: Json = False,
) -> None:
    """Check a packet's three files: every problem by file, line and field. Needs no server."""
    with told():
        found, problems = _checked(packet)
    name, version = (found.name, found.version) if found is not None else (None, None)
    purpose = found.workflow.purpose if found is not None else None
    if json:
        documents = [problem.model_dump() for problem in problems]
        print_json({"packet": name, "version": version, "purpose": purpose, "ok": not problems, "problems": documents})
    elif problems:
        for problem in problems:
            complain(str(problem), "")
        complain(f"The packet has {_count(problems)}.", "Correct the files and check again.")
    else:
        say(f"Packet {name} {(version or '')[:12]} is in order.")
        say(f"What it is for: {purpose}")
    if problems:
        raise typer.Exit(REFUSED)


def _checked(named: str) -> tuple[Packet | None, list[Problem]]:
    try:
        packet = _read(named)
    except PacketProblems as wrong:
        return None, list(wrong.problems)
    roles = roles_spoken_of(packet)
    return packet, check_packet(packet, connector_kinds(), settings=SETTINGS, roles_known=roles)


def _read(named: str) -> Packet:
    if named in starter_names() and not Path(named).is_dir():
        return starter_packet(named)
    return read_packet_folder(Path(named))


def _count(problems: list[Problem]) -> str:
    return "one problem" if len(problems) == 1 else f"{len(problems)} problems"


def sign(
    packet: FolderOrName,
    alias: As,
    phase: Annotated[
        str | None, typer.Option("--phase", help="For which phase; the next one, where it is not said.")
    ] = None,
    version: Annotated[
        str | None, typer.Option("--version", help="Which version of a packet that is known; the newest otherwise.")
    ] = None,
    folder: Folder = FOLDER,
) -> None:
    """Sign a packet for its next phase as one of its owners. A folder is checked, and adopted first."""

    async def work() -> None:
        wanted = _phase(phase) if phase is not None else None
        async with administering(folder, alias) as session:
            if await asyncio.to_thread(Path(packet).is_dir):
                name, known = await _adopted(session, packet)
            else:
                name, known = packet, await _version(session, packet, version)
            await commands.sign_packet(session.office, session.actor, name, known, wanted)
            state = (await session.books.runs.shelf(name)).history.version(known)
            say(f"Packet {name} {known[:12]} is in phase {state.phase}.")
            for signature in state.signatures:
                say(f"Signed for {signature.phase} by the {signature.owner} owner: {signature.by}.")

    carry_out(work())


async def _adopted(session: Session, folder: str) -> tuple[str, str]:
    packet = await asyncio.to_thread(read_packet_folder, Path(folder))
    actors = list((await session.books.runs.organisation()).actors.values())
    roles = roles_spoken_of(packet).union(*(actor.roles for actor in actors if actor.kind == "person"))
    problems = check_packet(packet, connector_kinds(), settings=SETTINGS, roles_known=roles, actors=actors)
    if problems:
        raise PacketProblems(problems)
    return packet.name, await commands.adopt_packet(session.office, session.actor, packet)


async def _version(session: Session, packet: str, version: str | None) -> str:
    shelf, _ = await session.packet(packet)
    newest = shelf.history.newest
    assert newest is not None, "a packet with a current version has a newest one"
    return shelf.history.version(version).version if version is not None else newest.version


def move(
    packet: Annotated[str, typer.Argument(metavar="PACKET", help="The packet's name.")],
    phase: Annotated[str, typer.Argument(metavar="PHASE", help="draft, shadow, pilot, production or retired.")],
    alias: As,
    version: Annotated[str | None, typer.Option("--version", help="Which version; the newest otherwise.")] = None,
    reason: Reason = None,
    folder: Folder = FOLDER,
) -> None:
    """Move a packet to another phase: forward with both owners' signatures, back by either owner alone."""

    async def work() -> None:
        wanted = _phase(phase)
        async with administering(folder, alias) as session:
            known = await _version(session, packet, version)
            await commands.move_packet(session.office, session.actor, packet, known, wanted, reason or "")
            state = (await session.books.runs.shelf(packet)).history.version(known)
            say(f"Packet {packet} {known[:12]} is in phase {state.phase}.")

    carry_out(work())


def _phase(text: str) -> Phase:
    for phase in PHASES:
        if phase == text:
            return phase
    raise Invalid("unknown_phase", f"There is no phase {text[:40]}.", f"Name one of: {', '.join(PHASES)}.")
