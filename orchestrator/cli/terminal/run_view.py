"""A run as `offboard watch` draws it from its document: every step by system with its state, and who has to act."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.table import Table
from rich.text import Text

from orchestrator.cli.terminal.names import gate_title, subject
from orchestrator.cli.terminal.screen import clean, name, when
from orchestrator.cli.terminal.shapes import (
    SHAPES,
    StepView,
    Wait,
    code_words,
    mark,
    rest_words,
    role_words,
    run_words,
)
from orchestrator.cli.terminal.step_words import (
    CHECKING,
    STARTING,
    after,
    attested,
    awaiting_approval,
    blocked,
    by_status,
    by_wait,
    checking_again,
    counted,
    failed,
    retrying,
    scheduled,
    steps_done,
    task_for,
)
from orchestrator.documents.document import Document
from orchestrator.domain.organisation.roles import any_of
from orchestrator.vocabulary.close import votes_cast
from orchestrator.vocabulary.states import EXCEPTION, label

FINAL = ("verified", "attested", "skipped", "withheld")
PEOPLE = "people"
"""Stands where a system's name stands, for what people do."""


def view_step(run: Document, step: Document, now: datetime) -> StepView:
    code = step["code"] or ""
    if (view := by_status(step["status"])) is not None:
        return view
    if step["status"] == "attested":
        return attested(next((t["by"] for t in run["tasks"] if t["step_id"] == step["step_id"] and t["by"]), None))
    if step["status"] == "failed":
        return failed(code, _owner(run, step))
    return _not_begun(run, step, code, now)


def _not_begun(run: Document, step: Document, code: str, now: datetime) -> StepView:
    rest = rest_words(when(step["waits_until"]) - now) if step["waits_until"] is not None else ""
    if (view := by_wait(step["waits_for"])) is not None:
        return view
    match step["waits_for"]:
        case "predecessors":
            return after(_unfinished_need(run, step))
        case "time":
            return scheduled(rest)
        case "gate":
            return awaiting_approval(_gate(run, step), step["gate"])
        case "another_attempt":
            return retrying(rest, code)
        case "fresh_look":
            look = next((s["code"] for s in run["systems"] if s["system"] == step["system"] and s["failing_since"]), "")
            return checking_again(rest, look) if look else CHECKING
        case None:
            if step["task_for"]:
                return task_for(role_words((step["task_for"],)))
            return STARTING
    return blocked(f"needs {_owner(run, step)}")


def _owner(run: Document, step: Document) -> str:
    for known in run["exceptions"]:
        if known["state"] == "open" and known["step_id"] == step["step_id"]:
            return any_of(known["owners"])
    return "an operator"


def _unfinished_need(run: Document, step: Document) -> str:
    needed = (s for s in run["steps"] if s["name"] in step["needs"] and s["status"] not in FINAL)
    return next((str(s["title"]) for s in needed), "an account match")


def _gate(run: Document, step: Document) -> str:
    for gate in run["gates"]:
        if gate["state"] == "open" and any(asked["step_id"] == step["step_id"] for asked in gate["steps"]):
            return gate_title(run, gate["gate_id"])
    return str(step["gate"])


def waits(run: Document, now: datetime) -> Iterator[Wait]:
    """What a run waits for now, people first."""
    for known in run["exceptions"]:
        if known["state"] == "open":
            about = subject(run, known)
            words = label(known["kind"], EXCEPTION) + (f", {about}" if about else "")
            why = f": {code_words(known['code'])}" if known["code"] else ""
            yield Wait("stopped", role_words(tuple(known["owners"])), words + why)
    for gate in run["gates"]:
        if gate["state"] == "open":
            # An older server has no signatures of the close.
            what = "sign the close" if gate.get("close") else f"approve {counted(len(gate['steps']))}"
            about = f"{what} at gate {gate['gate']} ({gate_title(run, gate['gate_id'])})"
            if gate["quorum"] > 1:
                about = f"{about}, {votes_cast(len(gate['votes']), gate['quorum'], bool(gate.get('close')))}"
            yield Wait("gate", role_words(tuple(gate["roles"])), about)
    for task in run["tasks"]:
        if task["state"] == "open":
            yield Wait("task", role_words((task["role"],)), task["title"] or task["step"] or task["task_id"])
    for system in run["systems"]:
        if system["failing_since"] is not None:
            yield Wait("again", system["system"], f"{code_words(system['code'] or '')}; retrying")
    times = [step for step in run["steps"] if step["waits_for"] == "time" and step["waits_until"] is not None]
    if times:
        first = min(when(step["waits_until"]) for step in times)
        yield Wait("time", "Scheduled", f"{counted(len(times))}, the first in {rest_words(first - now)}")


@dataclass(frozen=True, slots=True)
class RunView:
    """A rich renderable of one run. `clock` is the server's, so that what is left of a wait counts down."""

    run: Document
    clock: Callable[[], datetime]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        ascii_only, run, now = options.ascii_only, self.run, self.clock()
        kind, words = run_words(run["state"])
        head = Text.assemble(mark(kind, ascii_only=ascii_only), f" {clean(name(run['person']))}  {words}")
        head.append(f"  {steps_done(run['summary'])} of {run['summary']['steps']} steps done", style="dim")
        parts: list[Text | Table] = [head, self._table(ascii_only, options.max_width, now)]
        for wait in waits(run, now):
            parts.append(Text.assemble(mark(wait.kind, ascii_only=ascii_only), f" {wait.who}: {clean(wait.what)}"))
        yield Group(*parts)

    def _table(self, ascii_only: bool, width: int, now: datetime) -> Table:
        table = Table(box=box.ASCII if ascii_only else box.SIMPLE_HEAD, expand=False, pad_edge=False)
        table.add_column("System", no_wrap=width >= 100)
        table.add_column("Step", overflow="fold")
        table.add_column("", no_wrap=True)
        table.add_column("State", overflow="fold")
        order = list(dict.fromkeys(step["system"] or PEOPLE for step in self.run["steps"]))
        before = None
        for step in sorted(self.run["steps"], key=lambda step: order.index(step["system"] or PEOPLE)):
            view, system = view_step(self.run, step, now), step["system"] or PEOPLE
            table.add_row(
                system if system != before else "",
                clean(step["title"]),
                mark(view.kind, ascii_only=ascii_only),
                Text(clean(view.words), style=SHAPES[view.kind].style),
            )
            before = system
        return table
