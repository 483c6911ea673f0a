"""Results of commands, in texts that several commands share."""

from __future__ import annotations

from orchestrator.cli.server.server import Document, Server
from orchestrator.cli.terminal.screen import note, say


def print_outcome(done: Document) -> None:
    """The result of a command. A decision is valid even if Temporal could not be reached."""
    if not done["carried_on"]:
        note("Temporal cannot be reached. The change is recorded, and the run continues once Temporal is back.")


async def print_closing(server: Server, run_id: str, done: Document) -> None:
    """For what may be the last that a run waited for."""
    if done["events"] and (await server.run(run_id))["state"] in ("clean", "with_exceptions", "shadow"):
        say(f"Run {run_id} is completed.")
    print_outcome(done)
