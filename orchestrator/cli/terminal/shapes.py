"""How the standing of a step or a run is shown: by a shape and by words, never by colour alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from rich.text import Text

from orchestrator.domain.organisation.roles import either

Kind = Literal[
    "verified", "attested", "running", "again", "question", "stopped", "gate", "task", "time", "hold", "waiting",
    "left_out", "withheld",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shape:
    """How one kind of standing is shown. `plain` stands in for `mark` where the terminal knows ASCII only; `pressing`
    says which of several steps a person would want to hear of first."""

    mark: str
    plain: str
    style: str
    word: str
    pressing: int


SHAPES: Mapping[Kind, Shape] = {
    "verified": Shape("✓", "v", "green", "verified", 0),
    "attested": Shape("✎", "a", "green", "attested", 0),
    "left_out": Shape("–", "-", "dim", "left out", 0),
    "withheld": Shape("◌", "o", "dim", "withheld", 0),
    "waiting": Shape("·", ".", "dim", "waits its turn", 1),
    "time": Shape("◷", "c", "blue", "waits for its time", 2),
    "task": Shape("□", "T", "blue", "task for a person", 3),
    "gate": Shape("◆", "G", "blue", "waits at a gate", 4),
    "running": Shape("▶", ">", "cyan", "under way", 5),
    "hold": Shape("‖", "H", "yellow", "on hold", 6),
    "again": Shape("↻", "r", "yellow", "tries again", 7),
    "question": Shape("?", "?", "magenta", "whose account?", 8),
    "stopped": Shape("✗", "X", "bold red", "stopped", 9),
}

RUN_WORDS: Mapping[str, tuple[Kind, str]] = {
    "searching": ("running", "looking for accounts"),
    "awaiting_decision": ("gate", "to be decided"),
    "scheduled": ("time", "scheduled"),
    "in_progress": ("running", "under way"),
    "needs_attention": ("stopped", "needs attention"),
    "held": ("hold", "on hold"),
    "clean": ("verified", "closed"),
    "with_exceptions": ("attested", "closed, with exceptions"),
    "shadow": ("withheld", "closed, shadow only"),
    "ended": ("left_out", "ended by a person"),
}

_CODES = {
    "unreachable": "it does not answer",
    "connection_lost": "the connection broke off",
    "deadline_over": "it took too long",
    "too_many_requests": "it asked us to slow down",
    "system_failed": "it failed",
    "error_in_answer": "it said no",
    "refused": "it said no",
    "credential_refused": "it refused our credential",
    "answer_not_understood": "its answer makes no sense",
    "not_shown": "it does not show the change",
    "parameter_unknown": "a value that the step needs is missing",
    "recipient_not_found": "nobody is there to take it over",
    "recipient_not_usable": "whoever was to take it over cannot",
    "setting_missing": "a setting is missing",
    "not_found": "the account is gone",
}


def code_words(code: str) -> str:
    """A connector's code in plain words; one that is new to us is shown as it is."""
    return _CODES.get(code, code.replace("_", " ") or "no reason was given")


def role_words(roles: Iterable[str]) -> str:
    """`IT approver or safety owner`."""
    return either(roles)


def seconds_words(length: timedelta) -> str:
    """`4 s`, `3 min`, `5 h`, `12 days`."""
    seconds = max(length.total_seconds(), 0.0)
    if seconds < 90:
        return f"{math.ceil(seconds)} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"


@dataclass(frozen=True, slots=True)
class StepView:
    """Where one step stands: `words` say it whole, `short` in a dozen letters."""

    kind: Kind
    words: str
    short: str


@dataclass(frozen=True, slots=True)
class Wait:
    """`who` has to do `what` before the run goes on; nobody's name, but a role, a system's title or the clock."""

    kind: Kind
    who: str
    what: str


def mark(kind: Kind, *, ascii_only: bool) -> Text:
    shape = SHAPES[kind]
    return Text().append(shape.plain if ascii_only else shape.mark, style=shape.style)
