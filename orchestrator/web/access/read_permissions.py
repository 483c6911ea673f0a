"""Who may have the ledger verified and systems looked at, and who sees everything: the same for pages and API."""

from __future__ import annotations

from orchestrator.domain.commands.operating import hold_system
from orchestrator.domain.errors import NotAllowed, Refusal
from orchestrator.domain.packet.packet import Packet
from orchestrator.web.access.caller import Caller
from orchestrator.web.state import WebState


async def reads_runs(web: WebState, caller: Caller) -> bool:
    return bool(await web.queries.readable_packets(caller.viewer))


async def require_reading(web: WebState, caller: Caller) -> None:
    """Raises `NotAllowed` for whoever may read no packet's runs."""
    if not await reads_runs(web, caller):
        raise NotAllowed("nothing_granted", "Only people who may read runs can verify the ledger.")


async def sees_everything(web: WebState, caller: Caller) -> bool:
    """In an empty ledger nothing is hidden from anybody; whoever may read nothing sees its size all the less."""
    return await reads_runs(web, caller) and await web.queries.sees_everything(caller.viewer)


def looks_after(caller: Caller, packet: Packet) -> bool:
    """Whoever may hold one of a packet's systems looks after them."""
    return any(_may_hold(caller, system, packet) for system in packet.platform.systems)


def require_looking_after(caller: Caller, packet: Packet) -> None:
    """Raises `NotAllowed` for whoever has systems looked at that they do not look after."""
    if not looks_after(caller, packet):
        raise NotAllowed("not_an_operator", "Only operators can check systems.")


def _may_hold(caller: Caller, system: str, packet: Packet) -> bool:
    try:
        hold_system(False, system, None, caller.actor, packet)
    except Refusal:
        return False
    return True
