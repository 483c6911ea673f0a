"""Exceptions: `exceptions`, `settle`, `accept`, `replan`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.server.access import entering
from orchestrator.cli.terminal.exception_lines import exception_state, exception_words, record_lines
from orchestrator.cli.terminal.names import accounts_named, exception_named
from orchestrator.cli.terminal.options import (
    FOLDER,
    As,
    Folder,
    Json,
    NeededReasonOption,
    ReasonOption,
    RunArgument,
    has_subcommand,
)
from orchestrator.cli.terminal.outcomes import print_closing, print_outcome
from orchestrator.cli.terminal.refusals import run as carry_out
from orchestrator.cli.terminal.repairs import commands_for
from orchestrator.cli.terminal.run_pages import candidate_words
from orchestrator.cli.terminal.screen import instant, name, print_json, say, table
from orchestrator.cli.terminal.shapes import role_words
from orchestrator.documents.document import Document
from orchestrator.documents.systems.support import support_words

PAGE_SIZE = 200
NamedException = Annotated[
    str, typer.Argument(metavar="EXCEPTION", help="The exception's ID, or its kind if only one of that kind is open.")
]


def exceptions(
    context: typer.Context,
    alias: As = None,
    run_id: Annotated[str | None, typer.Option("--run", metavar="RUN", help="Only this run.")] = None,
    closed: Annotated[bool, typer.Option("--all", help="Include closed exceptions.")] = False,
    after: Annotated[str | None, typer.Option("--after", help="Continue after the end of the previous page.")] = None,
    json: Json = False,
    folder: Folder = FOLDER,
) -> None:
    """List exceptions with their owner and how to resolve them."""
    if not has_subcommand(context):
        found = carry_out(_list(run_id, closed, after, alias, folder))
        if json:
            print_json(found)
        else:
            _print(found, closed)


async def _list(run_id: str | None, closed: bool, after: str | None, alias: str | None, folder: Path) -> Document:
    async with entering(folder, alias) as server:
        standing = "all" if closed else "open"
        return await server.get("exceptions", standing=standing, run=run_id, after=after, limit=PAGE_SIZE)


def _print(found: Document, closed: bool) -> None:
    documents = found["exceptions"]
    if not documents:
        say("No exceptions." if closed else "No open exceptions.")
        return
    table(
        ("Exception", "Kind and cause", "Run", "Person", "Step or system", "Owner", "Due", "State", "How to resolve"),
        [
            (
                known["exception_id"],
                exception_words(known),
                known["run_id"],
                name(known["person"]),
                known.get("title") or known["step"] or known["system"],
                known.get("assigned_to") or role_words(known["owners"]),
                instant(known["due_at"]),
                exception_state(known),
                " or ".join(commands_for(known["run_id"], known)) if known["closed_at"] is None else "",
            )
            for known in documents
        ],
    )
    for document in documents:
        if vote := document.get("decision"):
            verb = "Rejected" if vote["verdict"] == "reject" else "Excluded"
            say(
                f"{document['exception_id']}: {verb} by {vote['by']}"
                + (f": “{vote['reason']}”" if vote["reason"] else ".")
            )
    for document in documents:
        for line in record_lines(document):
            say(f"{document['exception_id']}: {line}")
    contacts = {(d["system"], d["support"] or "", d["runbook"] or "") for d in documents if d["system"]}
    for system, support, runbook in sorted(contacts):
        if support or runbook:
            say(f"{system}, support {support or 'not set'}: {runbook}")
    details = {d["system"]: d.get("support_details") for d in documents if d["system"]}  # an older server has none
    for system, support_details in sorted(details.items()):
        if support_details and (support_details["on_call"] or support_details["escalation"]):
            say(f"{system}: {support_words(support_details)}")
    for document in documents:
        if document["candidates"]:
            say(f"Possible accounts of {name(document['person'])} on {document['system']}:")
            for candidate in document["candidates"]:
                say(f"  {candidate_words(candidate, document['not_selected'])}")
    if found["after"] is not None:
        say(f"Next page: offboard exceptions{' --all' if closed else ''} --after {found['after']}")


def settle(
    run_id: RunArgument,
    system: Annotated[str, typer.Argument(metavar="SYSTEM")],
    account: Annotated[
        list[str] | None,
        typer.Argument(metavar="ACCOUNT…", help="The account, as `exceptions` lists it.", show_default=False),
    ] = None,
    none: Annotated[bool, typer.Option("--none", help="None of the accounts belongs to the person.")] = False,
    reason: ReasonOption = None,
    alias: As = None,
    folder: Folder = FOLDER,
) -> None:
    """Confirm which of the accounts found belong to the person."""
    if bool(account) == none:
        raise typer.BadParameter("Give one or more accounts, or --none.")

    async def work() -> None:
        async with entering(folder, alias) as server:
            run = await server.run(run_id)
            found, meant = run["run_id"], accounts_named(run, system, account or [])
            said = {"accounts": meant, "reason": reason}
            done = await server.post("runs", found, "systems", system, "accounts", body=said)
            say(f"Run {found}: {len(meant) or 'no'} account{'s' if len(meant) != 1 else ''} on {system} confirmed.")
            await print_closing(server, run, done)

    carry_out(work())


def accept(
    run_id: RunArgument,
    exception: NamedException,
    reason: NeededReasonOption,
    alias: As = None,
    folder: Folder = FOLDER,
) -> None:
    """Accept an exception: close it with a justification, without changing a step."""

    async def work() -> None:
        async with entering(folder, alias) as server:
            run = await server.run(run_id)
            found, exception_id = run["run_id"], exception_named(run, exception)
            said = {"reason": reason}
            done = await server.post("runs", found, "exceptions", exception_id, "acceptance", body=said)
            say(f"Exception {exception_id} of run {found} is closed.")
            await print_closing(server, run, done)

    carry_out(work())


def assign(
    run_id: RunArgument,
    exception: NamedException,
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="The account that decides.")],
    reason: NeededReasonOption,
    alias: As = None,
    folder: Folder = FOLDER,
) -> None:
    """Name who decides at a gate, or reviews a run, that too few can decide. Two people name the same account."""

    async def work() -> None:
        async with entering(folder, alias) as server:
            run = await server.run(run_id)
            found, exception_id = run["run_id"], exception_named(run, exception)
            said = {"decider": account, "reason": reason}
            done = await server.post("runs", found, "exceptions", exception_id, "decider", body=said)
            say(f"{account} is named. They can decide once two people have named them.")
            print_outcome(done)

    carry_out(work())


def replan(
    run_id: RunArgument,
    reason: ReasonOption = None,
    new_version: Annotated[
        bool, typer.Option("--new-version", help="Take the packet version in use, which covers further systems.")
    ] = False,
    alias: As = None,
    folder: Folder = FOLDER,
) -> None:
    """Re-plan a run: search all systems again. Approvals of steps that did not change stay valid. Rejected and excluded
    steps stay so, unless you rejected or excluded them, or the gate escalates to a role of yours and you give a reason.
    With --new-version only the systems that the run does not cover are searched, and what is decided stays decided.
    """

    async def work() -> None:
        async with entering(folder, alias) as server:
            run = await server.run(run_id)
            found, body = run["run_id"], {"reason": reason}
            if new_version:
                body["packet_version"] = run["packet_version_in_use"]
            done = await server.post("runs", found, "replan", body=body)
            say(f"Run {found} is being re-planned.")
            print_outcome(done)

    carry_out(work())
