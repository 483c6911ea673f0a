"""What a read-back found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.abilities import ReadBack


def seen(done: bool, evidence: Mapping[str, Any]) -> ReadBack:
    """Done or not, with the evidence for it."""
    return ReadBack("done" if done else "not_done", evidence)


def account_missing() -> ReadBack:
    """The system does not have the account any more. This proves neither that the effect was done nor that it was
    not."""
    return ReadBack("unknown", {"present": False})
