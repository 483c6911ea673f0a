"""Starting runs: `start`, for one person or for the leavers of an HR export."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress as Bar

from orchestrator import commands
from orchestrator.cli.options import FOLDER, PACKET, As, Folder, Json, PacketName
from orchestrator.cli.preview import look_ahead, print_preview
from orchestrator.cli.refusals import run as carry_out
from orchestrator.cli.screen import complain, cutoff, print_json, say
from orchestrator.cli.session import Session, acting, reading
from orchestrator.commands import Received
from orchestrator.domain.cutoff import Cutoff, parse_cutoff
from orchestrator.domain.errors import Invalid, NotAllowed, Refusal
from orchestrator.domain.packet import Packet
from orchestrator.domain.person import PersonFacts
from orchestrator.hr_export import LARGEST_EXPORT, BadRow, ExportRow, read_export


def start(
    alias: As,
    person: Annotated[
        str | None, typer.Argument(metavar="PERSON", help="Employee number, mail address or HR's id.")
    ] = None,
    packet: PacketName = PACKET,
    when: Annotated[
        str | None, typer.Option("--cutoff", metavar="TIME", help="When access ends: 2026-11-30T17:00.")
    ] = None,
    zone: Annotated[str | None, typer.Option("--zone", help="The time zone it is said in: Europe/Berlin.")] = None,
    urgent: Annotated[
        bool, typer.Option("--urgent", help="Begin at once with what cuts access and can be taken back.")
    ] = False,
    preview: Annotated[
        bool, typer.Option("--preview", help="Only look what would be done. Nothing is written anywhere.")
    ] = False,
    from_csv: Annotated[
        Path | None, typer.Option("--from-csv", metavar="FILE", help="Everybody in this HR export who has a last day.")
    ] = None,
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Start the good rows although others are bad.")] = False,
    confirm: Annotated[
        int | None, typer.Option("--confirm", metavar="N", help="Repeat the number of runs, where it is over the cap.")
    ] = None,
    json: Json = False,
    folder: Folder = FOLDER,
) -> None:
    """Start offboarding somebody, or everybody who leaves by an HR export."""
    if (person is None) == (from_csv is None):
        raise typer.BadParameter("Name one PERSON, or a file with --from-csv.")
    if from_csv is not None:
        single = {"--preview": preview, "--cutoff": when, "--zone": zone, "--urgent": urgent, "--json": json}
        if given := [option for option, value in single.items() if value]:
            raise typer.BadParameter(f"{', '.join(given)} goes with one PERSON, not with --from-csv.")
        carry_out(_start_all(alias, from_csv, packet, skip_bad, confirm, folder))
    elif skip_bad or confirm is not None:
        raise typer.BadParameter("--skip-bad and --confirm go with --from-csv.")
    elif preview:
        carry_out(_preview(alias, str(person), packet, when, zone, urgent, json, folder))
    elif json:
        raise typer.BadParameter("--json goes with --preview.")
    else:
        carry_out(_start_one(alias, str(person), packet, when, zone, urgent, folder))


def cutoff_given(when: str | None, zone: str | None) -> Cutoff | None:
    if when is None:
        if zone is not None:
            raise Invalid("cutoff_missing", "A time zone is given and no cutoff.", "Add --cutoff 2026-11-30T17:00.")
        return None
    return parse_cutoff(when, zone)


async def _start_one(
    alias: str, wanted: str, packet: str, when: str | None, zone: str | None, urgent: bool, folder: Path
) -> None:
    given = cutoff_given(when, zone)
    async with acting(folder, alias) as session:
        _, current = await session.packet(packet)
        people = session.people(current)
        facts = await people.facts(await people.find(wanted))
        done = await commands.start_run(session.office, session.actor, facts, packet, given, urgent=urgent)
        if isinstance(done, Received):
            say(done.message)
            return
        state = (await session.books.runs.look(done.run_id)).state
        say(f"Run {done.run_id} is started for {facts.display_name} ({facts.employee_number}).")
        say(f"Access ends {'now' if urgent else cutoff(state.cutoff, state.zone)}.")
        say(f"Follow it: offboard watch {done.run_id}")
        session.tell(done)


async def _preview(
    alias: str, wanted: str, packet: str, when: str | None, zone: str | None, urgent: bool, json: bool, folder: Path
) -> None:
    given = cutoff_given(when, zone)
    async with reading(folder, alias) as session:
        document = await look_ahead(session, wanted, packet, given, urgent)
    if json:
        print_json(document)
    else:
        print_preview(document)


# Many at once


@dataclass(slots=True)
class _Batch:
    ready: list[tuple[ExportRow, PersonFacts]] = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)


async def _start_all(alias: str, path: Path, packet: str, skip_bad: bool, confirm: int | None, folder: Path) -> None:
    content = _read(path)
    async with acting(folder, alias) as session:
        _, current = await session.packet(packet)
        export = read_export(content, current.platform.hr.export_columns)
        batch = await _looked_up(session, current, export.leaving)
        batch.bad = sorted([*export.bad, *batch.bad], key=lambda row: row.line)
        for row in batch.bad:
            complain(f"{path.name}, line {row.line}: {row.message}", "")
        if batch.bad and not skip_bad:
            count = "one row" if len(batch.bad) == 1 else f"{len(batch.bad)} rows"
            raise Invalid(
                "bad_rows", f"Nothing is started: {count} of {path.name} cannot be used.",
                "Correct them in HR and export again, or start the others with --skip-bad.",
            )  # fmt: skip
        _require_confirmed(len(batch.ready), current.workflow.thresholds.batch_cap, packet, confirm)
        if not batch.ready:
            say("Nobody in this export has a last day." if not batch.bad else "Nothing is started.")
            return
        refused = await _start_each(session, batch.ready, packet, path)
    if refused:
        raise typer.Exit(1)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read(LARGEST_EXPORT + 1)
    if len(content) > LARGEST_EXPORT:
        raise Invalid(
            "export_too_large", f"{path.name} is larger than {LARGEST_EXPORT >> 20} MB.", "Export fewer people at once."
        )
    return content


def _require_confirmed(count: int, cap: int, packet: str, confirm: int | None) -> None:
    if confirm is not None and confirm != count:
        raise Invalid(
            "count_differs", f"--confirm says {confirm}, and {count} runs would start. Nothing is started.",
            f"Look at the export again; if {count} is right, say --confirm {count}.",
        )  # fmt: skip
    if count > cap and confirm is None:
        raise Invalid(
            "over_the_cap",
            f"{count} runs would start; packet {packet} starts no more than {cap} from one list. Nothing is started.",
            f"If all {count} are meant, say --confirm {count}.",
        )


async def _looked_up(session: Session, packet: Packet, rows: list[ExportRow]) -> _Batch:
    """Who each row is in HR now, before anything starts. An export says who leaves and when; everything else about
    them is HR's word today, and a row that HR tells otherwise may be somebody else's."""
    batch, people = _Batch(), session.people(packet)
    console = Console(stderr=True)
    with Bar(console=console, transient=True, disable=not console.is_terminal) as bar:
        for row in bar.track(rows, description="Looking people up in HR"):
            try:
                facts = await people.facts(await people.find(row.person.employee_number))
            except Refusal as refused:
                batch.bad.append(BadRow(row.line, f"{refused.message} {refused.remedy}"))
                continue
            if row.person.email and row.person.email.casefold() not in {
                address.casefold() for address in (facts.email, *facts.former_emails)
            }:
                said = "HR knows this employee number with another mail address; see whose it is, and export again"
                batch.bad.append(BadRow(row.line, said))
                continue
            person_id = await session.books.keyring.person_for("hr", facts.hr_id, create=False)
            open_run = await session.queries.open_run_of(session.viewer, person_id) if person_id else None
            if open_run is not None:
                batch.bad.append(BadRow(row.line, f"this person has an open run already: {open_run}"))
                continue
            batch.ready.append((row, facts))
    return batch


async def _start_each(session: Session, ready: list[tuple[ExportRow, PersonFacts]], packet: str, path: Path) -> int:
    """Starts them one after the other; returns how many were refused all the same. A refusal of the actor is the same
    for all, and ends it."""
    refused, last = 0, None
    for row, facts in ready:
        try:
            done = await commands.start_run(session.office, session.actor, facts, packet, row.cutoff)
        except NotAllowed as error:
            if error.code != "own_run":
                raise
            refused += 1
            complain(f"{path.name}, line {row.line}: {error.message}", error.remedy)
        except Refusal as error:
            refused += 1
            complain(f"{path.name}, line {row.line}: {error.message}", error.remedy)
        else:
            if isinstance(done, Received):
                say(f"Line {row.line}: {done.message}")
                continue
            last = done
            assert row.cutoff is not None, "only rows with a last day are started"
            ends = cutoff(row.cutoff.instant, row.cutoff.zone)
            say(f"Line {row.line}: run {done.run_id} for {facts.display_name} ({facts.employee_number}), {ends}")
    if last is not None:
        session.tell(last)
    return refused
