"""Beside a run for a later day than HR's own record has, HR's feed starts none: HR is asked about it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from activities.inquiries.people import People
from orchestrator import commands
from orchestrator.domain.permissions.levels import Actor, hr_feed
from orchestrator.domain.run.cutoff import Cutoff, parse_cutoff
from orchestrator.domain.run.run import RunState
from tests.hr_feed.feeding import PACKET, Feeding, csv_packet, feeding, row
from tests.ledger.small_office import HANNA, acting

NEXT_YEAR = datetime.now(UTC).year + 1
FRIDAY = f"{NEXT_YEAR}-02-26"
TEMP = acting("temp", "clerk")
GRANTED = [{"who": "clerk", "systems": ["hr", "identity"], "up_to": "change"}]


async def started(here: Feeding, by: Actor, number: int, day: str) -> RunState:
    """As the start of a page or of HR's webhook, with HR's record."""
    people = People(here.connections, here.office.packet, here.office.keyring)
    known = await people.find(str(number))
    done = await commands.start_run(
        here.office.services,
        by,
        await people.facts(known),
        PACKET,
        parse_cutoff(f"{day}T18:00", "Europe/Berlin"),
        expected=True,
        hr_leaving_at=known.leaving_at,
    )
    assert isinstance(done, commands.Done)
    return await here.office.state(done.run_id)


def asked(state: RunState) -> list[tuple[str, ...]]:
    return [one.opened.owners for one in state.work.open_exceptions() if one.opened.kind == "leaving_changed"]


async def test_hr_is_asked_about_a_start_for_a_later_day_by_an_account_that_may_not_postpone(
    database_url: str, tmp_path: Path
) -> None:
    async with feeding(database_url, tmp_path, csv_packet(levels=GRANTED)) as here:
        await here.office.keyring.create_person("p_temp")
        await commands.record_actor(here.office.services, TEMP)
        await commands.record_actor(here.office.services, hr_feed())
        here.put(*(row(number, FRIDAY) for number in range(1, 6)))
        far = f"{NEXT_YEAR + 5}-02-26"
        for number, by, day, asks in (
            (1, TEMP, far, True),
            (2, hr_feed(), far, True),
            (3, HANNA, far, False),
            (4, TEMP, FRIDAY, False),
            (5, TEMP, f"{NEXT_YEAR}-01-29", False),
        ):
            state = await started(here, by, number, day)
            assert [("requester" in owners) for owners in asked(state)] == [True] * asks, number
        report = await here.look()
        assert (report.started, report.with_run) == (0, 5)
        found = {(item.place, item.standing) for item in report.items}
        assert found == {("line 2", "date_changed"), ("line 3", "date_changed")}
        run = await here.run_of(1)
        cutoff = parse_cutoff(f"{NEXT_YEAR + 4}-02-26T18:00", "Europe/Berlin")
        await commands.reschedule_run(here.office.services, TEMP, run.run_id, cutoff)
        assert len(asked(await here.run_of(1))) == 1, "still later than HR's record"
        await commands.reschedule_run(here.office.services, HANNA, run.run_id, cutoff_on(FRIDAY))
        assert asked(await here.run_of(1)) == []
        [known] = (await here.run_of(2)).work.open_exceptions()
        await commands.accept_exception(
            here.office.services, HANNA, (await here.run_of(2)).run_id, known.opened.exception_id, "Agreed with Sales."
        )
        await here.look()
        assert asked(await here.run_of(2)) == []


async def test_a_start_at_once_after_hrs_day_asks_nothing(database_url: str, tmp_path: Path) -> None:
    async with feeding(database_url, tmp_path, csv_packet(levels=GRANTED)) as here:
        await here.office.keyring.create_person("p_temp")
        await commands.record_actor(here.office.services, TEMP)
        now = datetime.now(UTC)
        here.put(row(1, f"{now - timedelta(days=9):%Y-%m-%d}"))
        assert asked(await started(here, TEMP, 1, f"{now - timedelta(days=3):%Y-%m-%d}")) == []


def cutoff_on(day: str) -> Cutoff:
    return parse_cutoff(f"{day}T18:00", "Europe/Berlin")
