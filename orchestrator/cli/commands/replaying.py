"""The operators' command `replay`: a preview, a question, and the replay."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.server.access import entering
from orchestrator.cli.terminal.local_refusals import require_confirmed
from orchestrator.cli.terminal.options import FOLDER, As, Folder, ReasonOption, RunArgument
from orchestrator.cli.terminal.outcomes import print_outcome
from orchestrator.cli.terminal.refusals import run as carry_out
from orchestrator.cli.terminal.run_pages import label as account_label
from orchestrator.cli.terminal.screen import print_json, say, table
from orchestrator.documents.document import Document
from orchestrator.vocabulary.states import DIFFERENCE, GATE, REPLAY, SEARCH, STEP, in_sentence, label

FromOption = Annotated[
    str | None,
    typer.Option("--from", metavar="STEP", help="Repeat this step (name or ID) and every step that depends on it."),
]
ReplayedSystem = Annotated[
    str | None, typer.Option("--system", metavar="NAME", help="Repeat the steps of this system.")
]


def replay(
    run_id: RunArgument,
    from_step: FromOption = None,
    system: ReplayedSystem = None,
    dry: Annotated[
        bool,
        typer.Option(
            "--dry",
            help="Only decide again from what is recorded, with this version and the packet in use, and show what "
            "would differ.",
        ),
    ] = False,
    reason: ReasonOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask. Required outside of a terminal.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the preview as JSON, and replay nothing.")] = False,
    alias: As = None,
    folder: Folder = FOLDER,
) -> None:
    """Replay a failed or completed run. Completed steps are read again in their systems and not repeated; failed steps
    are retried. With --from or --system, completed steps are repeated. A preview is shown first."""
    if from_step is not None and system is not None:
        raise typer.BadParameter("Give --from or --system, not both.")
    if dry and (from_step is not None or system is not None):
        raise typer.BadParameter("--dry cannot be used with --from or --system.")

    async def work() -> None:
        async with entering(folder, alias) as server:
            found = (await server.run(run_id))["run_id"]
            if dry:
                differences = await server.get("runs", found, "replay", "differences")
                print_json(differences) if json else _print_differences(differences)
                return
            preview = await server.get("runs", found, "replay", **{"from": from_step, "system": system})
            if json:
                print_json(preview)
                return
            _print_preview(preview)
            if preview["anything"] and not yes:
                require_confirmed("The replay", "Replay this run now?", "Not replayed.")
            said = {"from_step": from_step, "system": system, "reason": reason, "version": preview["version"]}
            done = await server.post("runs", found, "replay", body=said)
            say(f"Run {found} is being replayed." if done["events"] else f"Run {found} is being replayed already.")
            print_outcome(done)

    carry_out(work())


def _print_preview(preview: Document) -> None:
    reopens = " The run is opened again." if preview["reopens"] else ""
    say(f"Replay of run {preview['run_id']}: what would be done.{reopens}", style="bold")
    table(
        ("Step", "System", "Account", "Now", "Replay"),
        [
            (
                step["name"],
                step["system"] or "task",
                account_label(step["account"]),
                label(step["status"], STEP),
                _what(step),
            )
            for step in preview["steps"]
        ],
    )


def _what(step: Document) -> str:
    if step["act"] == "none":
        return f"Nothing: {in_sentence(label(step['why'], REPLAY))}"
    approval = ", after another approval" if step["approval"] else ""
    generation = f" as generation {step['generation']}" if step["generation"] else ""
    return f"{label(step['act'], REPLAY)}{generation}{approval}"


def _print_differences(document: Document) -> None:
    say(
        f"Decided again from the ledger, with packet version {document['packet_version_in_use'][:12]} (recorded: "
        f"{document['packet_version'][:12]}). No system was read, and nothing was changed."
    )
    if not document["differences"]:
        say("The outcome is the same.")
        return
    table(
        ("What", "Where", "Recorded", "Today"),
        [(label(one["kind"], DIFFERENCE), one["subject"], *_sides(one)) for one in document["differences"]],
    )


def _sides(one: Document) -> tuple[str, str]:
    match one["kind"]:
        case "match":
            return label(one["recorded"], SEARCH), label(one["today"], SEARCH)
        case "approval":
            return label(one["recorded"], GATE), label(one["today"], GATE)
        case "permission":
            return f"{one['recorded']} permitted", "not permitted"
        case "step_added":
            return "not planned", "planned"
        case "step_removed":
            return "planned", "not planned"
        case _:
            return "", f"other {', '.join(one['fields'])}"
