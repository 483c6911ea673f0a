"""Who answers the demo's questions: a user at the terminal, or the demo itself.

Both get the same question and give the same answer; what follows from it is the same command either way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from orchestrator.demo.board import Leaver
from orchestrator.domain.exceptions.exception_rule import Repair
from orchestrator.domain.exceptions.exceptions import RULES
from orchestrator.domain.planning.plan import PlannedStep
from orchestrator.domain.run.decisions import GateState
from orchestrator.domain.run.work import ExceptionState, TaskState
from orchestrator.embedded.staff import StaffEntry


@dataclass(frozen=True, slots=True)
class GateAnswer:
    """`excluded` are step ids."""

    verdict: Literal["approve", "reject"]
    excluded: tuple[str, ...] = ()
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class MatchAnswer:
    """`accounts` are opaque ids, perhaps none."""

    accounts: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class RepairAnswer:
    """What an operator does about an exception; `leave` does nothing, and the demo ends with it open."""

    action: Literal["retry", "skip", "replan", "end", "accept", "leave"]
    reason: str


@dataclass(frozen=True, slots=True)
class TaskQuestion:
    leaver: Leaver
    task_id: str
    task: TaskState
    step: PlannedStep


class AnswerSource(Protocol):
    async def gate(self, leaver: Leaver, gate_id: str, gate: GateState, member: StaffEntry) -> GateAnswer: ...

    async def match(self, leaver: Leaver, exception: ExceptionState, member: StaffEntry) -> MatchAnswer: ...

    async def repair(
        self, leaver: Leaver, exception: ExceptionState, member: StaffEntry, unlocked: bool
    ) -> RepairAnswer: ...

    async def tasks(self, questions: Sequence[TaskQuestion], member: StaffEntry) -> Mapping[str, dict[str, Any]]:
        """Evidence by task id; a task that is left out stays open for now."""
        ...


class Itself:
    """Decides as a careful colleague would who knows that all is well."""

    def __init__(self) -> None:
        self._tried: set[str | None] = set()

    async def gate(self, leaver: Leaver, gate_id: str, gate: GateState, member: StaffEntry) -> GateAnswer:
        return GateAnswer("approve")

    async def match(self, leaver: Leaver, exception: ExceptionState, member: StaffEntry) -> MatchAnswer:
        accounts = likely_accounts(leaver, exception.opened.system or "")
        if not accounts:
            return MatchAnswer((), "Confirmed with the line manager and HR: none of these accounts")
        many = len(accounts) > 1
        return MatchAnswer(accounts, f"Confirmed with the line manager: {'these accounts' if many else 'this account'}")

    async def repair(
        self, leaver: Leaver, exception: ExceptionState, member: StaffEntry, unlocked: bool
    ) -> RepairAnswer:
        if unlocked:
            return RepairAnswer("retry", "Finance operations unlocked the record")
        match exception.opened.kind:
            case "accounts_changed":
                return RepairAnswer("replan", "Accounts changed since planning")
            case kind if Repair.ACCEPT in RULES[kind].repairs:
                return RepairAnswer("accept", "Reviewed")
            case "step_failed" if exception.opened.step_id not in self._tried:
                self._tried.add(exception.opened.step_id)
                return RepairAnswer("retry", "Retried once")
        return RepairAnswer("leave", "Not resolved in the demo")

    async def tasks(self, questions: Sequence[TaskQuestion], member: StaffEntry) -> Mapping[str, dict[str, Any]]:
        return {q.task_id: evidence_for(q) for q in questions if q.task.opened.kind == "work"}


def likely_accounts(leaver: Leaver, system: str) -> tuple[str, ...]:
    """Of the accounts in question those that carry an address which is or was the person's."""
    found, facts = leaver.state.accounts.planned_on.get(system), leaver.state.asked.facts or {}
    addresses = {str(facts.get("email", "")).casefold(), *(a.casefold() for a in facts.get("former_emails", ()))} - {""}
    candidates = found.candidates if found is not None else ()
    return tuple(
        account
        for account in candidates
        if addresses
        & {str(value).casefold() for value in leaver.state.accounts.details[account]["attributes"].values()}
    )


_EVIDENCE = {
    "hand_over_duties": "List of duties and their new owners, checked with the line manager",
    "rotate_shared_secrets": "List of what was changed; the new values are in the vault",
    "final_pay": "Reference of the booking in payroll",
    "collect_equipment": "Signed receipt for laptop and security keys",
    "collect_office_key": "Receipt for key and badge; the badge is blocked in the access control system",
}


def evidence_for(question: TaskQuestion) -> dict[str, Any]:
    number = int(question.step.digest[:6], 16) % 9000 + 1000
    said = _EVIDENCE.get(question.step.name, "Done, and checked by a second person")
    return {"note": said, "reference": f"DEMO-{number}"}
