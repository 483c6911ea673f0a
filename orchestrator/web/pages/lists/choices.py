"""The choices of filters in lists: the packets that the viewer reads, their systems, and the owners of exceptions."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.web.access.caller import Caller
from orchestrator.web.state import WebState
from orchestrator.web.words import words

Choice = tuple[tuple[str, str], ...]
"""(value, what people call it), by the latter."""


@dataclass(frozen=True, slots=True)
class Choices:
    packets: Choice
    systems: Choice
    owners: Choice


async def choices(web: WebState, caller: Caller) -> Choices:
    """As today's versions of the packets have them."""
    packets: dict[str, str] = {}
    systems: dict[str, str] = {}
    owners: dict[str, str] = {}
    for current in await web.queries.readable_packets(caller.viewer):
        packets[current.name] = current.workflow.title
        systems |= {name: spec.title for name, spec in current.platform.systems.items()}
        approvals = current.approvals
        reviewers = approvals.urgent.review_by if approvals.urgent is not None else ()
        owners |= {role: words(role, "role") for role in (approvals.exceptions.owner, *reviewers)}
    return Choices(_sorted(packets), _sorted(systems), _sorted(owners))


def _sorted(found: dict[str, str]) -> Choice:
    return tuple(sorted(found.items(), key=lambda pair: pair[1]))
