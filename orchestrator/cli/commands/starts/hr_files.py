"""`offboard hr check`: what Offboard reads in an export of HR, row by row, before anything is connected or started."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.terminal.options import PACKET, Json
from orchestrator.cli.terminal.refusals import REFUSED, reporting_refusals
from orchestrator.cli.terminal.screen import complain, print_json, say, table

if TYPE_CHECKING:
    from connectors.people_csv.rows import Export, ExportRow
    from orchestrator.domain.packet.packet import Packet, SystemSpec

WORKS, LEFT, STARTS, URGENT, NOT_STARTED, NOT_READ = (
    "works", "left", "starts", "starts_urgent", "not_started", "not_read",
)  # fmt: skip
_LABELS = {
    WORKS: "Works here", LEFT: "Left", STARTS: "A run starts", URGENT: "An urgent run starts, with --yes",
    NOT_STARTED: "Not started", NOT_READ: "Cannot be read",
}  # fmt: skip

_OF_FEED = {"starts": "Starts", "waits_for_hr": "Waits for HR", "too_many": "Too many: waits for HR", None: ""}
"""What a feed would do with a row that it reads for the first time."""


def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An export of HR, as CSV.")],
    packet: Annotated[
        str, typer.Option("--packet", metavar="PACKET", help="A folder with the three files, or a starter packet.")
    ] = PACKET,
    leaving: Annotated[bool, typer.Option("--leaving", help="List only leavers and rows with a problem.")] = False,
    json: Json = False,
) -> None:
    """Show what Offboard reads in HR's export, and which runs would start. Needs no server; changes nothing."""
    with reporting_refusals():
        found = _checked(file, packet, datetime.now(UTC))
    if json:
        print_json(found)
    else:
        _print(found, leaving)
    if found["missing"] or found["too_old"] or found["counts"][NOT_READ]:
        raise typer.Exit(REFUSED)


def _checked(file: Path, named: str, now: datetime) -> dict[str, Any]:
    from connectors.people_csv.mapping import COLUMNS
    from connectors.people_csv.reading import missing_columns
    from connectors.people_csv.rows import Export
    from orchestrator.cli.commands.admin.packets import local_packet
    from orchestrator.cli.exports import export_from, read_file, titles_from
    from orchestrator.domain.packet.packet import PEOPLE_CSV

    packet = local_packet(named)
    hr, content = packet.platform.hr, read_file(file)
    columns, form = hr.export_columns, hr.export_format
    titles = titles_from(content, file.name, columns, form)
    missing = missing_columns(titles, columns)
    spec = packet.platform.systems.get(hr.system)
    hr_has_zones = spec is None or spec.connector != PEOPLE_CSV
    export = Export() if missing else export_from(content, file.name, columns, form, now=now, hr_has_zones=hr_has_zones)
    rows = _rows(export, packet, now)
    if not hr_has_zones:
        _add_feed(rows, packet, now)
    return {
        "file": file.name,
        "packet": packet.name,
        "columns": titles,
        "mapped": columns,
        "missing": missing,
        "not_mapped": sorted(COLUMNS - columns.keys()),
        "rows": rows,
        "too_old": _too_old(file, spec, now),
        "counts": dict.fromkeys(_LABELS, 0) | Counter(row["result"] for row in rows),
        "batch_cap": packet.workflow.thresholds.batch_cap,
        "read_by_feed": not hr_has_zones,
    }


def _add_feed(rows: list[dict[str, Any]], packet: Packet, now: datetime) -> None:
    """What a feed would do that reads this HR system for the first time, under the same rules. Runs that there are
    already are not known here."""
    from orchestrator.domain.commands.starts.reported_leavings import waits_for_hr

    for row in rows:
        if row["leaves_at"] is not None:
            waits = waits_for_hr(datetime.fromisoformat(row["leaves_at"]), packet, now, now)
            row["feed"] = "waits_for_hr" if waits else "starts"
    due = [row for row in rows if row["feed"] == "starts"]
    if len(due) > packet.workflow.thresholds.batch_cap:
        for row in due:
            row["feed"] = "too_many"


def _too_old(file: Path, spec: SystemSpec | None, now: datetime) -> str | None:
    """Why a run would not read the file for its age; None where it would, and where HR is not read from files."""
    from pydantic import ValidationError

    from connectors.errors import TryAgainError
    from connectors.people_csv.connector import PeopleCsvSettings
    from connectors.people_csv.folder import require_recent
    from orchestrator.domain.errors import Invalid
    from orchestrator.domain.packet.packet import PEOPLE_CSV

    if spec is None or spec.connector != PEOPLE_CSV:
        return None
    try:
        settings = PeopleCsvSettings.model_validate({"columns": {}, **spec.connection})
    except ValidationError as error:
        raise Invalid("packet_problems", str(error)) from None
    try:
        require_recent(file.name, file.stat().st_mtime, settings.max_age_hours, now.timestamp())
    except TryAgainError as old:
        return f"{old.detail} {old.remedy}"
    return None


