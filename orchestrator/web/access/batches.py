"""Batches, as a caller may see them."""

from __future__ import annotations

from orchestrator.documents.batches.batch import batch_document, batch_line
from orchestrator.documents.document import Document
from orchestrator.domain.batches.batch import unknown_batch
from orchestrator.domain.batches.batch_commands import sees_batch
from orchestrator.domain.packet.packet import Packet
from orchestrator.reading.batches import BatchQueries, RunsOfBatch
from orchestrator.web.access.caller import Caller
from orchestrator.web.state import WebState

MAX_LISTED = 50
"""Batches in the list, the latest ones."""


async def shown_batches(web: WebState, caller: Caller) -> list[Document]:
    """The latest first."""
    batches, packets = web.services.runs.batches, await _packets(web, caller)
    starts, now = await web.services.runs.starts.read()
    found = await batches.read((await batches.listed()).all[-MAX_LISTED:])
    return [
        batch_line(state, packet, starts, now)
        for state in reversed(found.values())
        if (packet := packets.get(state.asked.packet)) is not None and sees_batch(state, caller.actor, packet)
    ]


async def shown_batch(web: WebState, caller: Caller, batch_id: str) -> Document:
    """Raises `Invalid` (`unknown_batch`), also for a batch that the caller does not see."""
    state = (await web.services.runs.batches.read([batch_id]))[batch_id]
    packet = (await _packets(web, caller)).get(state.asked.packet)
    if packet is None or not sees_batch(state, caller.actor, packet):
        raise unknown_batch(batch_id)
    queries = BatchQueries(web.database, web.queries)
    started = [row.run_id for row in state.rows.values() if row.run_id is not None]
    runs = await queries.runs_of_batch(caller.viewer, started) if started else RunsOfBatch({}, ())
    starts, now = await web.services.runs.starts.read()
    return batch_document(state, packet, starts, caller.actor, web.services.runs.abilities, runs, now)


async def _packets(web: WebState, caller: Caller) -> dict[str, Packet]:
    return {packet.name: packet for packet in await web.queries.readable_packets(caller.viewer)}
