"""The step protocol: intent, effect, read-back, result. Here it is decided; `activities.attempts.systems` does it.

    begin    ─► StepStarted, and whether to look before acting
    verdict  ◄─ what the connector said and what was read back ─► verified, attested, tried again, failed, unknown

A retry that finds an intent without a result looks first. What must never be repeated is attempted once a generation:
if nothing can show that it was done, a person finds out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from orchestrator.domain import events as e
from orchestrator.domain.events.event import Event
from orchestrator.domain.planning.plan import PlannedStep, effect_key, sends_cutoff
from orchestrator.domain.run.legal_holds import destroys
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.by_hand import attested
from orchestrator.domain.run.steps.readiness import LEASE_GRACE_SHARE, World, backoff, readiness
from orchestrator.domain.run.steps.repeats import digest_of_repeat
from orchestrator.domain.run.work import UNDONE, StepState


@dataclass(frozen=True, slots=True)
class Intent:
    """What an attempt may do now.

    `look_first`: an earlier attempt may have taken effect, so the system is read before the call. `may_act`: the call
    may be made if the read does not show the effect; if false, a person has to decide. `may_stood`: an earlier attempt
    of this generation may have taken effect, whatever the result of this one. `earlier_keys`: the effect keys of
    the generations before, the latest first. Their effects are looked for too, because a person ordered the repeat of a
    step that must never run twice. `destroys`: a legal hold that is placed meanwhile stops it just before the call.
    """

    started: e.StepStarted
    step: PlannedStep
    look_first: bool
    may_act: bool
    may_stood: bool = False
    earlier_keys: tuple[str, ...] = ()
    destroys: bool = False


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """What came back from one attempt, in the words of `connectors.errors` and `connectors.abilities`.

    `error`: how the attempt ended; `read`: what the system shows (None where it was not asked or could not say).
    """

    error: Literal["none", "try_again", "action_required", "refused"] = "none"
    happened: Literal["no", "unknown"] = "unknown"
    code: str = ""
    retry_after: float | None = None
    read: Literal["done", "not_done", "unknown"] | None = None
    acted: bool = True
    detail: dict[str, Any] | None = None


def begin(state: RunState, step_id: str, world: World) -> Intent | None:
    """The intent for one attempt at a step, or None while it is not due: then nothing is written."""
    step = state.plan.steps.get(step_id)
    if step is None or step.is_task or state.work.steps[step_id].reading_again is not None:
        return None
    where = readiness(state, step, world)
    if where.kind != "ready":
        return None
    known = state.work.steps[step_id]
    started = e.StepStarted(
        step_id=step_id,
        generation=known.generation,
        attempt=known.attempt + 1,
        effect_key=effect_key(state.run_id, step_id, known.generation),
        lease_until=world.now + lease(step),
        caused_by=where.caused_by,
    )
    # What must never run twice is looked for before every attempt. The ledger may be an older copy that was restored,
    # or an attempt that a person found not done may have taken effect after all.
    never = step.repeat == "never"
    again = never and step.read_back and known.ordered_by is not None and known.generation > 1
    lost = _may_be_lost(state, known, world)
    return Intent(
        started,
        step,
        look_first=step.read_back and (known.may_have_taken_effect or never or lost),
        may_act=_may_act_again(step) if lost else _may_act(state, step, world),
        may_stood=known.may_have_taken_effect or (lost and not step.read_back),
        earlier_keys=_earlier_keys(state, step_id) if again else (),
        destroys=destroys(step, world.pinned, world.abilities),
    )


def _earlier_keys(state: RunState, step_id: str) -> tuple[str, ...]:
    generation = state.work.steps[step_id].generation
    return tuple(effect_key(state.run_id, step_id, earlier) for earlier in range(generation - 1, 0, -1))


@dataclass(frozen=True, slots=True)
class DueReading:
    """A step that is done, whose effect is read again in its system and never repeated. `effect_keys`: under which keys
    it is looked for, the latest first; one that shows it is enough."""

    step: PlannedStep
    generation: int
    effect_keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReadAnswer:
    """What the system shows of the effect now; `code` says why it could not say."""

    outcome: Literal["done", "not_done", "unknown"]
    code: str = ""
    evidence: dict[str, Any] | None = None


def reading(state: RunState, step_id: str, world: World) -> DueReading | None:
    """What is to be read again of a step now; None where it is not due."""
    step = state.plan.steps.get(step_id)
    known = state.work.steps.get(step_id)
    if step is None or known is None or known.reading_again is None or readiness(state, step, world).kind != "ready":
        return None
    # A step that must never run twice can have been found done under the key of an earlier generation.
    earlier = _earlier_keys(state, step_id) if step.repeat == "never" else ()
    return DueReading(step, known.generation, (effect_key(state.run_id, step_id, known.generation), *earlier))


def read_again(state: RunState, asked: DueReading, answer: ReadAnswer, world: World) -> list[Event]:
    """The event for what was read; none if the step is not being read in that generation any more."""
    known = state.work.steps.get(asked.step.step_id)
    if known is None or known.reading_again is None or known.generation != asked.generation or state.finished:
        return []
    step = state.plan.steps[asked.step.step_id]
    if known.by_hand is not None:
        return _read_for_report(state, known.by_hand, answer, world)
    undone, unclear, once = answer.outcome == "not_done", answer.outcome == "unknown", known.reading_again.once
    read = e.StepReadBack(
        step_id=step.step_id,
        generation=asked.generation,
        outcome=answer.outcome,
        code=(answer.code or "not_shown") if unclear else UNDONE if undone else "",
        retry_at=world.now + backoff(known.reading_again.failures + 1) if unclear and not once else None,
        digest=digest_of_repeat(step, asked.generation + 1, world.pinned, world.abilities) if undone else "",
        evidence=answer.evidence,
    )
    return [read]


def _read_for_report(state: RunState, report: e.StepDoneByHand, answer: ReadAnswer, world: World) -> list[Event]:
    """The system was read because a person did the step by hand. It is read once: it may be what failed."""
    read = e.StepReadBack(
        step_id=report.step_id,
        generation=report.generation,
        outcome=answer.outcome,
        code=(answer.code or "not_shown") if answer.outcome == "unknown" else "",
        evidence=answer.evidence,
    )
    return [read] if answer.outcome == "not_done" else [read, *attested(state, report, world)]


def lease(step: PlannedStep) -> timedelta:
    """Longer than everything one attempt may take: a look, the call, and the look after it while the system settles."""
    grace = max(1.0, LEASE_GRACE_SHARE * step.deadline)
    return timedelta(seconds=3 * step.deadline + step.settle + grace)


def why_no_call(state: RunState, intent: Intent, now: datetime) -> Literal["legal_hold", "lease_over"] | None:
    """Why the attempt may not call the system any more; None where it may. `now` is the ledger's time."""
    if intent.destroys and state.legal_hold:
        return "legal_hold"
    return None if holds_lease(state, intent, now) else "lease_over"


