"""An HR export as the rows of a batch."""

from __future__ import annotations

from connectors.people_csv.rows import Export
from orchestrator.documents.batches.rows import BatchRowAsked, BrokenRow


def rows_of_export(export: Export) -> tuple[list[BatchRowAsked], list[BrokenRow]]:
    """The people of the export who leave, and the rows that cannot be used. Times are as the export has them, with
    their offset: an hour that comes twice stays the one that was meant."""
    rows = [
        BatchRowAsked(
            place=f"line {row.line}",
            person=row.person.employee_number,
            email=row.person.email,
            cutoff=row.cutoff.local if row.cutoff is not None else row.local,
            zone=row.cutoff.zone if row.cutoff is not None else None,
        )
        for row in export.leaving
    ]
    return rows, [BrokenRow(place=f"line {row.line}", message=row.message) for row in export.not_started]
