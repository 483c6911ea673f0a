"""Decisions: `inbox`, `approve`, `reject`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.server.access import entering
from orchestrator.cli.server.server import Server
from orchestrator.cli.terminal.names import gate_name, gate_named
from orchestrator.cli.terminal.options import FOLDER, As, Folder, Json, NeededReasonOption, ReasonOption, RunArgument
from orchestrator.cli.terminal.outcomes import print_confirmations, print_outcome
from orchestrator.cli.terminal.refusals import run as carry_out
from orchestrator.cli.terminal.screen import cutoff, instant, name, print_json, say, table, when
from orchestrator.cli.terminal.shapes import role_words
from orchestrator.documents.document import Document
from orchestrator.vocabulary.close import votes_cast
from orchestrator.vocabulary.states import GATE, PHASE, in_sentence, label

Gate = Annotated[
    str, typer.Argument(metavar="GATE", help="The gate's ID, or its name if only one gate of that name is open.")
]
MAX_TOGETHER = 200
"""Items of an inbox: the most urgent."""


def inbox(
    alias: As = None,
    everybody: Annotated[bool, typer.Option("--all", help="Include items for other people.")] = False,
    json: Json = False,
    folder: Folder = FOLDER,
) -> None:
    """List your open items: approvals, tasks, exceptions and reviews."""

    async def work() -> Document:
        async with entering(folder, alias) as server:
            return await server.get("inbox", mine=not everybody, limit=MAX_TOGETHER)

    found = carry_out(work())
    if json:
        print_json(found)
        return
    for ending in found.get("embargoes_ending", ()):
        say(f"The embargo of run {ending['run_id']} ends at {instant(ending['until'])}.")
    for one in found.get("to_sign", ()):
        phase = in_sentence(label(one["phase"], PHASE))
        version = f"{one['packet']} {one['version'][:12]}"
        say(f"Packet {version} waits for your signature as {one['owner']} owner for {phase}.")
    for one in found.get("objections", ()):  # an older server lists none
        said = one["answer" if one["state"] == "answered" else "reason"] or "erased"
        version = f"{one['packet']} {one['version'][:12]}"
        if one["state"] == "answered":
            say(f"Version {one['answered_by'][:12]} answers your {one['objection']} to packet {version}: {said}")
        else:
            say(f"{one['by']} objects to packet {version} ({one['objection']}): {said}")
    if not found["items"]:
        if found.get("to_sign") or found.get("objections"):
            return
        say("You're all caught up." if not everybody else "There are no open items.")
        return
    table(
        ("Item", "Run", "Person", "Cutoff", "Due", "Role", "ID"),
        [
            (
                item["subject"]
                + (f", for {item['on_behalf_of']}" if item["on_behalf_of"] else "")
                + (" (dry run)" if item.get("shadow") else ""),
                item["run_id"],
                name(item["person"]),
                cutoff(item["cutoff"], item["zone"]),
                overdue(item, found),
                role_words(item["roles"]),
                item["id"],
            )
            for item in found["items"]
        ],
    )


def overdue(item: Document, found: Document) -> str:
    late = item["due_at"] is not None and when(item["due_at"]) < when(found["now"])
    return instant(item["due_at"]) + (" (late)" if late else "")


def approve(
    run_id: RunArgument,
    gate: Gate,
    alias: As = None,
    exclude: Annotated[
        list[str] | None, typer.Option("--exclude", metavar="STEP", help="Exclude this step. Repeatable.")
    ] = None,
    reason: ReasonOption = None,
    folder: Folder = FOLDER,
) -> None:
    """Approve the steps of a gate, all of them or with exclusions; or sign the close of a run."""
    carry_out(_decide(run_id, gate, {"verdict": "approve", "excluded": exclude or [], "reason": reason}, alias, folder))


def reject(
    run_id: RunArgument, gate: Gate, reason: NeededReasonOption, alias: As = None, folder: Folder = FOLDER
) -> None:
    """Reject the steps of a gate, or the close of a run. They stay rejected until you, or the role that the gate
    escalates to, re-plan."""
    carry_out(_decide(run_id, gate, {"verdict": "reject", "reason": reason.strip() or None}, alias, folder))


async def _decide(run_id: str, gate: str, decision: Document, alias: str | None, folder: Path) -> None:
    async with entering(folder, alias) as server:
        run = await server.run(run_id)
        gate_id = gate_named(run, gate)
        done = await server.post("runs", run["run_id"], "gates", gate_id, "decision", body=decision)
        await _print_decision(server, run, gate_id, done)


async def _print_decision(server: Server, before: Document, gate_id: str, done: Document) -> None:
    run_id = before["run_id"]
    run = await server.run(run_id)
    gate = next(gate for gate in run["gates"] if gate["gate_id"] == gate_id)
    which = f"Gate {gate_name(run, gate_id)} of run {run_id}"
    if not done["events"]:
        say(f"{which}: you had already made this decision.")
    elif gate["state"] != "open":
        excluded = [step["name"] for step in gate["steps"] if step["excluded"]]
        without = f", without {', '.join(excluded)}" if excluded else ""
        say(f"{which}: {in_sentence(label(gate['state'], GATE))}{without}.")
        if gate.get("close") and run["finished_at"] is not None:
            say("The run is completed.")
        blocked = dict.fromkeys(title for step in gate["steps"] if step["excluded"] for title in step["blocks"])
        if blocked:
            say(f"These steps do not run either: {', '.join(blocked)}.")
    else:
        say(f"{which}: {votes_cast(len(gate['votes']), gate['quorum'], bool(gate.get('close')))}.")
    print_confirmations(before, run)
    print_outcome(done)
