"""The shapes that tell states apart without colour, sixteen units square, and the shape of each state.

A shape has the colour of the text around it; parts that are cut out of it (class `glyph-cut`) have the colour of the
background. The word is always beside it, so glyphs are hidden from screen readers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from markupsafe import Markup

from orchestrator.vocabulary.events import EVENTS
from orchestrator.vocabulary.tones import Tone

_LINE: Final = 'fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round"'
_CUT: Final = 'class="glyph-cut" fill="none" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round"'
_DISC: Final = '<circle cx="8" cy="8" r="7" fill="currentColor"/>'
_RING: Final = f'<circle cx="8" cy="8" r="6.2" {_LINE}/>'

SHAPES: Final[Mapping[str, str]] = {
    "check": f'{_DISC}<path d="M4.9 8.3 7.1 10.5 11.2 5.8" {_CUT}/>',
    "signed": f'{_RING}<path d="M5 8.3 7.1 10.4 11 6" {_LINE}/>',
    "ring": _RING,
    "dashes": f'<circle cx="8" cy="8" r="6.2" {_LINE} stroke-dasharray="1.6 3.27"/>',
    "play": f'{_DISC}<path d="M6.7 5.4 10.8 8 6.7 10.6Z" class="glyph-cut" stroke-width="1" stroke-linejoin="round"/>',
    "again": f'<path d="M13.4 8.6A5.5 5.5 0 1 1 11.6 4" {_LINE}/><path d="M12.2 1.4V4.4H9.2" {_LINE}/>',
    "cross": f'{_DISC}<path d="M5.4 5.4 10.6 10.6M10.6 5.4 5.4 10.6" {_CUT}/>',
    # In a disc: in a diamond it would look like the mark for a letter which cannot be shown.
    "question": f'{_DISC}<path d="M6.1 6.2a1.9 1.9 0 1 1 2.9 1.7c-.6.4-1 .7-1 1.4M8 11.6v.1" {_CUT}/>',
    "minus": f'{_RING}<path d="M5.2 8H10.8" {_LINE}/>',
    "clock": f'{_RING}<path d="M8 4.6V8.2L10.4 9.6" {_LINE}/>',
    "diamond": f'<path d="M8 1.2 14.8 8 8 14.8 1.2 8Z" {_LINE}/>',
    "diamond_full": '<path d="M8 1.2 14.8 8 8 14.8 1.2 8Z" fill="currentColor" stroke="currentColor"/>'
    f'<path d="M5.5 8.2 7.3 10 10.6 6.5" {_CUT}/>',
    "diamond_cross": '<path d="M8 1.2 14.8 8 8 14.8 1.2 8Z" fill="currentColor" stroke="currentColor"/>'
    f'<path d="M6 6 10 10M10 6 6 10" {_CUT}/>',
    "square": f'<rect x="2.2" y="2.2" width="11.6" height="11.6" rx="2.2" {_LINE}/>',
    "pause": f'{_DISC}<path d="M6.2 5.4V10.6M9.8 5.4V10.6" {_CUT}/>',
    "search": f'<circle cx="6.8" cy="6.8" r="4.6" {_LINE}/><path d="M10.3 10.3 14 14" {_LINE}/>',
    "triangle": '<path d="M8 1.6 15 14H1Z" fill="currentColor" stroke="currentColor" stroke-linejoin="round"/>'
    f'<path d="M8 6V9.4M8 11.6v.1" {_CUT}/>',
    "eye": f'<path d="M1.4 8S3.8 3.6 8 3.6 14.6 8 14.6 8 12.2 12.4 8 12.4 1.4 8 1.4 8Z" {_LINE}/>'
    '<circle cx="8" cy="8" r="2" fill="currentColor"/>',
    "one_bar": '<path d="M2 10h3v4H2z" fill="currentColor"/>'
    f'<path d="M6.6 7h2.8v7H6.6zM11.2 3.4H14V14h-2.8z" {_LINE} stroke-opacity=".55"/>',
    "two_bars": '<path d="M2 10h3v4H2zM6.4 6.8h3.2V14H6.4z" fill="currentColor"/>'
    f'<path d="M11.2 3.4H14V14h-2.8z" {_LINE} stroke-opacity=".55"/>',
    "three_bars": '<path d="M2 10h3v4H2zM6.4 6.8h3.2V14H6.4zM11 3h3.2v11H11z" fill="currentColor"/>',
    "pen": f'<path d="M2.4 13.6 3.2 10.4 10.8 2.8a1.5 1.5 0 0 1 2.2 0l.2.2a1.5 1.5 0 0 1 0 2.2L5.6 12.8Z" {_LINE}/>',
    "fold": f'<path d="M4 6.2 8 10.2 12 6.2" {_LINE}/>',
    "dot": '<circle cx="8" cy="8" r="3" fill="currentColor"/>',
    "flag": f'<path d="M3.6 14.6V2M3.6 2.6H12.6L10.4 5.8 12.6 9H3.6" {_LINE}/>',
}

_GlyphsByCode = Mapping[str, tuple[str, Tone]]

RUN: Final[_GlyphsByCode] = {
    "searching": ("search", "active"), "awaiting_decision": ("diamond", "active"), "scheduled": ("clock", "active"),
    "in_progress": ("play", "active"), "needs_attention": ("triangle", "bad"), "held": ("pause", "warn"),
    "clean": ("check", "good"), "with_exceptions": ("signed", "warn"), "shadow": ("dashes", "quiet"),
    "ended": ("minus", "quiet"), "open": ("ring", "active"), "finished": ("check", "quiet"),
}  # fmt: skip
STEP: Final[_GlyphsByCode] = {
    "planned": ("ring", "quiet"), "started": ("play", "active"), "retrying": ("again", "warn"),
    "failed": ("cross", "bad"), "unknown": ("question", "bad"), "verified": ("check", "good"),
    "attested": ("signed", "good"), "skipped": ("minus", "quiet"), "withheld": ("dashes", "quiet"),
}  # fmt: skip
WAITS_FOR: Final[_GlyphsByCode] = {
    "predecessors": ("ring", "quiet"), "time": ("clock", "active"), "gate": ("diamond", "active"),
    "another_attempt": ("again", "warn"), "lease": ("play", "active"), "hold": ("pause", "warn"),
    "fresh_look": ("search", "active"), "open_question": ("question", "warn"), "task": ("square", "active"),
    "exception": ("triangle", "bad"), "level": ("one_bar", "bad"), "plan": ("pen", "warn"),
    "legal_hold": ("pause", "warn"), "nothing": ("minus", "quiet"),
}  # fmt: skip
GATE: Final[_GlyphsByCode] = {
    "open": ("diamond", "active"), "approved": ("diamond_full", "good"), "rejected": ("diamond_cross", "bad"),
    "withdrawn": ("minus", "quiet"),
}  # fmt: skip
TASK: Final[_GlyphsByCode] = {
    "open": ("square", "active"), "done": ("signed", "good"), "not_done": ("cross", "bad"),
    "withdrawn": ("minus", "quiet"),
}  # fmt: skip
EXCEPTION_STATE: Final[_GlyphsByCode] = {
    "open": ("triangle", "bad"), "waived": ("clock", "warn"), "closed": ("check", "quiet"),
}  # fmt: skip
SEARCH: Final[_GlyphsByCode] = {
    "matched": ("check", "good"), "none": ("minus", "quiet"), "ambiguous": ("question", "warn"),
    "weak": ("question", "warn"), "failed": ("cross", "bad"), "settled": ("signed", "good"),
}  # fmt: skip
LEVEL: Final[_GlyphsByCode] = {
    "read": ("eye", "quiet"), "prepare": ("one_bar", "quiet"), "stage": ("two_bars", "quiet"),
    "change": ("three_bars", "active"),
}  # fmt: skip
PHASE: Final[_GlyphsByCode] = {
    "draft": ("pen", "quiet"), "shadow": ("dashes", "quiet"), "pilot": ("flag", "active"),
    "production": ("check", "good"), "retired": ("minus", "quiet"),
}  # fmt: skip
TIMING: Final[_GlyphsByCode] = {"late": ("triangle", "bad"), "soon": ("clock", "warn")}
REVERSIBLE: Final[_GlyphsByCode] = {"no": ("cross", "warn"), "yes": ("again", "quiet"), "limited": ("clock", "quiet")}
VERDICT: Final[_GlyphsByCode] = {"approve": ("diamond_full", "good"), "reject": ("diamond_cross", "bad")}
REACHABLE: Final[_GlyphsByCode] = {"yes": ("check", "good"), "no": ("cross", "bad"), "unknown": ("question", "quiet")}
TEST_OUTCOME: Final[_GlyphsByCode] = {
    "passed": ("check", "good"), "partly": ("triangle", "warn"), "failed": ("cross", "bad"),
    "skipped": ("minus", "quiet"),
}  # fmt: skip
EVENT: Final[_GlyphsByCode] = {name: (known.glyph, known.tone) for name, known in EVENTS.items()}

MARKS: Final[Mapping[str, _GlyphsByCode]] = {
    "run": RUN, "step": STEP, "waits_for": WAITS_FOR, "gate": GATE, "task": TASK, "exception_state": EXCEPTION_STATE,
    "search": SEARCH, "level": LEVEL, "phase": PHASE, "timing": TIMING, "reversible": REVERSIBLE, "verdict": VERDICT,
    "reachable": REACHABLE, "test_outcome": TEST_OUTCOME, "event": EVENT,
}  # fmt: skip
"""By the same names as the vocabularies of `words`."""


def mark_of(code: object, vocabulary: str) -> tuple[str, Tone]:
    """Shape and tone of a code; an unknown code has a quiet dot beside its word."""
    return MARKS[vocabulary].get(str(getattr(code, "value", code)), ("dot", "quiet"))


def glyph(shape: str) -> Markup:
    """The shape as an element of its own. A `KeyError` where there is no such shape."""
    drawn = (
        '<svg class="glyph" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">'
        f"{SHAPES[shape]}</svg>"
    )
    return Markup(drawn)  # noqa: S704 - constants of this module


def glyph_at(shape: str, x: float, y: float) -> str:
    """The shape inside another drawing, its upper left corner at (x, y)."""
    return f'<g class="glyph" transform="translate({x:g} {y:g})">{SHAPES[shape]}</g>'
