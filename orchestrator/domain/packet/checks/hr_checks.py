"""What is wrong with a packet's HR section: the system, and the mapping of its exports. Paths are below `hr`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

from pydantic import JsonValue

from orchestrator.domain.packet.ability import Catalogue
from orchestrator.domain.packet.formulas import Path
from orchestrator.domain.packet.packet import PEOPLE_CSV, Platform

ExportProblems = Callable[[Mapping[str, str], Mapping[str, JsonValue]], Iterable[tuple[str, str, str]]]
"""What is wrong with `hr.export_columns` and `hr.export_format`: the field below `hr` with dots, cause and remedy."""


def hr_problems(
    platform: Platform, abilities: Catalogue, hr_kinds: Collection[str] | None, exports: ExportProblems | None
) -> Iterator[tuple[Path, str, str]]:
    """The HR system can be asked about people, as far as `hr_kinds` are known: of a connector of another distribution
    only a start shows it. The mapping is valid, where there is one or the HR system is read with it."""
    hr = platform.hr
    spec = platform.systems.get(hr.system)
    ours = spec is not None and spec.connector in abilities and "@" not in spec.connector
    if hr_kinds is not None and spec is not None and ours and spec.connector not in hr_kinds:
        said = f"{hr.system!r} has the connector {spec.connector!r}, which is not an HR system"
        yield ("system",), said, f"use a system with one of the connectors: {', '.join(sorted(hr_kinds))}"
    mapped = hr.export_columns or hr.export_format or (spec is not None and spec.connector == PEOPLE_CSV)
    if exports is not None and mapped:
        for where, said, remedy in exports(hr.export_columns, hr.export_format):
            yield tuple(where.split(".")), said, remedy
