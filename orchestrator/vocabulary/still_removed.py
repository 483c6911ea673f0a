"""What a restore has not restored, in words for pages and terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.vocabulary.states import STEP, label


def still_removed_state(line: Mapping[str, Any]) -> str:
    """`line` is one of the run's document."""
    if line["may_be_restored"]:
        return "May have been restored"
    if line["status"] is None:
        return "Not planned"
    return label("skipped", STEP) if line["status"] == "skipped" else "Not restored"
