"""The rows of the table in docs/reliability.md: one fault each. `@pytest.mark.trial` says which row a test tries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class FaultRow:
    """`fault` and `expected` are read by people: in the table, and in the words below it."""

    number: int
    fault: str
    expected: str


_ROWS = (
    FaultRow(
        1,
        "A worker is killed (SIGKILL) before the intent, after it, during the call, after the call, after the "
        "read-back; and at random moments",
        "Each effect once. No intent stays open: the next worker reads the system, or a person says what happened.",
    ),
    FaultRow(
        2,
        "5 to 20 % of the responses of systems are lost after the work was done",
        "No effect twice. What was done is found by reading the system again.",
    ),
    FaultRow(
        3,
        "A system responds after the time-out; a worker is stopped for longer than its lease, at each of these points, "
        "and continues",
        "No effect twice. A worker whose lease is over makes no call.",
    ),
    FaultRow(
        4,
        "PostgreSQL is killed around intent, result and commit, is stopped, fails over, accepts reads only",
        "No effect without its intent. Every process continues within 30 seconds after the database is back.",
    ),
    FaultRow(
        5,
        "Temporal is killed while ten notices to workflows are not delivered, and after it confirmed some that are not "
        "on its disk; it is stopped; the network to it breaks",
        "Every decision takes effect once.",
    ),
    FaultRow(
        6,
        "No worker runs while an approver approves 20 times",
        "One decision. Each effect once, when a worker is there again.",
    ),
    FaultRow(
        7,
        "Approvals that do not count: by the requester, by one person with two accounts or a program, by a former "
        "approver, after the end of the approval; 50 approvals at once",
        "None counts. Each refusal is recorded.",
    ),
    FaultRow(
        8,
        "A decision at the moment at which the approval expires or is escalated",
        "One outcome. Ledger and workflow agree.",
    ),
    FaultRow(
        9,
        "Forged signals are sent to Temporal directly: no, two and many arguments, null, junk, large ones, steps named "
        "twice, versions of the future",
        "No effect. Every run continues.",
    ),
    FaultRow(
        10,
        "A run is replayed after three of six steps, and from step two",
        "Only what was asked for is done again, as a new generation.",
    ),
    FaultRow(
        11,
        "Temporal's database is deleted with 50 open runs; single workflows are terminated",
        "Every run closes. Each effect once.",
    ),
    FaultRow(
        12,
        "The ledger's disk is full; clocks of processes are two hours off; a system responds 200 with an error inside",
        "Exceptions that name the cause. Nothing is lost.",
    ),
    FaultRow(
        13,
        "An older copy of the ledger is restored, with processes restarted and with processes that keep running",
        "Offboard notices it. No effect twice, and no run stops without an exception.",
    ),
    FaultRow(
        14,
        "Random edits of the ledger by the superuser of the database",
        "`offboard ledger verify --against` finds each edit of what is hashed, up to the checkpoint, and names what it "
        "does not cover.",
    ),
)
ROWS: Final = {row.number: row for row in _ROWS}
