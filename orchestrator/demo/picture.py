"""A picture of the board while most is going on, for the README: `offboard demo --yes --picture docs/run.svg`."""

from __future__ import annotations

import io
import re
from pathlib import Path

from rich.console import Console

from orchestrator.demo.board import PEOPLE, Board

COLUMNS = 110


class Picture:
    """Keeps the richest board: the one that shows the most states at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._best = -1
        self._drawn: Console | None = None

    def see(self, board: Board) -> None:
        kinds = {
            view.kind
            for leaver in board.leavers
            for system in (*leaver.world.pinned.platform.systems, PEOPLE)
            for view in leaver.steps_on(system)
        }
        questions = any(leaver.state.work.open_exceptions() for leaver in board.leavers)
        worth = len(kinds) + 4 * ("again" in kinds) + questions
        if worth <= self._best:
            return
        self._best = worth
        self._drawn = Console(record=True, file=io.StringIO(), width=COLUMNS, force_terminal=True, highlight=False)
        self._drawn.print(board)

    def save(self) -> None:
        """Nothing is fetched from elsewhere to look at it: the fonts are the reader's own."""
        if self._drawn is None:
            return
        drawn = self._drawn.export_svg(title="make demo")
        drawn = re.sub(r"@font-face\s*{.*?}\s*", "", drawn, flags=re.DOTALL)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(drawn, encoding="utf-8")
