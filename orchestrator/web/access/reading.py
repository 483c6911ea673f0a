"""Who may have the ledger verified, and who sees all of it: the same for the pages and the API."""

from __future__ import annotations

from orchestrator.domain.errors import NotAllowed
from orchestrator.web.access.caller import Caller
from orchestrator.web.parts import Parts


async def reads_runs(parts: Parts, caller: Caller) -> bool:
    return bool(await parts.queries.readable_packets(caller.viewer))


async def require_reading(parts: Parts, caller: Caller) -> None:
    """Raises `NotAllowed` for whoever may read no packet's runs."""
    if not await reads_runs(parts, caller):
        raise NotAllowed(
            "nothing_granted", "The ledger is verified by those who may read runs.", "Ask a safety owner for a grant."
        )


async def sees_everything(parts: Parts, caller: Caller) -> bool:
    """In an empty ledger nothing is hidden from anybody; whoever may read nothing sees its size all the less."""
    return await reads_runs(parts, caller) and await parts.queries.sees_everything(caller.viewer)
