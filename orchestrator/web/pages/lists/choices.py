"""The choices of filters in lists: packets that the viewer reads, their systems and tasks, and owners of exceptions."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.domain.exceptions.exceptions import RULES
from orchestrator.web.access.caller import Caller
from orchestrator.web.state import WebState
from orchestrator.web.words import words

Choice = tuple[tuple[str, str], ...]
"""(value, what people call it), by the latter."""


@dataclass(frozen=True, slots=True)
class Choices:
    packets: Choice
    systems: Choice
    tasks: Choice
    owners: Choice


async def choices(web: WebState, caller: Caller) -> Choices:
    """As today's versions of the packets have them."""
    packets: dict[str, str] = {}
    systems: dict[str, str] = {}
    tasks: dict[str, str] = {}
    owners: dict[str, str] = {}
    for current in await web.queries.readable_packets(caller.viewer):
        packets[current.name] = current.workflow.title
        systems |= {name: spec.title for name, spec in current.platform.systems.items()}
        tasks |= {step.name: step.title for step in current.workflow.steps if step.task is not None}
        owners |= {role: words(role, "role") for rule in RULES.values() for role in rule.owners(current)}
        teams = [spec.support.role for spec in current.platform.systems.values()]
        owners |= {role: words(role, "role") for role in teams if role is not None}
    return Choices(_sorted(packets), _sorted(systems), _sorted(tasks), _sorted(owners))


def _sorted(found: dict[str, str]) -> Choice:
    return tuple(sorted(found.items(), key=lambda pair: pair[1]))
