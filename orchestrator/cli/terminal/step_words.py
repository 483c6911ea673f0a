"""Where a step stands, as far as its status and what it waits for say it by themselves: the same for a run's document
and for the demo's runs."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.cli.terminal.shapes import StepView

UNDER_WAY = StepView("running", "under way", "under way")
LOOKING = StepView("running", "looking at the account once more", "looking")
BEGINS = StepView("running", "begins now", "begins")

_BY_STATUS: Mapping[str, StepView] = {
    "verified": StepView("verified", "verified", "done"),
    "skipped": StepView("left_out", "left out by an operator", "left out"),
    "withheld": StepView("withheld", "not done: the packet is in its shadow phase", "withheld"),
    "started": UNDER_WAY,
    "unknown": StepView("stopped", "stopped: nobody knows yet whether it took effect", "in doubt"),
}
_BY_WAIT: Mapping[str, StepView] = {
    "lease": UNDER_WAY,
    "hold": StepView("hold", "on hold", "on hold"),
    "open_question": StepView("question", "whose account is it? Somebody is asked", "whose?"),
    "level": StepView("stopped", "stopped: whoever caused it may not go so far", "stopped"),
}


def by_status(status: str) -> StepView | None:
    """None where the status alone does not say it."""
    return _BY_STATUS.get(status)


def by_wait(waits_for: str | None) -> StepView | None:
    """None where more is to be told than what it waits for."""
    return _BY_WAIT.get(waits_for or "")


def attested(by: str | None) -> StepView:
    return StepView("attested", f"attested by {by or 'the system'}", "done")


def counted(number: int) -> str:
    return "1 step" if number == 1 else f"{number} steps"
