"""The command `doctor`: which part of the installation is down, since when, and what to do."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import typer

from orchestrator.cli.server import sign_ins
from orchestrator.cli.server.access import SERVER, named_server
from orchestrator.cli.server.server import Server
from orchestrator.cli.terminal.local_refusals import LocalRefusal
from orchestrator.cli.terminal.options import FOLDER, Folder, Json
from orchestrator.cli.terminal.refusals import REFUSED
from orchestrator.cli.terminal.refusals import run as carry_out
from orchestrator.cli.terminal.screen import instant, print_json, say, table
from orchestrator.documents.document import Document
from orchestrator.embedded.address import stack_url
from orchestrator.vocabulary.findings import FINDINGS, FindingKind

STATES: Final = {True: "up", False: "down", None: "not known"}
MANY_STOPPED: Final[FindingKind] = "workflows_stopped"
ACTIONS: Final = {
    "ledger": "Check that PostgreSQL is running, or correct the cause. Commands are refused until then.",
    "temporal": "Check that Temporal is running. Decisions are recorded, and take effect once it is back.",
    "worker": "Start a worker. No step starts until then.",
    "relay": "Start the relay. Some runs wait until their next date until then.",
}


def doctor(json: Json = False, folder: Folder = FOLDER) -> None:
    """Show which part is down, and since when. Needs no sign-in; exit code 1 if a part is down."""

    async def work() -> Document:
        async with Server(_server(folder)) as server:
            return await server.get("health")

    found = carry_out(work())
    down = [part for part in found["parts"] if part["up"] is False]
    if json:
        print_json(found)
    else:
        table(
            ("Part", "State", "Since", "Cause"),
            [(p["part"], STATES[p["up"]], instant(p["since"]), p["cause"]) for p in found["parts"]],
        )
        for part in down:
            say(ACTIONS[part["part"]])
        if found.get("findings"):
            say(f"Comparisons of the ledger have open findings: {found['findings']}. See offboard reconcile.")
        for kind, count in (found.get("findings_by_kind") or {}).items():
            say(f"{FINDINGS[kind].title if kind in FINDINGS else kind}: {count}.")
        if MANY_STOPPED in (found.get("findings_by_kind") or {}):
            say(FINDINGS[MANY_STOPPED].remedy)
    if down:
        raise typer.Exit(REFUSED)


def _server(folder: Path) -> str:
    """The one that is named, the embedded stack, or the one that this user signed in to."""
    known = sign_ins.kept()
    url = named_server() or stack_url(folder) or (next(iter(known)) if len(known) == 1 else None)
    if url is None:
        raise LocalRefusal("server_missing", "No server is named.", f"Set {SERVER} to its URL.")
    return url
