"""`find`: runs and their open exceptions by name, employee number, account or run ID."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.commands.runs import marks, waiting
from orchestrator.cli.server.access import entering
from orchestrator.cli.terminal.options import FOLDER, As, Folder, Json
from orchestrator.cli.terminal.refusals import run as carry_out
from orchestrator.cli.terminal.screen import cutoff, name, print_json, say, table
from orchestrator.documents.document import Document
from orchestrator.vocabulary.states import EXCEPTION, RUN, label

_FOUND_BY = {"run_id": "run ID", "name": "name", "employee_number": "employee number"}


def find(
    text: Annotated[
        str, typer.Argument(metavar="TEXT", help="A name, employee number, account, mail address or run ID.")
    ],
    alias: As = None,
    json: Json = False,
    folder: Folder = FOLDER,
) -> None:
    """Find runs and their open exceptions by name, employee number, account or run ID."""

    async def work() -> Document:
        async with entering(folder, alias) as server:
            return await server.post("search", body={"text": text})

    found = carry_out(work())
    if json:
        print_json(found)
        return
    if not found["complete"]:
        say("Older runs are still being indexed: search again in a moment.", style="yellow")
    if not found["runs"]:
        say("No matches.")
        return
    table(
        ("Run", "Person", "Found by", "State", "Cutoff", "Open items"),
        [
            (
                one["run"]["run_id"],
                name(one["run"]["person"]),
                _found_by(one),
                label(one["run"]["state"], RUN) + marks(one["run"]),
                cutoff(one["run"]["cutoff"], one["run"]["zone"]),
                waiting(one["run"]["summary"]),
            )
            for one in found["runs"]
        ],
    )
    waits = [
        (
            known["exception_id"],
            one["run"]["run_id"],
            label(known["kind"], EXCEPTION),
            known.get("title") or known["step"] or known["system"],
        )
        for one in found["runs"]
        for known in one["exceptions"]
    ]
    if waits:
        table(("Exception", "Run", "Problem", "Step or system"), waits)
    if found["more"]:
        say("There are more: refine the search.")


def _found_by(one: Document) -> str:
    if one["found_by"] != "account":
        return _FOUND_BY[one["found_by"]]
    return f"{one['account'] or 'account'} ({one['system'] or 'mail address in HR'})"
