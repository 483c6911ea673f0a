"""When the access that steps cut is over: with the last of them, or with the last token that was issued before.

Every figure about the end of access goes by `access_end`: exposure clock, outcomes, API, pages and terminal. Nothing
waits for a token to expire: the end is computed, and can be later than the end of the run.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from orchestrator.domain.planning.plan import PlannedStep
from orchestrator.domain.run.run import RunState


@dataclass(frozen=True, slots=True)
class AccessEnd:
    """`verified`: when the last of the steps was verified or attested. `last` and `tokens_last`: the end of the step
    whose tokens expire last, and for how long they are accepted after it; zero where no token outlasts `verified`.
    `unknown_on`: the systems of which it is not known for how long tokens are accepted."""

    verified: datetime
    last: datetime
    tokens_last: timedelta = timedelta(0)
    unknown_on: tuple[str, ...] = ()

    @property
    def tokens_until(self) -> datetime | None:
        """Until when tokens are accepted, as far as it is known. None where none is after `verified`."""
        return self.last + self.tokens_last if self.tokens_last else None

    @property
    def gone_at(self) -> datetime | None:
        """From when on nothing can be reached any more; it can be in the future. None where that is not known."""
        if self.unknown_on:
            return None
        # The instant itself where it is no sum: the ledger finds instants of the current append by identity.
        return self.tokens_until or self.last


def access_end(state: RunState) -> AccessEnd | None:
    """None while a step that cuts access is not done (`RunState.is_done`) or was left out, while accounts are still a
    question, and where there is nothing to cut."""
    if state.plan.open_steps:
        return None
    return end_of(state, (step for step in state.plan.steps.values() if step.removes_access))


def end_of(state: RunState, steps: Iterable[PlannedStep]) -> AccessEnd | None:
    """The end of the access that these steps cut. None where there are none, or one is not done."""
    ends: list[tuple[datetime, timedelta]] = []
    unknown: set[str] = set()
    for step in steps:
        known = state.work.steps[step.step_id]
        if not state.is_done(step.step_id) or known.changed_at is None:
            return None
        if isinstance(step.tokens_last, str):
            unknown.add(step.system)
        ends.append((known.changed_at, step.tokens_last if isinstance(step.tokens_last, timedelta) else timedelta(0)))
    if not ends:
        return None
    last, tokens_last = max(ends, key=lambda end: end[0] + end[1])
    return AccessEnd(max(at for at, _ in ends), last, tokens_last, tuple(sorted(unknown)))
