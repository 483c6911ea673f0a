"""What people can do about an exception: the rule's words, and what to install where a connector is missing."""

from __future__ import annotations

from orchestrator.domain.exceptions.exceptions import RULES
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.planning.missing_connectors import MISSING_CODES, remedy


def exception_remedy(kind: str, code: str, system: str | None, packet: Packet) -> str:
    """`packet` is the version that the run started under; empty for a kind that this version does not know."""
    rule = RULES.get(kind)
    if rule is None:
        return ""
    spec = packet.platform.systems.get(system or "")
    return f"{remedy(spec)} {rule.remedy}" if spec is not None and code in MISSING_CODES else rule.remedy
