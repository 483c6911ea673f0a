"""JSON on a terminal: the same document, without characters that a terminal obeys."""

from __future__ import annotations

import json

import pytest

from orchestrator.cli.terminal.screen import json_text


@pytest.mark.parametrize("sign", ["\u009b", "\x7f", "\x1b", "\u202e", "\u200b", "\u2028", "\U000e0041", "\u0085"])
@pytest.mark.parametrize("indent", [None, 2])
def test_what_a_terminal_obeys_is_an_escape(sign: str, indent: int | None) -> None:
    document = {f"a{sign}": [f"Zoë 日本 😀{sign}b", {"x": sign}], "n": 1.5}
    text = json_text(document, indent)
    assert all(character.isprintable() or character == "\n" for character in text)
    assert "Zoë 日本 😀" in text
    assert json.loads(text) == document
