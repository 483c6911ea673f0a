"""A packet says itself who owns it: once others are in use, those who own them answer for what it connects to, also
where it is older than they are."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from orchestrator import commands
from orchestrator.domain.errors import NotAllowed
from orchestrator.domain.packet import Packet
from orchestrator.domain.packet_files import parse_packet, starter_packet
from tests.ledger.small_office import AUDREY, HANNA, SAM, SmallOffice, acting, renamed, small_office

OTHER = acting("olga", "requester")


@pytest_asyncio.fixture
async def here(database_url: str) -> AsyncIterator[SmallOffice]:
    async with small_office(database_url) as office:
        yield office


def of_requesters(name: str, safety_owner: str = "requester") -> Packet:
    files = dict(renamed(starter_packet("identity-only"), name).files)
    files["workflow.yaml"] = files["workflow.yaml"].replace(b"value_owner: value_owner", b"value_owner: requester")
    files["platform.yaml"] = files["platform.yaml"].replace(
        b"safety_owner: safety_owner", f"safety_owner: {safety_owner}".encode()
    )
    return parse_packet(files)


async def test_a_draft_from_before_anything_was_in_use_goes_nowhere_by_its_own_word(here: SmallOffice) -> None:
    await here.keyring.create_person(OTHER.human)
    await commands.record_actor(here.office, OTHER)
    names = [here.packet.name, "young", "signed"]
    await commands.move_packet(here.office, SAM, here.packet.name, here.packet.version, "retired", names)
    young, signed = of_requesters("young"), of_requesters("signed")
    for packet in (young, signed):
        await commands.adopt_packet(here.office, HANNA, packet, names)
    for owner in (HANNA, OTHER):
        await commands.sign_packet(here.office, owner, "signed", signed.version, "shadow", names)

    in_use = renamed(starter_packet("identity-only"), "in-use")
    await here.into_production(in_use)
    names.append("in-use")
    for refused in (
        commands.sign_packet(here.office, HANNA, "young", young.version, "shadow", names),
        commands.sign_packet(here.office, AUDREY, "young", young.version, "shadow", names),
        commands.move_packet(here.office, HANNA, "signed", signed.version, "shadow", names),
        commands.adopt_packet(here.office, HANNA, _changed(young), names),
    ):
        with pytest.raises(NotAllowed) as told:
            await refused
        assert told.value.code == "not_an_owner" and "safety_owner" in told.value.message
    await commands.move_packet(here.office, HANNA, "signed", signed.version, "retired", names)

    known = of_requesters("young", "safety_owner")
    await commands.adopt_packet(here.office, HANNA, known, names)
    for owner in (HANNA, SAM):
        await commands.sign_packet(here.office, owner, "young", known.version, "shadow", names)
    await commands.move_packet(here.office, SAM, "young", known.version, "shadow", names)
    assert (await here.runs.shelf("young")).history.phase == "shadow"


async def test_what_a_safety_owner_of_today_has_brought_its_own_owners_sign(here: SmallOffice) -> None:
    both = acting("bo", "requester", "safety_owner")
    for person in (both, OTHER):
        await here.keyring.create_person(person.human)
        await commands.record_actor(here.office, person)
    names, packet = [here.packet.name, "vouched"], of_requesters("vouched")
    await commands.adopt_packet(here.office, both, packet, names)
    for owner in (HANNA, OTHER):
        await commands.sign_packet(here.office, owner, "vouched", packet.version, "shadow", names)
    await commands.move_packet(here.office, HANNA, "vouched", packet.version, "shadow", names)
    assert (await here.runs.shelf("vouched")).history.phase == "shadow"


def _changed(packet: Packet) -> Packet:
    return parse_packet({name: text + b"\n# changed\n" for name, text in packet.files.items()})
