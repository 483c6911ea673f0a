"""What people sign before a run closes, as the part of a gate's card."""

from __future__ import annotations

from orchestrator.documents.document import Document
from orchestrator.documents.runs.close import close_document
from orchestrator.vocabulary.close import changed_since, close_summary, systems_by_outcome
from orchestrator.web.pages.run.run_access import RunAccess


def close_part(seen: RunAccess, gate_id: str) -> Document | None:
    """What people sign, in words; None at a gate about steps."""
    close = close_document(seen.state, gate_id)
    if close is None:
        return None
    titled = close | {"systems": [one | {"title": seen.place(one["place"])} for one in close["systems"]]}
    before = close["before"]
    return titled | {
        "summary": close_summary(close),
        "by_outcome": systems_by_outcome(titled),
        "exceptions": [
            one | {"by": seen.name(one["by"]), "title": seen.place(one["place"]) if one["place"] else ""}
            for one in close["exceptions"]
        ],
        "before": before
        | {
            "votes": [vote | {"by": seen.name(vote["by"])} for vote in before["votes"]],
            "why": changed_since(before["changes"]),
        }
        if before is not None
        else None,
        "outdated": seen.state.decisions.gates[gate_id].outcome == "approved" and not close["counts"],
    }
