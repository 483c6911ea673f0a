"""The activity that appends what has become due in a run."""

from __future__ import annotations

from temporalio import activity

from activities.failures import redacted
from orchestrator.deciding.runs import Runs
from orchestrator.domain.run.progress import Progress
from orchestrator.ledger.engine.engine_reports import EngineReports
from orchestrator.workflows.activity_stubs import RunRef


class RunActivities:
    def __init__(self, runs: Runs, reports: EngineReports) -> None:
        self._runs = runs
        self._reports = reports

    @activity.defn(name="advance")
    @redacted
    async def advance(self, run: RunRef) -> Progress:
        """Appends what has become due, and returns what the workflow starts next."""
        decided = await self._runs.advance(run.run_id)
        progress = decided.progress
        self._reports.note(run.run_id, progress, decided.world.now)
        return progress
