"""The results of a full run as a table in Markdown, which is read in a terminal as well."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tests.faults.batch import Counts
from tests.faults.results import Result
from tests.faults.rows import ROWS

HEAD = ("#", "fault", "batches", "runs", "effects", "lost", "repeated", "intents left open", "seconds", "besides")


def table(results: Iterable[Result]) -> str:
    """One row for each fault that has results, and their sum."""
    by_row: dict[int, list[Result]] = {}
    for result in results:
        if not result.skipped:
            by_row.setdefault(result.row, []).append(result)
    lines = [_line(HEAD), _line(["---:", "---", *["---:"] * 7, "---"])]
    lines += [_line(_cells(str(row), ROWS[row].fault, by_row[row], besides=True)) for row in sorted(by_row)]
    everything = [result for row in by_row.values() for result in row]
    lines.append(_line(_cells("", "all", everything, besides=False)))
    return "\n".join(lines) + "\n"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cells(number: str, fault: str, results: Sequence[Result], *, besides: bool) -> list[str]:
    counts = sum((result.counts for result in results), Counts())
    figures = (
        len(results),
        counts.runs,
        counts.effects,
        counts.lost,
        counts.repeated,
        counts.open_intents,
        round(sum(result.seconds for result in results)),
    )
    return [number, fault, *(f"{figure:,}" for figure in figures), _besides(results) if besides else ""]


def _besides(results: Sequence[Result]) -> str:
    """Sums and longest times of the batches, and how many failed."""
    sums: dict[str, int] = {}
    longest: dict[str, float] = {}
    for result in results:
        for what, number in result.sums.items():
            sums[what] = sums.get(what, 0) + number
        for what, seconds in result.longest.items():
            longest[what] = max(longest.get(what, 0.0), seconds)
    failed = sum(bool(result.failure) for result in results)
    parts = [f"**{failed} {'batch' if failed == 1 else 'batches'} failed**"] if failed else []
    parts += [f"{number:,} {what}" for what, number in sums.items()]
    return "; ".join([*parts, *(f"{what}: {seconds:.1f} s at most" for what, seconds in longest.items())])
