"""What was read of an export: people, rows that cannot be read, and the file's columns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from connectors.people import Person, number_key
from connectors.people_csv.dates import WorkEnd


@dataclass(frozen=True, slots=True)
class ExportRow:
    """One person. `line` is where the row begins, counted from 1 with the titles in the first line. `cutoff` is None
    for a person who stays. `local` is the local time without a zone of a person who leaves, where the file has no zone
    for them and HR is to be asked. `doubt` says why a person who leaves is not started with the others. `also` are the
    lines of other rows of this person."""

    line: int
    person: Person
    cutoff: WorkEnd | None = None
    local: str = ""
    doubt: str = ""
    start: date | None = None
    also: tuple[int, ...] = ()


def keys_of(values: Iterable[str]) -> frozenset[str]:
    """What a row with these values is found by: each in any case, and as a number in any spelling."""
    return frozenset(key for value in values if value for key in (value.casefold(), number_key(value)))


@dataclass(frozen=True, slots=True)
class BadRow:
    """`message` says what is wrong and what to do; it quotes no more than the wrong date, time or zone. `keys` are the
    employee number and the addresses in the row, as far as they were read (`keys_of`). `hides`: other rows may be lost
    in it."""

    line: int
    message: str
    keys: frozenset[str] = field(default=frozenset(), compare=False, repr=False)
    hides: bool = False


@dataclass(frozen=True, slots=True)
class Export:
    """`rows` are people who were read, `bad` rows that were not. `titles` are the file's columns."""

    rows: list[ExportRow] = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)
    titles: tuple[str, ...] = ()

    @property
    def leaving(self) -> list[ExportRow]:
        """Those who leave, without the doubtful ones."""
        return [row for row in self.rows if (row.cutoff is not None or row.local) and not row.doubt]

    @property
    def not_started(self) -> list[BadRow]:
        """Bad rows and doubtful ones, by line."""
        doubtful = [BadRow(row.line, row.doubt) for row in self.rows if row.doubt]
        return sorted([*self.bad, *doubtful], key=lambda row: row.line)
