"""The state of a step in words, as far as its status and what it waits for give them: the same for a run's document and
for the demo's runs. Each begins with the label of `orchestrator/vocabulary/states.py`."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.cli.terminal.shapes import ShapeKind, StepView, code_words
from orchestrator.vocabulary.states import STEP, WAITS_FOR, label


def _of_status(kind: ShapeKind, status: str, short: str, further: str = "") -> StepView:
    return StepView(kind, f"{label(status, STEP)}{further}", short)


def _of_wait(kind: ShapeKind, waits_for: str, short: str, further: str = "") -> StepView:
    return StepView(kind, f"{label(waits_for, WAITS_FOR)}{further}", short)


STARTED = _of_status("running", "started", "in progress")
CHECKING = _of_wait("running", "fresh_look", "checking")
STARTING = StepView("running", "Starting", "starting")

_BY_STATUS: Mapping[str, StepView] = {
    "verified": _of_status("verified", "verified", "done"),
    "skipped": _of_status("skipped", "skipped", "skipped"),
    "withheld": _of_status("withheld", "withheld", "not run"),
    "started": STARTED,
    "unknown": _of_status("stopped", "unknown", "unknown"),
}
_BY_WAIT: Mapping[str, StepView] = {
    "lease": STARTED,
    "hold": _of_wait("hold", "hold", "paused"),
    "open_question": _of_wait("question", "open_question", "match?"),
    "level": _of_wait("stopped", "level", "blocked"),
    "legal_hold": _of_wait("hold", "legal_hold", "legal hold"),
}


def by_status(status: str) -> StepView | None:
    """None where the status alone does not say it."""
    return _BY_STATUS.get(status)


def by_wait(waits_for: str | None) -> StepView | None:
    """None where the view needs more than what the step waits for."""
    return _BY_WAIT.get(waits_for or "")


def attested(by: str | None) -> StepView:
    return _of_status("attested", "attested", "done", f" by {by or 'the system'}")


def failed(code: str, owner: str) -> StepView:
    return _of_status("stopped", "failed", "failed", f", {code_words(code)}: needs {owner}")


def after(step: str) -> StepView:
    """`step` is the title of an earlier step that is not done."""
    return StepView("waiting", f"Waiting for: {step}", "waiting")


def scheduled(rest: str) -> StepView:
    """`rest` is how long until then; empty where that is not known."""
    return _of_wait("time", "time", f"in {rest}", f", in {rest}" if rest else "")


def awaiting_approval(gate: str, short: str) -> StepView:
    return _of_wait("gate", "gate", f"gate: {short}", f": {gate}")


def retrying(rest: str, code: str) -> StepView:
    again = f" in {rest}" if rest else ""
    return _of_wait("again", "another_attempt", f"retry{again}", f"{again}: {code_words(code)}")


def checking_again(rest: str, code: str) -> StepView:
    again = f", again in {rest}" if rest else ""
    return _of_wait("again", "fresh_look", f"retry in {rest}" if rest else "retry", f"{again}: {code_words(code)}")


def task_for(role: str) -> StepView:
    return StepView("task", f"Task for {role}", role)


def blocked(why: str) -> StepView:
    return StepView("stopped", f"Blocked: {why}", "blocked")


def counted(number: int) -> str:
    return "1 step" if number == 1 else f"{number} steps"


def steps_done(summary: Mapping[str, int]) -> int:
    """The number of steps that were done: neither skipped nor left out of a dry run."""
    return summary.get("verified", 0) + summary.get("attested", 0)
