"""How well the plans of a packet version in phase shadow agree with what people did, over its dry runs.

    precision = (agreed + people_missed) / (agreed + people_missed + plan_wrong + wrong_accounts + unjudged steps)
    recall    = agreed / (agreed + plan_missed + unjudged changes)

What is not judged counts against the plan. A person counts once, with the last dry run that was compared. Not counted
are dry runs that were cancelled, those that are under an embargo, and those whose person was erased.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from orchestrator.domain.run.comparison.results import change_results, deciding_read, step_results
from orchestrator.domain.run.run import RunState

EVIDENCE: Final = (
    "shadow.people", "shadow.days", "shadow.recall", "shadow.precision", "shadow.wrong_accounts", "shadow.unjudged",
)  # fmt: skip
"""The names by which conditions read these figures."""


@dataclass(frozen=True, slots=True)
class Share:
    """`part` of `whole`, as counts."""

    part: int
    whole: int

    @property
    def value(self) -> float | None:
        """From 0 to 1; None if there is nothing to divide by."""
        return self.part / self.whole if self.whole else None


@dataclass(frozen=True, slots=True)
class ShadowFigures:
    """Counts of one packet version. `people` were compared; `days` are whole days from the request of the first of
    their dry runs to the last read. The other counts are of steps; `plan_missed`, `out_of_scope` and
    `unjudged_changes` are of changes. `wrong_accounts` counts the version's dry runs that were cancelled, not compared
    yet or repeated for the same person as well."""

    people: int = 0
    days: int = 0
    agreed: int = 0
    people_missed: int = 0
    plan_wrong: int = 0
    wrong_accounts: int = 0
    unjudged_steps: int = 0
    plan_missed: int = 0
    out_of_scope: int = 0
    unjudged_changes: int = 0
    done_before: int = 0
    not_compared: int = 0
    not_read: int = 0

    @property
    def unjudged(self) -> int:
        return self.unjudged_steps + self.unjudged_changes

    @property
    def precision(self) -> Share:
        """The part of the plan that is right."""
        right = self.agreed + self.people_missed
        return Share(right, right + self.plan_wrong + self.wrong_accounts + self.unjudged_steps)

    @property
    def recall(self) -> Share:
        """The part of what people did that the plan has."""
        return Share(self.agreed, self.agreed + self.plan_missed + self.unjudged_changes)

    def evidence(self) -> dict[str, int | float | None]:
        """By the names in `EVIDENCE`; None for a share of nothing."""
        values = (
            self.people,
            self.days,
            self.recall.value,
            self.precision.value,
            self.wrong_accounts,
            self.unjudged,
        )
        return dict(zip(EVIDENCE, values, strict=True))


def is_compared(state: RunState) -> bool:
    """Whether each step that the read a day after the cutoff decides about was read then, and there is one. The result
    of a step that is due later follows."""
    decided = [step for step in state.plan.steps.values() if deciding_read(step) == "day"]
    results = step_results(state)
    return bool(decided) and all(results[step.step_id] != "not_read" for step in decided)


def shadow_figures(runs: Iterable[RunState], packet: str, version: str, now: datetime) -> ShadowFigures:
    """The figures of a version of the packet, from its dry runs; others are left out. The order of `runs` does not
    matter."""
    seen = [
        state
        for state in runs
        if state.dry
        and (state.asked.packet, state.packet_version) == (packet, version)
        and not (state.embargo_until is not None and now < state.embargo_until)
    ]
    by_person: dict[str, RunState] = {}
    for state in sorted(seen, key=lambda one: (one.requested_at, one.run_id)):
        if state.finish != "ended" and state.asked.facts is not None and is_compared(state):
            by_person[state.asked.person_id] = state
    steps: Counter[str] = Counter()
    changes: Counter[str] = Counter()
    for state in by_person.values():
        steps.update(step_results(state).values())
        changes.update(change_results(state).values())
    return ShadowFigures(
        people=len(by_person),
        days=_days(by_person.values()),
        agreed=steps["agreed"],
        people_missed=steps["people_missed"],
        plan_wrong=steps["plan_wrong"],
        wrong_accounts=sum(_wrong_accounts(state) for state in seen),
        unjudged_steps=steps["unjudged"],
        plan_missed=changes["plan_missed"],
        out_of_scope=changes["out_of_scope"],
        unjudged_changes=changes["unjudged"],
        done_before=steps["done_before"],
        not_compared=steps["not_compared"],
        not_read=steps["not_read"],
    )


def _wrong_accounts(state: RunState) -> int:
    """Steps that were planned on an account of another person, also by an earlier plan of the run."""
    return sum(judged.verdict == "wrong_account" for judged, _ in state.comparison.judgements.values())


def _days(runs: Iterable[RunState]) -> int:
    known = list(runs)
    if not known:
        return 0
    last = max(
        shown.at for state in known for reads in state.comparison.steps.values() for shown in reads.shown.values()
    )
    return (last - min(state.requested_at for state in known)).days