def _rows(export: Export, packet: Packet, now: datetime) -> list[dict[str, Any]]:
    rows = []
    for row in export.rows:
        person = row.person
        rows.append(
            {
                "line": row.line,
                "other_lines": list(row.also),
                "employee_number": person.employee_number,
                "name": person.display_name,
                "email": person.email,
                "manager": person.manager_id,
                "department": person.department,
                "title": person.title,
                "leaves_at": row.cutoff.instant.isoformat() if row.cutoff is not None else None,
                "local": row.cutoff.local if row.cutoff is not None else row.local or None,
                "zone": row.cutoff.zone if row.cutoff is not None else person.time_zone or None,
                "result": _result(row, packet, now),
                "feed": None,
                "problem": row.doubt or None,
            }
        )
    for bad in export.bad:
        empty = dict.fromkeys(
            ("employee_number", "name", "email", "manager", "department", "title", "leaves_at", "local", "zone", "feed")
        )
        rows.append(
            {"line": bad.line, "other_lines": [], **empty, "result": NOT_READ, "feed": None, "problem": bad.message}
        )
    return sorted(rows, key=lambda row: row["line"])


def _result(row: ExportRow, packet: Packet, now: datetime) -> str:
    """As `offboard start --from-csv` would decide it. HR is not asked here, so open runs are not known."""
    if row.doubt:
        return NOT_STARTED
    if row.cutoff is None:
        return STARTS if row.local else WORKS
    urgent = packet.approvals.urgent
    if urgent is not None and now - row.cutoff.instant > urgent.late_after:
        return URGENT
    return STARTS


def _print(found: dict[str, Any], leaving: bool) -> None:
    counts = found["counts"]
    table(
        ("Field", "Column", "In the file"),
        [(name, title, "no" if name in found["missing"] else "yes") for name, title in found["mapped"].items()],
    )
    say(f"Columns of {found['file']}: {', '.join(found['columns'])}")
    say("Needed: employee_number; for leavers also cutoff_date, and a time zone in a column or in export_format.")
    say(f"Not mapped: {', '.join(found['not_mapped'])}")
    if found["missing"]:
        titles = [found["mapped"][name] for name in found["missing"]]
        complain(
            f"{found['file']} has no column {', '.join(map(repr, titles))}, so no row was read.",
            "Export these columns too, or correct hr.export_columns in platform.yaml. If the titles are not in the "
            "first row, set hr.export_format.title_row.",
        )
        return
    say("")
    shown = [row for row in found["rows"] if not leaving or row["result"] not in (WORKS, LEFT)]
    of_feed = found["read_by_feed"]
    heads = ("Line", "Number", "Name", "Leaves", *(["Feed"] if of_feed else []), "Result")
    table(heads, [_cells(row, of_feed) for row in shown])
    say("")
    if found["too_old"]:
        complain("Runs would not use this file.", found["too_old"])
    people = sum(counts.values()) - counts[NOT_READ]
    say(f"People: {people}. " + " ".join(f"{_LABELS[result]}: {count}." for result, count in counts.items() if count))
    _print_starts(found, counts)
    if of_feed:
        _print_feed(found)


def _print_feed(found: dict[str, Any]) -> None:
    counts = Counter(row["feed"] for row in found["rows"])
    said = [f"{_OF_FEED[what]}: {counts[what]}." for what in ("starts", "waits_for_hr", "too_many") if counts[what]]
    say(
        f"With OFFBOARD_HR_FEED_PACKET={found['packet']}, at the first read: {' '.join(said) or 'no run starts.'} "
        "People with a run of this leaving start none."
    )


def _print_starts(found: dict[str, Any], counts: dict[str, int]) -> None:
    starts, cap = counts[STARTS] + counts[URGENT], found["batch_cap"]
    if not starts:
        say("No run would start: no row has a last day that starts one.")
        return
    options = [
        *(["--skip-bad"] if counts[NOT_READ] or counts[NOT_STARTED] else []),
        *(["--yes"] if counts[URGENT] else []),
        *([f"--confirm {starts}"] if starts > cap else []),
    ]
    runs = "1 run" if starts == 1 else f"{starts} runs"
    say(f"{runs} would start: offboard start --from-csv {' '.join([found['file'], *options])}")
    say("HR was not asked: rows that differ from HR, and people with an open run, are named at the start.")


def _cells(row: dict[str, Any], of_feed: bool) -> Sequence[str]:
    leaves = ""
    if row["local"]:
        zone = row["zone"] or "zone from HR"
        leaves = f"{row['local'][:16].replace('T', ' ')} ({zone})"
    result = _LABELS[row["result"]]
    lines = ", ".join(map(str, [row["line"], *row["other_lines"]]))
    said = f"{result}: {row['problem']}" if row["problem"] else result
    feed = [_OF_FEED[row["feed"]]] if of_feed else []
    return lines, row["employee_number"] or "", row["name"] or "", leaves, *feed, said
