"""The demo's summary: what was found, done and read back in each system, and the verification of the ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from orchestrator.cli.terminal.screen import clean
from orchestrator.cli.terminal.shapes import SHAPES, mark, rest_words
from orchestrator.demo.board import Leaver
from orchestrator.demo.progress import exception_words, status_words, view_step
from orchestrator.domain import events as e
from orchestrator.domain.measures.access_end import access_end
from orchestrator.domain.planning.plan import PlannedStep
from orchestrator.embedded.stack import Stack
from orchestrator.ledger.book.records import Recorded
from orchestrator.ledger.proofs.checkpoints import NoteSigner, make_checkpoint
from orchestrator.ledger.proofs.verification import VerificationReport, verify_database
from orchestrator.vocabulary.durations import length
from orchestrator.vocabulary.states import DISPOSITION, in_sentence, label

ORIGIN = "offboard.example/demo"
MAX_VALUE_CHARACTERS = 60
_TOLD_ELSEWHERE = frozenset(
    {"id", "present", "username", "label", "dn", "display_name", "address", "last4", "to", "pwdChangedTime"}
)


@dataclass(frozen=True, slots=True)
class Checked:
    """What verification found, and the checkpoint that it was compared with."""

    verification: VerificationReport
    checkpoint: str


async def histories(stack: Stack, leavers: Sequence[Leaver]) -> dict[str, Sequence[Recorded]]:
    """Every event of each run, by run id."""
    page = await stack.backend.ledger.read({e.run_stream(leaver.run_id): 0 for leaver in leavers})
    return {leaver.run_id: page.events[e.run_stream(leaver.run_id)] for leaver in leavers}


async def check_ledger(stack: Stack) -> Checked:
    """Signs what the ledger holds and re-reads every row of it with the code that shares nothing with the writer."""
    signer = NoteSigner.generate(ORIGIN)
    note = await make_checkpoint(stack.backend.database, signer)
    found = await asyncio.to_thread(
        verify_database, stack.settings.database_url, against=[note], verifier_key=signer.verifier_text()
    )
    return Checked(found, note)


def leaver_table(leaver: Leaver, history: Sequence[Recorded], ascii_only: bool) -> Table:
    """One row a step, with what its system showed when it was read back."""
    kind, words = status_words(leaver.state)
    title = Text(f"\n{leaver.name}  ", style="bold").append_text(mark(kind, ascii_only=ascii_only)).append(f" {words}")
    table = Table(
        title=title, title_justify="left", title_style="", box=box.ASCII if ascii_only else box.SIMPLE_HEAD,
        pad_edge=False, expand=True,
    )  # fmt: skip
    table.add_column("System and accounts", ratio=5)
    table.add_column("Step", ratio=6)
    table.add_column("Evidence read back", ratio=6)
    evidence = _evidence(leaver, history)
    systems = leaver.world.pinned.platform.systems
    for system in [*systems, ""]:
        steps = [step for step in leaver.state.plan.steps.values() if step.system == system]
        found = _found(leaver, system)
        if not steps and not found:
            continue
        head = Text().append(systems[system].title if system else "People", style="bold")
        head.append(f"\n{found}" if found else "", style="dim")
        if not steps:
            table.add_row(head, "no steps", "")
        for number, step in enumerate(steps):
            view = view_step(leaver.state, step, leaver.world)
            done = mark(view.kind, ascii_only=ascii_only).append(f" {step.title}")
            shown = Text(evidence.get(step.step_id, ""))
            if view.kind not in ("verified", "attested"):
                shown = Text(view.words, style=SHAPES[view.kind].style)
            table.add_row(head if number == 0 else "", done, shown)
        table.add_section()
    return table


def overview(leavers: Sequence[Leaver], ascii_only: bool) -> Table:
    table = Table(box=box.ASCII if ascii_only else box.SIMPLE_HEAD, pad_edge=False, expand=True)
    table.add_column("Person", ratio=4, overflow="fold")
    table.add_column("Result", ratio=3)
    table.add_column("Steps", ratio=4)
    table.add_column("Open exposure", ratio=4)
    table.add_column("Manual work saved", ratio=2)
    for leaver in leavers:
        kind, words = status_words(leaver.state)
        statuses = [known.status for known in leaver.state.work.steps.values()]
        counted = f"{statuses.count('verified')} verified, {statuses.count('attested')} attested"
        if rest := len(statuses) - statuses.count("verified") - statuses.count("attested"):
            counted += f", {rest} not done"
        minutes = sum(s.minutes_saved for s in leaver.state.plan.steps.values() if _done(leaver, s))
        result = mark(kind, ascii_only=ascii_only).append(f" {words}")
        table.add_row(leaver.name, result, counted, open_for(leaver), f"{minutes} min")
    for promised in {leaver.world.pinned.workflow.outcomes.access_gone_within for leaver in leavers}:
        table.caption = f"Target: access removed within {length(promised)} of the cutoff."
    return table


def open_for(leaver: Leaver) -> str:
    """From the cutoff to the end of access. A cutoff that had passed when HR asked is said."""
    state = leaver.state
    end = access_end(state)
    if end is None:
        open_ones = [s for s in state.plan.steps.values() if s.removes_access and not _done(leaver, s)]
        if state.plan.open_steps and not open_ones:
            return "still open: waiting for account match"
        return f"still open: {len(open_ones)} steps not done" if open_ones else "no access to remove"
    gone = end.gone_at or end.verified
    if end.unknown_on:
        return f"at least {_length(gone - state.cutoff)} after the cutoff; not known for how long tokens are accepted"
    since = max(state.cutoff, state.requested_at)
    words = f"{_length(gone - since)} after the cutoff"
    late = state.requested_at - state.cutoff
    if late > timedelta(seconds=90):
        return f"{_length(gone - since)} after HR's request, which came {rest_words(late)} after the cutoff"
    return words


def exception_lines(leavers: Sequence[Leaver], histories: Mapping[str, Sequence[Recorded]]) -> Iterator[Text]:
    for leaver in leavers:
        reasons = {
            recorded.event.exception_id: recorded.event.reason or ""
            for recorded in histories[leaver.run_id]
            if isinstance(recorded.event, e.ExceptionClosed)
        }
        for id_, exception in leaver.state.work.exceptions.items():
            line = Text().append(f"{leaver.name}: ", style="bold")
            line.append(exception_words(exception, leaver.state, leaver.world))
            if exception.open or exception.closed_at is None:
                yield line.append(" - still open", style="bold red")
                continue
            took = _length(exception.closed_at - exception.opened_at)
            by = f" by {exception.by}" if exception.by else ""
            reason = f" ({clean(reasons.get(id_, ''))})" if reasons.get(id_) else ""
            yield line.append(f" - {in_sentence(label(exception.disposition, DISPOSITION))}{by} after {took}{reason}")


def retry_lines(leavers: Sequence[Leaver], histories: Mapping[str, Sequence[Recorded]]) -> Iterator[Text]:
    """What failed for a while and came right without anyone, by system."""
    failed: dict[str, list[tuple[str, str]]] = {}
    for leaver in leavers:
        for recorded in histories[leaver.run_id]:
            if isinstance(recorded.event, e.StepAttemptFailed):
                step = leaver.state.plan.steps[recorded.event.step_id]
                title = leaver.world.pinned.platform.systems[step.system].title
                failed.setdefault(title, []).append((leaver.run_id, step.step_id))
    for title, attempts in failed.items():
        line = Text().append(f"{title}: ", style="bold")
        yield line.append(
            f"{len(attempts)} attempts at {len(set(attempts))} steps failed; each was retried with a growing delay "
            "until it succeeded"
        )


def ledger_lines(checked: Checked) -> Iterator[RenderableType]:
    found = checked.verification
    if not found.ok:
        yield Text(f"The ledger was changed after it was written. {found.wrong}", style="bold red")
        return
    yield Text(
        f"Ledger verified: {found.events} events in {found.streams} streams. Independent code read every row, "
        "recomputed every hash and the Merkle tree, and compared them with a signed checkpoint.",
        style="green",
    )
    yield Text(f"Root {found.root.hex()}")
    yield Text(checked.checkpoint.rstrip(), style="dim", no_wrap=True, overflow="ignore")


def shortcomings(leavers: Sequence[Leaver]) -> list[str]:
    """Steps that should have succeeded and did not, unless a person decided so; and runs that did not end."""
    found = []
    for leaver in leavers:
        state = leaver.state
        for step in state.plan.steps.values():
            status = state.work.steps[step.step_id].status
            if status not in ("verified", "attested", "skipped") and state.finish != "ended":
                view = view_step(state, step, leaver.world)
                found.append(f"{leaver.name}: {step.title} ({step.system or 'people'}): {view.words}")
        for exception in state.work.open_exceptions():
            if exception.opened.step_id is None:
                found.append(f"{leaver.name}: {exception_words(exception, state, leaver.world)}")
        if not state.finished and not any(line.startswith(f"{leaver.name}:") for line in found):
            found.append(f"{leaver.name}: the run did not complete")
    return found


def _done(leaver: Leaver, step: PlannedStep) -> bool:
    return leaver.state.work.steps[step.step_id].status in ("verified", "attested")


def _found(leaver: Leaver, system: str) -> str:
    found = leaver.state.accounts.planned_on.get(system)
    if found is None:
        return ""
    accounts = leaver.state.accounts.of(system) or ()
    labels = ", ".join(clean(leaver.state.accounts.details[account]["label"]) for account in accounts)
    if not labels:
        return "no account"
    if system in leaver.state.accounts.settled:
        return f"{labels} (confirmed by an operator)"
    keys = found.matched_on.replace("_", " ").split(",")
    return f"{labels} (matched by {' and '.join(keys)})"


def _evidence(leaver: Leaver, history: Sequence[Recorded]) -> dict[str, str]:
    """What was read back after each step, by step id: of each account first all there is, then what is new."""
    known: dict[str, dict[str, Any]] = {}
    words: dict[str, str] = {}
    for recorded in history:
        if not isinstance(recorded.event, e.StepVerified | e.StepAttested):
            continue
        evidence = recorded.event.evidence or {}
        shown = evidence.get("read_back")
        reply = evidence.get("reply")
        if isinstance(recorded.event, e.StepAttested) and not recorded.event.by and isinstance(reply, Mapping):
            # Its effect cannot be read back: there is only the system's own response.
            system = leaver.world.pinned.platform.systems[leaver.state.plan.steps[recorded.event.step_id].system]
            words[recorded.event.step_id] = f"attested by {system.title}: {_words(reply)}"
            continue
        if not isinstance(shown, Mapping):
            words[recorded.event.step_id] = "; ".join(clean(str(value)) for value in evidence.values())
            continue
        step = leaver.state.plan.steps[recorded.event.step_id]
        before = known.setdefault(f"{step.system} {step.account_id}", {})
        fresh = {name: value for name, value in shown.items() if name not in before or before[name] != value}
        words[recorded.event.step_id] = ", ".join(_pairs(fresh)) or ", ".join(_pairs(shown)) or "as expected"
        before.update(shown)
    return words


def _words(reply: Mapping[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {_value(value)}" for name, value in reply.items()) or "done"


def _pairs(shown: Mapping[str, Any]) -> Iterator[str]:
    for name, value in shown.items():
        if name not in _TOLD_ELSEWHERE:
            yield f"{name.replace('_', ' ')} {_value(value)}"


def _value(value: Any) -> str:
    match value:
        case None | "" | [] | {}:
            return "none"
        case bool():
            return "yes" if value else "no"
        case list() if all(isinstance(one, str) for one in value):
            text = ", ".join(value)
            return clean(text) if len(text) <= MAX_VALUE_CHARACTERS else str(len(value))
        case list() | dict():
            return f"{len(value)} entries"
    text = clean(str(value))
    return text if len(text) <= MAX_VALUE_CHARACTERS else f"{text[:MAX_VALUE_CHARACTERS]}…"


def _length(length: timedelta) -> str:
    seconds = max(length.total_seconds(), 0.0)
    return f"{seconds:.1f} s" if seconds < 90 else rest_words(length)
