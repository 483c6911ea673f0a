"""The events of a run, as lines. Names of people come first; the sentences themselves name none."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.cli.terminal.shapes import ShapeKind, code_words, role_words
from orchestrator.demo.board import Leaver
from orchestrator.demo.progress import exception_words
from orchestrator.domain import events as e
from orchestrator.domain.events.event import Event
from orchestrator.vocabulary.states import DISPOSITION, in_sentence, label


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """`weighty`: gets a line of its own even if the board shows the state."""

    kind: ShapeKind
    text: str
    weighty: bool = False


def timeline_entry(event: Event, leaver: Leaver) -> TimelineEntry | None:
    """None for what is only the machinery's business. `leaver` is as it was when the event was read, or later."""
    match event:
        case e.StepVerified() | e.StepAttested() | e.StepAttemptFailed() | e.StepFailed():
            return _of_step(event, leaver)
        case e.RunRequested():
            return TimelineEntry(
                "running", f"run requested by {event.requested_by}, cutoff {event.local_cutoff or 'immediately'}"
            )
        case e.PlanFrozen():
            known = leaver.world.pinned.platform.systems
            systems = len({step.system for step in event.steps if step.system})
            words = f"plan {event.revision}: {len(event.steps)} steps on {systems} of {len(known)} systems"
            return TimelineEntry("running", words + (", some await account matches" if event.open_steps else ""))
        case e.GateOpened():
            title = leaver.world.pinned.approvals.decisions[event.gate].title
            return TimelineEntry(
                "gate", f'gate "{title}": {len(event.digests)} steps await approval by {role_words(event.roles)}'
            )
        case e.GateDecided():
            gate = leaver.state.decisions.gates[event.gate_id].opened.gate
            title = leaver.world.pinned.approvals.decisions[gate].title
            out = f", {len(event.excluded)} steps excluded" if event.excluded else ""
            return TimelineEntry("gate", f'gate "{title}" {event.outcome} by {", ".join(event.by)}{out}', weighty=True)
        case e.RunRescheduled():
            return TimelineEntry("time", f"cutoff changed to {event.local_cutoff} by {event.by}", weighty=True)
        case e.ExceptionOpened():
            exception = leaver.state.work.exceptions[event.exception_id]
            return TimelineEntry(
                "stopped", f"exception: {exception_words(exception, leaver.state, leaver.world)}", weighty=True
            )
        case e.ExceptionClosed():
            by = f" by {event.by}" if event.by else ""
            reason = f": {event.reason}" if event.reason else ""
            return TimelineEntry(
                "verified",
                f"exception closed: {in_sentence(label(event.disposition, DISPOSITION))}{by}{reason}",
                weighty=True,
            )
        case e.TaskCompleted():
            task = leaver.state.work.tasks[event.task_id].opened
            words = "done" if event.outcome == "done" else "not done"
            evidence = (event.evidence or {}).get("note", "")
            return TimelineEntry(
                "attested", f"{leaver.state.plan.steps[task.step_id].title}: {words}, by {event.by} ({evidence})"
            )
        case e.RunClosed():
            counted = f"{event.verified} verified, {event.attested} attested, {event.skipped} skipped"
            return TimelineEntry("verified", f"run completed: {counted}", weighty=True)
        case e.RunEnded():
            return TimelineEntry("skipped", f"run cancelled by {event.by}", weighty=True)
    return None


StepResult = e.StepVerified | e.StepAttested | e.StepAttemptFailed | e.StepFailed


def _of_step(event: StepResult, leaver: Leaver) -> TimelineEntry | None:
    step = leaver.state.plan.steps[event.step_id]
    match event:
        case e.StepVerified():
            tries = f", at attempt {event.attempt}" if event.attempt > 1 else ""
            return TimelineEntry("verified", f"{step.title}: verified{tries}")
        case e.StepAttested():
            return None if event.by else TimelineEntry("attested", f"{step.title}: attested by the system")
        case e.StepAttemptFailed():
            why = code_words(event.code)
            return TimelineEntry("again", f"{step.title}: attempt {event.attempt} failed, {why}; retrying")
    return TimelineEntry("stopped", f"{step.title}: failed, {code_words(event.code)}")
