"""The packet that somebody names, as it governs today."""

from __future__ import annotations

from orchestrator.domain.errors import Invalid
from orchestrator.domain.packet import Packet
from orchestrator.ledger.packets import PacketShelf
from orchestrator.ledger.queries import Queries
from orchestrator.ledger.runs import Runs


async def governing(runs: Runs, queries: Queries, name: str) -> tuple[PacketShelf, Packet]:
    """Raises `Invalid` for one that nobody adopted."""
    shelf = await runs.shelf(name)
    if shelf.current is None:
        known = ", ".join(line.name for line in await queries.packets()) or "none"
        raise Invalid("unknown_packet", f"There is no packet {name[:60]}.", f"Name one that was adopted: {known}.")
    return shelf, shelf.current