def holds_lease(state: RunState, intent: Intent, now: datetime) -> bool:
    """Whether the attempt may still call the system: it is the step's latest, has no result yet, and its lease lasts
    for a whole call. `now` is the ledger's time."""
    started = intent.started
    known = state.work.steps.get(started.step_id)
    return (
        known is not None
        and known.status == "started"
        and (known.generation, known.attempt) == (started.generation, started.attempt)
        and now + timedelta(seconds=intent.step.deadline) <= started.lease_until
    )


def _may_be_lost(state: RunState, known: StepState, world: World) -> bool:
    """Whether the step may have been carried out without a record: an older copy of the ledger was restored, and
    nothing has been recorded about the step since. Its lost attempts had the same effect key."""
    return (
        world.restored_at is not None
        and not known.may_have_taken_effect
        and (known.changed_at or state.requested_at) < world.restored_at
    )


def _may_act_again(step: PlannedStep) -> bool:
    """Whether a step that may have been carried out at a time that no one knows may be, after the system was read where
    it can be. If nothing can show it, a person has to find out."""
    return step.repeat == "freely" or step.read_back or (step.repeat == "keyed" and step.keyed_for is None)


def _may_act(state: RunState, step: PlannedStep, world: World) -> bool:
    known = state.work.steps[step.step_id]
    if not known.may_have_taken_effect:
        return True
    if step.repeat == "never":
        return False
    if step.repeat == "keyed":
        since = known.first_started_at or world.now
        return step.keyed_for is None or world.now < since + step.keyed_for
    return True


def verdict(state: RunState, intent: Intent, answer: AttemptResult, now: datetime) -> Event | None:
    """The result of an attempt. It is a fact, so it is recorded even if the run has ended or the step was skipped in
    the meantime. None if it adds nothing: the step is known to be done, or a later attempt is in progress and this one
    shows no effect."""
    step, started = intent.step, intent.started
    known = state.work.steps.get(step.step_id)
    if known is None or (known.final and known.status != "skipped") or started.generation <= known.settled_generation:
        return None
    if started.generation < known.generation and sends_cutoff(step):
        return None  # it reported a cutoff that has changed
    if known.final or (known.generation, known.attempt) != (started.generation, started.attempt):
        # A first attempt that froze and thawed. Only proof of its effect is news, and proof of an older generation's
        # only until the next one is begun: from then on nothing tells the two apart.
        proof = answer.read == "done" or (answer.error == "none" and answer.acted and not step.read_back)
        if not proof or (known.generation != started.generation and known.may_have_taken_effect):
            return None
    which = {"step_id": step.step_id, "generation": started.generation, "attempt": started.attempt}
    if answer.read == "done":
        return e.StepVerified.model_validate({**which, "evidence": answer.detail})
    failure = {**which, "code": answer.code or "not_done", "detail": answer.detail}
    if not answer.acted:
        # Looked first and was not allowed to act again.
        return e.StepFailed.model_validate({**failure, "code": answer.code or "outcome_unknown", "happened": "unknown"})
    if answer.error == "none" and not step.read_back:
        return e.StepAttested.model_validate({**which, "evidence": answer.detail})
    happened = _happened(intent, answer)
    if answer.error in ("none", "try_again"):
        wait = backoff(started.attempt)
        if answer.retry_after is not None:
            wait = max(wait, timedelta(seconds=min(answer.retry_after, 3600)))
        if step.repeat != "never" or happened == "no" or step.read_back:
            # Where it may never be repeated and may stand, the next attempt only looks.
            return e.StepAttemptFailed.model_validate({**failure, "happened": happened, "retry_at": now + wait})
    return e.StepFailed.model_validate({**failure, "happened": happened})


def _happened(intent: Intent, answer: AttemptResult) -> Literal["no", "unknown"]:
    """Whether the effect may stand after this attempt. That this one certainly did nothing says nothing about one
    before it. A look that shows "not done" settles it for what may be repeated freely, and where the system answered
    that it did nothing; anything else could still be on its way, or be forgotten by a system that recognises a key for
    a time only."""
    answered_no = answer.error in ("refused", "action_required") and not intent.may_stood
    if answer.read == "not_done" and (
        intent.step.repeat == "freely" or (intent.step.repeat == "keyed" and answered_no)
    ):
        return "no"
    if answer.happened == "no" and answer.error != "none" and not intent.may_stood:
        return "no"
    return "unknown"
