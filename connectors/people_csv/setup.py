"""How HR's exports are connected: a folder that the worker can read."""

from __future__ import annotations

from connectors.setup import MatchBy, Setup, SystemCredential

SETUP = Setup(
    "HR's CSV exports",
    (
        SystemCredential(
            "none: files are read",
            (),
            (
                "Put a complete export into a folder below OFFBOARD_SECRETS_FOLDER that the worker can read, and the "
                "next ones beside it.",
                "Check it: `offboard hr check FILE`.",
            ),
        ),
    ),
    (MatchBy("employee_number", "employee_number"),),
    page="people-csv.md",
)
