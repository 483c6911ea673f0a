"""What the person who decided something alone reads: who confirms it."""

from __future__ import annotations

from collections.abc import Collection

from orchestrator.domain.organisation.roles import any_of


def confirmed_by(owners: Collection[str]) -> str:
    """`owners` are the roles of the exception that the decision opened (`domain/commands/kept_access.py`)."""
    return f"An exception is open for {any_of(owners)}, who confirms this."
