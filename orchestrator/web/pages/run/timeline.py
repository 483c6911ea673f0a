"""The timeline of a run: each event as a sentence, with its actor and its evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.documents.document import Document
from orchestrator.documents.runs.run import account_of, without_content
from orchestrator.domain import events as e
from orchestrator.domain.events.event import Event
from orchestrator.ledger.book.records import Recorded
from orchestrator.reading.queries import RunPage
from orchestrator.vocabulary.close import close_summary
from orchestrator.vocabulary.states import in_sentence
from orchestrator.web.pages.run.run_access import RunAccess
from orchestrator.web.times import instant
from orchestrator.web.words import words

PAGE_SIZE = 50
"""Events on one page of a run's timeline."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """The latest first. `older` is the version before which the next page begins, None at the run's beginning; `newer`
    whether this is not the latest page."""

    events: tuple[Document, ...]
    older: int | None
    newer: bool
    total: int


def timeline(seen: RunAccess, page: RunPage, before: int | None, *, most: int = PAGE_SIZE) -> Timeline:
    """The events before the version `before`."""
    earlier = [recorded for recorded in page.events if before is None or recorded.version < before]
    shown = earlier[-most:]
    return Timeline(
        tuple(happened(seen, recorded, page.hashes.get(recorded.version)) for recorded in reversed(shown)),
        shown[0].version if len(earlier) > most else None,
        bool(page.events) and len(earlier) < len(page.events),
        len(page.events),
    )


def happened(seen: RunAccess, recorded: Recorded, leaf_hash: str | None) -> Document:
    event = recorded.event
    by = getattr(event, "by", "") or getattr(event, "requested_by", "")
    return {
        "version": recorded.version,
        "type": recorded.type,
        "at": recorded.recorded_at,
        "about": about(seen, event),
        "by": seen.names([by] if isinstance(by, str) and by else by or ()),
        "instead_of": seen.name(getattr(event, "on_behalf_of", None)),
        "reason": getattr(event, "reason", None),
        "evidence": without_content(getattr(event, "evidence", None) or getattr(event, "detail", None)),
        "files": files_of(event),
        "hash": leaf_hash,
    }


def files_of(event: Event) -> list[Document]:
    """What its evidence names of stored files."""
    evidence = getattr(event, "evidence", None)
    attached = evidence.get("attachments") if isinstance(evidence, dict) else None
    if not isinstance(attached, list):
        return []
    return [file for file in attached if isinstance(file, dict) and isinstance(file.get("stored"), str)]


def about(seen: RunAccess, event: Event) -> str:
    """What an event is about, as a person would say it; empty where its name says all."""
    match event:
        case e.RunRequested():
            if event.restores is not None:
                return f"Restores what run {event.restores} removed."
            when = instant(event.cutoff, event.zone)
            return f"Cutoff {when}{', urgent' if event.urgent else ''}. Packet {event.packet}, {event.phase}."
        case e.AccountsSearched():
            return " ".join(_searched(seen, event.results))
        case e.MatchSettled():
            said = " Answered before the start; the search found the same accounts." if event.beforehand else ""
            return f"{_settled(seen, event)}{said}"
        case e.MatchSettledBeforehand():
            return f"{_settled(seen, event)} Used if the search finds the accounts of the preview."
        case e.PlanFrozen():
            left = f", {_number(len(event.open_steps), 'more')} once the account matches are confirmed"
            return f"Revision {event.revision}: {_number(len(event.steps), 'step')}{left if event.open_steps else ''}."
        case e.RunRescheduled():
            return f"Now {instant(event.cutoff, event.zone)}."
        case e.RunHeld():
            return f"Until {instant(event.until, seen.caller.zone)}." if event.until else ""
        case e.RunReleased():
            return "" if event.by else "The pause ended at its time."
        case e.LeavingChanged():
            return f"Now {instant(event.leaving_at, seen.state.zone)}." if event.leaving_at else "No leaving any more."
        case e.RunClosed():
            done = f"{event.verified} verified, {event.attested} attested, {event.skipped} skipped"
            gates = [seen.state.decisions.gates[gate_id].opened.gate for gate_id in event.signed_at]
            signed = f" Signed: {', '.join(seen.gate_title(gate) for gate in gates)}." if gates else ""
            return f"{words(event.outcome, 'run')}: {done}.{signed}"
        case e.SystemsWatched():
            shown = (f"{seen.system(one.system)}: {in_sentence(words(one.outcome, 'watch'))}" for one in event.results)
            return f"Day {event.day}. {'; '.join(shown)}."
        case e.WatchEnded():
            return f"No further check: {words(event.cause, 'watch_ended')}."
        case e.ChangeFound():
            where = ", ".join(part for part in (seen.system(event.system), _account(seen, event.account_id)) if part)
            when = in_sentence(words(event.read, "comparison_read"))
            return f"{words(event.what, 'account_change')} ({where}), {when}."
        case e.DifferenceJudged():
            change = seen.state.comparison.changes.get(event.about)
            what = words(change.what, "account_change") if change is not None else _step(seen, event.about)
            return f"{what}: {in_sentence(words(event.verdict, 'comparison_result'))}."
        case e.RunReopened():
            found = "Access came back." if event.cause == "access_returned" else "A system could not be checked."
            return f"{found} Nothing was changed."
        case e.ReplayRequested():
            return _replay(seen, event)
        case e.WorkflowCompared():
            return f"{words('workflow_' + event.problem, 'code')}." if event.problem else "It runs."
        case e.ReadBackRequested():
            return f"{', '.join(_step(seen, step_id) for step_id in event.steps)}."
        case e.EmbargoChanged():
            if event.until is None:
                return "Ended. The complete record is visible like that of any other run."
            return f"Until {instant(event.until, seen.caller.zone)}. Visible to {', '.join(seen.names(event.named))}."
        case e.LegalHoldPlaced():
            how = "" if event.by else " Placed by the packet's condition."
            return f"{event.hold_id}.{how}{' Carried over from an earlier run.' if event.from_run else ''}"
        case e.LegalHoldLifted():
            return f"{event.hold_id}."
        case e.SecondRequestReceived():
            held = " A legal hold is requested." if event.legal_hold else ""
            return f"Cutoff {instant(event.cutoff, event.zone)}{', urgent' if event.urgent else ''}.{held}"
        case e.TaskOpened():
            kind = words(event.kind, "task_kind").lower()
            who = in_sentence(words(event.role, "role"))
            return f"{_step(seen, event.step_id)}: {kind} for the {who}, due {instant(event.due, seen.caller.zone)}."
        case e.TaskCompleted() | e.TaskWithdrawn():
            task = seen.state.work.tasks.get(event.task_id)
            said = f": {words(event.outcome, 'task').lower()}" if isinstance(event, e.TaskCompleted) else ""
            return f"{_step(seen, task.opened.step_id) if task is not None else event.task_id}{said}."
        case e.ExceptionOpened():
            where = _step(seen, event.step_id) if event.step_id else seen.system(event.system)
            code = f" {words(event.code, 'code')}." if event.code else ""
            return f"{words(event.kind, 'exception')}{f': {where}' if where else ''}.{code}"
        case e.ExceptionClosed():
            known = seen.state.work.exceptions.get(event.exception_id)
            kind = words(known.opened.kind, "exception") if known is not None else event.exception_id
            return f"{kind}: {words(event.disposition, 'disposition').lower()}."
        case _ if hasattr(event, "exception_id"):
            return _of_exception(seen, event)
        case _ if hasattr(event, "gate_id"):
            return _gate(seen, event)
        case _ if hasattr(event, "step_id"):
            return _of_step(seen, event)
    return ""


def _of_exception(seen: RunAccess, event: Any) -> str:
    known = seen.state.work.exceptions.get(event.exception_id)
    kind = words(known.opened.kind, "exception") if known is not None else event.exception_id
    zone = seen.caller.zone
    match event:
        case e.ExceptionAssigned():
            return f"{kind}: {f'to {seen.name(event.to)}' if event.to else 'to its roles'}."
        case e.ExceptionSnoozed():
            until = f"until {instant(event.until, zone)}" if event.until is not None else "in the inbox again"
            return f"{kind}: {until}."
        case e.ExceptionWaived():
            return f"{kind}: until {instant(event.until, zone)}."
        case e.ExceptionReopened():
            return f"{kind}: due {instant(event.due, zone)}."
    return f"{kind}."


def _replay(seen: RunAccess, event: e.ReplayRequested) -> str:
    parts = ((event.read_back, "read again"), (event.retried, "retried"), (event.generations, "repeated"))
    said = ", ".join(f"{_number(len(steps), 'step')} {what}" for steps, what in parts if steps)
    scope = f" On {seen.system(event.system)}." if event.system else ""
    if event.from_step:
        named = [step.title for id_, step in seen.state.plan.steps.items() if event.from_step in (id_, step.name)]
        scope = f" From {named[0] if named else event.from_step}."
    return f"{said[:1].upper()}{said[1:]}.{scope}{' The run is open again.' if event.reopens else ''}"


def _settled(seen: RunAccess, event: e.MatchSettled | e.MatchSettledBeforehand) -> str:
    chosen = [_account(seen, id_) for id_ in event.accounts]
    return f"{seen.system(event.system)}: {', '.join(chosen) or 'no account of this person'}."


def _searched(seen: RunAccess, results: Sequence[e.SystemSearched]) -> list[str]:
    said = []
    for result in results:
        what = words(result.outcome, "search").lower()
        which = ", ".join(_account(seen, id_) for id_ in result.accounts)
        why = f" ({words(result.code, 'code').lower()})" if result.outcome == "failed" and result.code else ""
        said.append(f"{seen.system(result.system)}: {which or what}{why}.")
    return said


def _gate(seen: RunAccess, event: Any) -> str:
    gate = seen.state.decisions.gates.get(event.gate_id)
    title = seen.gate_title(gate.opened.gate) if gate is not None else event.gate_id
    match event:
        case e.GateOpened():
            roles = " or ".join(in_sentence(words(role, "role")) for role in event.roles)
            some = f"{event.quorum} of " if event.quorum > 1 else ""
            number = _number(len(event.digests), "step")
            if event.close is not None:
                due = instant(event.decide_by, seen.caller.zone)
                summary = close_summary(_counts(event.close))
                return f"{title}: signature of the close by {some}{roles}, due {due}. {summary}"
            return f"{title}: {number}, approval by {some}{roles}, due {instant(event.decide_by, seen.caller.zone)}."
        case e.GateVoted():
            left = f", excluding {_number(len(event.excluded), 'step')}" if event.excluded else ""
            return f"{title}: {words(event.verdict, 'verdict').lower()}{left}."
        case e.VoteRefused():
            program = "" if event.account_kind == "person" else f" by a program ({event.account_kind})"
            verdict = words(event.verdict, "verdict").lower()
            return f"{title}: {verdict}{program}, not counted. {words(event.refusal, 'refused_vote')}."
        case e.GateDecided():
            left = f", excluding {_number(len(event.excluded), 'step')}" if event.excluded else ""
            return f"{title}: {words(event.outcome, 'gate').lower()}{left}."
        case e.GateEscalated():
            also = " and ".join(in_sentence(words(role, "role")) for role in event.roles)
            return f"{title}: escalated to {also}." if also else f"{title}."
    return f"{title}."


def _counts(close: e.CloseRecord) -> dict[str, int]:
    statuses = [step.status for step in close.steps]
    return {status: statuses.count(status) for status in ("verified", "attested", "skipped")}


_READ = {"done": "in effect", "not_done": "not in effect", "unknown": "could not be read"}


def _of_step(seen: RunAccess, event: Any) -> str:
    where = _step(seen, event.step_id)
    match event:
        case e.StepStarted() if event.attempt > 1:
            return f"{where}, attempt {event.attempt}."
        case e.StepAttemptFailed():
            again = instant(event.retry_at, seen.caller.zone, seconds=True)
            failed = f"{words(event.code, 'code').lower()}. {words(event.happened, 'happened')}."
            return f"{where}: {failed} Retry at {again}."
        case e.StepFailed():
            return f"{where}: {words(event.code, 'code').lower()}. {words(event.happened, 'happened')}."
        case e.StepReadBack():
            code = f" ({words(event.code, 'code').lower()})" if event.outcome == "unknown" and event.code else ""
            return f"{where}: {_READ[event.outcome]}{code}."
        case e.StepCompared():
            code = f" ({words(event.code, 'code').lower()})" if event.code else ""
            when = in_sentence(words(event.read, "comparison_read"))
            return f"{where}, {when}: {in_sentence(words(event.outcome, 'step_shown'))}{code}."
        case e.StepDoneByHand():
            return f"{where}{': the system is read before that counts' if event.read_back else ''}."
        case e.StepRetryOrdered():
            return f"{where}{', run again' if event.generation > 1 else ''}."
    return f"{where}."


def _step(seen: RunAccess, step_id: str | None) -> str:
    step = seen.state.plan.steps.get(step_id or "")
    if step is None:
        return step_id or ""
    label = _account(seen, step.account_id) if step.account_id else ""
    where = ", ".join(part for part in (seen.system(step.system), label) if part)
    return f"{step.title} ({where})" if where else step.title


def _account(seen: RunAccess, account_id: str) -> str:
    return str(account_of(seen.state, account_id)["label"] or account_id[:12])


def _number(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number != 1 and what != 'more' else ''}"
