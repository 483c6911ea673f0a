"""Who may place and lift legal holds.

`approvals.yaml` names the roles (`legal_hold.allowed_to`); where it does not, they are the roles of HR. Today's packet
counts, also for runs of earlier versions: a company that gets a legal department lets it hold runs that are open.
"""

from __future__ import annotations

from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.postponing import postponing_roles


def legal_hold_roles(pinned: Packet, current: Packet) -> tuple[str, ...]:
    """In the order of the file; never empty."""
    named = [packet.approvals.legal_hold for packet in (current, pinned)]
    stated = next((spec.allowed_to for spec in named if spec is not None and spec.allowed_to), ())
    return stated or tuple(sorted(postponing_roles(pinned, current))) or (current.workflow.value_owner,)
