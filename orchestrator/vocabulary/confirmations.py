"""What the person who decided something alone reads: who confirms it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from orchestrator.domain.organisation.roles import any_of

CONFIRMED: Final = ("access_kept", "done_by_hand", "pause_unconfirmed")
"""The kinds of exceptions with which a second person confirms a decision."""


def confirmed_by(owners: Collection[str]) -> str:
    """`owners` are the roles of the exception that the decision opened (`domain/commands/kept_access.py`)."""
    return f"An exception is open for {any_of(owners)}, who confirms this."
