"""The version of a packet that a request uses."""

from __future__ import annotations

from orchestrator.deciding.packet_shelf import PacketShelf
from orchestrator.deciding.runs import Runs
from orchestrator.domain.errors import Invalid, NotAllowed
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.levels import Actor
from orchestrator.reading.queries import Queries


async def governing(
    runs: Runs, queries: Queries, name: str, actor: Actor | None, first: Packet | None = None
) -> tuple[PacketShelf, Packet]:
    """The packet `name`, whose systems `actor` wants to use. A packet decides which hosts get our credentials, so one
    that is not in use yet is accepted only from a safety owner of a packet in use, or, if none is in use, from the
    safety owner of the installation's `first` packet. Raises `Invalid` if there is no such packet, and `NotAllowed`."""
    shelf = await runs.shelf(name)
    lines = await queries.packets()
    if shelf.current is None:
        known = ", ".join(line.name for line in lines) or "none"
        raise Invalid("unknown_packet", f"There is no packet {name[:60]}.", known=known)
    if shelf.history.current is None:
        shelves = [await runs.shelf(line.name) for line in lines]
        in_use = [other.current for other in shelves if other.history.current is not None]
        owners = {packet.platform.safety_owner for packet in in_use if packet is not None}
        if not owners and first is not None:
            owners = {first.platform.safety_owner}
        if actor is None or actor.roles.isdisjoint(owners):
            message = f"Packet {name} is not in use, so its systems can't be contacted."
            asked = {"owners": " or ".join(sorted(owners))} if owners else {}
            raise NotAllowed("packet_not_in_use", message, **asked)
    return shelf, shelf.current
