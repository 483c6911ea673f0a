"""Decisions: `inbox`, `approve`, `reject`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from orchestrator import commands
from orchestrator.cli.names import gate_named
from orchestrator.cli.options import FOLDER, As, Folder, Json, NeededReason, Reason, Run
from orchestrator.cli.refusals import run as carry_out
from orchestrator.cli.screen import cutoff, instant, name, print_json, say, table
from orchestrator.cli.session import Session, acting, reading
from orchestrator.commands import Done
from orchestrator.documents.inbox import item_document, subject
from orchestrator.domain import events as e
from orchestrator.ledger.queries import Inbox, Item

Gate = Annotated[str, typer.Argument(metavar="GATE", help="The gate's id, or its name where one of it is open.")]


def inbox(
    alias: As,
    everybody: Annotated[bool, typer.Option("--all", help="Also what waits for others.")] = False,
    json: Json = False,
    folder: Folder = FOLDER,
) -> None:
    """What waits for you: gates to decide, tasks, exceptions, reviews."""

    async def work() -> Inbox:
        async with reading(folder, alias) as session:
            return await session.queries.inbox(session.viewer, mine=not everybody)

    found = carry_out(work())
    if json:
        print_json({"items": [item_document(item) for item in found.items], "now": found.now})
        return
    if not found.items:
        say("Nothing waits for you." if not everybody else "Nothing waits for anybody.")
        return
    table(
        ("What", "Run", "Person", "Cutoff", "Due", "For", "Id"),
        [
            (
                subject(item),
                item.run_id,
                name(asdict(item.person)),
                cutoff(item.cutoff, item.zone),
                overdue(item, found),
                ", ".join(item.roles),
                item.id,
            )
            for item in found.items
        ],
    )


def overdue(item: Item, found: Inbox) -> str:
    late = item.due_at is not None and item.due_at < found.now
    return instant(item.due_at) + (" (late)" if late else "")


def approve(
    run_id: Run,
    gate: Gate,
    alias: As,
    exclude: Annotated[
        list[str] | None, typer.Option("--exclude", metavar="STEP", help="Not this step; repeatable.")
    ] = None,
    reason: Reason = None,
    folder: Folder = FOLDER,
) -> None:
    """Approve what a gate asks about, all of it or with exclusions."""

    async def work() -> None:
        async with acting(folder, alias) as session:
            found = await session.find_run(run_id)
            gate_id = await _gate_id(session, found, gate)
            done = await commands.approve_gate(session.office, session.actor, found, gate_id, exclude or (), reason)
            await _tell(session, found, gate_id, done)

    carry_out(work())


def reject(run_id: Run, gate: Gate, alias: As, reason: NeededReason, folder: Folder = FOLDER) -> None:
    """Reject what a gate asks about. An exception opens, from which the run is planned anew or ended."""

    async def work() -> None:
        async with acting(folder, alias) as session:
            found = await session.find_run(run_id)
            gate_id = await _gate_id(session, found, gate)
            done = await commands.reject_gate(session.office, session.actor, found, gate_id, reason)
            await _tell(session, found, gate_id, done)

    carry_out(work())


async def _gate_id(session: Session, run_id: str, gate: str) -> str:
    return gate_named((await session.books.runs.look(run_id)).state, gate)


async def _tell(session: Session, run_id: str, gate_id: str, done: Done) -> None:
    decided = next((event for event in done.events if isinstance(event, e.GateDecided)), None)
    state = (await session.books.runs.look(run_id)).state
    if decided is not None:
        excluded = [step.name for step in state.steps.values() if step.digest in decided.excluded]
        without = f", without {', '.join(excluded)}" if excluded else ""
        say(f"Gate {gate_id} of run {run_id} is {decided.outcome}{without}.")
    elif done.events:
        gate = state.gates[gate_id]
        say(f"Gate {gate_id} of run {run_id}: {len(gate.votes)} of {gate.opened.quorum} have approved.")
    else:
        say(f"Gate {gate_id} of run {run_id}: you had said so already.")
    session.tell(done)
