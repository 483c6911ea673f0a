"""The dry runs of a packet version that are compared with what people do: its figures, and what a viewer sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select

from orchestrator.deciding.runs import Runs
from orchestrator.domain.measures.shadow_figures import ShadowFigures, shadow_figures
from orchestrator.domain.run.run import RunState
from orchestrator.ledger.schema.database import Database
from orchestrator.ledger.schema.tables import runs
from orchestrator.reading.queries import Queries
from orchestrator.reading.rows import PersonName
from orchestrator.reading.visibility import Viewer

LOADED_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class ShadowRuns:
    """`figures` are of all dry runs of the version, for every viewer. `seen` are those that the viewer sees, the oldest
    first, as far as the viewer reads their systems; `names` says whom they are about, by the id of the run."""

    figures: ShadowFigures
    seen: Sequence[RunState] = ()
    names: Mapping[str, PersonName] = field(default_factory=dict)


class ShadowReader:
    """Raises `LedgerUnavailable`."""

    def __init__(self, database: Database, all_runs: Runs, queries: Queries) -> None:
        self._database = database
        self._runs = all_runs
        self._queries = queries

    async def figures(self, packet: str, version: str) -> ShadowFigures:
        return shadow_figures(await self._states(packet, version), packet, version, await self._now())

    async def of(self, viewer: Viewer, packet: str, version: str) -> ShadowRuns:
        states = await self._states(packet, version)
        compared = [state.run_id for state in states if state.comparison.steps]
        seen = await self._queries.visible_runs(viewer, compared)
        shown = [run_id for run_id in compared if run_id in seen]
        snapshots = await self._queries.snapshots(viewer, shown)
        return ShadowRuns(
            shadow_figures(states, packet, version, await self._now()),
            [snapshots[run_id].state for run_id in shown],
            await self._queries.names(shown),
        )

    async def _states(self, packet: str, version: str) -> list[RunState]:
        """Of all dry runs of the version, the oldest first."""
        query = select(runs.c.run_id).where(
            runs.c.shadow, runs.c.packet_name == packet, runs.c.packet_version == version
        )
        rows = await self._database.rows(query.order_by(runs.c.requested_at, runs.c.run_id))
        ids = [str(row["run_id"]) for row in rows]
        found: list[RunState] = []
        for first in range(0, len(ids), LOADED_AT_ONCE):
            loaded = await self._runs.load_many(ids[first : first + LOADED_AT_ONCE])
            found += [snapshot.state for snapshot in loaded.values()]
        return found

    async def _now(self) -> datetime:
        return await self._queries.now()
