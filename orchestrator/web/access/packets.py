"""Packets as pages and API refer to them: all that exist, and one as the caller may read it."""

from __future__ import annotations

from orchestrator.deciding.packet_shelf import PacketShelf
from orchestrator.deciding.waiting_signatures import waiting_signatures
from orchestrator.documents.document import Document
from orchestrator.documents.packet_record import packet_record
from orchestrator.documents.packets import objections
from orchestrator.documents.runs.dry_run_comparison import shadow_document
from orchestrator.domain.errors import Invalid
from orchestrator.domain.packet.history.objections import waiting_objections
from orchestrator.domain.packet.history.packet_events import packet_stream
from orchestrator.domain.packet.packet import Packet
from orchestrator.reading.shadow import ShadowReader
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


async def packets_to_sign(web: WebState, caller: Caller) -> list[Document]:
    """Versions of packets that wait for the caller's signature, as `{packet, version, title, owner, phase}`."""
    snapshot = await web.queries.organisation_snapshot()
    shelves = [shelf.counted(snapshot.organisation.actors) for shelf in snapshot.shelves.values()]
    return [
        {
            "packet": shelf.history.name,
            "version": waiting.version,
            "title": shelf.version(waiting.version).workflow.title,
            "owner": waiting.owner,
            "phase": waiting.phase,
        }
        for shelf in shelves
        for waiting in await web.heavy.run(waiting_signatures, shelf, caller.actor)
    ]


async def objections_for(web: WebState, caller: Caller) -> list[Document]:
    """Objections to packet versions that wait for the caller (`waiting_objections`), as the version's document has them
    with `packet`, `version` and `title`. `state` is `open` for an objection of another owner, `answered` for the
    caller's own."""
    snapshot = await web.queries.organisation_snapshot()
    found: list[Document] = []
    for shelf in snapshot.shelves.values():
        waiting = waiting_objections(shelf.history, caller.actor)
        if not waiting:
            continue
        stream = packet_stream(shelf.history.name)
        happened = (await web.services.runs.ledger.read({stream: 0})).events[stream]
        for known, record in waiting:
            title = shelf.version(known.version).workflow.title
            place = {"packet": shelf.history.name, "version": known.version, "title": title}
            listed = objections(known.version, happened)
            found += [place | one for one in listed if one["objection"] == record.objection]
    return found


async def counted_shelf(web: WebState, name: str) -> PacketShelf:
    """The packet, with the signatures that count for the accounts as they are now."""
    snapshot = await web.services.runs.organisation_snapshot([name])
    return snapshot.shelves[name].counted(snapshot.organisation.actors)


async def record_of(web: WebState, caller: Caller, name: str, version: str) -> Document:
    """The record of one version (`packet_record`)."""
    await readable(web, caller, name)
    stream = packet_stream(name)
    happened = (await web.services.runs.ledger.read({stream: 0})).events[stream]
    return await web.heavy.run(packet_record, await web.services.runs.shelf(name), version, happened)


async def shadow_of(web: WebState, caller: Caller, name: str, version: str) -> Document:
    """What the dry runs of one version show (`shadow_document`), as far as the caller sees them."""
    await readable(web, caller, name)
    shelf = await web.services.runs.shelf(name)
    known = shelf.history.version(version)
    found = await ShadowReader(web.database, web.services.runs, web.queries).of(caller.viewer, name, known.version)
    return await web.heavy.run(shadow_document, shelf.version(known.version), known, found)
