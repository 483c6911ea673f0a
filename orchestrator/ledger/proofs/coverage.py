"""What a verification does not cover: changes there by an administrator of the database are not found.

Every report of a verification says it, so that "verified" is not read as more than was checked
(`docs/ledger-format.md`, "What a verification does not cover").
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.ledger.proofs.verification import VerificationReport


@dataclass(frozen=True, slots=True)
class NotCovered:
    """`place` is a table, a column, or a part of the events; `why` says which change there is not found."""

    place: str
    why: str


def not_covered(found: VerificationReport, *, exported: bool = False) -> tuple[NotCovered, ...]:
    """Of a verification that found nothing wrong. `exported`: it read a file of exported rows instead of a database."""
    after = found.events - found.covered
    events = f"events after position {found.covered}" if found.checkpoints else "all events"
    tail = NotCovered(
        f"{events} ({after})" if found.checkpoints else f"{events} ({found.events})",
        "no checkpoint given states them: they can be removed, or rewritten with all hashes",
    )
    append_id = NotCovered("ledger.events.append_id", "this column is in no hash")
    files = NotCovered(
        f"ledger.files: files that no event lists ({found.unlisted_files})",
        "only their bytes are compared with their digest: they can be removed, and their other columns changed",
    )
    if exported:
        files = NotCovered("ledger.files", "an export has no stored files; verify the database for them")
    others = NotCovered(
        "the schemas keyring, read, engine and access",
        "they are not in the hashes; `offboard ledger rebuild` compares the read tables with the events",
    )
    return tail, append_id, files, others
