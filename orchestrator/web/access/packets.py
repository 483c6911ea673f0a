"""Packets as pages and API refer to them: all that exist, and one as the caller may read it."""

from __future__ import annotations

from orchestrator.deciding.packet_shelf import PacketShelf
from orchestrator.domain.errors import Invalid
from orchestrator.domain.packet.packet import Packet
from orchestrator.web.access.caller import Caller
from orchestrator.web.state import WebState


async def packet_names(web: WebState) -> list[str]:
    return [line.name for line in await web.queries.packets()]


async def readable(web: WebState, caller: Caller, name: str) -> Packet:
    """As it is today. One that they may not read is refused like one that does not exist."""
    for packet in await web.queries.readable_packets(caller.viewer):
        if packet.name == name:
            return packet
    raise Invalid("unknown_packet", f"There is no packet {name[:60]}.")


async def counted_shelf(web: WebState, name: str) -> PacketShelf:
    """The packet, with the signatures that count for the accounts as they are now."""
    snapshot = await web.services.runs.organisation_snapshot([name])
    return snapshot.shelves[name].counted(snapshot.organisation.actors)
