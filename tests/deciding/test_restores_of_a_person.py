"""A restore among the runs of a person: a new leaving cancels it, it is opened once, and legal holds and the embargo
are carried over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from orchestrator import commands
from orchestrator.commands import Done
from orchestrator.domain.commands.replaying import Scope
from orchestrator.domain.errors import Invalid, Refusal, TooLate
from orchestrator.domain.events import ExceptionOpened, RunEnded
from orchestrator.domain.organisation.person import PersonFacts
from orchestrator.domain.permissions.embargo import EmbargoTerms
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.run.cutoff import Cutoff
from orchestrator.domain.run.watch.watch import next_check
from orchestrator.reading.run_lists import RunFilter
from tests.ledger.small_office import AUDREY, DAY, HANNA, HOUR, OLE, SAM, STAFF, SmallOffice, acting, sees, small_office

HENRI = acting("henri", "requester")


@pytest_asyncio.fixture
async def here(database_url: str) -> AsyncIterator[SmallOffice]:
    async with small_office(database_url) as office:
        await office.keyring.create_person(HENRI.human)
        await commands.record_actor(office.services, HENRI)
        yield office


async def restored(here: SmallOffice, run_id: str, by: Actor = HANNA) -> str:
    return (await commands.restore_access(here.services, by, run_id, "They stay")).run_id


async def start_again(here: SmallOffice, run_id: str, by: Actor = HANNA, **more: Any) -> Done:
    person = PersonFacts.model_validate((await here.state(run_id)).asked.facts)
    at = await here.ledger.now() + DAY
    cutoff = Cutoff(instant=at, zone="Europe/Berlin", local=at.strftime("%Y-%m-%dT%H:%M"))
    done = await commands.start_run(here.services, by, person, here.packet.name, cutoff, **more)
    assert isinstance(done, Done)
    return done


async def test_a_new_leaving_cancels_the_restore(here: SmallOffice) -> None:
    first = await here.whole()
    restore = await restored(here, first)
    person_id = (await here.state(first)).asked.person_id
    assert await here.queries.open_run_of(sees(HANNA), person_id) is None, "nothing that a start waits for"
    again = (await start_again(here, first, HENRI)).run_id
    cancelled, state = await here.state(restore), await here.state(again)
    assert (cancelled.finish, state.finished, state.restores) == ("ended", False, None)
    assert not cancelled.work.open_exceptions() and not any(g.open for g in cancelled.decisions.gates.values())
    page = await here.queries.run_page(sees(HANNA), restore)
    [ended] = [one.event for one in page.events if isinstance(one.event, RunEnded)]
    assert (ended.by, ended.reason) == (HENRI.actor_id, "Access is no longer to be restored.")
    assert await here.queries.open_run_of(sees(HANNA), person_id) == again
    with pytest.raises(TooLate, match="newer_run"):
        await restored(here, first)
    with pytest.raises(TooLate, match="run_open"):
        await start_again(here, first)


async def test_what_was_restored_is_no_exception_where_the_new_run_removes_it(here: SmallOffice) -> None:
    first = await here.whole()
    restore = await restored(here, first)
    await here.search(restore)
    await here.approve(restore)
    assert any(name.startswith("undo_") for name in await here.work(restore))
    again = (await start_again(here, first)).run_id
    page = await here.queries.run_page(sees(HANNA), restore)
    planned = {step.system for step in (await here.runs.load(again)).world.pinned.workflow.steps}
    left = [
        one.event.system
        for one in page.events
        if isinstance(one.event, ExceptionOpened) and one.event.kind == "left_behind"
    ]
    assert planned.isdisjoint(left)


async def test_a_dry_run_and_a_refused_start_cancel_no_restore(here: SmallOffice) -> None:
    first = await here.whole()
    restore = await restored(here, first)
    with pytest.raises(Refusal):
        await start_again(here, first, AUDREY)
    with pytest.raises(Invalid, match="no_dry_run"):
        await start_again(here, first, shadow=True)
    assert not (await here.state(restore)).finished


async def test_of_two_restores_at_the_same_moment_one_is_opened(here: SmallOffice) -> None:
    first = await here.whole()
    answers = await asyncio.gather(
        *(restored(here, first, by) for by in (HANNA, HENRI, HANNA, HENRI)), return_exceptions=True
    )
    opened = {one for one in answers if isinstance(one, str)}
    refused = [one for one in answers if isinstance(one, BaseException)]
    assert len(opened) == 1 and all(isinstance(one, TooLate) and one.code == "restore_exists" for one in refused)
    runs = (await here.run_lists.page(sees(HANNA), RunFilter(), limit=500)).lines
    assert {one.run_id for one in runs} == {first, *opened}


async def test_of_a_restore_and_a_start_at_the_same_moment_the_start_is_carried_out(here: SmallOffice) -> None:
    first = await here.whole()
    restore, again = await asyncio.gather(
        restored(here, first), start_again(here, first, HENRI), return_exceptions=True
    )
    assert isinstance(again, Done) and not (await here.state(again.run_id)).finished
    if isinstance(restore, str):
        assert (await here.state(restore)).finish == "ended"
    else:
        assert isinstance(restore, TooLate) and restore.code == "newer_run"


async def test_legal_holds_and_the_embargo_are_carried_over(here: SmallOffice) -> None:
    until = await here.ledger.now() + 9 * DAY
    embargo = EmbargoTerms(until=until, named=tuple(actor.actor_id for actor in STAFF))
    first = await here.start(-HOUR, embargo=embargo, legal_hold="A claim")
    for _ in range(5):
        await here.approve(first)
        await here.work(first)
    restore = await here.state(await restored(here, first))
    assert (restore.embargo_until, set(restore.named)) == (until, {actor.actor_id for actor in STAFF})
    assert restore.legal_hold and await here.listed(sees(HENRI)) == set()
    with pytest.raises(Invalid, match="unknown_run"):
        await restored(here, first, HENRI)
    # A start by a person who does not see the restore is carried out, and the hold stays in force.
    again = await here.state((await start_again(here, first, HENRI)).run_id)
    assert again.legal_hold and (await here.state(restore.run_id)).finish == "ended"
    assert await here.listed(sees(HENRI)) == {again.run_id}


async def test_a_completed_restore_ends_the_watch_and_replays_of_the_run(here: SmallOffice) -> None:
    first = await here.whole()
    assert next_check(await here.state(first)) is not None
    restore = await restored(here, first)
    with pytest.raises(TooLate, match="newer_run"):
        await commands.replay_run(here.services, OLE, first, Scope(), "Access is checked again")
    for _ in range(5):
        await here.search(restore)
        await here.approve(restore)
        await here.work(restore)
        for task_id, task in (await here.state(restore)).work.tasks.items():
            if task.open:
                by = next(one for one in (OLE, HENRI, SAM) if task.opened.role in one.roles)
                await commands.complete_task(here.services, by, restore, task_id, "done", {"note": "seen"})
    assert (await here.state(restore)).finished
    with pytest.raises(TooLate, match="newer_run"):
        await commands.replay_run(here.services, OLE, first, Scope(), "Access is checked again")
