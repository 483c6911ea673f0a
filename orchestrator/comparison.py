"""One comparison of the ledger with Temporal, the read tables and systems: what it saw, and how much it covered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from orchestrator.documents.findings import Compared
from orchestrator.ledger.engine.findings import Seen
from orchestrator.vocabulary.findings import FindingKind


@dataclass(slots=True)
class LedgerComparison:
    """`seen` is what does not agree. `covered` has, by kind, the runs that were looked at, or None for everything. The
    rest is by run: whose workflow was compared or left for later, how many of its rows were compared, and how many of
    its steps are read back or left for later. `unread`: runs whose steps were not looked at."""

    seen: list[Seen] = field(default_factory=list)
    covered: dict[FindingKind, frozenset[str] | None] = field(default_factory=dict)
    workflows: set[str] = field(default_factory=set)
    workflows_left: set[str] = field(default_factory=set)
    rows: dict[str, int] = field(default_factory=dict)
    rows_left: bool = False
    steps: dict[str, int] = field(default_factory=dict)
    steps_left: dict[str, int] = field(default_factory=dict)
    unread: set[str] = field(default_factory=set)

    def extent(self, hidden: set[str]) -> Compared:
        """Without the runs in `hidden`."""
        return Compared(
            workflows=len(self.workflows - hidden),
            workflows_left=len(self.workflows_left - hidden),
            runs=len(self.rows.keys() - hidden),
            rows=_total(self.rows, hidden),
            rows_left=self.rows_left,
            steps=_total(self.steps, hidden),
            steps_left=_total(self.steps_left, hidden),
            step_runs_left=len(self.unread - hidden),
        )


def _total(by_run: Mapping[str, int], hidden: set[str]) -> int:
    return sum(count for run_id, count in by_run.items() if run_id not in hidden)
