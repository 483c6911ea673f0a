"""The list of exceptions and a run at the terminal say what an exception is and why it opened, as the page does."""

from __future__ import annotations

import pytest

from orchestrator.cli.terminal.exception_lines import exception_words
from orchestrator.cli.terminal.run_pages import print_exceptions
from orchestrator.documents.document import Document

FAILED: Document = {
    "exception_id": "x-step_failed-s-1",
    "kind": "step_failed",
    "code": "answer_not_understood",
    "step_id": "s-1",
    "step": "suspend_code",
    "system": "code",
    "gate_id": None,
    "state": "open",
    "disposition": None,
    "owners": ["operator"],
    "due_at": "2026-12-02T02:20:00Z",
    "remedy": "Correct the cause, then retry the step.",
    "repairs": ["retry"],
    "candidates": [],
}


def test_an_exception_has_its_kind_and_its_cause() -> None:
    assert exception_words(FAILED) == "Step failed: unexpected response"
    assert exception_words({**FAILED, "kind": "weak_match", "code": ""}) == "Possible match"


def test_a_run_shows_the_cause_beside_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    print_exceptions({"run_id": "r1", "steps": [], "gates": [], "exceptions": [FAILED]})
    shown = " ".join(capsys.readouterr().out.split())
    assert "Step failed: unexpected response (suspend_code). Correct the cause, then retry the step." in shown
    assert "offboard retry r1 suspend_code" in shown
