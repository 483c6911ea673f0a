"""Limits on starts through the commands, on a ledger: what is appended, who is asked, and what many at once come to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from orchestrator import commands
from orchestrator.commands import Done, Received
from orchestrator.commands.starts import start_limits
from orchestrator.deciding.starts.recent_starts import RecentStarts
from orchestrator.domain import events as e
from orchestrator.domain.errors import Refusal, TooLate
from orchestrator.domain.organisation.person import PersonFacts
from orchestrator.domain.packet import packet as packet_models
from orchestrator.domain.packet.packet import StartLimits
from orchestrator.domain.packet.packet_files import starter_packet
from orchestrator.domain.permissions.embargo import EmbargoTerms
from orchestrator.domain.permissions.levels import HR_FEED, Actor
from orchestrator.domain.permissions.urgent import SignIn
from orchestrator.domain.run.cutoff import Cutoff
from orchestrator.ledger.book.errors import LedgerUnavailable
from orchestrator.ledger.book.store import Ledger
from tests.ledger.small_office import DAY, HANNA, HOUR, OLE, SAM, SmallOffice, acting, sees, small_office

HENRI = acting("henri", "requester")
NOW = {"cutoff_in": 0 * DAY, "urgent": True}


@pytest_asyncio.fixture
async def here(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SmallOffice]:
    limits = StartLimits(per_requester=5, per_packet=7, urgent_per_requester=2, urgent_per_packet=3)
    monkeypatch.setattr(packet_models, "DEFAULT_START_LIMITS", limits)
    async with small_office(database_url) as office:
        await office.keyring.create_person(HENRI.human)
        await commands.record_actor(office.services, HENRI)
        yield office


async def urgent_start(here: SmallOffice, number: str, by: Actor = HANNA) -> Done | Received:
    person = PersonFacts(hr_id=number, employee_number=number, display_name="Quirina Baldamus")
    return await commands.start_run(here.services, by, person, here.packet.name, None, urgent=True)


async def refused(here: SmallOffice, **more: Any) -> Refusal:
    with pytest.raises(TooLate) as error:
        await here.start(**more)
    return error.value


async def inbox(here: SmallOffice) -> list[tuple[str, str]]:
    items = (await here.queries.inbox(sees(SAM), limit=100)).items
    return [(item.run_id, str(item.detail["exception"])) for item in items if item.detail.get("exception")]


async def test_the_safety_owner_is_asked_and_two_people_release(here: SmallOffice) -> None:
    first = await here.start(**NOW)
    second = await here.start(**NOW)
    held = await refused(here, **NOW)
    assert held.code == "starts_held" and "2 urgent starts of this requester within 60 minutes" in held.message
    assert (second, "start_limit") in await inbox(here) and (first, "start_limit") not in await inbox(here)
    assert (await refused(here, **NOW)).code == "starts_held"
    assert [kind for _, kind in await inbox(here)].count("start_limit") == 1, "it is asked once"
    await here.start(by=HENRI)  # others go on
    await here.approve(first)
    assert await here.work(first), "a run that was started before goes on"

    trip_id = str(held.facts["trip_id"])
    assert not await commands.release_starts(here.services, SAM, trip_id)
    assert not await commands.release_starts(here.services, SAM, trip_id)
    assert await commands.release_starts(here.services, OLE, trip_id)
    assert (second, "start_limit") not in await inbox(here)
    await here.start(**NOW)
    with pytest.raises(Refusal, match="unknown_trip"):
        await commands.release_starts(here.services, OLE, trip_id)


async def test_a_release_that_was_interrupted_is_repeated(here: SmallOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process stops between the two appends."""
    for _ in range(2):
        run_id = await here.start(**NOW)
    trip_id = str((await refused(here, **NOW)).facts["trip_id"])
    assert not await commands.release_starts(here.services, SAM, trip_id)
    append, done = Ledger.append, list[Any]()

    async def interrupted(self: Ledger, *given: Any, **named: Any) -> Any:
        if done:
            raise LedgerUnavailable("the ledger", "it was stopped", "try again")
        done.append(await append(self, *given, **named))
        return done[0]

    with monkeypatch.context() as patch, pytest.raises(LedgerUnavailable):
        patch.setattr(Ledger, "append", interrupted)
        await commands.release_starts(here.services, OLE, trip_id)
    assert await commands.release_starts(here.services, OLE, trip_id)
    assert (run_id, "start_limit") not in await inbox(here)


