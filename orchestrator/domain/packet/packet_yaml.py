"""YAML as packets use it: read with line numbers, and without YAML's surprises.

A subset of YAML 1.2 (https://yaml.org/spec/1.2.2, core schema): plain `true` and `false` are the only truth values
(so the country `NO` stays a text), numbers are numbers, everything else is text, dates too. A key written twice,
anchors and aliases, tags and several documents in one file are refused: what a reviewer reads is what is meant.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import yaml
from pydantic import BaseModel, ConfigDict

from orchestrator.domain.errors import Invalid
from orchestrator.domain.invisible import first_invisible
from orchestrator.domain.packet.formulas import Path

MAX_FILE_BYTES: Final = 256 * 1024
MAX_NODES: Final = 30_000
"""Names, values, lists and maps of a file that a new version may have. The starter packets have fewer than 500."""

Lines = dict[Path, int]


class PacketProblem(BaseModel):
    """Something wrong with a packet. `line` counts from 1; `field` is the place in the file, `steps[2].when`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    line: int | None = None
    field: str = ""
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        said = f"{place} {self.field}: {self.message}" if self.field else f"{place}: {self.message}"
        return f"{said} ({self.remedy})" if self.remedy else said


class PacketProblems(Invalid):
    """Everything that is wrong with a packet, at once. Code `packet_problems`."""

    def __init__(self, problems: list[PacketProblem]) -> None:
        count = "one problem" if len(problems) == 1 else f"{len(problems)} problems"
        listed = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(
            "packet_problems",
            f"The packet has {count}:\n{listed}",
        )
        self.problems = problems


def field_text(path: Path) -> str:
    """`("steps", 2, "when")` as people write it: `steps[2].when`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else part)
    return text


class YamlDocument:
    """A file that was read: `data` is its content (None if it could not be read), `lines` the line of each value."""

    def __init__(self, file: str, data: Any, lines: Lines, problems: list[PacketProblem]) -> None:
        self.file = file
        self.data = data
        self.lines = lines
        self.problems = problems

    def line(self, path: Path) -> int | None:
        """The line of this place, or of the nearest place around it that is in the file."""
        for length in range(len(path), -1, -1):
            if (found := self.lines.get(path[:length])) is not None:
                return found
        return None

    def problem(self, path: Path, message: str, remedy: str = "", *, lines_on: int = 0) -> PacketProblem:
        """A problem at a place of this file; `lines_on` counts lines within a text of several lines."""
        line = self.line(path)
        return PacketProblem(
            file=self.file,
            line=line + lines_on if line is not None else None,
            field=field_text(path),
            message=message,
            remedy=remedy,
        )


def read_yaml(file: str, content: bytes, max_nodes: int | None = None) -> YamlDocument:
    """Never raises: faults are in the document's problems. A file with more than `max_nodes` is not read to
    its end."""
    document = YamlDocument(file, None, {}, [])

    def refuse(line: int | None, message: str, remedy: str) -> YamlDocument:
        document.problems.append(PacketProblem(file=file, line=line, message=message, remedy=remedy))
        return document

    if len(content) > MAX_FILE_BYTES:
        return refuse(None, f"is larger than {MAX_FILE_BYTES // 1024} KiB", "keep one workflow in one packet")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as broken:
        line = content[: broken.start].count(b"\n") + 1
        return refuse(line, "is not UTF-8 text", "save the file with the encoding UTF-8")
    try:
        root = _Loader(text, max_nodes).get_single_node()
    except yaml.reader.ReaderError as broken:
        # Its position counts characters of the text.
        line = text[: broken.position].count("\n") + 1
        return refuse(line, "has a character that YAML does not allow", "remove it")
    except _NotUsedHere as refused:
        return refuse(refused.line, refused.message, "write it without this YAML feature")
    except _TooManyNodes as refused:
        return refuse(refused.line, f"has more than {max_nodes} entries", "keep one workflow in one packet")
    except yaml.MarkedYAMLError as broken:
        mark = broken.problem_mark or broken.context_mark
        said = "; ".join(part for part in (broken.context, broken.problem) if part)
        return refuse(mark.line + 1 if mark else None, f"is not well-formed: {said}", "correct the YAML at this line")
    except RecursionError:
        return refuse(None, "is nested too deeply", "use fewer levels")
    except (ValueError, OverflowError):  # PyYAML lets them through for an escape such as "\\Uffffffff"
        return refuse(None, "has an escape sequence for a character that does not exist", "write the character itself")
    if not isinstance(root, yaml.MappingNode):
        return refuse(1, "does not have 'name: value' lines", "start from one of the starter packets")
    document.lines[()] = 1
    try:
        document.data = _construct(document, root, ())
    except RecursionError:
        return refuse(None, "is nested too deeply", "use fewer levels")
    return document


def invisible_characters(file: str, content: bytes) -> list[PacketProblem]:
    """Characters that a reviewer does not see. An escape for one (`\\u202e`) is seen, and pages show it replaced."""
    lines = content.decode("utf-8", "replace").removeprefix("\ufeff").split("\n")
    found = ((number, _first_unseen(line.removesuffix("\r"))) for number, line in enumerate(lines, 1))
    return [
        PacketProblem(
            file=file,
            line=number,
            message=f"has the invisible character U+{ord(character[0]):04X}",
            remedy="remove it: reviewers would not see what it does",
        )
        for number, character in found
        if character is not None
    ]


def _first_unseen(line: str) -> re.Match[str] | None:
    return first_invisible(line) or _LINE_END.search(line)


class _NotUsedHere(Exception):
    """YAML that is right, and that packets do without."""

    def __init__(self, event: yaml.Event, message: str) -> None:
        super().__init__(message)
        self.line = event.start_mark.line + 1 if event.start_mark is not None else None
        self.message = message


class _TooManyNodes(Exception):
    def __init__(self, event: yaml.Event) -> None:
        super().__init__()
        self.line = event.start_mark.line + 1 if event.start_mark is not None else None


class _Loader(
    yaml.reader.Reader,
    yaml.scanner.Scanner,
    yaml.parser.Parser,
    yaml.composer.Composer,
    yaml.resolver.BaseResolver,
):
    """PyYAML's own parts without its YAML 1.1 rules for what a plain word means."""

    def __init__(self, text: str, max_nodes: int | None) -> None:
        self._nodes_left = max_nodes
        yaml.reader.Reader.__init__(self, text)
        yaml.scanner.Scanner.__init__(self)
        yaml.parser.Parser.__init__(self)
        yaml.composer.Composer.__init__(self)
        yaml.resolver.BaseResolver.__init__(self)

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]  # types-PyYAML leaves the parser untyped
        if self._nodes_left is not None:
            self._nodes_left -= 1
            if self._nodes_left < 0:
                raise _TooManyNodes(event)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise _NotUsedHere(event, "anchors and aliases are not supported")
        if getattr(event, "tag", None) is not None:
            raise _NotUsedHere(event, "tags ('!') are not supported")
        if isinstance(event, yaml.ScalarEvent) and _LONE_SURROGATE.search(str(event.value)):
            raise _NotUsedHere(event, "an escape sequence is for a character that does not exist")
        return super().compose_node(parent, index)


