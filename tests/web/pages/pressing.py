"""Pressing a button on a page as a browser without JavaScript would: with the form's own fields as they are there,
what is filled in and ticked, and nothing else."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import httpx

from tests.web.visitor import Visitor

NEXT = re.compile(r'rel="next" href="([^"]+)"')
VOID = {"input", "br", "meta", "link", "img", "hr"}


@dataclass
class Field:
    name: str
    value: str
    kind: str
    on: bool = True


@dataclass
class Button:
    text: str
    name: str | None
    value: str
    inside: frozenset[str]


@dataclass
class PageForm:
    action: str
    method: str
    id: str
    multipart: bool
    fields: list[Field] = field(default_factory=list)
    buttons: list[Button] = field(default_factory=list)


class ParsedPage(HTMLParser):
    """A page's forms, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[PageForm] = []
        self.words: list[str] = []
        self._open: list[tuple[str, str]] = []
        self._form: PageForm | None = None
        self._button: Button | None = None
        self._area: Field | None = None
        self._choice: Field | None = None
        self._elsewhere: list[tuple[str, Field]] = []
        self._hidden = 0
        self.feed(text)
        for form_id, one in self._elsewhere:
            next(form for form in self.forms if form.id == form_id).fields.append(one)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        if tag not in VOID:
            self._open.append((tag, given.get("id", "")))
        if tag in ("script", "style"):
            self._hidden += 1
        if tag == "form":
            self._form = PageForm(
                given.get("action", ""),
                given.get("method", "get"),
                given.get("id", ""),
                given.get("enctype") == "multipart/form-data",
            )
            self.forms.append(self._form)
        elif tag == "input" and "name" in given:
            kind = given.get("type", "text")
            on = "checked" in given if kind in ("checkbox", "radio") else kind != "file"
            self._keep(Field(given["name"], given.get("value", ""), kind, on), given)
        elif tag == "textarea":
            self._area = Field(given["name"], "", "textarea")
            self._keep(self._area, given)
        elif tag == "select":
            self._choice = Field(given["name"], "", "select")
            self._keep(self._choice, given)
        elif tag == "option" and self._choice is not None and "selected" in given:
            self._choice.value = given.get("value", "")
        elif tag == "button" and self._form is not None:
            inside = frozenset(id_ for _, id_ in self._open if id_)
            self._button = Button("", given.get("name"), given.get("value", ""), inside)
            self._form.buttons.append(self._button)

    def _keep(self, one: Field, given: Mapping[str, str]) -> None:
        if "form" in given:
            self._elsewhere.append((given["form"], one))
        elif self._form is not None:
            self._form.fields.append(one)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Shapes inside of drawings: nothing is in them."""

    def handle_endtag(self, tag: str) -> None:
        if any(tag == opened for opened, _ in self._open):
            while self._open.pop()[0] != tag:
                pass
        if tag in ("script", "style"):
            self._hidden -= 1
        if tag == "form":
            self._form = None
        elif tag == "button":
            self._button = None
        elif tag == "textarea":
            self._area = None
        elif tag == "select":
            self._choice = None

    def handle_data(self, data: str) -> None:
        if self._button is not None:
            self._button.text = " ".join(f"{self._button.text} {data}".split())
        if self._area is not None:
            self._area.value += data
        if not self._hidden:
            self.words.append(data)

    def button(self, label: str, inside: str | None = None) -> tuple[PageForm, Button]:
        """The only button whose text begins so, within the element with this id."""
        found = [
            (form, one)
            for form in self.forms
            for one in form.buttons
            if one.text.startswith(label) and (inside is None or inside in one.inside)
        ]
        assert len(found) == 1, (label, inside, [one.text for form in self.forms for one in form.buttons])
        return found[0]

    def has_button(self, label: str, inside: str | None = None) -> bool:
        return any(
            one.text.startswith(label) and (inside is None or inside in one.inside)
            for form in self.forms
            for one in form.buttons
        )


async def page_with(visitor: Visitor, path: str, place: str | None) -> str:
    """The page of a list on which this place is; the last one where it is on none."""
    while True:
        text = (await visitor.get(path)).text
        on = NEXT.search(text)
        if place is None or f'id="{place}"' in text or on is None:
            return text
        path = html.unescape(on[1])


async def press(
    visitor: Visitor,
    path: str,
    label: str,
    *,
    inside: str | None = None,
    fill: Mapping[str, str] | None = None,
    tick: Iterable[str] = (),
    files: Iterable[tuple[str, bytes]] = (),
) -> httpx.Response:
    """Opens the page (of a list the one that has `inside`) and presses the button, with `fill` by the fields' names and
    `tick` by the checkboxes' values. Redirects are followed."""
    page = ParsedPage(await page_with(visitor, path, inside))
    form, button = page.button(label, inside)
    wanted, ticked = dict(fill or {}), set(tick)
    data: dict[str, list[str]] = {}
    for one in form.fields:
        if one.kind == "checkbox":
            one.on = one.on != (one.value in ticked)
            ticked.discard(one.value)
        elif one.kind == "file":
            continue
        if one.on:
            data.setdefault(one.name, []).append(wanted.pop(one.name, one.value))
    assert not wanted, f"the form has no field {', '.join(wanted)}"
    assert not ticked, f"the form has no checkbox {', '.join(ticked)}"
    if button.name is not None:
        data.setdefault(button.name, []).append(button.value)
    more: dict[str, Any] = {}
    if form.multipart:
        more["files"] = [("files", (name, content)) for name, content in files] or [("files", ("", b""))]
    if form.method == "get":
        return await visitor.get(form.action, params=data)
    return await visitor.post(form.action, data=data, **more)
