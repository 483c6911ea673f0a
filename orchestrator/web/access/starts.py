"""Limits on starts, as a caller may see them."""

from __future__ import annotations

from typing import Any

from orchestrator.documents.starts import starts_document
from orchestrator.web.access.caller import Caller
from orchestrator.web.state import WebState


async def shown_starts(web: WebState, caller: Caller) -> dict[str, Any]:
    state, now = await web.services.runs.starts.read()
    packets = {packet.name: packet for packet in await web.queries.readable_packets(caller.viewer)}
    actors = (await web.queries.organisation_snapshot()).organisation.actors
    return starts_document(state, packets, caller.actor, now, actors)
