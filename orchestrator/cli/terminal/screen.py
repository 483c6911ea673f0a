"""The format of output: tables, times and JSON. Plain lines without colours or frames if output is not a terminal.

`rich` is imported by what prints with it: commands that print JSON, and help, start faster without it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from orchestrator.documents.plain_words import sentence
from orchestrator.vocabulary.states import EXCEPTION_STATE, GATE, RUN, STEP, TASK, Vocabulary, label

if TYPE_CHECKING:
    from rich.console import Console

ShownInstant = datetime | str

GAP = 2
"""Columns between two cells of a table."""
MAX_COLUMNS = 10_000
"""Columns of output that no terminal shows: a row stays one line there, so that other programs can read it."""

_COLOURED: Sequence[tuple[str, Vocabulary, Sequence[str]]] = (
    ("green", STEP, ("verified", "attested")), ("green", RUN, ("clean",)), ("green", GATE, ("approved",)),
    ("red", STEP, ("failed", "unknown")), ("red", RUN, ("needs_attention",)), ("red", GATE, ("rejected",)),
    ("yellow", STEP, ("retrying",)), ("yellow", RUN, ("awaiting_decision", "held", "with_exceptions")),
    ("yellow", TASK, ("open",)), ("yellow", EXCEPTION_STATE, ("open",)),
    ("cyan", STEP, ("started",)), ("dim", STEP, ("skipped", "withheld")), ("dim", GATE, ("withdrawn",)),
)  # fmt: skip
STYLES = {label(code, vocabulary): style for style, vocabulary, codes in _COLOURED for code in codes} | {"no": "red"}
"""By label: the complete text of a table's cell. `no` is a system that is not reachable."""


def out() -> Console:
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False)
    return console if console.is_terminal else Console(highlight=False, markup=False, emoji=False, width=MAX_COLUMNS)


def complain(what: str, remedy: str, *further: str) -> None:
    """Place, cause and remedy, on standard error."""
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)
    console.print(Text(clean(sentence(what)), style="bold red" if console.is_terminal else ""))
    for line in (remedy, *further):
        if line:
            console.print(Text(clean(sentence(line))))


def note(text: str) -> None:
    """Something to know beside the answer; on standard error, so that the answer stays alone."""
    from rich.console import Console
    from rich.text import Text

    Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True).print(Text(clean(text)))


@contextmanager
def working(doing: str) -> Iterator[None]:
    """Shows on standard error, for as long as the terminal waits, that the command is at work."""
    from rich.console import Console

    with Console(stderr=True).status(doing):
        yield


def say(text: str, style: str = "") -> None:
    from rich.text import Text

    out().print(Text(clean(text), style=style), soft_wrap=True)


def clean(text: str) -> str:
    """What systems and people wrote, without control characters: a name must not steer a terminal."""
    return "".join(sign if sign.isprintable() or sign == "\n" else "\N{REPLACEMENT CHARACTER}" for sign in text)


def table(columns: Sequence[str], rows: Iterable[Sequence[str | None]]) -> None:
    """Cells that are a known word have its colour. Nothing is cut off, and no word is broken, since ids and commands
    are copied: on a narrow terminal cells go on below, or each cell of a row has its own line. Without a terminal a row
    is a line, however long."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    console = out()
    cells = [[clean(cell or "") for cell in row] for row in rows]
    if not console.is_terminal:
        _lines(columns, cells)
        return
    narrow = [max(_longest_word(line[at]) for line in (columns, *cells)) for at in range(len(columns))]
    if sum(narrow) + GAP * len(columns) > console.width:
        _records(console, columns, cells)
        return
    shown = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False, show_edge=False, padding=(0, GAP, 0, 0))
    for column, width in zip(columns, narrow, strict=True):
        shown.add_column(column, overflow="fold", min_width=width)
    for row in cells:
        shown.add_row(*(Text(cell, style=STYLES.get(cell, "")) for cell in row))
    console.print(shown)


def _longest_word(cell: str) -> int:
    from rich.cells import cell_len

    return max((cell_len(word) for word in cell.split()), default=0)


def _records(console: Console, columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    """Rows below each other, where a table is too narrow for its longest words."""
    from rich.cells import cell_len
    from rich.text import Text

    width = max(cell_len(column) for column in columns)
    for number, row in enumerate(cells):
        if number:
            console.print()
        for column, cell in zip(columns, row, strict=True):
            if cell:
                line = Text.assemble((f"{column:{width}}", "bold"), "  ", (cell, STYLES.get(cell, "")))
                console.print(line, soft_wrap=True)


def _lines(columns: Sequence[str], rows: list[list[str]]) -> None:
    from rich.cells import cell_len

    lines = [list(columns), *([" ".join(cell.split()) for cell in row] for row in rows)]
    widths = [max(cell_len(line[at]) for line in lines) for at in range(len(columns))]
    for line in lines:
        padded = (cell + " " * (width - cell_len(cell)) for cell, width in zip(line, widths, strict=True))
        typer.echo("  ".join(padded).rstrip())


def when(at: ShownInstant) -> datetime:
    """An instant, also as documents write it (ISO 8601)."""
    return datetime.fromisoformat(at) if isinstance(at, str) else at


def instant(at: ShownInstant | None) -> str:
    """In the reader's zone, to the minute: `2026-11-30 17:00 CET`."""
    return when(at).astimezone().strftime("%Y-%m-%d %H:%M %Z") if at is not None else ""


def moment(at: ShownInstant | None) -> str:
    """The same to the second."""
    return when(at).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z") if at is not None else ""


def cutoff(at: ShownInstant, zone: str) -> str:
    """In the reader's zone, with the person's beside it where clocks differ."""
    here = when(at).astimezone()
    try:
        there = here.astimezone(ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError):
        return instant(at)
    if there.utcoffset() == here.utcoffset():
        return f"{here:%Y-%m-%d %H:%M} ({zone})"
    beside = f"{there:%H:%M}" if there.date() == here.date() else f"{there:%Y-%m-%d %H:%M}"
    return f"{here:%Y-%m-%d %H:%M %Z} ({beside} in {zone})"


def name(person: Mapping[str, Any] | None) -> str:
    """Whom a run is about; `erased` where the name was erased."""
    if person is None or not person.get("name"):
        return "erased"
    number = person.get("employee_number")
    return f"{person['name']} ({number})" if number else str(person["name"])


def print_json(document: Any, indent: int | None = 2) -> None:
    typer.echo(json_text(document, indent))


def json_text(document: Any, indent: int | None = None) -> str:
    """The same JSON wherever it is printed. Characters that terminals obey or do not show are escapes in it (RFC 8259
    section 7)."""
    text = json.dumps(document, ensure_ascii=False, indent=indent)
    return "".join(sign if sign.isprintable() or sign == "\n" else json.dumps(sign)[1:-1] for sign in text)
