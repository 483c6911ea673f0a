"""How systems answer the calls of runs, for the page Systems and the API."""

from __future__ import annotations

from typing import Any

from orchestrator.ledger.engine.system_uses import last_uses
from orchestrator.ledger.schema.database import Database
from orchestrator.reading.queries import Queries
from orchestrator.reading.run_lists import RunLists
from orchestrator.reading.visibility import Viewer


async def uses_of(database: Database, queries: Queries, viewer: Viewer, packet: str) -> dict[str, dict[str, Any]]:
    """By system of the packet: `answered_at`, `failed_at`, `failing_since`, `code` (of the last failure, or None) and
    `runs_waiting` (0 while the system responds). A system that no run has called is missing."""
    lists, found = RunLists(database, queries), {}
    for name, use in (await last_uses(database, packet)).items():
        failing = use.failing_since is not None
        found[name] = {
            "answered_at": use.answered_at,
            "failed_at": use.failed_at,
            "failing_since": use.failing_since,
            "code": use.code or None,
            "runs_waiting": await lists.waiting_on(viewer, packet, name) if failing else 0,
        }
    return found
