"""The generated pages in `docs/reference` are those of this code."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.registry import REFERENCE_KINDS, SETTINGS, SETUPS, connector_kinds
from docs import generate


@pytest.mark.parametrize(("path", "text"), generate.pages().items(), ids=lambda value: getattr(value, "name", ""))
def test_each_page_is_what_make_docs_writes(path: Path, text: str) -> None:
    assert path.read_text(encoding="utf-8") == text, "run make docs"


def test_no_page_is_left_over() -> None:
    assert set(generate.REFERENCE.iterdir()) == {path for path in generate.pages() if path.parent == generate.REFERENCE}


def test_each_kind_says_how_it_is_connected_with_the_rights_of_each_ability() -> None:
    for kind, abilities in connector_kinds().items():
        setup = SETUPS[kind]
        if setup is None:
            assert kind in REFERENCE_KINDS
            continue
        known = {setting.name for setting in SETTINGS[kind]}
        for credential in setup.credentials:
            assert credential.steps and set(credential.settings) <= known
            for rights in credential.rights:
                assert set(rights.by_ability) <= set(abilities)
        if rights_of := [rights.by_ability for one in setup.credentials for rights in one.rights]:
            assert set().union(*rights_of) == set(abilities)
        if setup.page:
            assert (generate.BEGIN in (generate.CONNECTORS / setup.page).read_text()) == bool(rights_of)


def test_each_kind_has_a_page_about_it_and_says_what_it_was_tested_against() -> None:
    own = connector_kinds().keys() - REFERENCE_KINDS
    assert own == generate.TESTED.keys()
    assert own - {"mail"} == generate.GUIDES.keys()
    assert all((generate.REFERENCE.parent / "connectors" / page).exists() for page in generate.GUIDES.values())
