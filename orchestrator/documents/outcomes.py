"""Outcomes of runs as a document: numbers with their targets, and the table of each chart."""

from __future__ import annotations

from datetime import timedelta

from orchestrator.documents.document import Document
from orchestrator.reading.outcomes import OutcomeReader


def outcomes_document(found: OutcomeReader) -> Document:
    """Lengths are in whole seconds."""
    times = found.times
    return {
        "packet": found.span.packet,
        "since": found.span.since,
        "until": found.span.until,
        "now": found.now,
        "access_gone_within": {packet: _seconds(promise) for packet, promise in found.promised.items()},
        "cutoff_to_verified": {
            "runs": times.runs,
            "within": times.within,
            "open": times.open,
            "never": times.never,
            "not_known": times.not_known,
            "median": _seconds(times.median),
            "p95": _seconds(times.p95),
            "worst": _seconds(times.worst),
            "each": [
                {"run_id": taken.run_id, "cutoff": taken.cutoff, "seconds": _seconds(taken.took)}
                for taken in times.each
            ],
            "each_is_all": len(times.each) == times.runs,
        },
        "exceptions": [{"kind": cause.kind, "open": cause.open, "closed": cause.closed} for cause in found.causes],
        "open_exposure": {
            "runs": found.exposed_runs,
            "longest": [
                {
                    "run_id": one.run_id,
                    "name": one.name,
                    "packet": one.packet,
                    "state": one.state,
                    "since": one.since,
                    "seconds": _seconds(found.now - one.since),
                    "systems": list(one.systems),
                    "tokens_until": one.tokens_until,
                }
                for one in found.exposed
            ],
        },
        "minutes_saved": {
            "total": found.minutes_saved,
            "by_month": [{"month": month.month, "minutes": month.minutes, "runs": month.runs} for month in found.saved],
        },
    }


def _seconds(length: timedelta | None) -> int | None:
    return None if length is None else round(length.total_seconds())
