"""`exceptions done`: a failed step was done by hand."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.server.access import entering
from orchestrator.cli.terminal.options import FOLDER, As, Folder, RunArgument
from orchestrator.cli.terminal.outcomes import print_closing
from orchestrator.cli.terminal.refusals import run as carry_out
from orchestrator.cli.terminal.screen import say


def done(
    run_id: RunArgument,
    step: Annotated[str, typer.Argument(metavar="STEP", help="The step's name or ID.")],
    evidence: Annotated[str, typer.Option("--evidence", help="What shows that it was done. Kept encrypted.")],
    alias: As = None,
    folder: Folder = FOLDER,
) -> None:
    """Report that a failed step was done by hand. Its system is read first where it can be."""

    async def work() -> None:
        async with entering(folder, alias) as server:
            run = await server.run(run_id)
            found = run["run_id"]
            reported = await server.post("runs", found, "steps", step, "done-by-hand", body={"evidence": evidence})
            say(f"Run {found}: {step} is reported as done by hand.")
            await print_closing(server, run, reported)

    carry_out(work())
