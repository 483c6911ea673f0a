"""What a verification of the ledger found, as far as the viewer may know it."""

from __future__ import annotations

from datetime import datetime

from pydantic import Field

from orchestrator.documents.questions import LedgerVerified
from orchestrator.ledger.proofs.verifications import VerificationKept
from orchestrator.web.api.schema.description import ResponseModel


class Verification(ResponseModel):
    """Only callers who see every run get the counts and the position of an error."""

    verified_at: datetime
    ok: bool
    events: int | None = Field(None, description="The number of events read; null for callers who do not see every run")
    streams: int | None = None
    root: str | None = Field(None, description="The Merkle root over them, hex")
    position: int | None = Field(None, description="Of the first wrong event")
    place: str | None = None
    what: str | None = Field(None, description="What is wrong; null if the verification succeeded")
    remedy: str | None = None


def verified(found: LedgerVerified | VerificationKept, *, whole: bool) -> Verification:
    if not whole:
        return Verification(verified_at=found.verified_at, ok=found.ok)
    root = found.root if isinstance(found.root, str) else found.root.hex()
    return Verification(
        verified_at=found.verified_at, ok=found.ok, events=found.events, streams=found.streams, root=root,
        position=found.position, place=found.place or None, what=found.what or None, remedy=found.remedy or None,
    )  # fmt: skip
