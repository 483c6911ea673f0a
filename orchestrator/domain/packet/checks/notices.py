"""What a packet leaves open. It keeps no version from being adopted: a system without a step can be meant, and support
can be added until the version enters phase shadow.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.domain.packet.ability import Catalogue, KindClasses
from orchestrator.domain.packet.checks.class_checks import coverage_notices
from orchestrator.domain.packet.formulas import Path
from orchestrator.domain.packet.packet import FILE_NAMES, PLATFORM_FILE, Packet
from orchestrator.domain.packet.packet_yaml import PacketProblem, read_documents
from orchestrator.domain.packet.support import FIELD_WORDS, lacking


def packet_notices(packet: Packet, catalogue: Catalogue, classes: KindClasses) -> list[PacketProblem]:
    """Of coverage (`coverage_notices`) and support, in the order of the files and lines. The packet is expanded."""
    platform = read_documents(packet.files)[PLATFORM_FILE]
    support = [platform.problem(*found) for found in _support_notices(packet)]
    found = [*coverage_notices(packet, catalogue, classes), *support]
    return sorted(found, key=lambda one: (FILE_NAMES.index(one.file), one.line or 0))


def _support_notices(packet: Packet) -> Iterator[tuple[Path, str, str]]:
    for name, spec in packet.platform.systems.items():
        if missing := spec.support.missing:
            said = f"the system {name!r} has {lacking(missing)}, which a version needs to enter phase shadow"
            fields = ", ".join(field for field, words in FIELD_WORDS.items() if words in missing)
            yield ("systems", name), said, f"write under 'support' of the system: {fields}"
