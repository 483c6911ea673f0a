"""HR's command `restore-access`: a preview, a question, and the restore."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.server.access import entering
from orchestrator.cli.terminal.local_refusals import require_confirmed
from orchestrator.cli.terminal.options import FOLDER, As, Folder, RunArgument
from orchestrator.cli.terminal.outcomes import print_outcome
from orchestrator.cli.terminal.refusals import run as carry_out
from orchestrator.cli.terminal.run_pages import label as account_label
from orchestrator.cli.terminal.screen import print_json, say, table
from orchestrator.cli.terminal.shapes import role_words
from orchestrator.documents.document import Document
from orchestrator.vocabulary.states import RESTORE, in_sentence, label


def restore_access(
    run_id: RunArgument,
    reason: Annotated[str, typer.Option("--reason", help="Why access comes back.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask. Required outside of a terminal.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the preview as JSON, and restore nothing.")] = False,
    alias: As = None,
    folder: Folder = FOLDER,
) -> None:
    """Restore what a run removed, for a person who stays or is hired again. A preview is shown first. An open run is
    cancelled. What gives access is approved before it runs."""

    async def work() -> None:
        async with entering(folder, alias) as server:
            found = (await server.run(run_id))["run_id"]
            preview = await server.get("runs", found, "restore")
            if json:
                print_json(preview)
                return
            _print_preview(preview)
            if not yes:
                require_confirmed("The restore", "Restore access now?", "Not restored.")
            said = {"reason": reason, "version": preview["version"]}
            done = await server.post("runs", found, "restore", body=said)
            say(f"Run {done['run_id']} restores what run {found} removed.")
            print_outcome(done)

    carry_out(work())


def _print_preview(preview: Document) -> None:
    cancels = " The run is open, and is cancelled first." if preview["cancels"] else ""
    say(f"Restore of run {preview['run_id']}: what would be restored.{cancels}", style="bold")
    table(
        ("Step", "System", "Account", "Restore", "Includes"),
        [
            (
                step["name"] or step["title"],
                step["system"] or "task",
                account_label(step["account"]),
                _what(step),
                ", ".join(step["given"]),
            )
            for step in preview["steps"]
        ],
    )
    if preview["approved_by"]:
        say(f"Approval by: {role_words(preview['approved_by'])}.")


def _what(step: Document) -> str:
    what = label(step["act"], RESTORE)
    if step["why"]:
        return f"{what}: {in_sentence(label(step['why'], RESTORE))}"
    return f"{what}, after approval" if step["approval"] else what
