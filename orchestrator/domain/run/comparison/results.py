"""How each step of a dry run's plan, and each change without a step, compares with what people did.

| when the plan was complete | after the cutoff | result |
|---|---|---|
| done | | `done_before`: no one did it because of the leaving |
| not done | done | `agreed` |
| not done | not done, or another value | `unjudged`, until a person judges it: `plan_wrong` or `people_missed` |
| not done | may have ended | `not_compared`: no one may have done it |
| not known | | `not_compared` |
| | not known | `not_compared` |
| no step | changed | `unjudged`, until a person judges it: `plan_missed` or `out_of_scope` |

The last read up to a day after the cutoff counts that says something. What people missed is reported to them after that
read, so that what they do later is no agreement. A step on an account that a person judged to be another person's has
the result `wrong_account`, whatever systems show.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final, Literal

from orchestrator.domain import events as e
from orchestrator.domain.permissions.levels import Level
from orchestrator.domain.planning.plan import PlannedStep
from orchestrator.domain.run.comparison.comparison import ComparisonState, ShownStep
from orchestrator.domain.run.run import RunState

AFTER: Final[Mapping[e.ComparisonRead, timedelta]] = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(days=7),
}
"""How long after the cutoff each read is made, in order."""

ComparedStep = Literal[
    "done_before", "agreed", "unjudged", "plan_wrong", "people_missed", "wrong_account", "not_compared", "not_read",
]  # fmt: skip
"""`not_read`: the read that decides about the step has not been made."""
ComparedChange = Literal["unjudged", "plan_missed", "out_of_scope"]


def can_be_compared(step: PlannedStep) -> bool:
    """Whether a system can show that a person did what the step does. An effect that is recognised by Offboard's own
    key alone, or that must never be repeated, is not seen when a person causes it. Of an uncertain step the plan does
    not say that it is wanted."""
    withheld = step.level > Level.PREPARE and not step.is_task
    return withheld and step.read_back and step.repeat == "freely" and not step.uncertain


def deciding_read(step: PlannedStep) -> e.ComparisonRead | None:
    """The read that decides about the step: a day after the cutoff, or after seven days if the step is due later than
    a day. None if it is due later than that, or can't be compared."""
    if not can_be_compared(step):
        return None
    return next((read for read in AFTER if read != "hour" and step.offset < AFTER[read]), None)


def step_result(step: PlannedStep, comparison: ComparisonState) -> ComparedStep:
    judged = _judged(step, comparison)
    if judged == "wrong_account":
        return judged
    decides, reads = deciding_read(step), comparison.steps.get(step.step_id)
    if decides is None:
        return "not_compared"
    shown = reads.shown if reads is not None and reads.digest == step.digest else {}
    before, after = shown.get("plan"), _after(step, decides, shown)
    if before is not None and before.outcome == "done":
        return "done_before"
    if decides not in shown:
        return "not_read"
    if before is None or after is None or before.outcome not in ("not_done", "other_value"):
        return "not_compared"
    if after.outcome == "done":
        return "agreed"
    if after.outcome == "may_have_ended":
        return "not_compared"
    return judged if judged in ("plan_wrong", "people_missed") else "unjudged"


def _after(
    step: PlannedStep, decides: e.ComparisonRead, shown: Mapping[e.ComparisonRead, ShownStep]
) -> ShownStep | None:
    """The last read after the step is due, up to the one that decides, that says something."""
    due = [read for read in AFTER if step.offset < AFTER[read] <= AFTER[decides]]
    says = [shown[read] for read in due if read in shown and shown[read].outcome != "unknown"]
    return says[-1] if says else None


def _judged(step: PlannedStep, comparison: ComparisonState) -> e.JudgedDifference | None:
    """A judgement is about the step as it was: one that a later plan changed is judged again. Whose an account is does
    not depend on the plan."""
    known = comparison.judgements.get(step.step_id)
    if known is None:
        return None
    event = known[0]
    return event.verdict if event.digest == step.digest or event.verdict == "wrong_account" else None


def step_results(state: RunState) -> dict[str, ComparedStep]:
    """By the id of the step, for each step of the plan that the dry run withholds."""
    return {
        step_id: step_result(step, state.comparison)
        for step_id, step in state.plan.steps.items()
        if step.is_task or step.level > Level.PREPARE
    }


def change_result(change: e.ChangeFound, comparison: ComparisonState) -> ComparedChange:
    known = comparison.judgements.get(change.change_id)
    if known is None:
        return "unjudged"
    verdict = known[0].verdict
    return verdict if verdict == "plan_missed" or verdict == "out_of_scope" else "unjudged"


def change_results(state: RunState) -> dict[str, ComparedChange]:
    """By the id of the change."""
    return {
        change_id: change_result(change, state.comparison) for change_id, change in state.comparison.changes.items()
    }
