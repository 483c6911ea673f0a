"""What an erasure deletes and what it keeps, and why a person cannot be erased now, for pages, API and terminal."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

ERASED: Final = (
    "The person's name, number, addresses and manager, in every run and in every record",
    "The names and details of the accounts that were found",
    "Reasons, comments, notes and evidence of these runs, and attached files",
    "What the search finds these runs by. If the person is employed again and leaves, the new run has no link to them",
)
KEPT: Final = (
    "Every event: what was decided and done, when, on which systems, by which accounts. The ledger verifies as before",
    "Mails, exports and responses of the API that were sent before. Offboard keeps responses for at most 24 hours",
    "Backups of people's keys from before. After such a backup is restored, recorded erasures are carried out again. "
    "One that is not in the restored ledger has to be repeated",
)
OBSTACLE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "open_run": "A run of the person is open: its steps need the person's data. Complete or cancel it first",
        "legal_hold": "A run of the person is under legal hold. Lift the hold first",
        "held_start": "A start for the person is held. Confirm it, or wait until it is no longer listed",
        "account_in_use": "The person uses Offboard under an account with roles, and has not left",
        "in_use": "The person's data is needed elsewhere",
    }
)
