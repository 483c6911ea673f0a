"""The operators' commands on steps, runs and systems: `retry`, `skip`, `hold`, `release`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.server.access import entering
from orchestrator.cli.terminal.options import FOLDER, PACKET, As, Folder, NeededReason, PacketName, Reason, Run
from orchestrator.cli.terminal.outcomes import tell, tell_closing
from orchestrator.cli.terminal.refusals import run as carry_out
from orchestrator.cli.terminal.screen import say

Step = Annotated[str, typer.Argument(metavar="STEP", help="The step's name or id.")]
HeldRun = Annotated[str | None, typer.Argument(metavar="RUN", help="The run's id, or its beginning.")]
System = Annotated[
    str | None, typer.Option("--system", metavar="NAME", help="Not a run but this system, or * for all, in all runs.")
]
EVERYTHING = "*"


def retry(
    run_id: Run,
    step: Step,
    alias: As = None,
    again: Annotated[
        bool, typer.Option("--again", help="Do it anew, although the first time may have worked too.")
    ] = False,
    reason: Reason = None,
    folder: Folder = FOLDER,
) -> None:
    """Try a step once more that failed or whose outcome is unknown."""

    async def work() -> None:
        async with entering(folder, alias) as server:
            found = (await server.run(run_id))["run_id"]
            said = {"again": again, "reason": reason}
            done = await server.post("runs", found, "steps", step, "retry", body=said)
            say(f"Run {found}: {step} is tried again.")
            tell(done)

    carry_out(work())


def skip(run_id: Run, step: Step, reason: NeededReason, alias: As = None, folder: Folder = FOLDER) -> None:
    """Leave a step out for good. What needs it goes on."""

    async def work() -> None:
        async with entering(folder, alias) as server:
            found = (await server.run(run_id))["run_id"]
            done = await server.post("runs", found, "steps", step, "skip", body={"reason": reason})
            say(f"Run {found}: {step} is left out.")
            await tell_closing(server, found, done)

    carry_out(work())


def hold(
    run_id: HeldRun = None,
    system: System = None,
    packet: PacketName = PACKET,
    reason: Reason = None,
    alias: As = None,
    folder: Folder = FOLDER,
) -> None:
    """Hold back every further step of a run, or every change on a system."""
    carry_out(_switch(True, run_id, system, packet, reason, alias, folder))


def release(
    run_id: HeldRun = None,
    system: System = None,
    packet: PacketName = PACKET,
    alias: As = None,
    folder: Folder = FOLDER,
) -> None:
    """Let a held run, or changes on a system, go on."""
    carry_out(_switch(False, run_id, system, packet, None, alias, folder))


async def _switch(
    on: bool, run_id: str | None, system: str | None, packet: str, reason: str | None, alias: str | None, folder: Path
) -> None:
    if (run_id is None) == (system is None):
        raise typer.BadParameter("Name one RUN, or a system with --system.")
    verb = "hold" if on else "release"
    async with entering(folder, alias) as server:
        if system is not None:
            said = {"packet": packet, "reason": reason}
            changed = (await server.post("systems", system, verb, body=said))["changed"]
            words = ("on hold", "on hold already") if on else ("no longer on hold", "not on hold")
            say(f"{_named(system)} {words[0 if changed else 1]}.")
            return
        found = (await server.run(str(run_id)))["run_id"]
        done = await server.post("runs", found, verb, body={"reason": reason} if on else None)
        words = ("is held", "is held already") if on else ("goes on", "was not held")
        say(f"Run {found} {words[0 if done['events'] else 1]}.")
        tell(done)


def _named(system: str) -> str:
    return "All systems are" if system == EVERYTHING else f"System {system} is"
