"""The guides in `docs/guides` say what is on the pages: each label in bold, and each picture."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.pictures import PICTURES, WIDTH
from docs.smaller_png import size
from orchestrator.domain.packet.packet_files import starter_names, starter_packet
from orchestrator.vocabulary.states import role_label
from tests.production.described import ROOT

FOLDER = ROOT / "docs" / "guides"
GUIDES = sorted(FOLDER.glob("*.md"))
MAX_BYTES = 1_500_000
"""Of all pictures together: each change of them stays in the repository for good."""
SHORTEST_DESCRIPTION = 40
"""Characters: a title is no description for people who do not see the picture."""

_BOLD = re.compile(r"\*\*([^*]+)\*\*")
_PICTURE = re.compile(r"!\[([^\]]*)\]\(([^)]+)\)")
_COMMENT, _EXPRESSION = re.compile(r"\{#.*?#\}", re.DOTALL), re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_LITERAL, _TAG = re.compile(r'"([^"]*)"|\'([^\']*)\''), re.compile(r"<[^>]*>")
_PROGRAMS = ("orchestrator/web", "orchestrator/vocabulary", "orchestrator/domain/exceptions", "orchestrator/documents")

ids = [path.name for path in GUIDES]


@functools.cache
def labels() -> frozenset[str]:
    """Every text that a page shows as a whole, or that stands between two values."""
    templates = ROOT / "orchestrator/web/templates"
    shown = [text for path in templates.rglob("*.html") for text in _in_template(path.read_text())]
    for folder in _PROGRAMS:
        shown += [text for path in (ROOT / folder).rglob("*.py") for text in _in_program(path.read_text())]
    for packet in map(starter_packet, starter_names()):
        shown += [step.title for step in packet.workflow.steps]
        shown += [gate.title for gate in packet.approvals.gates.values()]
        shown += [role_label(grant.who) for grant in packet.platform.levels]
    return frozenset(map(_plain, shown))


def _in_template(text: str) -> Iterator[str]:
    text = _COMMENT.sub("", text)
    for expression in _EXPRESSION.findall(text):
        yield from (one or other for one, other in _LITERAL.findall(expression))
    # `Sign in<span…` and `{{ … }}` end a text in the same way.
    yield from _TAG.sub("\0", _EXPRESSION.sub("\0", text)).split("\0")


def _in_program(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _plain(text: str) -> str:
    return " ".join(text.split()).strip(" .:,")


@pytest.mark.parametrize("guide", GUIDES, ids=ids)
def test_each_label_in_bold_is_on_a_page(guide: Path) -> None:
    missing = [label for label in _BOLD.findall(guide.read_text()) if _plain(label) not in labels()]
    assert missing == [], f"{guide.name}: no page has these labels"


@pytest.mark.parametrize("text", ["Approve all of it", "Retryin", "Sign", "Access kept"])
def test_a_part_of_a_label_is_none(text: str) -> None:
    assert _plain(text) not in labels()


def test_there_is_a_guide_for_each_kind_of_user() -> None:
    index = (FOLDER / "README.md").read_text()
    assert {path.name for path in GUIDES} - {"README.md"} == set(re.findall(r"\]\((\w+\.md)\)", index))
    assert "docs/guides" in (ROOT / "README.md").read_text()


def test_each_picture_is_there_and_is_shown_with_a_description() -> None:
    shown: set[Path] = set()
    for guide in GUIDES:
        for described, target in _PICTURE.findall(guide.read_text()):
            picture = (guide.parent / target).resolve()
            assert picture.exists(), f"{guide.name}: {target}"
            assert len(described) >= SHORTEST_DESCRIPTION, f"{guide.name}: {target} is described too briefly"
            shown.add(picture)
    assert {path.resolve() for path in PICTURES.iterdir()} == shown, "a picture that no guide shows"


def test_pictures_are_small() -> None:
    pictures = [path.read_bytes() for path in PICTURES.iterdir()]
    assert sum(map(len, pictures)) <= MAX_BYTES
    assert all(size(picture)[0] <= WIDTH for picture in pictures)
