"""A closed run is watched: the relay starts its checks on their days, against the real servers of the company."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import httpx
import psycopg
import pytest

from orchestrator import commands
from orchestrator.deciding.runs import RUN_EVENT_TYPES
from orchestrator.domain.run.run import RunState
from orchestrator.embedded.company.people import Employee
from orchestrator.ledger.book.codec import EventCodec
from orchestrator.ledger.book.rebuild import rebuild
from tests.conftest import Hire
from tests.integration.conftest import Install
from tests.integration.installation import FAR_FUTURE, Installation, open_kinds
from tests.integration.packets import quick_packet
from tests.integration.signed_databases import conninfo

DAY = timedelta(days=1)


def checked(state: RunState, day: int) -> bool:
    return bool(state.watch.checks) and all(
        (last := state.watch.last(system)) is not None and last.day >= day for system in state.accounts.searches
    )


async def test_access_that_came_back_is_found_and_removed_by_a_new_generation(install: Install, hire: Hire) -> None:
    [person] = await hire()
    async with install(packet=quick_packet()) as here:
        run = await here.start(person)
        state = await here.attend(run)
        assert state.finish == "clean", await here.story(run)

        await reported(here, state)
        await here.set_clock_ahead((1 * DAY + timedelta(minutes=1)).total_seconds())
        state = await here.wait_until(run, lambda state: checked(state, 1), "the checks of the first day", 30)
        assert {one.result.outcome for one in state.watch.checks} == {"gone"}, await here.story(run)
        assert state.finish == "clean"

        # An administrator takes back what the run did.
        [account] = state.accounts.of("code") or ()
        await unsuspend(here, state.accounts.details[account]["native_id"])
        done = await suspensions(here)
        await reported(here, state)
        await here.set_clock_ahead((7 * DAY + timedelta(minutes=1)).total_seconds())
        state = await here.wait_until(run, lambda state: bool(open_kinds(state)), "the checks of day 7", 30)
        assert set(open_kinds(state)) == {"access_returned"} and state.finish is None, await here.story(run)
        assert await suspensions(here) == done, "nothing is changed without a person"

        await commands.retry_step(
            here.services, here.actors["operator"], run, "suspend_code", reason="access came back"
        )
        state = await here.attend(run, until=lambda state: state.finish is not None)
        assert state.finish == "clean" and await suspensions(here) == done + 1, await here.story(run)
        [suspended] = [known for id_, known in state.work.steps.items() if state.plan.steps[id_].name == "suspend_code"]
        assert (suspended.generation, suspended.status) == (2, "verified")
        assert (await here.events(run)).count("RunClosed") == 2
        assert state.watch.since == state.finished_at, "the watch begins again"
        made = await rebuild(here.backend.database, EventCodec(RUN_EVENT_TYPES))
        assert made["runs"].differed == 0, "the time of the next check is made of the events"
        await here.verify()


@pytest.mark.parametrize("cause", ["employed_again", "later_run", "restored", "person_erased"])
async def test_a_watch_ends_where_there_is_nothing_to_check_any_more(install: Install, hire: Hire, cause: str) -> None:
    """The access is there again in each case. It is right, it is the later run's, or no one can say whose it was."""
    [person] = await hire()
    async with install(packet=quick_packet()) as here:
        run = await here.start(person)
        state = await here.attend(run)
        assert state.finish == "clean", await here.story(run)
        [account] = state.accounts.of("code") or ()
        await unsuspend(here, state.accounts.details[account]["native_id"])
        match cause:
            case "employed_again":
                await leaves_at(here, person, datetime.now(UTC) + 400 * DAY)
            case "later_run":
                await here.start(person, cutoff=FAR_FUTURE)
            case "restored":
                asked = await commands.restore_access(here.services, here.actors["hr"], run, "They stay")
                restore = await here.attend(asked.run_id)
                assert restore.finish == "clean", await here.story(asked.run_id)
            case _:
                await here.backend.keyring.erase_person(state.asked.person_id)
        await reported(here, state)
        await here.set_clock_ahead((1 * DAY + timedelta(minutes=1)).total_seconds())
        state = await here.wait_until(run, lambda state: state.watch.ended is not None, "the end of the watch", 60)
        assert state.watch.ended is not None and state.watch.ended.cause == (
            "later_run" if cause == "restored" else cause
        )
        assert state.finish == "clean" and not open_kinds(state) and not state.watch.checks
        await here.verify()


async def leaves_at(here: Installation, person: Employee, at: datetime) -> None:
    """HR's own record has another leaving date."""
    connections = here.company.connections
    headers = {"Authorization": f"Bearer {connections['HR_TOKEN']}"}
    async with httpx.AsyncClient(base_url=connections["HR_URL"], headers=headers) as hr:
        found = (await hr.get("/people", params={"identifier": person.employee_number})).json()["people"]
        (await hr.post(f"/people/{found[0]['id']}/leaving", json={"at": at.isoformat()})).raise_for_status()


async def reported(here: Installation, state: RunState) -> None:
    """Until the workflow's report on this version is written: it has the time of the clock that is set ahead next."""
    query = "SELECT count(*) FROM engine.reports WHERE run_id = %s AND version >= %s"
    async with await psycopg.AsyncConnection.connect(conninfo(here.settings.database_url), autocommit=True) as raw:
        async with asyncio.timeout(30):
            while (await (await raw.execute(query, (state.run_id, state.version))).fetchone()) != (1,):
                await asyncio.sleep(0.1)


async def unsuspend(here: Installation, native_id: str) -> None:
    connections = here.company.connections
    headers = {"Authorization": f"Bearer {connections['CODE_TOKEN']}"}
    async with httpx.AsyncClient(base_url=connections["CODE_URL"], headers=headers) as code:
        (await code.post(f"/accounts/{native_id}/unsuspend")).raise_for_status()


async def suspensions(here: Installation) -> int:
    return sum(effect["action"].endswith("/suspend") for effect in await here.company.effects("code"))
