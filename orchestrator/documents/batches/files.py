"""An HR export as the rows of a batch."""

from __future__ import annotations

from typing import Final

from connectors.people_csv.rows import BadRow, Export, ExportRow
from orchestrator.documents.batches.rows import (
    MAX_MESSAGE_CHARACTERS,
    MAX_PERSON_CHARACTERS,
    BatchRowAsked,
    BrokenRow,
)

TOO_LONG: Final = (
    f"has an employee number or a mail address with more than {MAX_PERSON_CHARACTERS} characters; correct it"
)


def rows_of_export(export: Export) -> tuple[list[BatchRowAsked], list[BrokenRow]]:
    """The people of the export who leave, and the rows that cannot be used, by line. Times are as the export has them,
    with their offset: an hour that comes twice stays the one that was meant."""
    usable = [row for row in export.leaving if not _too_long(row)]
    bad = [*export.not_started, *(BadRow(row.line, TOO_LONG) for row in export.leaving if _too_long(row))]
    rows = [
        BatchRowAsked(
            place=f"line {row.line}",
            person=row.person.employee_number,
            email=row.person.email,
            cutoff=row.cutoff.local if row.cutoff is not None else row.local,
            zone=row.cutoff.zone if row.cutoff is not None else None,
        )
        for row in usable
    ]
    broken = sorted(bad, key=lambda row: row.line)
    return rows, [BrokenRow(place=f"line {row.line}", message=row.message[:MAX_MESSAGE_CHARACTERS]) for row in broken]


def _too_long(row: ExportRow) -> bool:
    return max(len(row.person.employee_number), len(row.person.email)) > MAX_PERSON_CHARACTERS
