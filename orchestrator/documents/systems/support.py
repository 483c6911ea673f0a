"""The support of a system, for pages, API and terminal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from orchestrator.documents.document import Document
from orchestrator.domain.packet.support import SupportSpec


def support_facts(spec: SupportSpec) -> Document:
    """What the packet has; None for what it lacks."""
    return {
        "team": spec.team or None,
        "role": spec.role,
        "hours": spec.hours or None,
        "on_call": spec.on_call or None,
        "escalation": spec.escalation or None,
        "runbook_url": spec.runbook_url or None,
    }


def support_document(spec: SupportSpec, now: datetime) -> Document:
    """`contact_now` is the team in its hours, and the on-call contact at other times; None if neither is known."""
    return support_facts(spec) | {"contact_now": spec.contact_at(now) or None}


def support_words(support: Mapping[str, str | None] | None) -> str:
    """The document in sentences, for a terminal. Empty without one, and if the packet has nothing."""
    if support is None:
        return ""
    said = []
    if support["team"]:
        said.append(f"support {support['team']}" + (f", {support['hours']}" if support["hours"] else ""))
    said += [f"{words} {support[field]}" for field, words in _WORDS.items() if support.get(field)]
    return "; ".join(said)


_WORDS: Final = {
    "on_call": "on call at other times",
    "escalation": "escalation",
    "contact_now": "contact now",
    "runbook_url": "runbook",
}
