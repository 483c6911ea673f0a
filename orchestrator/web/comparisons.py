"""A comparison that a user asks for, for pages and API. It needs no credential of a system: this process makes it, and
the workflows of runs read the systems."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from orchestrator.documents.findings import Compared
from orchestrator.domain.errors import NotAllowed
from orchestrator.domain.permissions.command_table import require
from orchestrator.engine import EngineUnavailable
from orchestrator.reconciler import Reconciler
from orchestrator.web.access.caller import Caller
from orchestrator.web.access.read_permissions import reads_runs
from orchestrator.web.state import WebState

REACHED_WITHIN: Final = timedelta(seconds=1)
"""Within this time a comparison that a user asks for fails if Temporal cannot be reached."""


async def compare(web: WebState, caller: Caller, run_id: str | None) -> Compared:
    """Compares everything that is due next, or one run that the caller sees, and returns how much that was. Raises
    `Refusal`, `EngineUnavailable` and `LedgerUnavailable`."""
    require("compare_ledger", caller.actor)
    if not await reads_runs(web, caller):
        raise NotAllowed("nothing_granted", "Only people who may read runs can compare the ledger.")
    found = await web.queries.find_run(caller.viewer, run_id) if run_id is not None else None
    engine = web.services.engine
    if engine is None:
        raise EngineUnavailable("an address that is not known to this process", "it is not used here")
    await engine.look_at_cluster(within=REACHED_WITHIN)
    return await Reconciler(web.services.runs, web.database, engine).compare_now(found)
