"""The result of a verification of the ledger, as far as the viewer may know it."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from orchestrator.documents.runs.questions import LedgerVerified
from orchestrator.ledger.proofs.verifications import VerificationKept
from orchestrator.web.api.schema.description import ResponseModel

REMEDY = (
    "An administrator of the server runs `offboard ledger verify`, which names the place. Do not change the database"
)


class Verification(ResponseModel):
    """Counts, the root and the position of an error are always null: they include runs that are hidden from callers.
    The command line shows them to administrators of the server (`offboard ledger verify`)."""

    verified_at: datetime
    ok: bool
    events: int | None = Field(None, description="Always null: the number would reveal hidden runs")
    streams: int | None = Field(None, description="Always null, as `events`")
    root: str | None = Field(None, description="Always null, as `events`")
    position: int | None = Field(None, description="Always null, as `events`")
    place: str | None = Field(None, description="Always null, as `events`")
    what: str | None = Field(None, description="Always null, as `events`")
    remedy: str | None = Field(None, description="What to do; null if the verification succeeded")


def verified(found: LedgerVerified | VerificationKept) -> Verification:
    """The same for every reader. What it read includes hidden runs, and so do places and positions of errors."""
    remedy = None if found.ok else REMEDY
    return Verification(verified_at=found.verified_at, ok=found.ok, remedy=remedy)
