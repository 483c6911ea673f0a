"""What goes wrong in the demo, on purpose, and what is printed about it.

Three things: a system that is down for a while (no one has to do anything), accounts of which no one can tell whose
they are (a person says), and a record that its system keeps locked (an operator repairs it and tries again).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from orchestrator.demo.board import Leaver
from orchestrator.domain.planning.plan import PlannedStep
from orchestrator.embedded.company.company import Company

DOWN, DOWN_TITLE = "github", "GitHub"
MAX_OUTAGE_SECONDS = 15.0
SEEN_TO_FAIL = 3
"""Attempts that fail before the system comes back."""

LOCKABLE = ("cards", "freeze_card", "/cards/{}/freeze$")
Announce = Callable[[str], None]


@dataclass(slots=True)
class Outage:
    """GitHub goes down when access is approved for one leaver, and comes back once retries were seen."""

    company: Company
    announce: Announce
    since: float | None = None
    ended: float | None = None
    announced: bool = False

    async def begin(self, now: float) -> None:
        if self.since is not None:
            return
        self.since = now
        await self.company.stop(DOWN)
        self.announce(f"Simulated outage: {DOWN_TITLE} refuses every connection.")

    async def go_on(self, leavers: Sequence[Leaver], now: float) -> None:
        if self.since is None:
            return
        if self.ended is None:
            attempts = max((_failures(leaver) for leaver in leavers), default=0)
            if attempts < SEEN_TO_FAIL and now - self.since < MAX_OUTAGE_SECONDS:
                return
            await self.company.restart(DOWN)
            self.ended = now
            self.announce(
                f"{DOWN_TITLE} is back after {now - self.since:.0f} s. Offboard made {attempts} attempts with a "
                "growing delay. Steps on other systems continued meanwhile."
            )
        elif not self.announced and not any(_failures(leaver) for leaver in leavers):
            self.announced = True
            self.announce(f"The steps on {DOWN_TITLE} continue automatically.")

    @property
    def going_on(self) -> bool:
        return self.since is not None and not self.announced


def _failures(leaver: Leaver) -> int:
    """How often the system that is down has failed this run, if it still waits for it."""
    state = leaver.state
    steps = [
        known.attempt
        for id_, known in state.work.steps.items()
        if state.plan.steps[id_].system == DOWN and known.status == "retrying"
    ]
    look = state.accounts.searches.get(DOWN)
    return max([*steps, look.failures if look is not None else 0], default=0)


@dataclass(slots=True)
class LockedRecord:
    """One step is refused, with an error inside an answer that says 200, until an operator has had it repaired."""

    company: Company
    announce: Announce
    step_id: str | None = None
    system: str = ""
    unlocked: bool = False

    async def prepare(self, leavers: Sequence[Leaver]) -> None:
        """Locks a record of the first leaver whose accounts are no question and who has such a step ahead."""
        if self.step_id is not None:
            return
        found = next(((leaver, *wish) for leaver in leavers if (wish := _lockable(leaver)) is not None), None)
        if found is None:
            return
        leaver, step, path = found
        native_id = leaver.state.accounts.details[step.account_id]["native_id"]
        self.step_id, self.system = step.step_id, step.system
        await self.company.break_(step.system, "error_in_200", method="POST", path=path.format(native_id))

    def concerns(self, step_id: str | None) -> bool:
        return step_id is not None and step_id == self.step_id and not self.unlocked

    async def clear_faults(self) -> None:
        self.unlocked = True
        await self.company.clear_faults(self.system)


def _lockable(leaver: Leaver) -> tuple[PlannedStep, str] | None:
    state = leaver.state
    if state.plan.planned_at is None or state.work.open_exceptions():
        return None
    system, ability, path = LOCKABLE
    for step in state.plan.steps.values():
        if (step.system, step.ability) == (system, ability) and state.work.steps[step.step_id].attempt == 0:
            return step, path
    return None
