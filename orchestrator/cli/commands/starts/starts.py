"""Starting runs: `start`, for one person or for the leavers of an HR export."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from orchestrator.cli.commands.starts.preview import print_preview, print_urgent
from orchestrator.cli.commands.starts.settling import answers
from orchestrator.cli.server.access import entering
from orchestrator.cli.server.inquiries import worker_answer
from orchestrator.cli.server.server import Server
from orchestrator.cli.terminal.local_refusals import LocalRefusal
from orchestrator.cli.terminal.moments import instant_given
from orchestrator.cli.terminal.names import colleague_named
from orchestrator.cli.terminal.options import FOLDER, PACKET, As, Folder, Json, PacketOption, ReasonOption, ZoneOption
from orchestrator.cli.terminal.outcomes import print_outcome
from orchestrator.cli.terminal.refusals import run as carry_out
from orchestrator.cli.terminal.screen import cutoff, name, print_json, say, working
from orchestrator.documents.document import Document

FIRST_ZONE = timezone(timedelta(hours=14))
"""The zone in which each local time comes first."""


def start(
    person: Annotated[
        str | None, typer.Argument(metavar="PERSON", help="Employee number, mail address or HR ID.")
    ] = None,
    packet: PacketOption = PACKET,
    when: Annotated[
        str | None, typer.Option("--cutoff", metavar="TIME", help="When access ends: 2026-11-30T17:00.")
    ] = None,
    zone: ZoneOption = None,
    urgent: Annotated[
        bool, typer.Option("--urgent", help="Immediately run the reversible steps that remove access, before approval.")
    ] = False,
    shadow: Annotated[
        bool,
        typer.Option("--shadow", help="Dry run with the packet's new version: searches and plans, changes nothing."),
    ] = False,
    preview: Annotated[
        bool, typer.Option("--preview", help="Only preview the run: no run is started, no system changed.")
    ] = False,
    embargo_until: Annotated[
        str | None,
        typer.Option("--embargo-until", metavar="TIME", help="Until then, only the people named can see the run."),
    ] = None,
    named: Annotated[
        list[str] | None, typer.Option("--named", metavar="NAME", help="Who can see the run besides you. Repeatable.")
    ] = None,
    reason: ReasonOption = None,
    legal_hold: Annotated[
        str | None,
        typer.Option(
            "--legal-hold", metavar="REASON", help="Start under a legal hold: nothing that destroys data runs."
        ),
    ] = None,
    theirs: Annotated[
        list[str] | None,
        typer.Option("--theirs", metavar="SYSTEM=ACCOUNT", help="Confirm an account from --preview. Repeatable."),
    ] = None,
    not_theirs: Annotated[
        list[str] | None,
        typer.Option(
            "--not-theirs", metavar="SYSTEM=ACCOUNT", help="Rule out an account from --preview. Give every account."
        ),
    ] = None,
    from_csv: Annotated[
        Path | None,
        typer.Option("--from-csv", metavar="FILE", help="Start a run for each row of this HR export with a last day."),
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Start the valid rows even if other rows are invalid.")
    ] = False,
    confirm: Annotated[
        int | None,
        typer.Option("--confirm", metavar="N", help="Confirm the number of runs if it exceeds the packet's limit."),
    ] = None,
    yes: Annotated[
        bool,
        typer.Option("--yes", help="Do not ask before an urgent start. Required outside of a terminal and for lists."),
    ] = False,
    json: Json = False,
    alias: As = None,
    folder: Folder = FOLDER,
) -> None:
    """Start a run for one person, or for each leaver in an HR export."""
    if (person is None) == (from_csv is None):
        raise typer.BadParameter("Give one PERSON, or a file with --from-csv.")
    if named and embargo_until is None:
        raise typer.BadParameter("--named needs --embargo-until.")
    if from_csv is not None:
        single = {
            "--preview": preview,
            "--cutoff": when,
            "--zone": zone,
            "--urgent": urgent,
            "--json": json,
            "--embargo-until": embargo_until,
            "--reason": reason,
            "--legal-hold": legal_hold,
            "--theirs": theirs,
            "--not-theirs": not_theirs,
        }
        if given := [option for option, value in single.items() if value]:
            raise typer.BadParameter(f"{', '.join(given)} can only be used with one PERSON, not with --from-csv.")
        from orchestrator.cli.commands.starts.leavers import (
            start_all,  # reading exports takes what nothing else here needs
        )

        carry_out(start_all(alias, from_csv, packet, skip_bad, confirm, yes, folder, shadow=shadow))
        return
    if skip_bad or confirm is not None:
        raise typer.BadParameter("--skip-bad and --confirm need --from-csv.")
    if json and not preview:
        raise typer.BadParameter("--json needs --preview.")
    if urgent and when is not None:
        raise typer.BadParameter("--urgent starts immediately and cannot be used with --cutoff.")
    if preview and (theirs or not_theirs):
        raise typer.BadParameter("--theirs and --not-theirs cannot be used with --preview.")
    if preview and legal_hold is not None:
        raise typer.BadParameter("--legal-hold cannot be used with --preview.")
    asked: Document = {"person": person, "packet": packet, "cutoff": when, "zone": zone, "urgent": urgent}
    if shadow:  # an older server refuses the field, and starts no run that changes something
        asked["shadow"] = True
    if preview:
        carry_out(_preview(asked, embargo_until, named or [], json, alias, folder))
    else:
        settled = (theirs or [], not_theirs or [])
        asks = not yes and (urgent or may_be_past(when, zone, datetime.now(UTC)))
        carry_out(
            _start_one(
                asked,
                {"reason": reason, "legal_hold": legal_hold},
                settled,
                embargo_until,
                named or [],
                asks,
                alias,
                folder,
            )
        )


async def _start_one(
    asked: Document,
    reasons: Document,
    settled: tuple[list[str], list[str]],
    until: str | None,
    named: list[str],
    asks: bool,
    alias: str | None,
    folder: Path,
) -> None:
    """`reasons` has that of the run and that of a legal hold. `asks` previews the run, and if it is urgent shows the
    person and their systems, and asks before the start."""
    _require_cutoff(asked)
    if asks and asked["urgent"]:
        _require_terminal()
    async with entering(folder, alias) as server:
        body = {**asked, "embargo": await _embargo(server, until, named)}
        answered: list[Document] = []
        if asks or any(settled):
            with working("Searching all systems"):
                preview = await worker_answer(server, await server.post("previews", body=body), "preview")
            answered = answers(preview, *settled, reasons["reason"]) if any(settled) else []
            if asks and preview["urgent"]:
                _require_terminal()
                print_urgent(preview)
                if not typer.confirm("Remove this access now?", default=False):
                    say("Not started.")
                    raise typer.Exit(1)
        done = await server.post("runs", body={**body, **reasons, "answers": answered})
        if "message" in done:
            say(done["message"])
            return
        run = await server.run(done["run_id"])
        say(f"{'Dry run' if run['phase'] == 'shadow' else 'Run'} {run['run_id']} started for {name(run['person'])}.")
        if run["urgent"] and not asked["urgent"]:
            say("The cutoff is in the past, so this is an urgent start: it is reviewed afterwards.")
        if run["phase"] == "shadow":
            say("It searches accounts and makes a plan, and changes nothing in any system.")
        else:
            say(f"Access ends {'now' if run['urgent'] else cutoff(run['cutoff'], run['zone'])}.")
        if run.get("legal_hold"):
            say("It is under legal hold: no step that destroys data runs until the hold is lifted.")
        say(f"Follow it: offboard watch {run['run_id']}")
        for one in answered:
            number = len(one["accounts"])
            say(
                f"{number or 'No'} account{'s' if number != 1 else ''} confirmed if the search finds the same accounts."
            )
        print_outcome(done)


async def _preview(
    asked: Document, until: str | None, named: list[str], json: bool, alias: str | None, folder: Path
) -> None:
    _require_cutoff(asked)
    async with entering(folder, alias) as server:
        with working("Searching all systems"):
            body = {**asked, "embargo": await _embargo(server, until, named)}
            document = await worker_answer(server, await server.post("previews", body=body), "preview")
    if json:
        print_json(document)
    else:
        print_preview(document)


async def _embargo(server: Server, until: str | None, named: list[str]) -> Document | None:
    if until is None:
        return None
    members = (await server.get("staff"))["members"] if named else []
    return {"until": instant_given(until), "named": [colleague_named(members, one) for one in named]}


def may_be_past(cutoff: str | None, zone: str | None, now: datetime) -> bool:
    """Whether a cutoff may be in the past, so that the start may be urgent. The server says whether it is: it knows
    the person's zone. False for what is no time, which the server refuses."""
    try:
        at = datetime.fromisoformat(cutoff or "")
        if at.tzinfo is None:
            at = at.replace(tzinfo=ZoneInfo(zone) if zone else FIRST_ZONE)
    except (ValueError, OSError, KeyError):
        return False
    return at < now


def _require_terminal() -> None:
    if not sys.stdin.isatty():
        raise LocalRefusal(
            "confirmation_missing",
            "An urgent start removes access immediately and was not confirmed.",
            "Check the person with --preview, then add --yes.",
        )


def _require_cutoff(asked: Document) -> None:
    if asked["zone"] is not None and asked["cutoff"] is None:
        raise LocalRefusal("cutoff_missing", "--zone needs --cutoff.", "Add --cutoff 2026-11-30T17:00.")
