"""A role that is revoked after a command has read it and before its append: nothing is appended on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from orchestrator import commands
from orchestrator.deciding.runs import Runs
from orchestrator.domain import events as e
from orchestrator.domain.errors import Refusal
from orchestrator.domain.organisation.organisation import Organisation, acting_now
from orchestrator.domain.organisation.person import PersonFacts
from orchestrator.domain.packet.history.packet_events import PacketActRefused
from orchestrator.domain.permissions.levels import Actor, Level
from orchestrator.domain.run.cutoff import Cutoff
from orchestrator.ledger.access.sessions import Sessions
from orchestrator.ledger.access.tokens import Tokens
from tests.ledger.small_office import DAY, FERN, HANNA, HOUR, IVO, OLE, SAM, VERA, SmallOffice, acting, small_office

PAT = acting("pat")
PACKET = "standard-leaver"
SendCommand = Callable[[SmallOffice, str], Awaitable[Any]]


@pytest_asyncio.fixture
async def here(database_url: str) -> AsyncIterator[SmallOffice]:
    async with small_office(database_url) as office:
        for one in (PAT, SECOND_SAM):
            await office.keyring.create_person(one.human)
            await commands.record_actor(office.services, one)
        yield office


SECOND_SAM = acting("second-sam", "safety_owner")
PERSON = PersonFacts(
    hr_id="S-9", employee_number="S-9", display_name="Quirina Baldamus", department="Sales",
    email="s-9@sales.example", manager_email="above@sales.example", time_zone="Europe/Berlin",
)  # fmt: skip


def before_the_append(here: SmallOffice, monkeypatch: pytest.MonkeyPatch, change: Callable[[], Awaitable[Any]]) -> None:
    """The next append waits until `change` has been recorded, as if another process had been faster."""
    append, changed = here.ledger.append, []

    async def later(*arguments: Any, **named: Any) -> Any:
        if not changed:
            changed.append(True)
            await change()
        return await append(*arguments, **named)

    monkeypatch.setattr(here.ledger, "append", later)


def elsewhere(here: SmallOffice) -> commands.Services:
    """The services of another process."""
    return replace(here.services, runs=Runs(here.ledger, here.runs.abilities))


async def _start(here: SmallOffice, run_id: str) -> Any:
    at = await here.ledger.now() + DAY
    return await commands.start_run(
        here.services, HANNA, PERSON, PACKET, Cutoff(instant=at, zone="UTC", local=f"{at:%Y-%m-%dT%H:%M}")
    )


async def _move(here: SmallOffice, run_id: str) -> None:
    version = (await here.runs.shelf(PACKET)).history.newest
    assert version is not None
    await commands.move_packet(here.services, VERA, PACKET, version.version, "pilot", [PACKET], "too early")


COMMANDS: dict[str, tuple[Actor, SendCommand]] = {
    "start": (HANNA, _start),
    "end": (HANNA, lambda here, run: commands.end_run(here.services, HANNA, run, "stays")),
    "approve": (IVO, lambda here, run: commands.approve_gate(here.services, IVO, run, "g-access-1")),
    "hold a run": (OLE, lambda here, run: commands.hold_run(here.services, OLE, run, "wait")),
    "hold a system": (OLE, lambda here, run: commands.hold_system(here.services, OLE, "code", PACKET, [PACKET])),
    "move a packet": (VERA, _move),
    "revoke roles": (SAM, lambda here, run: commands.revoke_roles(here.services, SAM, PACKET, "fern", [*FERN.roles])),
    "end sessions": (
        SAM,
        lambda here, run: commands.end_sessions(
            here.services, Sessions(here.database, timedelta(hours=1), timedelta(hours=1)), Tokens(here.database),
            SAM, [PACKET], "ivo",
        ),
    ),
    "make a token": (
        SAM,
        lambda here, run: commands.make_token(
            here.services, Tokens(here.database), SAM, [PACKET], name="Feed", kind="service", roles=["hr_system"],
            up_to=Level.PREPARE, lasts=DAY,
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
async def test_nothing_is_appended_for_a_role_that_was_just_revoked(
    here: SmallOffice, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    actor, command = COMMANDS[name]
    run_id = await here.start()
    other = elsewhere(here)
    before_the_append(
        here,
        monkeypatch,
        lambda: commands.revoke_roles(other, SECOND_SAM, PACKET, actor.actor_id, sorted(actor.roles)),
    )
    with pytest.raises(Refusal):
        await command(here, run_id)
    assert not (await here.runs.organisation()).actors[actor.actor_id].roles
    tail = await here.ledger.tail_position()
    [last] = await here.ledger.follow(tail - 1, 1)
    # The program of a token is recorded first, and has no token then. A packet records what it refuses.
    wanted = {"make a token": e.ActorRecorded, "move a packet": PacketActRefused}.get(name, e.RolesRevoked)
    assert isinstance(last.event, wanted), last.event


async def test_a_sign_in_of_another_person_in_between_changes_nothing(
    here: SmallOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = await here.start()
    other = elsewhere(here)
    before_the_append(here, monkeypatch, lambda: commands.record_actor(other, PAT, "Pat Ortiz"))
    await commands.approve_gate(here.services, IVO, run_id, "g-access-1")
    assert [vote.by for vote, _ in (await here.state(run_id)).decisions.gates["g-access-1"].votes] == ["ivo"]


async def test_a_service_whose_token_was_just_revoked_starts_nothing(
    here: SmallOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = Tokens(here.database)
    _, token = await commands.make_token(
        here.services,
        tokens,
        SAM,
        [PACKET],
        name="Feed",
        kind="service",
        roles=["hr_system"],
        up_to=Level.PREPARE,
        lasts=DAY,
    )
    feed = (await here.runs.organisation()).actors[token.actor_id]
    other = elsewhere(here)
    before_the_append(
        here, monkeypatch, lambda: commands.revoke_token(other, tokens, SECOND_SAM, [PACKET], token.token_id)
    )
    with pytest.raises(Refusal) as refusal:
        await here.start(HOUR, by=feed)
    assert refusal.value.code in ("role_missing", "level_not_granted")


def test_an_assistant_has_its_makers_roles_of_the_moment() -> None:
    maker = acting("sam", "safety_owner", "operator")
    asked = Actor(actor_id="helper", kind="assistant", roles=frozenset({"operator"}), maker=maker, up_to=Level.READ)
    before = asked.model_copy(update={"maker": None, "up_to": Level.CHANGE})
    revoked = Organisation(actors={"sam": maker.model_copy(update={"roles": frozenset()}), "helper": before})
    now = acting_now(asked, revoked)
    assert asked.has_one_of(["operator"]) and not now.has_one_of(["operator"])
    assert now.up_to is Level.READ, "the limit of the access that it came with stays"


async def test_a_leaver_who_is_a_safety_owner_stops_nothing_in_their_own_run(here: SmallOffice) -> None:
    """Revoked is the role of the requester and of an approver; in other runs both count."""
    own, other = await here.start(HOUR), await here.start(HOUR)
    leaver = acting("ada", "safety_owner").model_copy(update={"human": (await here.state(own)).asked.person_id})
    await commands.record_actor(here.services, leaver)
    for run_id in (own, other):
        await commands.approve_gate(here.services, IVO, run_id, "g-access-1")
    for account, role in (("hanna", "requester"), ("ivo", "it_approver")):
        assert await commands.revoke_roles(here.services, leaver, PACKET, account, [role])
        assert not await commands.revoke_roles(here.services, leaver, PACKET, account, [role]), "the same again"
    await here.advance_clock(2 * HOUR)
    assert {"disable_identity", "record_leaving"} <= set(await here.work(own))
    assert not {"disable_identity", "record_leaving"} & set(await here.work(other))
    # Another safety owner revokes the role as well: that counts in every run.
    await commands.revoke_roles(here.services, SAM, PACKET, "hanna", ["requester"])
    assert (await here.runs.load(own)).world.kept_roles == {"ivo": {"it_approver"}}
