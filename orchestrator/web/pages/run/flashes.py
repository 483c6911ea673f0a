"""The result of a form, in words for its sender: names instead of account IDs, times in their time zone, and what to do
on the pages rather than at a command line.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.commands import Done
from orchestrator.domain import events as e
from orchestrator.domain.errors import Refusal
from orchestrator.ledger.access.sessions import Flash
from orchestrator.vocabulary.close import votes_cast
from orchestrator.vocabulary.confirmations import CONFIRMED, confirmed_by
from orchestrator.vocabulary.states import in_sentence
from orchestrator.web.pages.remedies import remedy_of
from orchestrator.web.pages.run.cards import anchor, item_title
from orchestrator.web.pages.run.run_access import RunAccess
from orchestrator.web.rendering import person_label
from orchestrator.web.times import instant
from orchestrator.web.words import words

LATER = "Temporal cannot be reached. The change is recorded, and the run continues once Temporal is back."


@dataclass(frozen=True, slots=True)
class FlashNotice:
    """A refusal as a template draws it."""

    message: str
    remedy: str


def on_page(refused: Refusal | None) -> FlashNotice | None:
    return None if refused is None else FlashNotice(refused.message, remedy_of(refused))


def refusal(seen: RunAccess, refused: Refusal, item_id: str = "") -> Flash:
    """The text of a refusal with the item that it is about; if another person was first, who and when."""
    text = _outcome(seen, refused, item_id) or refused.message
    about = item_title(seen, item_id)
    return Flash("refused", text, remedy_of(refused), about, anchor(seen.state.run_id, item_id) if about else "")


def _outcome(seen: RunAccess, refused: Refusal, item_id: str) -> str:
    state, zone = seen.state, seen.caller.zone
    gate, task = state.decisions.gates.get(item_id), state.work.tasks.get(item_id)
    exception = state.work.exceptions.get(item_id)
    if refused.code == "gate_decided" and gate is not None:
        agreed = len({vote.verdict for vote, _ in gate.votes}) == 1
        votes = ", ".join(
            seen.name(vote.by) + ("" if agreed else f" ({words(vote.verdict, 'verdict').lower()})")
            for vote, _ in gate.votes
        )
        when = instant(gate.decided_at, zone, seconds=True)
        return f"{seen.gate_title(gate.opened.gate)} was {gate.outcome} at {when}{f' by {votes}' if votes else ''}."
    if refused.code == "gate_withdrawn" and gate is not None:
        when = instant(gate.decided_at, zone, seconds=True)
        title = seen.gate_title(gate.opened.gate)
        if gate.signs_close:
            return (
                f"{title} was withdrawn at {when}: the run has changed since. People are asked to sign once every step "
                "has ended."
            )
        return f"{title} was withdrawn at {when}: its steps no longer need approval, or need a new one."
    if refused.code == "gate_lapsed" and gate is not None:
        return f"This approval expired on {instant(gate.opened.valid_until, zone)}."
    if refused.code == "already_voted" and gate is not None:
        mine = next((vote for vote, _ in gate.votes if vote.by == seen.caller.actor.actor_id), None)
        if mine is not None:
            return f"You have already decided this: {words(mine.verdict, 'verdict').lower()}."
        by = ", ".join(seen.name(vote.by) for vote, _ in gate.votes)
        return f"{by} has already decided this for you."
    if refused.code == "task_done" and task is not None:
        return f"This task has already been completed{f' by {seen.name(task.by)}' if task.by else ''}."
    if refused.code == "exception_closed" and exception is not None:
        how = words(exception.disposition, "disposition").lower()
        return f"This exception is already closed: {how}{f', by {seen.name(exception.by)}' if exception.by else ''}."
    if refused.code == "evidence_missing":
        return "Evidence is required: add a note or attach a file."
    if refused.code == "reason_missing" and task is not None:
        return "A reason is required if the task was not done."
    if refused.code == "run_finished":
        when = instant(state.finished_at, zone, seconds=True)
        return f"This run finished at {when}: {in_sentence(words(state.finish, 'run'))}."
    return ""


def done(text: str, came_of_it: Done) -> Flash:
    """If a second person confirms what was done, the text says so."""
    opened = [event for event in came_of_it.events if isinstance(event, e.ExceptionOpened)]
    confirming = {confirmed_by(event.owners) for event in opened if event.kind in CONFIRMED}
    return Flash("done", " ".join([text, *sorted(confirming)]), "" if came_of_it.nudged else LATER)


def decision(seen: RunAccess, gate_id: str, came_of_it: Done) -> Flash:
    """What a vote came to. `seen` is the run after it."""
    gate = seen.state.decisions.gates[gate_id]
    what = f"{seen.gate_title(gate.opened.gate)}, for {person_label(seen.person)}"
    decided = next((event for event in came_of_it.events if isinstance(event, e.GateDecided)), None)
    if decided is not None and decided.outcome == "rejected":
        owner = in_sentence(words(seen.world.pinned.approvals.exceptions.owner, "role"))
        if gate.signs_close:
            return done(
                f"Rejected: {what}. An exception is open for the {owner}. If the run changes, people are asked to sign "
                "again. If it stays as it is, you can re-plan the run to request the signature again.",
                came_of_it,
            )
        return done(
            f"Rejected: {what}. An exception is open for the {owner}, who can skip the steps. You can "
            "re-plan the run to request approval again.",
            came_of_it,
        )
    if decided is not None:
        left = f", excluding {_steps(len(decided.excluded))}" if decided.excluded else ""
        closed = " The run is completed." if gate.signs_close and seen.state.finished else ""
        return done(f"{'Signed' if gate.signs_close else 'Approved'}: {what}{left}.{closed}", came_of_it)
    if not came_of_it.events:
        return Flash("done", f"You have already made this decision: {what}.")
    have, wanted = sum(vote.verdict == "approve" for vote, _ in gate.votes), gate.opened.quorum
    more = "one more is" if wanted - have == 1 else f"{wanted - have} more are"
    return done(f"{votes_cast(have, wanted, gate.signs_close)}: {more} needed. {what}.", came_of_it)


def _steps(number: int) -> str:
    return "1 step" if number == 1 else f"{number} steps"
