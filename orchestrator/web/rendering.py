"""How pages are rendered: one Jinja2 environment with our filters, and addresses of static files that may be cached.

Everything is escaped, a name that a page does not know is an error, and no filter reads a clock: pages hand in `now`.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from pydantic_core import to_json

from orchestrator.documents.plain_words import sentence
from orchestrator.domain.invisible import shown
from orchestrator.vocabulary import durations
from orchestrator.vocabulary.states import in_sentence
from orchestrator.web import elements, times
from orchestrator.web.drawing import charts, glyphs
from orchestrator.web.drawing.plan_graph import plan_graph
from orchestrator.web.words import words

HERE: Final = Path(__file__).parent
STATIC: Final = HERE / "static"
TEMPLATES: Final = HERE / "templates"
SHORT: Final = 12
"""Characters of a hash or id that are shown; the whole is in the `title`."""


@functools.cache
def make_templates() -> Environment:
    """One for the process, since to compile all templates takes more than a second. Filters: `instant`, `lasting` (a
    length of time), `length` (the same, and the number of what can be counted), `ago`, `timing`, `short`, `words`,
    `in_sentence`, `sentence`, `account_label`, `person_label`, `pretty`. Globals: `static_url(name)`, `glyph(shape)`,
    `mark_of(code, vocabulary)`, `plan_graph(steps, gates)`, `charts` and `elements`."""
    environment = _Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
        finalize=_without_steering,
    )
    environment.filters.update(
        instant=times.instant,
        lasting=durations.length,
        length=length,
        ago=times.ago,
        timing=times.timing,
        short=short,
        words=words,
        in_sentence=in_sentence,
        sentence=sentence,
        account_label=account_label,
        person_label=person_label,
        pretty=pretty,
    )
    environment.globals.update(
        static_url=static_urls(),
        elements=elements,
        glyph=glyphs.glyph,
        mark_of=glyphs.mark_of,
        plan_graph=plan_graph,
        charts=charts,
    )
    return environment


def _without_steering(value: Any) -> Any:
    """What people and systems wrote changes no text around it. Markup is made here, from values that passed."""
    return shown(value) if type(value) is str else value


class _Environment(Environment):
    """`step.title` asks a document for its field first: documents are what templates ask most, and a field that is
    called like a method of theirs is meant."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        if type(obj) is dict and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)


def static_urls() -> Callable[[str], str]:
    """`/static/NAME?v=…`, the beginning of the content's hash, so that an answer may be kept for a year. Hashes are
    taken once, here. A name that is not there is a `KeyError`."""
    versions = {
        path.relative_to(STATIC).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        for path in sorted(STATIC.rglob("*"))
        if path.is_file()
    }
    return lambda name: f"/static/{name}?v={versions[name]}"


def length(value: Any) -> str | int:
    """Of a time in words, of a list or a text its number, as Jinja's own."""
    return durations.length(value) if value is None or isinstance(value, timedelta | int | float) else len(value)


def short(value: str | None) -> str:
    return (value or "")[:SHORT]


def account_label(account: Mapping[str, Any] | None) -> str:
    """The system's name of an account; the beginning of its opaque id once the name is erased."""
    if account is None:
        return ""
    return str(account.get("label") or short(account.get("account_id")))


def person_label(person: Mapping[str, Any] | None) -> str:
    if person is None:
        return "Erased person"
    return str(person.get("name") or person.get("employee_number") or "Erased person")


def pretty(value: Any) -> str:
    """Evidence and event data as text to be read: JSON, indented, keys in their order."""
    return to_json(value, indent=2, fallback=str).decode()
