"""The generated pages in `docs/reference` are those of this code."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.registry import REFERENCE_KINDS, connector_kinds
from docs import generate


@pytest.mark.parametrize(("path", "text"), generate.pages().items(), ids=lambda value: getattr(value, "name", ""))
def test_each_page_is_what_make_docs_writes(path: Path, text: str) -> None:
    assert path.read_text(encoding="utf-8") == text, "run make docs"


def test_no_page_is_left_over() -> None:
    assert set(generate.REFERENCE.iterdir()) == set(generate.pages())


def test_each_kind_has_a_page_about_it_and_says_what_it_was_tested_against() -> None:
    own = connector_kinds().keys() - REFERENCE_KINDS
    assert own == generate.TESTED.keys()
    assert own - {"scim", "mail"} == generate.GUIDES.keys()
    assert all((generate.REFERENCE.parent / "connectors" / page).exists() for page in generate.GUIDES.values())
