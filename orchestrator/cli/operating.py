"""The operators' commands: `tasks`, `exceptions`, `retry`, `skip`, `hold`, `release`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from orchestrator import commands
from orchestrator.cli.decisions import overdue
from orchestrator.cli.names import accounts_named, exception_named, task_named
from orchestrator.cli.options import FOLDER, PACKET, As, Folder, Json, NeededReason, PacketName, Reason, Run
from orchestrator.cli.refusals import run as carry_out
from orchestrator.cli.refusals import told
from orchestrator.cli.run_pages import candidate_words
from orchestrator.cli.screen import instant, name, print_json, say, table
from orchestrator.cli.session import Session, acting, reading
from orchestrator.commands import Done
from orchestrator.documents.attachments import attachment
from orchestrator.documents.exceptions import exception_documents
from orchestrator.documents.inbox import item_document, with_instruction
from orchestrator.domain import events as e
from orchestrator.ledger.queries import ExceptionLine, Inbox

Step = Annotated[str, typer.Argument(metavar="STEP", help="The step's name or id.")]
System = Annotated[
    str | None, typer.Option("--system", metavar="NAME", help="Not a run but this system, or * for all, in all runs.")
]


# Tasks


def tasks(
    context: typer.Context,
    alias: As = "",
    everybody: Annotated[bool, typer.Option("--all", help="Also those of others.")] = False,
    json: Json = False,
    folder: Folder = FOLDER,
) -> None:
    """List what only a person can do."""
    if context.invoked_subcommand is not None:
        return
    who = named(alias)

    async def work() -> tuple[Inbox, list[dict[str, Any]]]:
        async with reading(folder, who) as session:
            found = await session.queries.inbox(session.viewer, ("task",), mine=not everybody)
            states = {item.run_id: await session.books.runs.look(item.run_id) for item in found.items}
            return found, [with_instruction(item_document(item), states[item.run_id].state) for item in found.items]

    found, documents = carry_out(work())
    if json:
        print_json({"tasks": documents, "now": found.now})
        return
    if not found.items:
        say("No tasks.")
        return
    table(
        ("Task", "Run", "Person", "For", "Due", "What"),
        [
            (
                item.id,
                item.run_id,
                name(asdict(item.person)),
                ", ".join(item.roles),
                overdue(item, found),
                document["instruction"] or document["title"],
            )
            for item, document in zip(found.items, documents, strict=True)
        ],
    )


def complete(
    run_id: Run,
    task: Annotated[str, typer.Argument(metavar="TASK", help="The task's id, or the name of its step.")],
    alias: As,
    evidence: Annotated[str | None, typer.Option("--evidence", help="What shows it; kept encrypted.")] = None,
    attach: Annotated[
        list[Path] | None,
        typer.Option("--attach", metavar="FILE", help="A file that shows it, 10 MiB at most; repeatable."),
    ] = None,
    outcome: Annotated[str, typer.Option("--outcome", help="done or not_done.")] = "done",
    folder: Folder = FOLDER,
) -> None:
    """Say that a task is done, or that it could not be. What shows it, words and files, is kept encrypted."""
    said: dict[str, Any] = {"note": evidence} if evidence and evidence.strip() else {}
    with told():
        files = [attachment(file) for file in attach or ()]

    async def work() -> None:
        async with acting(folder, alias) as session:
            found = await session.find_run(run_id)
            task_id = task_named((await session.books.runs.look(found)).state, task)
            done = await commands.complete_task(
                session.office, session.actor, found, task_id, outcome, said or None, files
            )
            say(f"Task {task_id} of run {found}: {outcome}.")
            _closing(session, found, done)

    carry_out(work())


# Exceptions


def exceptions(
    context: typer.Context,
    alias: As = "",
    run_id: Annotated[str | None, typer.Option("--run", metavar="RUN", help="Of this run only.")] = None,
    closed: Annotated[bool, typer.Option("--all", help="Also those that are over.")] = False,
    json: Json = False,
    folder: Folder = FOLDER,
) -> None:
    """List what did not go as planned, who looks after it, and what can be done."""
    if context.invoked_subcommand is not None:
        return
    who = named(alias)

    async def work() -> tuple[tuple[ExceptionLine, ...], list[dict[str, Any]]]:
        async with reading(folder, who) as session:
            found_run = await session.find_run(run_id) if run_id is not None else None
            found = await session.queries.exceptions(session.viewer, run_id=found_run, closed=closed)
            return found, await exception_documents(session.books.runs, found)

    found, documents = carry_out(work())
    if json:
        print_json({"exceptions": documents})
        return
    if not found:
        say("No exceptions." if closed else "No open exceptions.")
        return
    table(
        ("Exception", "Run", "Person", "About", "Owner", "Due", "State", "What can be done"),
        [
            (
                line.id,
                line.run_id,
                name(asdict(line.person)),
                line.step or line.system,
                ", ".join(line.owners),
                instant(line.due_at),
                line.disposition or "open",
                document["remedy"] if line.closed_at is None else "",
            )
            for line, document in zip(found, documents, strict=True)
        ],
    )
    told_of = {(d["system"], d["support"] or "", d["runbook"] or "") for d in documents if d["system"]}
    for system, support, runbook in sorted(told_of):
        if support or runbook:
            say(f"{system}, looked after by {support or 'nobody named'}: {runbook}")
    for document in documents:
        if document["candidates"]:
            say(f"Whose account on {document['system']} is it, for {name(document['person'])}?")
            for candidate in document["candidates"]:
                say(f"  {candidate_words(candidate)}")


def settle(
    run_id: Run,
    system: Annotated[str, typer.Argument(metavar="SYSTEM")],
    alias: As,
    account: Annotated[
        list[str] | None, typer.Argument(metavar="ACCOUNT…", help="As `exceptions` lists them.", show_default=False)
    ] = None,
    none: Annotated[bool, typer.Option("--none", help="None of them is this person's.")] = False,
    reason: Reason = None,
    folder: Folder = FOLDER,
) -> None:
    """Say which of the accounts that were found are the person's."""
    if bool(account) == none:
        raise typer.BadParameter("Name accounts, or say --none.")

    async def work() -> None:
        async with acting(folder, alias) as session:
            found = await session.find_run(run_id)
            state = (await session.books.runs.look(found)).state
            meant = accounts_named(state, system, account or [])
            done = await commands.settle_match(session.office, session.actor, found, system, meant, reason)
            say(f"Run {found}: {len(meant) or 'no'} account{'s' if len(meant) != 1 else ''} on {system} settled.")
            session.tell(done)

    carry_out(work())


