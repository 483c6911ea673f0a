"""The record of one packet version: who adopted, signed and moved it, on which changes, and the objections to it."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.deciding.packet_shelf import PacketShelf
from orchestrator.documents.document import Document
from orchestrator.documents.packet_changes import changes_document
from orchestrator.documents.packets import objections, refused_part
from orchestrator.domain.packet.history.packet_events import (
    PacketActRefused,
    PacketAdopted,
    PacketMoved,
    PacketSigned,
)
from orchestrator.domain.packet.history.packet_state import PacketState, VersionState, fold
from orchestrator.ledger.book.records import Recorded


def packet_record(shelf: PacketShelf, version: str, happened: Sequence[Recorded]) -> Document:
    """`happened` is the packet's whole stream; the positions are those in the ledger. A signature and a move forward
    name in `compared_with` the version that was in production at that moment, null for none; `changes` has what
    differs from each of these versions. So the record does not change once another version is in production."""
    known = shelf.history.version(version)
    state = PacketState()
    adopted: list[Document] = []
    signatures: list[Document] = []
    moves: list[Document] = []
    refused: list[Document] = []
    compared: list[str | None] = []
    for recorded in happened:
        event = recorded.event
        place: Document = {"at": recorded.recorded_at, "position": recorded.position}
        production = _other(state.in_production, known.version)
        match event:
            case PacketAdopted() if event.version == known.version:
                adopted.append(place | {"by": event.by})
            case PacketSigned() if event.version == known.version:
                signed = {"by": event.by, "owner": event.owner, "phase": event.phase, "compared_with": production}
                signatures.append(place | signed)
                compared.append(production)
            case PacketMoved() if event.version == known.version:
                moved = {"by": event.by, "from_phase": event.from_phase, "phase": event.to_phase}
                reason = event.explanation or event.reason or None
                moves.append(place | moved | {"reason": reason, "compared_with": production})
            case PacketActRefused() if event.version == known.version:
                refused.append(place | refused_part(event))
            case _:
                pass
        state = fold([event], state)
    with_version = shelf.version(known.version)
    against = dict.fromkeys(compared or [_other(shelf.history.in_production, known.version)])
    return {
        "packet": with_version.name,
        "title": with_version.workflow.title,
        "version": known.version,
        "phase": known.phase,
        "adopted": adopted,
        "signatures": signatures,
        "moves": moves,
        "objections": objections(known.version, happened),
        "refused": refused,
        "changes": [changes_document(shelf.version(one) if one is not None else None, with_version) for one in against],
    }


def _other(production: VersionState | None, version: str) -> str | None:
    return production.version if production is not None and production.version != version else None
