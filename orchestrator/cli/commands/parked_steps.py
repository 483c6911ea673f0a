"""`retry --system`: the steps that failed on a system, in all runs."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from orchestrator.cli.server.access import entering
from orchestrator.cli.terminal.local_refusals import LocalRefusal
from orchestrator.cli.terminal.screen import name, say, table
from orchestrator.cli.terminal.shapes import code_words
from orchestrator.vocabulary.states import STEP, label


async def retry_parked(system: str, reason: str | None, yes: bool, alias: str | None, folder: Path) -> None:
    """Shows what would be retried, asks, and retries each step separately."""
    async with entering(folder, alias) as server:
        found = await server.get("systems", system, "parked-steps")
        if not found["steps"]:
            say(f"No step on system {system} waits for a retry.")
            return
        table(
            ("Run", "Person", "Step", "State", "Cause", "Retry"),
            [
                (
                    one["run_id"],
                    name(one["person"]),
                    one["step"],
                    label(one["status"], STEP),
                    code_words(one["code"]) if one["code"] else "",
                    one["refused"]["detail"] if one["refused"] else "yes",
                )
                for one in found["steps"]
            ],
        )
        if found["more"]:
            say("There are more: repeat the command afterwards.")
        chosen = [one for one in found["steps"] if not one["refused"]]
        if not chosen:
            raise LocalRefusal("nothing_to_retry", "You can retry none of these steps.", "Ask an operator.")
        if not yes:
            if not sys.stdin.isatty():
                say("Nothing was retried. To retry them: --yes.")
                return
            typer.confirm(f"Retry {len(chosen)} of these steps?", abort=True)
        body = {"steps": [{"run_id": one["run_id"], "step_id": one["step_id"]} for one in chosen], "reason": reason}
        results = await server.post("systems", system, "parked-steps", "retry", body=body)
        refused = [one for one in results["outcomes"] if one["refused"]]
        done = len(results["outcomes"]) - len(refused)
        say(f"{done} step{'s' if done != 1 else ''} on system {system}: being retried.")
        for one in refused:
            say(f"Run {one['run_id']}, {one['step_id']}: {one['refused']['detail']} {one['refused']['remedy']}")
        if not done:
            raise typer.Exit(1)
