"""A system of the checklist responds by what happened last: a check or test, or the calls of runs."""

from __future__ import annotations

from orchestrator.documents.checklist import responding
from orchestrator.domain.packet.packet_files import starter_packet
from orchestrator.ledger.engine.system_reports import SystemSeen, keep_report
from orchestrator.ledger.engine.system_uses import SystemUses
from tests.ledger.small_office import SmallOffice, small_office

PACKET = starter_packet("standard-leaver")


async def checked(here: SmallOffice, reachable: bool) -> None:
    await keep_report(here.database, PACKET.name, SystemSeen("code", reachable, "" if reachable else "unreachable", ""))


async def called(here: SmallOffice, code: str) -> None:
    uses = SystemUses(here.database)
    uses.note(PACKET.name, "code", code)
    await uses.flush(everything=True)
    await uses.aclose()


async def responds(here: SmallOffice) -> bool:
    return (PACKET.name, "code") in await responding(here.database, [PACKET])


async def test_what_happened_last_decides(database_url: str) -> None:
    async with small_office(database_url) as here:
        assert not await responds(here), "nothing happened yet"
        await called(here, "")
        assert await responds(here), "a run used it"
        await called(here, "credential_refused")
        assert not await responds(here), "it fails in runs since"
        await checked(here, True)
        assert await responds(here), "a check after the failure"
        await called(here, "credential_refused")
        assert not await responds(here)
        await checked(here, False)
        await called(here, "")
        assert await responds(here), "a call after the check"
