"""The command `doctor`: which part of the installation or which system is down, since when, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from shlex import quote
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
from orchestrator.vocabulary.states import FAILURE, label

STATES: Final = {True: "up", False: "down", None: "not known"}
MANY_STOPPED: Final[FindingKind] = "workflows_stopped"
ACTIONS: Final = {
    "ledger": "Check that PostgreSQL is running, or correct the cause. Commands are refused until then.",
    "temporal": "Check that Temporal is running. Decisions are recorded, and take effect once it is back.",
    "worker": "Start a worker. No step starts until then.",
    "relay": "Start the relay. Some runs wait until their next date until then.",
}
SYSTEM_STATES: Final = {"failing": "fails for runs", "unreachable": "not reachable", "paused": "changes paused"}
SYSTEM_ACTIONS: Final = {
    "failing": "Correct the cause, then `offboard retry --system {system}`. Steps that wait are retried automatically.",
    "unreachable": "Correct the cause, then check it again: `offboard systems check`.",
    "paused": "Resume changes once they may be made: `offboard release --system {system}`.",
}


def doctor(json: Json = False, folder: Folder = FOLDER) -> None:
    """Show which part or system is down, and since when. Needs no sign-in; exit code 1 if a part is down, or if the
    ledger is an older copy."""

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
        for line in _system_lines(found):
            say(line)
        if found.get("findings"):
            say(f"Comparisons of the ledger have open findings: {found['findings']}. See offboard reconcile.")
        for kind, count in (found.get("findings_by_kind") or {}).items():
            say(f"{FINDINGS[kind].title if kind in FINDINGS else kind}: {count}.")
        if MANY_STOPPED in (found.get("findings_by_kind") or {}):
            say(FINDINGS[MANY_STOPPED].remedy)
    if down or found.get("older_ledger_since"):
        raise typer.Exit(REFUSED)


def _system_lines(found: Document) -> Iterator[str]:
    """An older server tells nothing of this."""
    if since := found.get("older_ledger_since"):
        yield f"The ledger is an older copy of its database, noticed {instant(since)}: its last events are missing."
        yield "Changes on all systems are paused. Check in the systems what was done since the copy was made, then"
        yield "resume changes: `offboard release --system '*'`."
    for one in found.get("systems") or ():
        name = "All systems" if one["system"] == "*" else one["system"]
        since = f" since {instant(one['since'])}" if one["since"] else ""
        cause = f": {label(one['code'], FAILURE)}" if one["code"] else ""
        until = f", until {instant(one['until'])}" if one["until"] else ""
        state = SYSTEM_STATES.get(one["state"], one["state"])
        action = SYSTEM_ACTIONS.get(one["state"], "").format(system=quote(one["system"]))
        yield f"{name}: {state}{since}{until}{cause}. {action}".rstrip()


def _server(folder: Path) -> str:
    """The one that is named, the embedded stack, or the one that this user signed in to."""
    known = sign_ins.kept()
    url = named_server() or stack_url(folder) or (next(iter(known)) if len(known) == 1 else None)
    if url is None:
        raise LocalRefusal("server_missing", "No server is named.", f"Set {SERVER} to its URL.")
    return url
