"""A time that can't be read is refused with its cause and an example, before a server is asked."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from orchestrator.cli import make_app


@pytest.mark.parametrize(
    "words",
    [
        ("exceptions", "waive", "r1", "x-1", "--reason", "why"),
        ("exceptions", "snooze", "r1", "x-1"),
        ("hold", "r1"),
        ("away", "to", "it"),
        ("embargo", "r1"),
    ],
)
@pytest.mark.parametrize("time", ["tomorrow", "2026-13-01", "0001-01-01T00:00+14:00"])
def test_the_time_is_refused(words: tuple[str, ...], time: str) -> None:
    result = CliRunner().invoke(make_app(), [*words, "--until", time, "--as", "hr"])
    assert result.exit_code == 1 and isinstance(result.exception, SystemExit), result.exception
    assert "is not a valid time" in result.output and "Example: 2026-11-30T17:00" in result.output
