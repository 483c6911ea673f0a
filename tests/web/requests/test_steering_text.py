"""Text that people and systems wrote changes nothing around it, on pages and in names of files."""

from __future__ import annotations

import pytest

from orchestrator.ledger.persons.files import file_name
from orchestrator.web.rendering import make_templates


@pytest.mark.parametrize("sign", ["\u202e", "\u2066", "\u200e", "\u061c", "\x1b", "\u009b", "\x7f"])
def test_a_page_shows_no_character_that_steers(sign: str) -> None:
    page = make_templates().from_string("<b title='{{ name }}'>{{ name }}</b>{% set x = name ~ 'c' %}{{ x|upper }}")
    text = page.render(name=f"Zoë{sign}<b>")
    assert sign not in text
    assert text.startswith("<b title='Zoë\ufffd&lt;b&gt;'>") and text.endswith("ZOË\ufffd&lt;B&gt;C")


def test_names_with_joiners_and_line_breaks_stay() -> None:
    page = make_templates().from_string("{{ name }}")
    assert page.render(name="\u0645\u06cc\u200c\u062e\nb\tc") == "\u0645\u06cc\u200c\u062e\nb\tc"


@pytest.mark.parametrize("sign", ["\r", "\n", "\x1b", "\u202e", "\u200b"])
def test_the_name_of_a_file_has_no_such_character(sign: str) -> None:
    assert file_name(f"folder/a{sign}b.pdf") == "a?b.pdf"
