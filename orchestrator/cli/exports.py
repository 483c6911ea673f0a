"""HR's exports as files of the command line: reads one with the mapping of a packet, and names what is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from connectors.errors import ConnectorError
from connectors.people_csv.mapping import export_format
from connectors.people_csv.reading import read_export, titles_of
from connectors.people_csv.rows import Export
from connectors.people_csv.text import MAX_EXPORT_BYTES
from orchestrator.cli.terminal.local_refusals import LocalRefusal


def read_file(path: Path) -> bytes:
    """At most one byte more than an export can have. Raises `LocalRefusal`."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_EXPORT_BYTES + 1)
    except OSError as error:
        what = f"{path} cannot be read: {error.strerror}."
        raise LocalRefusal("export_unreadable", what, "Give the path of a file.") from error


def export_from(
    content: bytes | str,
    place: str,
    columns: Mapping[str, str],
    written_format: Mapping[str, Any],
    *,
    now: datetime | None = None,
    hr_has_zones: bool = False,
) -> Export:
    """`columns` and `written_format` are `hr.export_columns` and `hr.export_format`. `place` names the file in errors.
    Raises `LocalRefusal` where the file or the mapping as a whole cannot be used."""
    with _refusals(place):
        form = export_format(columns, written_format)
        return read_export(content, columns, form, now=now, hr_has_zones=hr_has_zones)


def titles_from(content: bytes, place: str, columns: Mapping[str, str], written_format: Mapping[str, Any]) -> list[str]:
    """The file's columns, whatever is mapped. Raises `LocalRefusal`."""
    with _refusals(place):
        return titles_of(content, columns, export_format(columns, written_format))


@contextmanager
def _refusals(place: str) -> Iterator[None]:
    try:
        yield
    except ConnectorError as refused:
        raise LocalRefusal(refused.code, f"{place}: {refused.detail}", refused.remedy) from refused
