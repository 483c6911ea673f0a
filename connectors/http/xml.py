"""Reads XML bodies as JSON values, without entities, documents from elsewhere, or attributes.

An element with elements in it becomes an object, any other one its text. Elements named `member` or `entry`, as AWS
names the items of a list, become a list. An empty list has the same form as an empty text, and is read as that.
"""

from __future__ import annotations

from typing import Any, NoReturn
from xml.parsers import expat

from connectors.http.answers import BodyForm

_ITEMS = frozenset({"member", "entry"})
_MAX_DEPTH = 50


def read_xml(body: bytes) -> Any:
    """An object with the root element's name, None for an empty body. Namespaces are dropped. Raises `ValueError` for
    what is not XML, has a document type, or repeats an element that is no item of a list."""
    if not body.strip():
        return None
    reading = _Reading()
    try:
        reading.parser.Parse(body, True)
    except (expat.ExpatError, LookupError):  # the second for an encoding that Python does not have
        raise ValueError("the body is not XML") from None
    return reading.root


class _Reading:
    def __init__(self) -> None:
        self.root: dict[str, Any] = {}
        self._open: list[tuple[str, dict[str, Any] | list[Any], list[str]]] = []
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = _refuse_document_type
        self.parser.StartElementHandler = self._begin
        self.parser.CharacterDataHandler = self._text
        self.parser.EndElementHandler = self._end

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._open) == _MAX_DEPTH:
            raise ValueError("nested too deeply")
        self._open.append((name.rpartition(":")[2], {}, []))

    def _text(self, text: str) -> None:
        self._open[-1][2].append(text)

    def _end(self, _: str) -> None:
        name, inside, texts = self._open.pop()
        text = "".join(texts)
        if inside and text.strip():
            raise ValueError("text and elements side by side")
        value = inside or (text if text.strip() else "")
        if not self._open:
            self.root = {name: value}
            return
        outer_name, outer, outer_texts = self._open[-1]
        if name in _ITEMS:
            items: list[Any] = outer if isinstance(outer, list) else []
            if items is not outer and outer:
                raise ValueError("a list with other elements")
            items.append(value)
            self._open[-1] = (outer_name, items, outer_texts)
        elif isinstance(outer, list) or name in outer:
            raise ValueError(f"{name} is repeated, or is inside a list")
        else:
            outer[name] = value


def _refuse_document_type(*_: object) -> NoReturn:
    raise ValueError("a document type is not read")


XML = BodyForm("XML", read_xml)
