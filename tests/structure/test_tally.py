"""The build machine's closing line sums up several calls of pytest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.tally import closing_line, main, write_outcome


def test_outcomes_are_summed_up_in_pytests_own_form(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "tally"
    file.write_text("0\n")
    write_outcome(file, {"passed": [1, 2], "skipped": [3]}, 0)
    write_outcome(file, {"passed": [1], "failed": [4], "error": [5]}, 1)
    outcomes = [json.loads(line) for line in file.read_text().splitlines()[1:]]
    line = closing_line(outcomes, 75.5)
    assert line.strip("= ") == "1 failed, 3 passed, 1 skipped, 1 error in 75.50s (0:01:15)"
    assert line.startswith("=====") and line.endswith("=====")
    assert closing_line([], 0.5).strip("= ") == "no tests ran in 0.50s"
    main(file)
    assert "1 failed, 3 passed, 1 skipped, 1 error in " in capsys.readouterr().out
