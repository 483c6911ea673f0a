"""Refusals of what accounts want to do with a packet version: recorded once, and nothing where there is no packet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from orchestrator import commands
from orchestrator.domain.errors import Invalid, NotAllowed, Refusal
from orchestrator.domain.packet.history.packet_events import PacketActRefused, packet_stream
from orchestrator.domain.packet.packet_files import parse_packet
from orchestrator.domain.permissions.levels import Actor
from tests.ledger.small_office import HANNA, IVO, OLE, VERA, SmallOffice, small_office

PROGRAM = Actor(actor_id="bot", kind="service", roles=frozenset({"safety_owner"}), maker_human=OLE.human)


@pytest_asyncio.fixture
async def here(database_url: str) -> AsyncIterator[SmallOffice]:
    async with small_office(database_url) as office:
        await commands.record_actor(office.services, PROGRAM)
        yield office


async def recorded(here: SmallOffice) -> list[PacketActRefused]:
    stream = packet_stream(here.packet.name)
    page = await here.ledger.read({stream: 0})
    return [one.event for one in page.events[stream] if isinstance(one.event, PacketActRefused)]


async def refused(here: SmallOffice, by: Actor, version: str) -> str:
    with pytest.raises(NotAllowed) as raised:
        await commands.sign_packet(here.services, by, here.packet.name, version, None, [here.packet.name])
    return raised.value.code


async def test_a_refused_signature_is_recorded_once_for_each_account_and_code(here: SmallOffice) -> None:
    draft = parse_packet({**here.packet.files, "workflow.yaml": here.packet.files["workflow.yaml"] + b"# A draft.\n"})
    await commands.adopt_packet(here.services, VERA, draft, [here.packet.name])
    codes = await asyncio.gather(*(refused(here, by, draft.version) for by in (HANNA, IVO, PROGRAM) * 10))
    assert set(codes) == {"not_an_owner", "only_people_govern"}
    found = {(one.by, one.account_kind, one.human, one.refusal): one for one in await recorded(here)}
    assert set(found) == {
        ("hanna", "person", HANNA.human, "not_an_owner"),
        ("ivo", "person", IVO.human, "not_an_owner"),
        ("bot", "service", OLE.human, "only_people_govern"),
    }
    assert len(await recorded(here)) == len(found)
    assert {(one.act, one.version) for one in found.values()} == {("sign", draft.version)}


async def test_of_an_unknown_packet_or_version_nothing_is_recorded(here: SmallOffice) -> None:
    for name, version in (("no-such-packet", here.packet.version), (here.packet.name, "0" * 64)):
        with pytest.raises(Invalid):
            await commands.sign_packet(here.services, HANNA, name, version, None, ())
    assert await recorded(here) == []


async def test_an_account_that_adopts_one_version_after_the_other_adds_one_event(here: SmallOffice) -> None:
    for number in range(3):
        files = dict(here.packet.files)
        files["workflow.yaml"] += f"# {number}\n".encode()
        with pytest.raises(Refusal):
            await commands.adopt_packet(here.services, HANNA, parse_packet(files), [here.packet.name])
    [one] = await recorded(here)
    assert (one.act, one.by, one.refusal) == ("adopt", "hanna", "not_an_owner")
