"""Who works at the small company and acts here: the local sign-in of the embedded stack, which trusts a name.

There is no password: a process that can reach this machine's embedded stack is trusted with all of it, and every page
and answer of it says so. Production signs in through OpenID Connect.
"""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.domain.errors import Invalid
from orchestrator.domain.permissions.levels import ActorKind


@dataclass(frozen=True, slots=True)
class StaffEntry:
    """`alias` is what follows `--as`, and is the actor's id; `employee_number` is who HR knows behind it."""

    alias: str
    employee_number: str
    roles: tuple[str, ...]
    duty: str
    kind: ActorKind = "person"


STAFF: tuple[StaffEntry, ...] = (
    StaffEntry("hr", "E-1003", ("requester",), "HR partner: starts runs and changes cutoffs"),
    StaffEntry("it", "E-1006", ("it_approver",), "Identity lead: approves the removal of access"),
    StaffEntry("finance", "E-1008", ("finance_approver",), "Controller: approves steps for cards and pay"),
    StaffEntry("operator", "E-1005", ("operator",), "IT operations: resolves exceptions, completes tasks"),
    StaffEntry("value-owner", "E-1002", ("value_owner",), "Owns workflow.yaml"),
    StaffEntry("safety-owner", "E-1004", ("safety_owner",), "Owns platform.yaml"),
    StaffEntry("auditor", "E-1009", ("auditor",), "Reads everything, changes nothing"),
)


def staff(alias: str) -> StaffEntry:
    """Raises `Invalid` naming the aliases there are."""
    for member in STAFF:
        if member.alias == alias.lower():
            return member
    known = ", ".join(member.alias for member in STAFF)
    raise Invalid("unknown_actor", f"There is no local account {alias!r}.", known=known)