async def test_no_one_is_asked_about_a_limit_that_was_released_before_the_exception_opened(
    here: SmallOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = [await here.start(**NOW) for _ in range(2)][-1]
    with monkeypatch.context() as patch:
        patch.setattr(RecentStarts, "read", unavailable)
        trip_id = str((await refused(here, **NOW)).facts["trip_id"])
    older = await here.runs.starts.read()
    for by in (SAM, OLE):
        await commands.release_starts(here.services, by, trip_id)
    read, reads = RecentStarts.read, [older]

    async def first_older(self: RecentStarts) -> Any:
        return reads.pop() if reads else await read(self)

    monkeypatch.setattr(RecentStarts, "read", first_older)
    await start_limits.ask_about_trips(here.services)
    known = (await here.state(run_id)).work.exceptions[start_limits.exception_id(trip_id)]
    assert known.disposition == "overcome" and (run_id, "start_limit") not in await inbox(here)


async def unavailable(self: RecentStarts) -> Any:
    raise LedgerUnavailable("the ledger", "it was stopped", "try again")


async def test_a_confirmed_start_passes_once(here: SmallOffice) -> None:
    for number in ("S-1", "S-2"):
        await urgent_start(here, number)
    with pytest.raises(TooLate) as held:
        await urgent_start(here, "S-3")
    assert await commands.confirm_start(here.services, OLE, str(held.value.facts["held_id"]))
    assert isinstance(await urgent_start(here, "S-3"), Done)
    events = (await here.ledger.read({e.STARTS: 0})).events[e.STARTS]
    counted = [one.event for one in events if isinstance(one.event, e.StartCounted)]
    assert [one.held_id for one in counted] == [None, None, held.value.facts["held_id"]]
    [record] = [one.event for one in events if isinstance(one.event, e.StartHeld)]
    assert record.label == "Quirina Baldamus" and "label" in record.personal_fields()


async def test_what_a_person_confirmed_or_approved_ends_with_the_role(here: SmallOffice) -> None:
    for number in ("S-1", "S-2"):
        await urgent_start(here, number)
    with pytest.raises(TooLate) as held:
        await urgent_start(here, "S-3")
    trip_id, held_id = str(held.value.facts["trip_id"]), str(held.value.facts["held_id"])
    assert await commands.confirm_start(here.services, OLE, held_id)
    assert not await commands.release_starts(here.services, OLE, trip_id)
    await commands.revoke_roles(here.services, SAM, here.packet.name, OLE.actor_id, ["operator"])
    with pytest.raises(TooLate, match="starts_held"):
        await urgent_start(here, "S-3")
    assert not await commands.release_starts(here.services, SAM, trip_id), "a second person is missing"
    assert await commands.confirm_start(here.services, SAM, held_id)
    assert isinstance(await urgent_start(here, "S-3"), Done)


async def test_many_starts_at_once_do_not_exceed_a_limit(here: SmallOffice) -> None:
    outcomes = await asyncio.gather(
        *(urgent_start(here, f"S-{number}") for number in range(12)), return_exceptions=True
    )
    codes = [getattr(outcome, "code", "started") for outcome in outcomes]
    assert codes.count("started") == 2 and codes.count("starts_held") == 10
    state, _ = await here.runs.starts.read()
    assert len(state.counted) == 2 and len(state.trips) == 1 and len(state.held) == 10


async def test_a_run_that_the_requester_cannot_see_makes_no_difference(here: SmallOffice) -> None:
    until = await here.ledger.now() + 10 * DAY
    run_id = await here.start(by=HENRI, embargo=EmbargoTerms(until, ("fern", "ivo", "ole")))
    hidden = PersonFacts.model_validate((await here.state(run_id)).asked.facts).hr_id
    for _ in range(2):
        # The same request again is nothing new for the run, but it was made.
        assert isinstance(await urgent_start(here, hidden), Received)
    assert (await refused(here, **NOW)).code == "starts_held", "a request that is only received counts as well"
    state, _ = await here.runs.starts.read()
    assert [one.embargoed for _, one in state.counted] == [True, True, True]


async def test_the_last_safety_owner_is_not_cut_off_by_one_person(here: SmallOffice) -> None:
    await commands.record_actor(here.services, SAM.model_copy(update={"roles": frozenset({"auditor"})}))
    for name in ("sue", "sid"):
        human = await here.keyring.person_for("hr", name)
        await commands.record_actor(here.services, acting(name, "safety_owner").model_copy(update={"human": human}))
    outcomes = await asyncio.gather(urgent_start(here, "sue"), urgent_start(here, "sid"), return_exceptions=True)
    held = [outcome for outcome in outcomes if isinstance(outcome, Refusal)]
    assert [one.code for one in held] == ["last_holder"] and "safety_owner" in held[0].message
    assert sum(isinstance(outcome, Done) for outcome in outcomes) == 1
    assert await commands.confirm_start(here.services, OLE, str(held[0].facts["held_id"]))
    last = "sid" if isinstance(outcomes[0], Done) else "sue"
    assert isinstance(await urgent_start(here, last), Done)


async def test_the_last_safety_owner_is_not_cut_off_by_a_late_start(database_url: str) -> None:
    """A cutoff in the past makes a start urgent, so that it is held like one that was requested as urgent."""
    async with small_office(database_url, starter_packet("standard-leaver")) as here:
        await commands.record_actor(here.services, SAM.model_copy(update={"roles": frozenset({"auditor"})}))
        for name in ("sue", "sid"):
            human = await here.keyring.person_for("hr", name)
            await commands.record_actor(here.services, acting(name, "safety_owner").model_copy(update={"human": human}))
        late = (await here.ledger.now()) - HOUR
        cutoff = Cutoff(instant=late, zone="UTC", local=f"{late:%Y-%m-%dT%H:%M}")

        async def late_start(name: str) -> Done | Received:
            person = PersonFacts(hr_id=name, employee_number=name, display_name="Quirina Baldamus")
            recent = SignIn(recent=True)
            return await commands.start_run(here.services, HANNA, person, here.packet.name, cutoff, sign_in=recent)

        outcomes = await asyncio.gather(late_start("sue"), late_start("sid"), return_exceptions=True)
        held = [outcome for outcome in outcomes if isinstance(outcome, Refusal)]
        assert [one.code for one in held] == ["last_holder"], outcomes
        assert sum(isinstance(outcome, Done) for outcome in outcomes) == 1


async def test_late_leavers_of_the_feed_of_hr_run_first_and_count(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = StartLimits(per_requester=5, per_packet=7, urgent_per_requester=1, urgent_per_packet=3)
    monkeypatch.setattr(packet_models, "DEFAULT_START_LIMITS", limits)
    feed = Actor(actor_id=HR_FEED, kind="service", roles=frozenset({"hr_system"}))
    async with small_office(database_url, starter_packet("standard-leaver")) as here:
        await commands.record_actor(here.services, feed)
        late = (await here.ledger.now()) - DAY
        cutoff = Cutoff(instant=late, zone="UTC", local=f"{late:%Y-%m-%dT%H:%M}")

        async def reported(number: str) -> Done | Received:
            person = PersonFacts(hr_id=number, employee_number=number, display_name="Quirina Baldamus")
            return await commands.start_run(here.services, feed, person, here.packet.name, cutoff, expected=True)

        first = await reported("Q-1")
        assert isinstance(first, Done)
        state = (await here.services.runs.load(first.run_id)).state
        assert state.urgent and state.cutoff == late and "x-urgent_review-start" in state.work.exceptions
        with pytest.raises(TooLate) as held:
            await reported("Q-2")
        assert held.value.code == "starts_held"


async def make_urgent(here: SmallOffice, run_id: str, by: Actor = HENRI) -> Done:
    return await commands.make_run_urgent(here.services, by, run_id, "why", sign_in=SignIn(recent=True))


async def test_a_scheduled_run_made_urgent_counts_as_an_urgent_start(here: SmallOffice) -> None:
    runs = [await here.start(by=HENRI) for _ in range(3)]
    for run_id in runs[:2]:
        await make_urgent(here, run_id)
        assert (await here.state(run_id)).urgent
    assert not (await make_urgent(here, runs[0])).events, "it is urgent already"
    with pytest.raises(TooLate, match="starts_held") as held:
        await make_urgent(here, runs[2])
    assert not (await here.state(runs[2])).urgent
    assert (runs[1], "start_limit") in await inbox(here), (
        "the safety owner is asked in the run that was the last counted"
    )
    assert await commands.confirm_start(here.services, OLE, str(held.value.facts["held_id"]))
    await make_urgent(here, runs[2])
    state, _ = await here.runs.starts.read()
    assert [one.urgent for _, one in state.counted] == [False] * 3 + [True] * 3


async def test_the_last_operator_is_not_cut_off_by_one_person_who_makes_the_run_urgent(here: SmallOffice) -> None:
    run_id = await here.start(by=HENRI)
    person_id = (await here.state(run_id)).asked.person_id
    await commands.record_actor(here.services, OLE.model_copy(update={"roles": frozenset({"auditor"})}))
    leaver = acting("leaver", "operator").model_copy(update={"human": person_id})
    await commands.record_actor(here.services, leaver)
    with pytest.raises(TooLate, match="last_holder"):
        await make_urgent(here, run_id)
    with pytest.raises(Refusal, match="own_run"):
        await make_urgent(here, run_id, leaver)
    assert not (await here.state(run_id)).urgent
