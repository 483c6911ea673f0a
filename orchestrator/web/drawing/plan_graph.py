"""A run's plan as a graph: one box a step, from left to right by what needs what, each with its state and its gate.

Drawn from the run's document (`orchestrator/documents/runs/run.py`). A state is shown by shape, word and tone; a step
behind a gate carries the gate's name on its upper edge, with what was decided. A line is left out where another way
says the same. Each box leads to `#step-ID`, the step's row in the table beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup, escape

from orchestrator.documents.document import Document
from orchestrator.web.drawing.glyphs import glyph_at, mark_of
from orchestrator.web.drawing.layers import lay_out
from orchestrator.web.drawing.text import fit, width, wrap
from orchestrator.web.words import words

BOX: Final = (200.0, 72.0)
BETWEEN: Final = 52.0  # columns, where the lines run
GAP: Final = 20.0  # rows; a gate's name is drawn in it
EDGE: Final = 12.0
TITLE: Final = 12.5
SMALL: Final = 11.0
MARGIN: Final = 12.0


@dataclass(frozen=True, slots=True)
class _State:
    vocabulary: str
    code: str

    @property
    def word(self) -> str:
        return words(self.code, self.vocabulary)


def plan_graph(steps: Sequence[Document], gates: Sequence[Document] = (), *, id_: str = "plan-graph") -> Markup:
    """An `svg` element of a fixed size, for a region that scrolls. Empty where there are no steps. `id_` begins the ids
    inside, so that a page can have two graphs."""
    if not steps:
        return Markup("")
    named: dict[str, list[str]] = {}
    for step in steps:
        named.setdefault(str(step["name"]), []).append(str(step["step_id"]))
    needs = {
        str(step["step_id"]): [id_ for need in step.get("needs") or () for id_ in named.get(need, ())] for step in steps
    }
    layout = lay_out(needs, box_height=BOX[1], line_height=8.0, gap=GAP)
    decided = {step["step_id"]: gate for gate in gates for step in gate["steps"]}
    wide = EDGE * 2 + (max(layout.columns.values()) + 1) * (BOX[0] + BETWEEN) - BETWEEN
    high = EDGE * 2 + layout.height + 8
    lines, boxes = [], []
    done = {str(step["step_id"]) for step in steps if step["status"] in ("verified", "attested", "skipped", "withheld")}
    for (need, step_id), between in layout.ways.items():
        start = (_left(layout.columns[need]) + BOX[0], _top(layout.middles[need]))
        end = (_left(layout.columns[step_id]), _top(layout.middles[step_id]))
        lines.append(_line(start, end, layout.columns[need], [_top(y) for y in between], done=need in done))
    for step in steps:
        step_id = str(step["step_id"])
        at = (_left(layout.columns[step_id]), _top(layout.middles[step_id]) - BOX[1] / 2)
        boxes.append(_box(step, decided.get(step_id), at))
    return Markup(  # noqa: S704 - every text in it went through `escape`
        f'<svg class="plan-graph" id="{escape(id_)}" width="{wide:.0f}" height="{high:.0f}"'
        f' viewBox="0 0 {wide:.0f} {high:.0f}" role="group" aria-labelledby="{escape(id_)}-title"'
        f' aria-describedby="{escape(id_)}-desc"><title id="{escape(id_)}-title">The plan as a graph</title>'
        f'<desc id="{escape(id_)}-desc">{escape(description(steps))}</desc>'
        f'<g class="plan-lines">{"".join(lines)}</g>{"".join(boxes)}</svg>'
    )


def description(steps: Sequence[Document]) -> str:
    """The graph in a sentence or two, for readers who do not see it."""
    states: dict[str, int] = {}
    for step in steps:
        word = _state(step).word
        states[word] = states.get(word, 0) + 1
    often = sorted(states.items(), key=lambda pair: (-pair[1], pair[0]))
    totals = "; ".join(f"{word}: {number}" for word, number in often)
    number = "1 step" if len(steps) == 1 else f"{len(steps)} steps"
    return (
        f"{number}. {totals}. Lines connect each step to the steps it depends on. The table of steps has the same data."
    )


def _state(step: Document) -> _State:
    """The state of a step: what it waits for before the first attempt, then the result of the last one."""
    status = str(step["status"])
    waits = step.get("waits_for")
    if status != "planned":
        return _State("step", status)
    if waits is None and step.get("task_for"):
        return _State("task", "open")
    return _State("waits_for", str(waits)) if waits is not None else _State("step", status)


_BRIEF: Final = {
    "predecessors": "Waiting", "open_question": "Account match", "exception": "Blocked", "plan": "Waiting for plan",
    "legal_hold": "Legal hold",
}  # fmt: skip
"""Shorter forms of labels that are too long for a box with its system; the box's title has the whole label."""


