"""Two owners act on a packet at one instant, a process stops within a command, or the version in production changes
between the comparison of two versions and the record of what rests on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from orchestrator import commands
from orchestrator.deciding.runs import Runs
from orchestrator.domain.errors import Refusal
from orchestrator.domain.events.event import Event
from orchestrator.domain.packet.history.packet_events import PacketAdopted, PacketMoved, PacketSigned, packet_stream
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.permissions.levels import Actor
from orchestrator.ledger.book.errors import OutcomeUnknown
from orchestrator.ledger.book.records import StreamAppend
from orchestrator.ledger.book.store import Ledger
from tests.ledger.small_office import SAM, VERA, SmallOffice, renamed, small_office


@pytest_asyncio.fixture
async def here(database_url: str) -> AsyncIterator[SmallOffice]:
    async with small_office(database_url) as office:
        yield office


def lasting(here: SmallOffice, time: str) -> Packet:
    """The packet with another lifetime of tokens: longer than in production is stricter, shorter is laxer."""
    return renamed(here.packet, here.packet.name, platform=("token_lifetime: PT5M", f"token_lifetime: {time}"))


async def happened(here: SmallOffice, kind: type[Event]) -> list[Any]:
    stream = packet_stream(here.packet.name)
    page = await here.ledger.read({stream: 0})
    return [one.event for one in page.events[stream] if isinstance(one.event, kind)]


async def adopted(here: SmallOffice, packet: Packet) -> str:
    return await commands.adopt_packet(here.services, SAM, packet, [packet.name])


async def sign(services: commands.Services, by: Actor, packet: Packet, phase: Any = None) -> None:
    await commands.sign_packet(services, by, packet.name, packet.version, phase, [packet.name])


async def move(services: commands.Services, by: Actor, packet: Packet, phase: Any) -> None:
    await commands.move_packet(services, by, packet.name, packet.version, phase, [packet.name])


def in_between(
    here: SmallOffice, monkeypatch: pytest.MonkeyPatch, act: Callable[[commands.Services], Awaitable[None]]
) -> commands.Services:
    """Another process, in which `act` happens once a command has decided and before it appends."""
    ledger = Ledger(here.database, here.keyring, here.codec)
    append, acted = ledger.append, False

    async def interrupted(appends: Sequence[StreamAppend], *given: Any, **named: Any) -> Any:
        nonlocal acted
        if not acted and any(one.drafts for one in appends):
            acted = True
            await act(here.services)
        return await append(appends, *given, **named)

    monkeypatch.setattr(ledger, "append", interrupted)
    return replace(here.services, runs=Runs(ledger, here.runs.abilities))


async def further_in_production(here: SmallOffice, packet: Packet) -> None:
    """With both signatures for each phase, since it is laxer."""
    for phase in ("shadow", "pilot", "production"):
        for owner in (VERA, SAM):
            await sign(here.services, owner, packet, phase)
        await move(here.services, VERA, packet, phase)


async def test_owners_who_sign_at_one_instant_sign_once_each(here: SmallOffice) -> None:
    packet = lasting(here, "PT1M")
    await adopted(here, packet)
    before = len(await happened(here, PacketSigned))
    other = replace(here.services, runs=Runs(here.ledger, here.runs.abilities))
    processes = (here.services, other)
    await asyncio.gather(
        *(sign(one, by, packet, "shadow") for by in (VERA, SAM) for one in processes for _ in range(4))
    )
    signed = (await happened(here, PacketSigned))[before:]
    assert sorted((one.owner, one.by, one.phase) for one in signed) == [
        ("safety", "sam", "shadow"),
        ("value", "vera", "shadow"),
    ]
    moved = len(await happened(here, PacketMoved))
    await asyncio.gather(*(move(one, by, packet, "shadow") for by in (VERA, SAM) for one in processes))
    assert len(await happened(here, PacketMoved)) == moved + 1


@pytest.mark.parametrize("act", ["sign", "move"])
async def test_the_version_in_production_counts_when_a_signature_or_a_move_is_recorded(
    here: SmallOffice, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    """The version is stricter than the one in production when it is compared, and laxer when it is recorded."""
    packet, further = lasting(here, "PT10M"), lasting(here, "PT30M")
    await adopted(here, packet)
    await adopted(here, further)
    await sign(here.services, SAM, further, "production")
    if act == "move":
        await sign(here.services, SAM, packet, "production")
    before = len(await happened(here, PacketSigned)), len(await happened(here, PacketMoved))
    services = in_between(here, monkeypatch, lambda there: move(there, SAM, further, "production"))
    with pytest.raises(Refusal) as refused:
        await (
            sign(services, SAM, packet, "production") if act == "sign" else move(services, SAM, packet, "production")
        )
    assert refused.value.code == "not_the_next_phase"
    assert (len(await happened(here, PacketSigned)), len(await happened(here, PacketMoved))) == (
        before[0],
        before[1] + 1,
    )
    shelf = await here.runs.shelf(packet.name)
    assert shelf.history.in_production is not None and shelf.history.in_production.version == further.version
    assert shelf.history.version(packet.version).phase == "draft"


async def test_a_role_that_is_revoked_in_between_signs_nothing(
    here: SmallOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    packet = lasting(here, "PT10M")
    await adopted(here, packet)
    before = len(await happened(here, PacketSigned))

    async def without_roles(there: commands.Services) -> None:
        await commands.record_actor(there, SAM.model_copy(update={"roles": frozenset({"auditor"})}))

    with pytest.raises(Refusal, match="not_an_owner"):
        await sign(in_between(here, monkeypatch, without_roles), SAM, packet, "production")
    assert len(await happened(here, PacketSigned)) == before


async def test_a_process_that_stops_after_the_record_repeats_nothing(
    here: SmallOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command has no answer, and the owner repeats it."""
    packet = lasting(here, "PT10M")
    ledger = Ledger(here.database, here.keyring, here.codec)
    append = ledger.append

    async def unanswered(*given: Any, **named: Any) -> Any:
        await append(*given, **named)
        raise OutcomeUnknown("the ledger", "the process stopped")

    monkeypatch.setattr(ledger, "append", unanswered)
    stopping = replace(here.services, runs=Runs(ledger, here.runs.abilities))
    kinds = (PacketAdopted, PacketSigned, PacketMoved)
    before = [len(await happened(here, kind)) for kind in kinds]
    for command in (
        lambda services: commands.adopt_packet(services, SAM, packet, [packet.name]),
        lambda services: sign(services, SAM, packet, "production"),
        lambda services: move(services, SAM, packet, "production"),
    ):
        with pytest.raises(OutcomeUnknown):
            await command(stopping)
        await command(here.services)
    assert [len(await happened(here, kind)) - more for kind, more in zip(kinds, before, strict=True)] == [1, 1, 1]
