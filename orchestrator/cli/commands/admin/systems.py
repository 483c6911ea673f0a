"""The commands `systems`, `systems check` and `systems orphans`: whether each system can be reached and accepts its
credential, and which accounts on it no person owns."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.server.access import entering
from orchestrator.cli.server.inquiries import worker_answer
from orchestrator.cli.terminal.options import FOLDER, PACKET, As, Folder, Json, PacketOption, has_subcommand
from orchestrator.cli.terminal.refusals import REFUSED
from orchestrator.cli.terminal.refusals import run as carry_out
from orchestrator.cli.terminal.screen import instant, print_json, say, table, working
from orchestrator.documents.document import Document
from orchestrator.documents.systems.support import support_words
from orchestrator.vocabulary.states import FAILURE, HR_RECORD, MISSING_LEAVERS, OWNERSHIP, label

REACHABLE = {True: "yes", False: "no", None: "not checked"}


def systems(
    context: typer.Context,
    alias: As = None,
    packet: PacketOption = PACKET,
    json: Json = False,
    folder: Folder = FOLDER,
) -> None:
    """List a packet's systems with the result of the last check."""
    if has_subcommand(context):
        return

    async def work() -> Document:
        async with entering(folder, alias) as server:
            return await server.get("systems", packet=packet)

    _show(carry_out(work()), json)


def check(alias: As = None, packet: PacketOption = PACKET, json: Json = False, folder: Folder = FOLDER) -> None:
    """Check that every system of a packet responds and accepts the credentials. Changes nothing."""

    async def work() -> Document:
        async with entering(folder, alias) as server:
            return await server.post("systems", "check", body={"packet": packet})

    found = carry_out(work())
    _show(found, json)
    if any(system["reachable"] is False for system in found["systems"]):
        raise typer.Exit(REFUSED)


def orphans(
    system: Annotated[str, typer.Argument(metavar="SYSTEM", help="The system's name in the packet.")],
    alias: As = None,
    packet: PacketOption = PACKET,
    json: Json = False,
    folder: Folder = FOLDER,
) -> None:
    """List a system's accounts that no person who works here owns. Changes nothing."""

    async def work() -> Document:
        async with entering(folder, alias) as server:
            with working(f"Reading the accounts of {system} and the people in HR"):
                answer = await server.post("systems", system, "orphans", body={"packet": packet})
                return await worker_answer(server, answer, "accounts")

    found = carry_out(work())
    if json:
        print_json(found)
    else:
        _show_orphans(found)
    if found["code"]:
        raise typer.Exit(REFUSED)


def _show_orphans(found: Document) -> None:
    if found["code"]:
        say(f"{found['title']}: {found['detail']}")
        return
    if found["accounts"]:
        table(
            ("Account", "Owner", "Person", "State", "Attributes"),
            [
                (
                    one["label"] + (" (privileged)" if one["privileged"] else ""),
                    label(one["ownership"], OWNERSHIP),
                    " ".join(part for part in (one["person"], one["employee_number"]) if part),
                    {True: "active", False: "inactive", None: ""}[one["active"]],
                    ", ".join(f"{name}={value}" for name, value in one["attributes"].items()),
                )
                for one in found["accounts"]
            ],
        )
    counts = found["counts"]
    say(", ".join(f"{label(kind, OWNERSHIP)}: {number}" for kind, number in counts.items() if number) or "No accounts.")
    whole = "the complete list" if found["complete"] else "not the complete list: the system has more accounts"
    say(f"Read {instant(found['read_at'])}, {whole}.")


def _in_runs(use: Document | None) -> str:
    if use is None:
        return ""
    if use["failing_since"] is None:
        return f"responded {instant(use['answered_at'])}"
    waiting = use["runs_waiting"]
    runs = f"; {waiting} {'run waits' if waiting == 1 else 'runs wait'}" if waiting else ""
    return f"failing since {instant(use['failing_since'])}: {label(use['code'], FAILURE)}{runs}"


def _show(found: Document, json: bool) -> None:
    if json:
        print_json(found)
        return
    table(
        ("System", "Connector", "Reachable", "In runs", "Changes", "Last check", "Details", "Support"),
        [
            (
                system["system"],
                system["kind"],
                REACHABLE[system["reachable"]],
                _in_runs(system.get("in_use")),
                _paused(system),
                instant(system["checked_at"]),
                system["detail"],
                system["support"] if not system["reachable"] else "",
            )
            for system in found["systems"]
        ],
    )
    for system in found["systems"]:
        if (support := support_words(system.get("support_details"))) and not system["reachable"]:
            say(f"{system['system']}: {support}")
    if found.get("older_ledger"):
        say("The ledger is an older copy of its database. Changes on all systems are paused until you resume them.")
    if found.get("all_held_until") is not None:
        say(f"Changes on all systems resume automatically at {instant(found['all_held_until'])}.")
    for system in found["systems"]:
        if system.get("feed") is not None:
            _show_feed(system["title"], system["feed"])


def _paused(system: Document) -> str:
    until = system.get("held_until")  # an older server does not say it
    return f"paused until {instant(until)}" if until is not None else "paused" if system["held"] else ""


def _show_feed(title: str, feed: Document) -> None:
    say("")
    if feed["code"]:
        say(f"{title}: the last look, {instant(feed['checked_at'])}, read no list. {feed['detail']}")
    if feed["source"] is None:
        return
    say(f"{title}: last list {feed['source']} of {instant(feed['as_of'])}, read {instant(feed['read_at'])}.")
    say(
        f"Leavers: {feed['leavers']}. Started: {feed['started']}. Moved: {feed['moved']}. With a run already: "
        f"{feed['with_run']}. Waiting for HR: {feed['waiting']}. Cannot be read: {feed['unreadable']}."
    )
    if feed.get("fewer"):  # an older server does not say it
        say(f"Leavers fewer than in the list before: {feed['fewer']}. {MISSING_LEAVERS}")
    if any(one["standing"] == "too_many" for one in feed["records"]):
        say("To start those of a file: `offboard start --from-csv FILE --confirm N`.")
    if feed["records"]:
        table(
            ("Record", "State", "Details", "Run"),
            [
                (one["place"], label(one["standing"], HR_RECORD), one["message"], one["run_id"] or "")
                for one in feed["records"]
            ],
        )
