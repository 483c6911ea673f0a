"""The demo's questions at a terminal: whom it asks, what, and the possible answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from rich import box
from rich.console import RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from orchestrator.cli.terminal.shapes import role_words
from orchestrator.demo.answers import (
    GateAnswer,
    Itself,
    MatchAnswer,
    RepairAnswer,
    TaskQuestion,
    evidence_for,
    likely_accounts,
)
from orchestrator.demo.board import Leaver
from orchestrator.demo.progress import exception_words
from orchestrator.demo.screen import Screen
from orchestrator.domain.exceptions.exception_rule import Repair
from orchestrator.domain.exceptions.exceptions import RULES
from orchestrator.domain.planning.plan import PlannedStep
from orchestrator.domain.run.decisions import GateState
from orchestrator.domain.run.work import ExceptionState
from orchestrator.embedded.staff import StaffEntry

MIN_TERMINAL_LINES = 40  # lines of a terminal
ACTIONS: Mapping[Repair, Literal["retry", "skip", "replan", "end", "accept"]] = {
    Repair.RETRY: "retry",
    Repair.SKIP: "skip",
    Repair.REPLAN: "replan",
    Repair.END: "end",
    Repair.ACCEPT: "accept",
}
_WORDS = {
    "retry": "[t] retry",
    "skip": "[s] skip the step",
    "replan": "[p] re-plan",
    "end": "[e] cancel the run",
    "accept": "[a] accept",
}
_LETTERS = {"t": "retry", "s": "skip", "p": "replan", "e": "end", "a": "accept"}


class AtTerminal:
    """Asks; Enter takes the answer in capitals. When the input ends, or on `f`, the demo decides the rest itself."""

    def __init__(self, screen: Screen, board: Callable[[], RenderableType]) -> None:
        """`board` is shown above every question, as far as the terminal is high enough for both."""
        self._screen, self._board = screen, board
        self._itself = Itself()
        self._alone = False

    async def gate(self, leaver: Leaver, gate_id: str, gate: GateState, member: StaffEntry) -> GateAnswer:
        if self._alone:
            return await self._itself.gate(leaver, gate_id, gate, member)
        steps = _steps_at(leaver, gate)
        self._pause()
        self._screen.print(_gate_panel(leaver, gate, member, steps))
        while True:
            choice = await self._choose(
                "[A] approve  [x] exclude steps  [r] reject  [d] details  [f] approve everything from now on:", "a"
            )
            match choice:
                case "a":
                    return GateAnswer("approve")
                case "x":
                    excluded = await self._which(steps)
                    if excluded and len(excluded) < len(steps):
                        return GateAnswer("approve", excluded, await self._reason("Excluded for now"))
                    self._screen.print("To exclude all steps, reject instead." if excluded else "No step was excluded.")
                case "r":
                    return GateAnswer("reject", (), await self._reason("Rejected in the demo"))
                case "d":
                    self._screen.print(_details(leaver, gate, steps))
                case "f" | None:
                    self._alone = True
                    return GateAnswer("approve")
                case _:
                    self._screen.print("Type one letter: a, x, r, d or f.")

    async def match(self, leaver: Leaver, exception: ExceptionState, member: StaffEntry) -> MatchAnswer:
        if self._alone:
            return await self._itself.match(leaver, exception, member)
        system = exception.opened.system or ""
        found = leaver.state.accounts.planned_on[system]
        likely = likely_accounts(leaver, system)
        lines: list[RenderableType] = [Text(exception_words(exception, leaver.state, leaver.world))]
        for number, account in enumerate(found.candidates, 1):
            shown = leaver.state.accounts.details[account]
            known = ", ".join(f"{name} {value}" for name, value in shown["attributes"].items())
            lines.append(Text(f"  {number}  {shown['label']}   {known}"))
        lines.append(Text("Nothing is planned for an account until the match is confirmed.", style="dim"))
        lines.append(Text(leaver.world.pinned.platform.systems[system].runbook, style="dim"))
        self._pause()
        self._screen.print(_panel(f"Exception: account match  {leaver.name}", member, lines, "magenta"))
        numbers = [str(number) for number, account in enumerate(found.candidates, 1) if account in likely]
        usual = ",".join(numbers) or "none"
        while True:
            typed = await self._choose(f"Which accounts match? Numbers, or none [{usual}]:", usual)
            if typed in (None, "f"):
                self._alone = True
                return await self._itself.match(leaver, exception, member)
            chosen = _numbers(typed, len(found.candidates))
            if typed == "none" or chosen:
                accounts = tuple(found.candidates[number - 1] for number in chosen or ())
                return MatchAnswer(accounts, await self._reason("The line manager confirms it"))
            self._screen.print(f"Type numbers from 1 to {len(found.candidates)}, separated by commas, or none.")

    async def repair(
        self, leaver: Leaver, exception: ExceptionState, member: StaffEntry, unlocked: bool
    ) -> RepairAnswer:
        if self._alone:
            return await self._itself.repair(leaver, exception, member, unlocked)
        possible = [ACTIONS[repair] for repair in RULES[exception.opened.kind].repairs if repair in ACTIONS]
        lines: list[RenderableType] = [Text(exception_words(exception, leaver.state, leaver.world))]
        if unlocked:
            lines.append(Text("The record has been unlocked: a retry will succeed."))
        elif exception.opened.system:
            lines.append(Text(leaver.world.pinned.platform.systems[exception.opened.system].runbook, style="dim"))
        self._pause()
        self._screen.print(_panel(f"Exception: {leaver.name}", member, lines, "red"))
        prompt = "  ".join(_WORDS[action] for action in possible)
        while True:
            typed = await self._choose(f"{prompt} [{_letter(possible[0])}]:", _letter(possible[0]))
            if typed in (None, "f"):
                self._alone = True
                return await self._itself.repair(leaver, exception, member, unlocked)
            action = _LETTERS.get(typed or "")
            for one in possible:
                if one == action:
                    return RepairAnswer(one, await self._reason("Resolved in the demo"))
            self._screen.print("Type one of these letters.")

    async def tasks(self, questions: Sequence[TaskQuestion], member: StaffEntry) -> Mapping[str, dict[str, Any]]:
        if self._alone:
            return await self._itself.tasks(questions, member)
        table = Table(box=None, pad_edge=False, expand=True)
        table.add_column("Person", ratio=3)
        table.add_column("Task", ratio=4)
        table.add_column("Evidence to attach", ratio=5)
        for question in questions:
            evidence = evidence_for(question)
            table.add_row(question.leaver.name, question.step.title, f"{evidence['note']} ({evidence['reference']})")
        self._pause()
        self._screen.print(_panel("Manual tasks", member, [table], "blue"))
        typed = await self._choose("[Enter] complete with this evidence, or type a note for all tasks:", "")
        if typed is None:
            self._alone = True
        note = {"note": typed} if typed else {}
        return {question.task_id: {**evidence_for(question), **note} for question in questions}

    def _pause(self) -> None:
        self._screen.freeze(self._board() if self._screen.console.size.height >= MIN_TERMINAL_LINES else None)

    async def _choose(self, prompt: str, usual: str) -> str | None:
        typed = await self._screen.ask(prompt)
        return None if typed is None else (typed.casefold() if len(typed) <= 4 else typed) or usual

    async def _reason(self, usual: str) -> str:
        return await self._screen.ask(f"Reason [{usual}]:") or usual

    async def _which(self, steps: Sequence[PlannedStep]) -> tuple[str, ...]:
        typed = await self._screen.ask("Steps to exclude? Numbers, separated by commas:")
        return tuple(steps[number - 1].step_id for number in _numbers(typed, len(steps)))


def _letter(action: str) -> str:
    return next(letter for letter, name in _LETTERS.items() if name == action)


def _numbers(typed: str | None, most: int) -> list[int]:
    """Empty where anything in it is no number that was shown."""
    parts = [part.strip() for part in (typed or "").replace(" ", ",").split(",") if part.strip()]
    numbers = [int(part) for part in parts if part.isdecimal() and 1 <= int(part) <= most]
    return list(dict.fromkeys(numbers)) if len(numbers) == len(parts) else []


def _steps_at(leaver: Leaver, gate: GateState) -> list[PlannedStep]:
    return [step for step in leaver.state.plan.steps.values() if step.digest in gate.opened.digests]


def _gate_panel(leaver: Leaver, gate: GateState, member: StaffEntry, steps: Sequence[PlannedStep]) -> Panel:
    platform, approvals = leaver.world.pinned.platform, leaver.world.pinned.approvals
    table = Table(box=None, show_header=False, pad_edge=False)
    for number, step in enumerate(steps, 1):
        system = platform.systems[step.system].title if step.system else "People"
        table.add_row(
            Text(str(number), style="dim"),
            step.title + _which_account(leaver, step, steps),
            Text(system, style="dim"),
            Text("cannot be undone" if step.reversible == "no" and not step.is_task else "", style="bold yellow"),
        )
    asked = Text(f"Approvers: {role_words(gate.roles)}. Only approved steps run; every change is read back.")
    title = f"Gate: {approvals.decisions[gate.opened.gate].title}  {leaver.name}"
    return _panel(title, member, [asked, table], "blue")


def _which_account(leaver: Leaver, step: PlannedStep, steps: Sequence[PlannedStep]) -> str:
    """The account's name where the same is done to several."""
    if sum(other.name == step.name for other in steps) < 2:
        return ""
    return f": {leaver.state.accounts.details[step.account_id]['label']}"


