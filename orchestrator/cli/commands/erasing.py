"""The command `erase`: a preview, a question, and the request or its confirmation."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.server.access import entering
from orchestrator.cli.terminal.local_refusals import require_confirmed
from orchestrator.cli.terminal.options import FOLDER, As, Folder, ReasonOption, RunArgument
from orchestrator.cli.terminal.refusals import run as carry_out
from orchestrator.cli.terminal.screen import instant, print_json, say
from orchestrator.documents.document import Document
from orchestrator.vocabulary.erasures import OBSTACLE


def erase(
    run_id: RunArgument,
    reason: ReasonOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask. Required outside of a terminal.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the preview as JSON, and erase nothing.")] = False,
    alias: As = None,
    folder: Folder = FOLDER,
) -> None:
    """Erase the personal data of the person of a run. It can't be restored. The first person requests it with a
    reason, a second person confirms it with the same command. What is erased and what is kept is shown first."""

    async def work() -> None:
        async with entering(folder, alias) as server:
            found = (await server.run(run_id))["run_id"]
            preview = await server.get("runs", found, "erasure")
            if json:
                print_json(preview)
                return
            _print_preview(preview)
            if preview["erased_at"] is None and not preview["obstacles"] and not yes:
                confirms = preview["requested_by"] is not None
                question = "Erase this person? It can't be undone." if confirms else "Request this erasure?"
                require_confirmed("The erasure", question, "Nothing is erased.")
            done = await server.post("runs", found, "erasure", body={"reason": reason})
            if not done["erased"]:
                say("The erasure is requested. A second person has to confirm it within 7 days.")
            else:
                say("The personal data is erased." if done["changed"] else "The personal data was erased before.")

    carry_out(work())


def _print_preview(preview: Document) -> None:
    say(f"Erase {preview['person'] or 'an erased person'}, {_runs(len(preview['runs']))}", style="bold")
    for title, lines in (("Erased:", preview["erases"]), ("Kept:", preview["keeps"])):
        say(title)
        for line in lines:
            say(f"  - {line}.")
    for one in preview["obstacles"]:
        say(f"{OBSTACLE[one['kind']]}{': ' + one['run_id'] if one['run_id'] else ''}.", style="yellow")
    if preview["requested_by"]:
        why = f": {preview['reason']}" if preview["reason"] else ""
        until = instant(preview["requested_until"])
        say(f"Requested by {preview['requested_by']}{why}. A second person has to confirm it by {until}.")


def _runs(count: int) -> str:
    return f"{count} run{'' if count == 1 else 's'}"
