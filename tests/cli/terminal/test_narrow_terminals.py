"""Tables on a terminal of 80 columns: ids and commands stay whole, so that they can be copied."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from orchestrator.cli.terminal import screen

LONG = "x-excluded_from_approval-s-0123456789abcdef0123-g-access-1"
COMMAND = "offboard skip r0123456789abcdef freeze_card --reason …"


@pytest.mark.parametrize("width", [60, 80, 200])
def test_no_id_is_broken(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    shown = io.StringIO()
    console = Console(file=shown, width=width, force_terminal=True, color_system=None, markup=False, emoji=False)
    monkeypatch.setattr(screen, "out", lambda: console)
    columns = ("Exception", "Run", "Person", "How to resolve")
    screen.table(columns, [(LONG, "r0123456789abcdef", "Ada Lovelace (E-1)", COMMAND), (LONG, "r2", None, "")])
    text = shown.getvalue()
    assert text.count(LONG) == 2 and "r0123456789abcdef" in text
    if width == 80:
        assert COMMAND in text and "Person" in text.splitlines()[2]
