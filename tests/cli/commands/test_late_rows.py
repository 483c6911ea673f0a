"""Rows of an HR export whose cutoff is in the past: each would be an urgent start."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from connectors.people_csv.dates import WorkEnd
from connectors.people_csv.reading import read_export
from connectors.people_csv.rows import ExportRow
from orchestrator.cli.commands.starts.leavers import Batch, set_late_rows_aside

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def batch(*ago: timedelta) -> Batch:
    person = read_export("Number\nE-1\n", {"employee_number": "Number"}).rows[0].person
    return Batch(
        [(ExportRow(line, person, WorkEnd(NOW - span, "UTC", "")), {}) for line, span in enumerate(ago, start=2)]
    )


def test_late_rows_are_bad_rows_until_they_are_confirmed() -> None:
    rows = batch(timedelta(minutes=14), timedelta(days=3), timedelta(days=-1))
    set_late_rows_aside(rows, 900, NOW)
    assert [row.line for row, _ in rows.ready] == [2, 4]
    [bad] = rows.bad
    assert bad.line == 3 and "urgent start" in bad.message and "--yes" in bad.message


def test_a_packet_without_urgent_starts_has_no_late_rows() -> None:
    rows = batch(timedelta(days=3))
    set_late_rows_aside(rows, None, NOW)
    assert len(rows.ready) == 1 and not rows.bad
