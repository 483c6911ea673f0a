"""Results of commands, in texts that several commands share."""

from __future__ import annotations

from orchestrator.cli.server.server import Server
from orchestrator.cli.terminal.screen import note, say
from orchestrator.documents.document import Document
from orchestrator.vocabulary.confirmations import CONFIRMED, confirmed_by


def print_outcome(done: Document) -> None:
    """The result of a command. A decision is valid even if Temporal could not be reached."""
    if not done["carried_on"]:
        note("Temporal cannot be reached. The change is recorded, and the run continues once Temporal is back.")


async def print_closing(server: Server, before: Document, done: Document) -> None:
    """For what may be the last that a run waited for, and for what a second person confirms. `before` is the run before
    the command."""
    if done["events"]:
        run = await server.run(before["run_id"])
        print_confirmations(before, run)
        if run["state"] in ("clean", "with_exceptions", "shadow"):
            say(f"Run {run['run_id']} is completed.")
    print_outcome(done)


def print_confirmations(before: Document, after: Document) -> None:
    """Who confirms what was decided between these two states of the run."""
    known = {exception["exception_id"] for exception in before["exceptions"]}
    opened = [one for one in after["exceptions"] if one["state"] == "open" and one["exception_id"] not in known]
    for line in sorted({confirmed_by(one["owners"]) for one in opened if one["kind"] in CONFIRMED}):
        say(line)