def _details(leaver: Leaver, gate: GateState, steps: Sequence[PlannedStep]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    table.add_column("Ability", no_wrap=True)
    for column in ("Permission", "Account", "When", "Digest"):
        table.add_column(column, overflow="fold")
    for number, step in enumerate(steps, 1):
        account = leaver.state.accounts.details.get(step.account_id, {}).get("label", "")
        when = "at the cutoff" if step.anchor == "cutoff" else "once approved"
        ability = f"{step.system}.{step.ability}" if step.system else step.name
        table.add_row(str(number), ability, step.level.value, account, when, step.digest[:8])
    table.caption = (
        f"Due {gate.opened.decide_by:%Y-%m-%d %H:%M} UTC, then escalated; an approval is valid until "
        f"{gate.opened.valid_until:%Y-%m-%d %H:%M} UTC. The requester, the leaver and the leaver's reports cannot "
        "approve."
    )
    return table


def _panel(title: str, member: StaffEntry, lines: Sequence[RenderableType], style: str) -> Panel:
    table = Table.grid(padding=0)
    for line in lines:
        table.add_row(line)
    return Panel(
        table,
        title=Text(title, style="bold"),
        title_align="left",
        border_style=style,
        subtitle=Text(f"you act as {member.alias}: {member.duty}", style="dim"),
        subtitle_align="left",
    )
