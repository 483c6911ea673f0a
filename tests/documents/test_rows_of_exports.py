"""An HR export as the rows of a batch: what does not fit is a broken row, never an error."""

from __future__ import annotations

from connectors.people_csv.reading import read_export
from orchestrator.documents.batches.files import rows_of_export
from tests.batches.office import NEXT_YEAR
from tests.hr_feed.feeding import COLUMNS, TITLES


def test_a_number_or_an_address_that_is_too_long_is_a_broken_row() -> None:
    end = f"{NEXT_YEAR}-02-26,18:00"
    lines = [
        TITLES,
        f"{'9' * 321},Ann,ann@f.example,{end}",
        f"2,Bob,{'b' * 320}@f.example,{end}",
        "3,Cem",
        f"4,Dan,{'d' * 310}@f.example,{end}",
    ]
    rows, broken = rows_of_export(read_export("\n".join(lines), COLUMNS, hr_has_zones=True))
    assert [row.place for row in rows] == ["line 5"]
    assert [row.place for row in broken] == ["line 2", "line 3", "line 4"]
    assert "more than 320 characters" in broken[0].message == broken[1].message
