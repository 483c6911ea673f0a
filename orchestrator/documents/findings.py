"""The findings of comparisons, as pages, API and terminal show them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from pydantic import BaseModel, Field

from orchestrator.ledger.engine.findings import Finding, Findings
from orchestrator.ledger.schema.database import Database
from orchestrator.reading.queries import Queries
from orchestrator.reading.visibility import Viewer
from orchestrator.vocabulary.findings import FINDINGS, FindingKind

CLOSED_WITHIN: Final = timedelta(days=7)


class FindingShown(BaseModel):
    kind: FindingKind
    title: str
    remedy: str = Field(description="What people can do about it")
    about: str = Field(
        description="The ID of a run or workflow, a task queue, a run and a step, `ledger`, or `open runs`"
    )
    run_id: str | None
    code: str | None = Field(
        description="How a workflow ended, or how many open runs are stopped; null if there is nothing to say"
    )
    since: datetime = Field(description="When it was first seen")
    reported_at: datetime | None = Field(description="Null until it was seen for a minute")
    closed_at: datetime | None = Field(description="When it was no longer seen; null while it is")


class ComparisonStanding(BaseModel):
    """What the comparisons of the ledger with Temporal, the read tables and the systems have found. Access that is
    back is an exception of its run and not in this list."""

    compared_at: datetime | None = Field(description="When the last comparison finished; null before the first")
    findings: list[FindingShown] = Field(
        description="Open ones first, then those closed in the last 7 days; of runs, those that the caller can see"
    )


class Compared(BaseModel):
    """How much one comparison covered, and what it left for the next ones. In a comparison of everything, runs under
    embargo are not counted."""

    workflows: int = Field(description="Open runs whose workflow was compared")
    workflows_left: int = Field(description="Open runs whose workflow Temporal did not describe in time")
    runs: int = Field(description="Runs whose rows were compared with their events")
    rows: int = Field(description="Rows of these runs")
    rows_left: bool = Field(description="Whether there are runs whose rows the next comparisons compare")
    steps: int = Field(description="Removals of access that are read back for this comparison")
    steps_left: int = Field(
        description="Removals that are due and were not read: the budget is used, or the system is in use, fails or "
        "has no worker"
    )
    step_runs_left: int = Field(description="Open runs whose removals the next comparisons look at")


class ComparisonMade(ComparisonStanding):
    compared: Compared = Field(description="How much this comparison covered")


async def comparison_standing(database: Database, queries: Queries, viewer: Viewer) -> ComparisonStanding:
    """Raises `LedgerUnavailable`."""
    rows = Findings(database)
    found = await rows.all(CLOSED_WITHIN)
    visible = await queries.visible_runs(viewer, [one.run_id for one in found if one.run_id is not None])
    shown = [_shown(one) for one in found if one.run_id is None or one.run_id in visible]
    return ComparisonStanding(compared_at=await rows.finished_at(), findings=shown)


def _shown(one: Finding) -> FindingShown:
    words = FINDINGS[one.kind]
    return FindingShown(
        kind=one.kind,
        title=words.title,
        remedy=words.remedy,
        about=one.about,
        run_id=one.run_id,
        code=one.code or None,
        since=one.since,
        reported_at=one.reported_at,
        closed_at=one.closed_at,
    )