def accept(
    run_id: Run,
    exception: Annotated[str, typer.Argument(metavar="EXCEPTION", help="Its id; or its kind, where one is open.")],
    alias: As,
    reason: NeededReason,
    folder: Folder = FOLDER,
) -> None:
    """Close an exception that needs only that somebody has looked."""

    async def work() -> None:
        async with acting(folder, alias) as session:
            found = await session.find_run(run_id)
            exception_id = exception_named((await session.books.runs.look(found)).state, exception)
            done = await commands.accept_exception(session.office, session.actor, found, exception_id, reason)
            say(f"Exception {exception_id} of run {found} is closed.")
            _closing(session, found, done)

    carry_out(work())


def replan(run_id: Run, alias: As, reason: Reason = None, folder: Folder = FOLDER) -> None:
    """Look everything up again and plan anew. What was decided and did not change stays decided."""

    async def work() -> None:
        async with acting(folder, alias) as session:
            found = await session.find_run(run_id)
            done = await commands.replan_run(session.office, session.actor, found, reason)
            say(f"Run {found} is being planned anew.")
            session.tell(done)

    carry_out(work())


# Steps


def retry(
    run_id: Run,
    step: Step,
    alias: As,
    again: Annotated[
        bool, typer.Option("--again", help="Do it anew, although the first time may have worked too.")
    ] = False,
    reason: Reason = None,
    folder: Folder = FOLDER,
) -> None:
    """Try a step once more that failed or whose outcome is unknown."""

    async def work() -> None:
        async with acting(folder, alias) as session:
            found = await session.find_run(run_id)
            done = await commands.retry_step(session.office, session.actor, found, step, again=again, reason=reason)
            say(f"Run {found}: {step} is tried again.")
            session.tell(done)

    carry_out(work())


def skip(run_id: Run, step: Step, alias: As, reason: NeededReason, folder: Folder = FOLDER) -> None:
    """Leave a step out for good. What needs it goes on."""

    async def work() -> None:
        async with acting(folder, alias) as session:
            found = await session.find_run(run_id)
            done = await commands.skip_step(session.office, session.actor, found, step, reason)
            say(f"Run {found}: {step} is left out.")
            _closing(session, found, done)

    carry_out(work())


# Holds


def hold(
    alias: As,
    run_id: Annotated[str | None, typer.Argument(metavar="RUN", help="The run's id, or its beginning.")] = None,
    system: System = None,
    packet: PacketName = PACKET,
    reason: Reason = None,
    folder: Folder = FOLDER,
) -> None:
    """Hold back every further step of a run, or every change on a system."""
    _one_of(run_id, system)
    carry_out(_switch(True, run_id, system, packet, reason, alias, folder))


def release(
    alias: As,
    run_id: Annotated[str | None, typer.Argument(metavar="RUN", help="The run's id, or its beginning.")] = None,
    system: System = None,
    packet: PacketName = PACKET,
    folder: Folder = FOLDER,
) -> None:
    """Let a held run, or changes on a system, go on."""
    _one_of(run_id, system)
    carry_out(_switch(False, run_id, system, packet, None, alias, folder))


async def _switch(
    on: bool, run_id: str | None, system: str | None, packet: str, reason: str | None, alias: str, folder: Path
) -> None:
    async with acting(folder, alias) as session:
        office, actor = session.office, session.actor
        if system is not None:
            if on:
                changed = await commands.hold_system(office, actor, system, packet, reason)
            else:
                changed = await commands.release_system(office, actor, system, packet)
            words = ("on hold", "on hold already") if on else ("no longer on hold", "not on hold")
            say(f"{_named(system)} {words[0 if changed else 1]}.")
            return
        found = await session.find_run(str(run_id))
        if on:
            done = await commands.hold_run(office, actor, found, reason)
        else:
            done = await commands.release_run(office, actor, found)
        words = ("is held", "is held already") if on else ("goes on", "was not held")
        say(f"Run {found} {words[0 if done.events else 1]}.")
        session.tell(done)


def _one_of(run_id: str | None, system: str | None) -> None:
    if (run_id is None) == (system is None):
        raise typer.BadParameter("Name one RUN, or a system with --system.")


def _named(system: str) -> str:
    return "All systems are" if system == e.EVERYTHING else f"System {system} is"


def _closing(session: Session, run_id: str, done: Done) -> None:
    if any(isinstance(event, e.RunClosed) for event in done.events):
        say(f"With that, run {run_id} is closed.")
    session.tell(done)


def named(alias: str) -> str:
    """For lists that are groups of commands as well: `--as` is needed for the list, not for the group."""
    if not alias:
        raise typer.BadParameter("Say who you are: --as NAME, or set OFFBOARD_AS.")
    return alias
