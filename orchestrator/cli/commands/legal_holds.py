"""Legal holds of a run: `legal-hold place` and `legal-hold lift`."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.server.access import entering
from orchestrator.cli.terminal.options import FOLDER, As, Folder, NeededReasonOption, RunArgument
from orchestrator.cli.terminal.outcomes import print_outcome
from orchestrator.cli.terminal.refusals import run as carry_out
from orchestrator.cli.terminal.run_pages import legal_hold_lines
from orchestrator.cli.terminal.screen import say

HoldArgument = Annotated[
    str | None, typer.Argument(metavar="HOLD", help="The hold's ID. Can be omitted while one hold is in force.")
]


def place(run_id: RunArgument, reason: NeededReasonOption, alias: As = None, folder: Folder = FOLDER) -> None:
    """Place a legal hold: no step that destroys data runs until a second person lifts it."""

    async def work() -> None:
        async with entering(folder, alias) as server:
            found = (await server.run(run_id))["run_id"]
            done = await server.post("runs", found, "legal-holds", body={"reason": reason})
            say(f"Run {found} is under legal hold.")
            for line in legal_hold_lines(await server.run(found)):
                say(line)
            print_outcome(done)

    carry_out(work())


def lift(
    run_id: RunArgument,
    reason: NeededReasonOption,
    hold_id: HoldArgument = None,
    alias: As = None,
    folder: Folder = FOLDER,
) -> None:
    """Lift a legal hold that another person placed."""

    async def work() -> None:
        async with entering(folder, alias) as server:
            found = (await server.run(run_id))["run_id"]
            done = await server.post("runs", found, "legal-holds", "lift", body={"hold_id": hold_id, "reason": reason})
            say(f"Run {found}: the legal hold is lifted.")
            for line in legal_hold_lines(await server.run(found)):
                say(line)
            print_outcome(done)

    carry_out(work())
