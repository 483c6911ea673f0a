"""Who may verify the ledger and check systems, for pages and API."""

from __future__ import annotations

from orchestrator.domain.commands.systems import require_check
from orchestrator.domain.errors import NotAllowed, Refusal
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.command_table import require
from orchestrator.web.access.caller import Caller
from orchestrator.web.state import WebState


async def reads_runs(web: WebState, caller: Caller) -> bool:
    return bool(await web.queries.readable_packets(caller.viewer))


async def require_reading(web: WebState, caller: Caller) -> None:
    """Raises `NotAllowed` for a viewer who may read no packet's runs."""
    require("verify_ledger", caller.actor)
    if not await reads_runs(web, caller):
        raise NotAllowed("nothing_granted", "Only people who may read runs can verify the ledger.")


def looks_after(caller: Caller, packet: Packet) -> bool:
    """Whether the caller can have one of the packet's systems checked."""
    return any(_may_check(caller, system, packet) for system in packet.platform.systems)


def require_looking_after(caller: Caller, packet: Packet) -> None:
    """Raises `NotAllowed` for a caller who can have none of the packet's systems checked."""
    require("check_systems", caller.actor)
    if not looks_after(caller, packet):
        raise NotAllowed("not_an_operator", "Only operators can check systems.")


def _may_check(caller: Caller, system: str, packet: Packet) -> bool:
    try:
        require_check(system, caller.actor, packet)
    except Refusal:
        return False
    return True