_LINE_END: Final = re.compile("[\r\u2028\u2029]")
"""YAML begins a line after each of these, and many editors show the text after it in the same line."""
_LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_INTEGER: Final = re.compile(r"[-+]?\d{1,18}")
_NUMBER: Final = re.compile(r"[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?")


def _construct(document: YamlDocument, node: yaml.Node, path: Path) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node)
    if isinstance(node, yaml.SequenceNode):
        items = []
        for index, inner in enumerate(node.value):
            document.lines[(*path, index)] = inner.start_mark.line + 1
            items.append(_construct(document, inner, (*path, index)))
        return items
    found: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            document.problems.append(
                PacketProblem(
                    file=document.file, line=line, field=field_text(path), message="a name must be plain text"
                )
            )
            continue
        key = str(key_node.value)
        if key in found:
            document.problems.append(
                PacketProblem(
                    file=document.file,
                    line=line,
                    field=field_text((*path, key)),
                    message=f"{key!r} occurs twice, first in line {document.lines[(*path, key)]}",
                    remedy="keep one of them",
                )
            )
            continue
        document.lines[(*path, key)] = line
        found[key] = None  # so that a double is seen even inside its own value's faults
        found[key] = _construct(document, value_node, (*path, key))
        if isinstance(value_node, yaml.ScalarNode) and value_node.style in ("|", ">"):
            document.lines[(*path, key)] = value_node.start_mark.line + 2  # a block's text begins on the next line
    return found


def _scalar(node: yaml.ScalarNode) -> Any:
    text = str(node.value)
    if node.style is not None:
        return text
    if text in ("", "~", "null"):
        return None
    if text in ("true", "false"):
        return text == "true"
    if _INTEGER.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text):
        return float(text)
    return text


def read_documents(files: Mapping[str, bytes], max_nodes: int | None = None) -> dict[str, YamlDocument]:
    """By name. Files of a packet in the ledger (without `max_nodes`) are often the same as a moment ago: a page of a
    packet reads them to give the lines of notices. Nothing changes a document that was read."""
    if max_nodes is not None:
        return {name: read_yaml(name, content, max_nodes) for name, content in files.items()}
    return {name: _known_document(name, content) for name, content in files.items()}


@lru_cache(maxsize=12)
def _known_document(file: str, content: bytes) -> YamlDocument:
    """Of the last four packets."""
    return read_yaml(file, content)
