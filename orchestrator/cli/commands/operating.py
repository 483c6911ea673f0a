"""The operators' commands on steps, runs and systems: `retry`, `skip`, `hold`, `release`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.commands.parked_steps import retry_parked
from orchestrator.cli.server.access import entering
from orchestrator.cli.terminal.moments import instant_given
from orchestrator.cli.terminal.options import (
    FOLDER,
    PACKET,
    As,
    Folder,
    NeededReasonOption,
    PacketOption,
    ReasonOption,
    RunArgument,
)
from orchestrator.cli.terminal.outcomes import print_closing, print_confirmations, print_outcome
from orchestrator.cli.terminal.refusals import run as carry_out
from orchestrator.cli.terminal.screen import instant, say

Step = Annotated[str, typer.Argument(metavar="STEP", help="The step's name or ID.")]
HeldRun = Annotated[str | None, typer.Argument(metavar="RUN", help="The run's ID, or the start of it.")]
SystemOption = Annotated[
    str | None,
    typer.Option(
        "--system", metavar="NAME", help="Pause this system in all runs instead of one run; * for all systems."
    ),
]


def retry(
    run_id: Annotated[str | None, typer.Argument(metavar="RUN", help="The run's ID, or the start of it.")] = None,
    step: Annotated[str | None, typer.Argument(metavar="STEP", help="The step's name or ID.")] = None,
    system: Annotated[
        str | None,
        typer.Option("--system", metavar="NAME", help="Retry the steps that failed on this system, in all runs."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="With --system: do not ask. Without, nothing is retried.")] = False,
    alias: As = None,
    again: Annotated[
        bool, typer.Option("--again", help="Run the step again even if the first attempt may have taken effect.")
    ] = False,
    reason: ReasonOption = None,
    folder: Folder = FOLDER,
) -> None:
    """Retry a step that failed or whose outcome is unknown; or, with --system, all such steps on a system."""
    if system is not None:
        if run_id is not None or again:
            raise typer.BadParameter("--system goes with neither RUN nor --again.")
        carry_out(retry_parked(system, reason, yes, alias, folder))
        return
    if run_id is None or step is None:
        raise typer.BadParameter("Give a RUN and a STEP, or a system with --system.")

    async def work() -> None:
        async with entering(folder, alias) as server:
            found = (await server.run(str(run_id)))["run_id"]
            said = {"again": again, "reason": reason}
            done = await server.post("runs", found, "steps", str(step), "retry", body=said)
            say(f"Run {found}: {step} is being retried.")
            print_outcome(done)

    carry_out(work())


def skip(
    run_id: RunArgument, step: Step, reason: NeededReasonOption, alias: As = None, folder: Folder = FOLDER
) -> None:
    """Skip a step. It is never run; steps that depend on it continue."""

    async def work() -> None:
        async with entering(folder, alias) as server:
            run = await server.run(run_id)
            found = run["run_id"]
            done = await server.post("runs", found, "steps", step, "skip", body={"reason": reason})
            say(f"Run {found}: {step} is skipped.")
            await print_closing(server, run, done)

    carry_out(work())


def hold(
    run_id: HeldRun = None,
    system: SystemOption = None,
    packet: PacketOption = PACKET,
    reason: ReasonOption = None,
    until: Annotated[
        str | None,
        typer.Option(
            "--until",
            metavar="TIME",
            help="When changes resume automatically: 2026-11-30T17:00, in your time zone or with an offset.",
        ),
    ] = None,
    alias: As = None,
    folder: Folder = FOLDER,
) -> None:
    """Pause a run, or all changes on a system. With another --until, change the end of the pause."""

    async def work() -> None:
        ends = instant_given(until) if until is not None else None
        await _switch(True, run_id, system, packet, {"reason": reason, "until": ends}, alias, folder)

    carry_out(work())


def release(
    run_id: HeldRun = None,
    system: SystemOption = None,
    packet: PacketOption = PACKET,
    alias: As = None,
    folder: Folder = FOLDER,
) -> None:
    """Resume a paused run, or changes on a system."""
    carry_out(_switch(False, run_id, system, packet, {}, alias, folder))


async def _switch(
    on: bool,
    run_id: str | None,
    system: str | None,
    packet: str,
    body: dict[str, str | None],
    alias: str | None,
    folder: Path,
) -> None:
    if (run_id is None) == (system is None):
        raise typer.BadParameter("Give one RUN, or a system with --system.")
    verb = "hold" if on else "release"
    async with entering(folder, alias) as server:
        if system is not None:
            said = {"packet": packet, **body} if on else {"packet": packet}
            standing = await server.post("systems", system, verb, body=said)
            words = ("paused", "already paused") if on else ("resumed", "not paused")
            say(f"Changes on {_named(system)} are {words[0 if standing['changed'] else 1]}.")
            if standing.get("until") is not None:
                say(f"They resume automatically at {instant(standing['until'])}.")
            return
        run = await server.run(str(run_id))
        found = run["run_id"]
        done = await server.post("runs", found, verb, body=body or None)
        words = ("is paused", "is already paused") if on else ("is resumed", "was not paused")
        say(f"Run {found} {words[0 if done['events'] else 1]}.")
        if on and done["events"]:
            paused = await server.run(found)
            if paused.get("held_until") is not None:
                say(f"It resumes automatically at {instant(paused['held_until'])}.")
            print_confirmations(run, paused)
        print_outcome(done)


def _named(system: str) -> str:
    from orchestrator.domain.events import EVERYTHING

    return "all systems" if system == EVERYTHING else f"system {system}"
