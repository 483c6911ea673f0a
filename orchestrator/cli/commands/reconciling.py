"""The operators' command `reconcile`: compare the ledger with Temporal, the read tables and systems."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from orchestrator.cli.server.access import entering
from orchestrator.cli.terminal.options import FOLDER, As, Folder, Json
from orchestrator.cli.terminal.refusals import REFUSED
from orchestrator.cli.terminal.refusals import run as carry_out
from orchestrator.cli.terminal.screen import instant, print_json, say, table, working
from orchestrator.documents.document import Document
from orchestrator.vocabulary.comparisons import extent

RunOption = Annotated[
    str | None, typer.Option("--run", metavar="RUN", help="Only this run; also read back its removals of access.")
]


def reconcile(run: RunOption = None, json: Json = False, alias: As = None, folder: Folder = FOLDER) -> None:
    """Compare the ledger with Temporal, the read tables and systems, and list what does not agree. Repairs nothing;
    exit code 1 if anything is found."""

    async def work() -> Document:
        async with entering(folder, alias) as server:
            with working("Comparing the ledger"):
                return await server.post("ledger", "comparisons", body={"run": run})

    found = carry_out(work())
    open_ones = [one for one in found["findings"] if one["closed_at"] is None]
    print_json(found) if json else _print_found(found["compared"], open_ones)
    if open_ones:
        raise typer.Exit(REFUSED)


def _print_found(compared: Document, open_ones: Sequence[Document]) -> None:
    for line in extent(compared):
        say(line)
    if not open_ones:
        say("The ledger, Temporal and the read tables agree.")
        return
    table(
        ("Finding", "About", "Detail", "Since", "Reported"),
        [
            (
                one["title"],
                one["about"],
                one["code"] or "",
                instant(one["since"]),
                "yes" if one["reported_at"] else "if it is still so in a minute",
            )
            for one in open_ones
        ],
    )
    for remedy in dict.fromkeys(one["remedy"] for one in open_ones):
        say(remedy)
