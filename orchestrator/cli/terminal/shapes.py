"""The state of a step or a run as a shape and a label, never as a colour alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from orchestrator.domain.organisation.roles import either
from orchestrator.vocabulary.durations import coarse
from orchestrator.vocabulary.states import FAILURE, RUN, STEP, WAITS_FOR, in_sentence, label

if TYPE_CHECKING:
    from rich.text import Text

ShapeKind = Literal[
    "verified", "attested", "running", "again", "question", "stopped", "gate", "task", "time", "hold", "waiting",
    "skipped", "withheld",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shape:
    """How one state is shown. `plain` replaces `mark` where the terminal knows ASCII only; `pressing` orders several
    steps, the most urgent first."""

    mark: str
    plain: str
    style: str
    word: str
    pressing: int


SHAPES: Mapping[ShapeKind, Shape] = {
    "verified": Shape("✓", "v", "green", label("verified", STEP), 0),
    "attested": Shape("✎", "a", "green", label("attested", STEP), 0),
    "skipped": Shape("–", "-", "dim", label("skipped", STEP), 0),
    "withheld": Shape("◌", "o", "dim", label("withheld", STEP), 0),
    "waiting": Shape("·", ".", "dim", label("predecessors", WAITS_FOR), 1),
    "time": Shape("◷", "c", "blue", label("time", WAITS_FOR), 2),
    "task": Shape("□", "T", "blue", "Task", 3),
    "gate": Shape("◆", "G", "blue", label("gate", WAITS_FOR), 4),
    "running": Shape("▶", ">", "cyan", label("started", STEP), 5),
    "hold": Shape("‖", "H", "yellow", label("hold", WAITS_FOR), 6),
    "again": Shape("↻", "r", "yellow", label("retrying", STEP), 7),
    "question": Shape("?", "?", "magenta", label("open_question", WAITS_FOR), 8),
    "stopped": Shape("✗", "X", "bold red", "Blocked", 9),
}

RUN_KINDS: Mapping[str, ShapeKind] = {
    "searching": "running",
    "awaiting_decision": "gate",
    "scheduled": "time",
    "in_progress": "running",
    "needs_attention": "stopped",
    "held": "hold",
    "clean": "verified",
    "with_exceptions": "attested",
    "shadow": "withheld",
    "ended": "skipped",
}


def run_words(status: str) -> tuple[ShapeKind, str]:
    """The shape and the label of a run's state."""
    return RUN_KINDS.get(status, "running"), label(status, RUN)


def code_words(code: str) -> str:
    """A failure code's label, for the middle of a sentence."""
    return in_sentence(label(code, FAILURE)) if code else "no reason given"


def role_words(roles: Iterable[str]) -> str:
    """`IT approver or safety owner`."""
    return either(roles)


def rest_words(rest: timedelta) -> str:
    """How long something still takes: `4 s`, `3 min`, `5 h`, `12 days`; nothing less than a second."""
    return coarse(max(rest, timedelta(seconds=1)))


@dataclass(frozen=True, slots=True)
class StepView:
    """Where one step stands: `words` say it whole, `short` in a dozen letters."""

    kind: ShapeKind
    words: str
    short: str


@dataclass(frozen=True, slots=True)
class Wait:
    """`who` has to do `what` before the run continues: a role, a system's title or the clock, never a person's name."""

    kind: ShapeKind
    who: str
    what: str


def mark(kind: ShapeKind, *, ascii_only: bool) -> Text:
    from rich.text import Text

    shape = SHAPES[kind]
    return Text().append(shape.plain if ascii_only else shape.mark, style=shape.style)
