"""Starts for all people in an HR export who have a last day."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import typer
from rich.console import Console
from rich.progress import Progress as Bar

from connectors.people_csv.dates import UnreadableRow, work_end
from connectors.people_csv.rows import BadRow, ExportRow
from orchestrator.cli.exports import export_from, read_file
from orchestrator.cli.server.access import entering
from orchestrator.cli.server.server import Server, ServerRefused
from orchestrator.cli.terminal.local_refusals import LocalRefusal
from orchestrator.cli.terminal.outcomes import print_outcome
from orchestrator.cli.terminal.remedies import remedy_of
from orchestrator.cli.terminal.screen import complain, cutoff, name, say
from orchestrator.documents.document import Document

ONE_ROW: Final = frozenset({"own_run", "urgent_not_allowed", "step_up_needed"})
"""Codes of refusals of the actor that are about one row: their own run, and a late start."""


@dataclass(slots=True)
class Batch:
    ready: list[tuple[ExportRow, Document]] = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)


async def start_all(
    alias: str | None,
    path: Path,
    packet: str,
    skip_bad: bool,
    confirm: int | None,
    yes: bool,
    folder: Path,
    *,
    shadow: bool = False,
) -> None:
    """`yes` confirms rows whose cutoff is in the past, which are urgent starts. `shadow` starts dry runs."""
    content = await asyncio.to_thread(read_file, path)
    async with entering(folder, alias) as server:
        current = await server.get("packets", packet)
        # A server of an earlier version has no formats.
        columns, form = current["export_columns"], current.get("export_format", {})
        export = export_from(content, path.name, columns, form, hr_has_zones=True)
        batch = await _looked_up(server, packet, export.leaving, shadow=shadow)
        if not yes and not shadow:
            set_late_rows_aside(batch, current.get("late_after"), datetime.now(UTC))
        batch.bad = sorted([*export.not_started, *batch.bad], key=lambda row: row.line)
        for row in batch.bad:
            complain(f"{path.name}, line {row.line}: {row.message}", "")
        if batch.bad and not skip_bad:
            count = "one row" if len(batch.bad) == 1 else f"{len(batch.bad)} rows"
            raise LocalRefusal(
                "bad_rows",
                f"No run was started: {count} of {path.name} cannot be used.",
                "Correct them in HR and export again, or start the other rows with --skip-bad.",
            )
        _require_confirmed(len(batch.ready), current["batch_cap"], packet, confirm)
        if not batch.ready:
            say("No row of this export has a last day." if not batch.bad else "No run was started.")
            return
        refused = await _start_each(server, batch.ready, packet, path, shadow=shadow)
    if refused:
        raise typer.Exit(1)


def set_late_rows_aside(batch: Batch, late_after: float | None, now: datetime) -> None:
    """`late_after` are seconds; None under a packet that allows no urgent starts."""
    if late_after is None:
        return
    late = [one for one in batch.ready if one[0].cutoff and (now - one[0].cutoff.instant).total_seconds() > late_after]
    said = "the cutoff is in the past, so this is an urgent start; correct the date, or confirm the start with --yes"
    batch.bad += [BadRow(row.line, said) for row, _ in late]
    batch.ready = [one for one in batch.ready if one not in late]


def _require_confirmed(count: int, cap: int, packet: str, confirm: int | None) -> None:
    if confirm is not None and confirm != count:
        raise LocalRefusal(
            "count_differs",
            f"--confirm is {confirm}, but {count} runs would start. No run was started.",
            f"Check the export; if {count} is right, use --confirm {count}.",
        )
    if count > cap and confirm is None:
        raise LocalRefusal(
            "over_the_cap",
            f"{count} runs would start; the limit of packet {packet} is {cap} per list. No run was started.",
            f"If {count} is right, use --confirm {count}.",
        )


async def _looked_up(server: Server, packet: str, rows: list[ExportRow], *, shadow: bool) -> Batch:
    """Who each row is in HR now, before anything starts. An export says who leaves and when; everything else about
    them is HR's word today, and a row that HR tells otherwise may be someone else's."""
    batch = Batch()
    console = Console(stderr=True)
    with Bar(console=console, transient=True, disable=not console.is_terminal) as bar:
        for row in bar.track(rows, description="Searching people in HR"):
            try:
                wanted = {"packet": packet, "wanted": row.person.employee_number}
                facts = await server.post("people", "lookup", body=wanted)
            except ServerRefused as refused:
                if refused.status not in (404, 422):
                    raise  # about the caller or HR, and so about every row
                batch.bad.append(BadRow(row.line, f"{refused.message} {remedy_of(refused)}"))
                continue
            if row.person.email and row.person.email.casefold() not in {
                address.casefold() for address in (facts["email"], *facts["former_emails"])
            }:
                said = "HR has a different mail address for this employee number; correct it and export again"
                batch.bad.append(BadRow(row.line, said))
                continue
            if facts["open_run"] is not None and not shadow:
                batch.bad.append(BadRow(row.line, f"this person already has an open run: {facts['open_run']}"))
                continue
            if row.cutoff is None:
                try:
                    row = replace(row, cutoff=work_end(row.local, _zone_in_hr(facts)))
                except UnreadableRow as wrong:
                    batch.bad.append(BadRow(row.line, wrong.message))
                    continue
            batch.ready.append((row, facts))
    return batch


def _zone_in_hr(facts: Document) -> str:
    """Raises `UnreadableRow`."""
    if not facts["time_zone"]:
        raise UnreadableRow(
            "has a last day, but no time zone, and HR has none; add the zone, for example Europe/Berlin, or set "
            "export_format.time_zone in platform.yaml"
        )
    return str(facts["time_zone"])


async def _start_each(
    server: Server, ready: list[tuple[ExportRow, Document]], packet: str, path: Path, *, shadow: bool
) -> int:
    """Starts them one after the other; returns how many were refused all the same. A refusal of the actor is the same
    for all, and ends it."""
    refused, last = 0, None
    for row, facts in ready:
        assert row.cutoff is not None, "only rows with a last day are started"
        # As the row has it, with its offset: an hour that comes twice stays the one that was meant.
        asked = {"person": facts["hr_id"], "packet": packet, "cutoff": row.cutoff.local, "zone": row.cutoff.zone}
        asked |= {"shadow": True} if shadow else {}
        try:
            done = await server.post("runs", body=asked)
        except ServerRefused as error:
            if error.status not in (404, 409, 422) and error.code not in ONE_ROW:
                raise
            refused += 1
            complain(f"{path.name}, line {row.line}: {error.message}", remedy_of(error))
            continue
        if "message" in done:
            say(f"Line {row.line}: {done['message']}")
            continue
        last = done
        ends = cutoff(row.cutoff.instant, row.cutoff.zone)
        who = name({"name": facts["display_name"], "employee_number": facts["employee_number"]})
        say(f"Line {row.line}: {'dry run' if shadow else 'run'} {done['run_id']} for {who}, {ends}")
    if last is not None:
        print_outcome(last)
    return refused