def _brief(state: _State) -> str:
    if state.vocabulary == "task":
        return "Manual task"
    return _BRIEF.get(state.code, state.word) if state.vocabulary == "waits_for" else state.word


def _box(step: Document, gate: Document | None, at: tuple[float, float]) -> str:
    state = _state(step)
    shape, tone = mark_of(state.code, state.vocabulary)
    x, y = at
    lines = wrap(str(step["title"]), TITLE, BOX[0] - 2 * MARGIN)
    where = str(step.get("system") or "")
    word = fit(_brief(state), SMALL, BOX[0] - 2 * MARGIN - 20)
    room = BOX[0] - 2 * MARGIN - 20 - width(word, SMALL) - 8
    where = fit(where, SMALL, room) if room > 24 else ""
    first = y + (25 if len(lines) > 1 else 31)
    titles = "".join(
        f'<text class="plan-title" x="{x + MARGIN:g}" y="{first + number * 16:g}">{escape(line)}</text>'
        for number, line in enumerate(lines)
    )
    whole = f"{', '.join(filter(None, (step['title'], step.get('system'))))}: {state.word}"
    if gate is not None:
        whole += f". Approval {gate['gate']}: {words(gate['state'], 'gate')}"
    return (
        f'<a class="plan-step tone-{tone}" href="#step-{escape(step["step_id"])}"'
        f' aria-label="{escape(whole)}"><title>{escape(whole)}</title>'
        f'<rect class="plan-box" x="{x:g}" y="{y:g}" width="{BOX[0]:g}" height="{BOX[1]:g}" rx="8"/>'
        f'<rect class="plan-edge" x="{x:g}" y="{y + 10:g}" width="3" height="{BOX[1] - 20:g}" rx="1.5"/>'
        f"{titles}{glyph_at(shape, x + MARGIN - 1, y + BOX[1] - 24)}"
        f'<text class="plan-state" x="{x + MARGIN + 20:g}" y="{y + BOX[1] - 12:g}">{escape(word)}</text>'
        f'<text class="plan-where" x="{x + BOX[0] - MARGIN:g}" y="{y + BOX[1] - 12:g}" text-anchor="end">'
        f"{escape(where)}</text>{_gate_tab(step, gate, x, y)}</a>"
    )


def _gate_tab(step: Document, gate: Document | None, x: float, y: float) -> str:
    """The gate's name across the upper edge; nothing is decided yet where the gate has not been opened."""
    name = step.get("gate")
    if not name:
        return ""
    shape, tone = mark_of(gate["state"], "gate") if gate is not None else ("diamond", "quiet")
    label = fit(str(name), SMALL, BOX[0] - 56)
    wide = width(label, SMALL) + 30
    left = x + BOX[0] - wide - 8
    return (
        f'<g class="plan-gate tone-{tone}"><rect class="plan-tab" x="{left:g}" y="{y - 9:g}" width="{wide:g}"'
        f' height="18" rx="9"/><g transform="translate({left + 7:g} {y - 5:g}) scale(.625)">{glyph_at(shape, 0, 0)}</g>'
        f'<text class="plan-gate-name" x="{left + 21:g}" y="{y + 4:g}">{escape(label)}</text></g>'
    )


def _left(column: int) -> float:
    return EDGE + column * (BOX[0] + BETWEEN)


def _top(middle: float) -> float:
    return EDGE + 8 + middle


def _line(
    start: tuple[float, float], end: tuple[float, float], column: int, between: Sequence[float], *, done: bool
) -> str:
    """A curve from box to box which runs level through every column that it passes."""
    x, y = start
    path = [f"M{x:g} {y:.1f}"]
    for number, height in enumerate(between, start=column + 1):
        left = _left(number)
        path.append(_curve(x, y, left, height) + f"H{left + BOX[0]:g}")
        x, y = left + BOX[0], height
    path.append(_curve(x, y, end[0] - 5, end[1]))
    head = f"M{end[0] - 6:g} {end[1] - 3.5:.1f}L{end[0] - 1:g} {end[1]:.1f}L{end[0] - 6:g} {end[1] + 3.5:.1f}"
    return f'<path class="plan-line{" plan-line-done" if done else ""}" fill="none" d="{"".join(path)}{head}"/>'


def _curve(x: float, y: float, to_x: float, to_y: float) -> str:
    if abs(y - to_y) < 0.5:
        return f"L{to_x:g} {to_y:.1f}"
    middle = (x + to_x) / 2
    return f"C{middle:g} {y:.1f} {middle:g} {to_y:.1f} {to_x:g} {to_y:.1f}"
