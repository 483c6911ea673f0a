"""Checks that each system of a packet can be reached and accepts its credential. A check changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from activities.connections import Connections
from activities.failures import log_unexpected
from connectors.errors import ConnectorError
from orchestrator.deciding.runs import Runs
from orchestrator.documents.runs.questions import SystemChecked
from orchestrator.domain import events as e
from orchestrator.domain.packet.packet import Packet, SystemSpec

MAX_CHECK_SECONDS = 10.0  # of one check, unless the system's own deadline is shorter


def elsewhere(system: str, spec: SystemSpec, queues: frozenset[str] | None) -> str | None:
    """Why workers of these task queues cannot check a system, in words; None where they can."""
    if spec.queue is None or queues is None or spec.queue in queues:
        return None
    return (
        f"System {system} can be checked only from its own network, by workers of the task queue {spec.queue!r}. "
        "Runs check it there."
    )


async def check_systems(
    runs: Runs, connections: Connections, packet: Packet, queues: frozenset[str] | None = None
) -> tuple[SystemChecked, ...]:
    """All systems side by side, in the packet's order. `queues` are the task queues served here, None for a caller that
    is not bound to any: systems of other queues are not checked. Raises `LedgerUnavailable`."""
    systems = packet.platform.systems
    held = await runs.held_systems(systems)
    looks = (_look(connections, system, spec, held, queues) for system, spec in systems.items())
    return tuple(await asyncio.gather(*looks))


async def _look(
    connections: Connections, system: str, spec: SystemSpec, held: Collection[str], queues: frozenset[str] | None
) -> SystemChecked:
    reachable: bool | None
    if (why := elsewhere(system, spec, queues)) is not None:
        reachable, code, detail = None, "own_network_only", why
    else:
        reachable, code, detail = await _answer(connections, system, spec)
    return SystemChecked(
        system=system,
        title=spec.title,
        kind=spec.connector,
        reachable=reachable,
        held=system in held or e.EVERYTHING in held,
        code=code,
        detail=detail,
        support=spec.support.team,
        runbook=spec.runbook,
    )


async def _answer(connections: Connections, system: str, spec: SystemSpec) -> tuple[bool, str, str]:
    try:
        connector = await connections.to(system, spec)
        deadline = min(MAX_CHECK_SECONDS, spec.deadline.total_seconds())
        answered = await connector.check(deadline=deadline, pace=connections.pace(system, spec, deadline=deadline))
    except ConnectorError as error:
        return False, error.code, f"{error.detail} {error.remedy}".strip() or error.code
    except Exception as error:
        # An unexpected error on one system does not prevent the check of the others.
        return False, "unexpected", log_unexpected("a check", error)
    return answered.reachable, "" if answered.reachable else "not_reachable", answered.detail
