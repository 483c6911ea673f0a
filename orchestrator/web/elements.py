"""Small elements of which a page has hundreds, as markup: instants and the marks of states.

The same few come again and again, so each is put together once and kept; a macro's call costs several times as much.
`parts/times.html` and `parts/marks.html` hand them on to templates.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from markupsafe import Markup, escape

from orchestrator.vocabulary.states import in_sentence
from orchestrator.web import times
from orchestrator.web.drawing.glyphs import glyph, mark_of
from orchestrator.web.times import Instant, moment
from orchestrator.web.words import words

MAX_CACHED: Final = 4096

NOT_YET: Final = Markup('<span class="soft" aria-hidden="true">–</span><span class="only-heard">not yet</span>')
_NOTHING: Final = Markup("")


def instant(at: Instant, zone: str | None, person_zone: str | None = None, seconds: bool = False) -> Markup:
    """`<time>`, in UTC for programs and in the reader's zone for people; the person's clock beside it where it
    differs."""
    known = moment(at)
    return NOT_YET if known is None else _instant(known, zone, person_zone, seconds)


def ago(at: Instant, now: datetime, zone: str | None) -> Markup:
    """How long ago, and the whole instant as its title."""
    known = moment(at)
    return NOT_YET if known is None else _titled(known, zone, times.ago(known, now))


def mark(code: object, vocabulary: str, filled: bool = False, label: str | None = None) -> Markup:
    """A state's shape and word. Nothing for None."""
    if code is None:
        return _NOTHING
    return _mark(str(getattr(code, "value", code)), vocabulary, filled, label)


def step_mark(step: dict[str, Any]) -> Markup:
    """The mark of a step's document: what a planned or retried step waits for, else its status."""
    if step["status"] in ("planned", "retrying") and step["waits_for"] is not None:
        return mark(step["waits_for"], "waits_for")
    if step["status"] != "planned":
        return mark(step["status"], "step")
    if step["task_for"]:
        return mark("open", "task", label=f"Task for {in_sentence(words(step['task_for'], 'role'))}")
    return mark("planned", "step")


def timing_mark(at: Instant, now: datetime) -> Markup:
    """How much time is left or how late it is, with a shape where that presses."""
    if at is None:
        return _NOTHING
    pressing, said = times.timing(at, now), times.until(at, now)
    if pressing:
        return mark(pressing, "timing", label=said)
    return Markup(f'<span class="soft">{escape(said)}</span>')  # noqa: S704 - what was put in is escaped


@lru_cache(maxsize=MAX_CACHED)
def _instant(at: datetime, zone: str | None, person_zone: str | None, seconds: bool) -> Markup:
    said = times.instant(at, zone, seconds=seconds)
    return _element(at, said) + _beside(at, zone, person_zone)


def _titled(at: datetime, zone: str | None, said: str) -> Markup:
    return _element(at, said, title=times.instant(at, zone))


def _element(at: datetime, said: str, title: str | None = None) -> Markup:
    titled = f' title="{escape(title)}"' if title is not None else ""
    return Markup(f'<time datetime="{times.iso(at)}"{titled}>{escape(said)}</time>')  # noqa: S704 - as above


def _beside(at: datetime, zone: str | None, person_zone: str | None) -> Markup:
    other = times.beside(at, zone, person_zone)
    return Markup(f' <span class="beside">({escape(other)})</span>') if other else _NOTHING  # noqa: S704 - as above


# Typed, since a text and markup of the same letters are equal and must not be taken for each other.
@lru_cache(maxsize=MAX_CACHED, typed=True)
def _mark(code: str, vocabulary: str, filled: bool, label: str | None) -> Markup:
    shape, tone = mark_of(code, vocabulary)
    said = escape(label if label is not None else words(code, vocabulary))
    return Markup(  # noqa: S704 - as above
        f'<span class="mark tone-{tone}{" mark-filled" if filled else ""}">{glyph(shape)}<span>{said}</span></span>'
    )
