"""A version with open runs is moved back or retired: the owner says what happens to them, and the ledger records it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from orchestrator import commands
from orchestrator.domain.errors import Invalid, NotAllowed
from orchestrator.domain.packet.history.packet_events import PacketMoved, packet_stream
from orchestrator.domain.permissions.embargo import EmbargoTerms
from tests.ledger.small_office import DAY, HANNA, OLE, SAM, VERA, SmallOffice, sees, small_office


@pytest_asyncio.fixture
async def here(database_url: str) -> AsyncIterator[SmallOffice]:
    async with small_office(database_url) as office:
        yield office


async def test_open_runs_are_counted_and_continue_or_are_paused(here: SmallOffice) -> None:
    one, ended = await here.start(DAY), await here.start(DAY)
    await commands.end_run(here.services, HANNA, ended, "they stay")
    terms = EmbargoTerms(until=await here.ledger.now() + DAY, named=("fern", "ivo", "ole"))
    secret = await here.start(2 * DAY, embargo=terms)
    name, version = here.packet.name, here.packet.version
    running = await here.run_lists.open_under(sees(SAM), version)
    assert running == (one,), "a finished run is not open; a run under an embargo is not counted for others"

    async def move(by, to, open_runs):  # type: ignore[no-untyped-def]
        await commands.move_packet(here.services, by, name, version, to, [name], "Not ready", open_runs, running)

    with pytest.raises(Invalid) as unanswered:
        await move(SAM, "pilot", None)
    assert unanswered.value.code == "open_runs_unanswered" and unanswered.value.message.startswith("1 run of version")
    with pytest.raises(NotAllowed) as refused:
        await move(VERA, "pilot", "pause")
    assert refused.value.code == "role_missing" and refused.value.message.startswith(f"Run {one} can't be paused: ")
    assert (await here.services.runs.shelf(name)).history.version(version).phase == "production", "nothing was moved"
    with pytest.raises(NotAllowed) as stranger:
        await move(OLE, "pilot", "pause")
    assert stranger.value.code == "not_an_owner"

    await move(VERA, "pilot", "continue")
    assert not (await here.state(one)).held
    await move(SAM, "retired", "pause")
    assert (await here.state(one)).held and not (await here.state(secret)).held
    await move(SAM, "retired", "pause")
    stream = packet_stream(name)
    moved = [x.event for x in (await here.ledger.read({stream: 0})).events[stream] if isinstance(x.event, PacketMoved)]
    assert [event.open_runs for event in moved] == [None, None, None, "continue", "pause"]
