"""A packet says itself who owns it: once others are in use, those who own them answer for what it connects to, also
where it is older than they are."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from orchestrator import commands
from orchestrator.domain.errors import Invalid, NotAllowed
from orchestrator.domain.packet.packet import Packet
from orchestrator.domain.packet.packet_files import parse_packet, starter_packet
from orchestrator.domain.permissions.levels import Actor
from orchestrator.ledger.engine.webhooks import Webhooks
from tests.ledger.small_office import AUDREY, HANNA, SAM, VERA, SmallOffice, acting, renamed, small_office

OTHER = acting("olga", "requester")


@pytest_asyncio.fixture
async def here(database_url: str) -> AsyncIterator[SmallOffice]:
    async with small_office(database_url) as services:
        yield services


def of_requesters(name: str, safety_owner: str = "requester") -> Packet:
    files = dict(renamed(starter_packet("identity-only"), name).files)
    files["workflow.yaml"] = files["workflow.yaml"].replace(b"value_owner: value_owner", b"value_owner: requester")
    files["platform.yaml"] = files["platform.yaml"].replace(
        b"safety_owner: safety_owner", f"safety_owner: {safety_owner}".encode()
    )
    return parse_packet(files)


async def test_a_draft_from_before_anything_was_in_use_goes_nowhere_by_its_own_word(here: SmallOffice) -> None:
    await here.keyring.create_person(OTHER.human)
    await commands.record_actor(here.services, OTHER)
    names = [here.packet.name, "young", "signed"]
    await commands.move_packet(here.services, SAM, here.packet.name, here.packet.version, "retired", names)
    young, signed = of_requesters("young"), of_requesters("signed")
    for packet in (young, signed):
        await commands.adopt_packet(here.services, HANNA, packet, names)
    for owner in (HANNA, OTHER):
        await commands.sign_packet(here.services, owner, "signed", signed.version, "shadow", names)

    in_use = renamed(starter_packet("identity-only"), "in-use")
    await here.into_production(in_use)
    names.append("in-use")
    for refused in (
        commands.sign_packet(here.services, HANNA, "young", young.version, "shadow", names),
        commands.sign_packet(here.services, AUDREY, "young", young.version, "shadow", names),
        commands.move_packet(here.services, HANNA, "signed", signed.version, "shadow", names),
        commands.adopt_packet(here.services, HANNA, _changed(young), names),
    ):
        with pytest.raises(NotAllowed) as told:
            await refused
        assert told.value.code == "not_an_owner" and "safety_owner" in told.value.message
    await commands.move_packet(here.services, HANNA, "signed", signed.version, "retired", names)

    known = of_requesters("young", "safety_owner")
    await commands.adopt_packet(here.services, HANNA, known, names)
    for owner in (HANNA, SAM):
        await commands.sign_packet(here.services, owner, "young", known.version, "shadow", names)
    await commands.move_packet(here.services, SAM, "young", known.version, "shadow", names)
    assert (await here.runs.shelf("young")).history.phase == "shadow"


async def test_what_a_safety_owner_of_today_has_brought_its_own_owners_sign(here: SmallOffice) -> None:
    both = acting("bo", "requester", "safety_owner")
    for person in (both, OTHER):
        await here.keyring.create_person(person.human)
        await commands.record_actor(here.services, person)
    names, packet = [here.packet.name, "vouched"], of_requesters("vouched")
    await commands.adopt_packet(here.services, both, packet, names)
    for owner in (HANNA, OTHER):
        await commands.sign_packet(here.services, owner, "vouched", packet.version, "shadow", names)
    await commands.move_packet(here.services, HANNA, "vouched", packet.version, "shadow", names)
    assert (await here.runs.shelf("vouched")).history.phase == "shadow"


async def payroll(here: SmallOffice) -> tuple[Actor, list[str]]:
    """A second packet in use, with a safety owner of its own, and the names of both."""
    both, pia = acting("bo", "value_owner", "safety_owner"), acting("pia", "payroll_lead")
    for person in (both, pia):
        await here.keyring.create_person(person.human)
        await commands.record_actor(here.services, person)
    files = dict(renamed(starter_packet("identity-only"), "payroll").files)
    files["platform.yaml"] = files["platform.yaml"].replace(
        b"safety_owner: safety_owner", b"safety_owner: payroll_lead"
    )
    files["platform.yaml"] = files["platform.yaml"].replace(
        b"levels:\n", b"levels:\n  - {who: payroll_clerk, up_to: read}\n"
    )
    packet, names = parse_packet(files), [here.packet.name, "payroll"]
    await commands.adopt_packet(here.services, both, packet, names)
    for owner in (VERA, pia):
        await commands.sign_packet(here.services, owner, "payroll", packet.version, "shadow", names)
    await commands.move_packet(here.services, VERA, "payroll", packet.version, "shadow", names)
    return pia, names


async def test_webhooks_report_packets_of_the_account_that_made_them_and_are_its_alone(here: SmallOffice) -> None:
    pia, names = await payroll(here)
    everything = acting("all", "safety_owner", "payroll_lead")
    await here.keyring.create_person(everything.human)
    hooks = Webhooks(here.database, here.keyring, here.ledger)

    async def add(actor: Actor, only: list[str] | None) -> str:
        url, hosts = "https://hooks.example.com/x", ["hooks.example.com"]
        made, _ = await commands.add_webhook(here.services, hooks, actor, names, url=url, hosts=hosts, only=only)
        return made.hook_id

    for actor, only in ((pia, None), (pia, names), (pia, [here.packet.name]), (SAM, None), (SAM, ["payroll"])):
        with pytest.raises(NotAllowed) as told:
            await add(actor, only)
        assert told.value.code == "not_an_owner"
    of_sam, of_pia = await add(SAM, [here.packet.name]), await add(pia, ["payroll"])
    of_both, of_all = await add(everything, names), await add(everything, None)

    async def seen(actor: Actor) -> set[str]:
        return {hook.hook_id for hook in await commands.list_webhooks(here.services, hooks, actor, names)}

    assert (await seen(SAM), await seen(pia)) == ({of_sam}, {of_pia})
    assert await seen(everything) == {of_sam, of_pia, of_both, of_all}
    for hook_id in (of_sam, of_both, of_all, "w_0000000000000000"):
        for refused in (
            commands.disable_webhook(here.services, hooks, pia, names, hook_id),
            commands.replace_webhook_secret(here.services, hooks, pia, names, hook_id),
        ):
            with pytest.raises(Invalid) as unknown:
                await refused
            assert unknown.value.code == "unknown_webhook"
    await commands.replace_webhook_secret(here.services, hooks, pia, names, of_pia)
    await commands.disable_webhook(here.services, hooks, everything, names, of_sam)
    assert {hook.hook_id for hook in await hooks.all() if hook.disabled_at is not None} == {of_sam}


async def test_a_safety_owner_takes_roles_that_their_own_packet_speaks_of(here: SmallOffice) -> None:
    """From the account, and so in every packet: what has to be stopped waits for no one. But no role of others."""
    pia, _ = await payroll(here)
    several = acting("several", "operator", "payroll_clerk", "requester")
    await here.keyring.create_person(several.human)
    await commands.record_actor(here.services, several)
    for actor, packet, role in ((SAM, here.packet.name, "payroll_clerk"), (pia, "payroll", "role_of_nobody")):
        with pytest.raises(NotAllowed) as told:
            await commands.revoke_roles(here.services, actor, packet, "several", ["operator", role])
        assert told.value.code == "role_of_others" and role.replace("_", " ") in told.value.message
    with pytest.raises(NotAllowed) as strange:
        await commands.revoke_roles(here.services, SAM, "payroll", "several", ["payroll_clerk"])
    assert strange.value.code == "role_missing", "which roles a packet speaks of is not told to others"
    assert await commands.revoke_roles(here.services, SAM, here.packet.name, "several", ["operator"])
    assert await commands.revoke_roles(here.services, pia, "payroll", "several", ["payroll_clerk"])
    assert (await here.queries.staff())["several"].actor.roles == {"requester"}


def _changed(packet: Packet) -> Packet:
    return parse_packet({name: text + b"\n# changed\n" for name, text in packet.files.items()})
