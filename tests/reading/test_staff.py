"""Who works here: what sign-ins recorded, under each person's own key, and what they cost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest_asyncio

from orchestrator import commands
from orchestrator.commands import Services
from orchestrator.deciding.runs import Runs
from orchestrator.domain import events as e
from orchestrator.domain.permissions.levels import Actor, Level
from orchestrator.reading.queries import Queries
from orchestrator.reading.staff import StaffMember
from orchestrator.reading.visibility import Viewer
from tests.ledger.small_office import IVO, OLE, SAM, SmallOffice, acting, small_office

MANY = 1000


@pytest_asyncio.fixture
async def here(database_url: str) -> AsyncIterator[SmallOffice]:
    async with small_office(database_url) as services:
        yield services


async def sign_ins(here: SmallOffice) -> int:
    page = await here.ledger.read({e.ORGANISATION: 0})
    return sum(isinstance(recorded.event, e.ActorRecorded) for recorded in page.events[e.ORGANISATION])


async def test_a_sign_in_tells_name_address_and_time_zone_once(here: SmallOffice) -> None:
    before = await sign_ins(here)
    for _ in range(3):
        await commands.record_actor(here.services, IVO, "Ivo Ilic", "ivo@x.example", "Europe/Zagreb")
        await commands.record_actor(here.services, IVO)
    assert await sign_ins(here) == before + 1
    member = (await here.queries.staff())["ivo"]
    assert member == StaffMember(IVO, "Ivo Ilic", "ivo@x.example", "Europe/Zagreb")
    assert (await here.queries.staff())["ole"] == StaffMember(OLE)
    moved = IVO.model_copy(update={"managers": frozenset({"p_sam"}), "up_to": Level.STAGE})
    await commands.record_actor(here.services, moved)
    assert (await here.queries.staff())["ivo"] == StaffMember(moved, "Ivo Ilic", "ivo@x.example", "Europe/Zagreb")


async def test_an_account_without_a_role_lists_only_itself(here: SmallOffice) -> None:
    guest = acting("guest")
    await here.keyring.create_person(guest.human)
    await commands.record_actor(here.services, guest)
    assert set(await here.queries.colleagues(Viewer.of(guest))) == {"guest"}
    assert {"guest", "ivo", "sam"} <= set(await here.queries.colleagues(Viewer.of(IVO)))


async def test_roles_are_those_that_hold_now(here: SmallOffice) -> None:
    two = acting("two", "operator", "auditor")
    await here.keyring.create_person(two.human)
    await commands.record_actor(here.services, two)
    await commands.revoke_roles(here.services, SAM, here.packet.name, "two", ["operator"])
    assert (await here.queries.staff())["two"].actor.roles == {"auditor"}
    await commands.record_actor(here.services, two)
    assert (await here.queries.staff())["two"].actor.roles == {"auditor"}, "to sign in again gives nothing back"
    await commands.record_actor(here.services, two.model_copy(update={"roles": frozenset(["auditor"])}))
    await commands.record_actor(here.services, two)
    assert (await here.queries.staff())["two"].actor.roles == {"operator", "auditor"}


async def test_names_are_encrypted_under_each_ones_own_key_and_go_with_it(here: SmallOffice) -> None:
    await commands.record_actor(here.services, IVO, "Ivo Ilic", "ivo@x.example")
    await commands.record_actor(here.services, OLE, "Ole Olsen")
    elsewhere = Queries(here.database, here.ledger, Runs(here.ledger, here.runs.abilities))
    assert (await elsewhere.staff())["ivo"].name == "Ivo Ilic"
    async with here.database.connect() as connection:
        stored = await connection.exec_driver_sql("SELECT stored FROM ledger.events WHERE stream = 'organisation'")
        assert not any(b"Ilic" in bytes(row[0]) or b"ivo@x" in bytes(row[0]) for row in stored)
    assert IVO.human is not None
    await here.keyring.erase_person(IVO.human)
    for queries in (here.queries, elsewhere):
        members = await queries.staff()
        assert members["ivo"] == StaffMember(IVO), "also in what is cached"
        assert members["ole"].name == "Ole Olsen"


async def test_a_thousand_sign_ins_at_once_are_recorded_once_each_and_read_no_history(here: SmallOffice) -> None:
    other = Services(Runs(here.ledger, here.runs.abilities), here.keyring)
    people = [Actor(actor_id=f"service-{n}", kind="service", roles=frozenset({"operator"})) for n in range(MANY)]
    before, began = await sign_ins(here), time.perf_counter()
    # Two processes' worth of them: each keeps its own sign-ins in line, and conflicts only with the other.
    await asyncio.gather(*(commands.record_actor((here.services, other)[n % 2], one) for n, one in enumerate(people)))
    first = time.perf_counter() - began
    assert await sign_ins(here) == before + MANY
    began = time.perf_counter()
    await asyncio.gather(*(commands.record_actor((here.services, other)[n % 2], one) for n, one in enumerate(people)))
    again = time.perf_counter() - began
    assert await sign_ins(here) == before + MANY
    assert len(await here.queries.staff()) == before + MANY
    print(f"{MANY} sign-ins: {first:.1f} s, again {again:.1f} s")
    assert again < first, "the time grows with what is new, not with what there is"
