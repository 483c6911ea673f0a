"""A batch: every row is checked before anything starts, and each row starts its run once, or says why it has none."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from activities.starts import Starts
from orchestrator import commands
from orchestrator.documents.batches.batch import batch_document
from orchestrator.domain import events as e
from orchestrator.domain.errors import Invalid, NotAllowed, Refusal, TooLate
from orchestrator.domain.packet import packet as packet_models
from orchestrator.ledger.access.keyed_requests import KeyedRequest, keyed
from orchestrator.reading.batches import RunsOfBatch
from tests.batches.office import FRIDAY, NEXT_YEAR, asked, batch_office
from tests.hr_feed.feeding import csv_packet, row
from tests.ledger.small_office import AUDREY, HANNA, IVO, OLE, SAM, acting


def rows(*numbers: int) -> list:  # type: ignore[type-arg]  # of rows
    return [asked(number, line) for line, number in enumerate(numbers, start=2)]


async def test_every_broken_row_is_named_before_anything_is_recorded(database_url: str, tmp_path: Path) -> None:
    async with batch_office(database_url, tmp_path) as here:
        await here.running(rows(7))
        assert await here.feeder.look() == 1
        waiting = await here.proposed(rows(8))
        given = [
            asked(1, 2),
            asked(404, 3),
            asked(1, 4),
            asked(2, 5, email="someone@else.example"),
            asked(3, 6, cutoff="soon"),
            asked(4, 7, zone="Europe/Berlim"),
            asked(5, 8, cutoff="1999-01-01T18:00"),
            asked(7, 9),
            asked(8, 10),
            asked(6, 11),
        ]
        checked = await here.check(given)
        assert (checked.batch_id, checked.people) == (None, 2)
        said = {row.place: row.message for row in checked.broken}
        assert list(said) == [f"line {line}" for line in range(3, 11)]
        for line, words in (
            (3, "No one in HR matches"),
            (4, "in the list already (line 2)"),
            (5, "different mail address"),
            (6, "cannot be read"),
            (7, "Did you mean Europe/Berlin?"),
            (8, "more than 5 years in the past"),
            (9, "already has an open run: r"),
            (10, f"This person is in batch {waiting}."),
        ):
            assert words in said[f"line {line}"], said
        assert len((await here.services.runs.batches.listed()).all) == 2, "nothing of this list"
        batch_id = await here.proposed(given, skip_broken=True)
        state = await here.state(batch_id)
        assert (state.status, state.asked.broken, len(state.rows)) == ("proposed", 8, 2)
        assert await here.here.runs_of(1) == [] and await here.feeder.look() == 0, "a proposal starts nothing"
        checked = await here.check(rows(9), check_only=True)
        assert (checked.batch_id, checked.people, checked.broken) == (None, 1, ())


async def test_each_row_starts_its_run_once_and_the_batch_ends(database_url: str, tmp_path: Path) -> None:
    async with batch_office(database_url, tmp_path) as here:
        late_row = asked(3, 4, cutoff=f"{NEXT_YEAR}-01-15T12:00")
        batch_id = await here.proposed([*rows(1, 2), late_row, asked(4, 5)])
        with pytest.raises(Invalid, match="batch_count_differs"):
            await commands.start_batch(here.services, HANNA, batch_id, 3)
        assert await commands.start_batch(here.services, HANNA, batch_id, 4)
        assert not await commands.start_batch(here.services, HANNA, batch_id, 4)
        others = here.another_feeder()
        await asyncio.gather(here.feeder.look(), others.look())
        while (await here.state(batch_id)).status == "running":
            await here.feeder.look()
        state = await here.state(batch_id)
        assert (state.status, state.started, state.done) == ("ended", 4, 4)
        assert (await here.started(batch_id))[0] == 3, "the one whose access ends first"
        for number in (1, 2, 3, 4):
            run = await here.here.run_of(number)
            assert (run.asked.requested_by, run.run_id) == (HANNA.actor_id, state.rows[number].run_id)
            assert not run.urgent
        assert (await here.here.run_of(1)).local_cutoff == f"{FRIDAY}:00+01:00"
        assert (await here.services.runs.batches.listed()).open == ()
        with pytest.raises(TooLate, match="batch_over"):
            await commands.hold_batch(here.services, HANNA, batch_id)


async def test_a_start_that_is_interrupted_leaves_the_run_with_its_row_or_neither(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with batch_office(database_url, tmp_path) as here:
        batch_id = await here.running(rows(1, 2))
        append = here.office.ledger.append

        async def dies_before(appends, *more, **named):  # type: ignore[no-untyped-def]
            if any(part.stream == e.batch_stream(batch_id) for part in appends):
                raise ConnectionError
            return await append(appends, *more, **named)

        async def dies_after(appends, *more, **named):  # type: ignore[no-untyped-def]
            done = await append(appends, *more, **named)
            if any(part.stream == e.batch_stream(batch_id) for part in appends):
                raise ConnectionError
            return done

        monkeypatch.setattr(here.office.ledger, "append", dies_before)
        with pytest.raises(ConnectionError):
            await here.feeder.look()
        assert await here.started(batch_id) == [] and await here.here.runs_of(1) == []
        monkeypatch.setattr(here.office.ledger, "append", dies_after)
        with pytest.raises(ConnectionError):
            await here.feeder.look()
        assert await here.started(batch_id) == [1] and len(await here.here.runs_of(1)) == 1
        monkeypatch.setattr(here.office.ledger, "append", append)
        assert await here.another_feeder().look() == 1
        assert (await here.state(batch_id)).status == "ended"
        assert [len(await here.here.runs_of(number)) for number in (1, 2)] == [1, 1]


async def test_a_row_that_fails_each_time_does_not_keep_the_others(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with batch_office(database_url, tmp_path) as here:
        batch_id = await here.running(rows(1, 2, 3))
        start = Starts.start_row

        async def fails_at_the_second(self, actor, state, asked, hr):  # type: ignore[no-untyped-def]
            if asked.row == 2:
                raise ZeroDivisionError
            return await start(self, actor, state, asked, hr)

        monkeypatch.setattr(Starts, "start_row", fails_at_the_second)
        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                await here.feeder.look()
        while (await here.state(batch_id)).status == "running":
            assert await here.feeder.look()
        state = await here.state(batch_id)
        assert (state.status, state.started, state.rows[2].code) == ("ended", 2, "unexpected")


async def test_only_the_requester_is_shown_that_a_person_has_an_open_run(database_url: str, tmp_path: Path) -> None:
    async with batch_office(database_url, tmp_path) as here:
        batch_id = await here.running(rows(1, 2))
        packet = here.office.packet
        for number in (1, 2):  # as if an open run had been found since the list was checked
            await here.feeder._record(batch_id, number, "run_open" if number == 1 else "unknown_person")
        state, nothing = await here.state(batch_id), RunsOfBatch({}, ())
        starts, now = await here.services.runs.starts.read()
        shown = {
            actor.actor_id: [
                (one["status"], one["code"])
                for one in batch_document(state, packet, starts, actor, {}, nothing, now)["rows"]
            ]
            for actor in (HANNA, OLE)
        }
        assert shown[HANNA.actor_id] == [("refused", "run_open"), ("refused", "unknown_person")]
        assert shown[OLE.actor_id] == [("received", None), ("refused", "unknown_person")]


async def test_a_paused_batch_starts_nothing_until_it_is_resumed(database_url: str, tmp_path: Path) -> None:
    async with batch_office(database_url, tmp_path) as here:
        batch_id = await here.running(rows(1, 2))
        assert await commands.hold_batch(here.services, OLE, batch_id)
        assert not await commands.hold_batch(here.services, HANNA, batch_id)
        assert await here.feeder.look() == 0
        state = await here.state(batch_id)
        assert (state.status, state.held_by, await here.here.runs_of(1)) == ("held", OLE.actor_id, [])
        # A start that has begun already is refused by the version of the batch, and not by a look at it.
        with pytest.raises(TooLate, match="batch_not_running"):
            await here.services.runs.batches.row_start(batch_id, 1)
        assert await commands.resume_batch(here.services, HANNA, batch_id)
        assert await here.feeder.look() == 2


async def test_a_cancelled_batch_keeps_the_runs_that_it_started(database_url: str, tmp_path: Path) -> None:
    async with batch_office(database_url, tmp_path) as here:
        batch_id = await here.running(rows(1, 2, 3))
        turn = await here.feeder._next()
        assert turn is not None and await here.feeder._feed(*turn) == 1
        with pytest.raises(Invalid, match="reason_missing"):
            await commands.cancel_batch(here.services, HANNA, batch_id, " ")
        assert await commands.cancel_batch(here.services, HANNA, batch_id, "The sale of the site is off.")
        assert await here.feeder.look() == 0
        state = await here.state(batch_id)
        assert [state.row_status(state.rows[number]) for number in (1, 2, 3)] == [
            "started",
            "not_started",
            "not_started",
        ]
        assert state.cancelled is not None and state.cancelled.reason == "The sale of the site is off."
        assert not (await here.here.run_of(1)).finished and await here.here.runs_of(2) == []
        assert (await here.services.runs.batches.listed()).open == ()


async def test_batches_take_turns(database_url: str, tmp_path: Path) -> None:
    async with batch_office(database_url, tmp_path) as here:
        first, second = await here.running(rows(1, 2, 3)), await here.running(rows(4, 5, 6))
        order = []
        for _ in range(6):
            turn = await here.feeder._next()
            assert turn is not None
            order.append(turn[0].asked.batch_id)
            await here.feeder._feed(*turn)
        assert order == [first, second] * 3
        assert {(await here.state(one)).status for one in (first, second)} == {"ended"}


async def test_an_urgent_run_comes_first(database_url: str, tmp_path: Path) -> None:
    urgent = """
urgent:
  allowed_to: [requester]
  review_by: [safety_owner]
  review_within: P1D
"""
    async with batch_office(database_url, tmp_path, packet=csv_packet(urgent)) as here:
        batch_id = await here.running(rows(1))
        run_id = await here.office.start(urgent=True)
        assert await here.feeder.look() == 0, "its steps are due"
        await here.office.work(run_id)
        assert await here.feeder.look() == 1
        assert (await here.state(batch_id)).status == "ended"


async def test_the_safety_owner_confirms_a_batch_beyond_the_cap_and_no_limit_holds_it(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = packet_models.StartLimits(per_requester=3, per_packet=50, urgent_per_requester=1, urgent_per_packet=5)
    monkeypatch.setattr(packet_models, "DEFAULT_START_LIMITS", limits)
    async with batch_office(database_url, tmp_path, people=16) as here:
        small = await here.proposed(rows(1, 2))
        assert not (await here.state(small)).asked.needs_confirmation
        limited = await here.proposed(rows(3, 4, 5, 6))
        assert (await here.state(limited)).asked.needs_confirmation, "more than the limits leave"
        batch_id = await here.proposed(rows(*range(3, 14)), skip_broken=True)
        assert len((await here.state(batch_id)).rows) == 7, "the others are in a batch that waits"
        await commands.start_batch(here.services, HANNA, limited, 4)
        assert await here.feeder.look() == 0 and (await here.state(limited)).status == "awaiting_confirmation"
        for by in (HANNA, OLE, IVO):
            with pytest.raises(Refusal):
                await commands.confirm_batch(here.services, by, limited)
        assert await commands.confirm_batch(here.services, SAM, limited)
        assert not await commands.confirm_batch(here.services, SAM, limited)
        assert await here.feeder.look() == 4
        starts, _ = await here.services.runs.starts.read()
        assert (starts.counted, starts.trips) == ((), {}), "the safety owner was asked once"
        await commands.start_batch(here.services, HANNA, small, 2)
        assert await here.feeder.look() == 2
        assert len((await here.services.runs.starts.read())[0].counted) == 2, "no one confirmed these"


async def test_a_batch_that_is_not_confirmed_waits_at_a_limit_on_starts(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = packet_models.StartLimits(per_requester=2, per_packet=50, urgent_per_requester=1, urgent_per_packet=5)
    monkeypatch.setattr(packet_models, "DEFAULT_START_LIMITS", limits)
    async with batch_office(database_url, tmp_path) as here:
        batch_id = await here.running(rows(1, 2))
        await here.office.start()
        assert await here.feeder.look() == 1
        state = await here.state(batch_id)
        assert (state.status, state.waiting) == ("running", 1), "no row is lost"


async def test_a_check_that_is_repeated_answers_with_the_batch_that_it_recorded(
    database_url: str, tmp_path: Path
) -> None:
    """As after the death of the worker between the append and its answer."""
    async with batch_office(database_url, tmp_path) as here:
        listed, inquiry = rows(1, 2, 404), "i" + "0" * 32
        first = await here.check(listed, inquiry_id=inquiry, skip_broken=True)
        assert first.batch_id is not None and (first.people, len(first.broken)) == (2, 1)
        assert await here.check(listed, inquiry_id=inquiry, skip_broken=True) == first
        await commands.start_batch(here.services, HANNA, first.batch_id, 2)
        assert await here.feeder.look() == 2
        assert await here.check(listed, inquiry_id=inquiry, skip_broken=True) == first
        assert len((await here.services.runs.batches.listed()).all) == 1


async def test_people_who_report_to_a_leaver_keep_no_access_open(database_url: str, tmp_path: Path) -> None:
    async with batch_office(database_url, tmp_path) as here:
        batch_id = await here.running(rows(1, 2))
        leaver = (await here.state(batch_id)).rows[1].proposed.person_id
        person = await here.office.keyring.create_person()
        report = acting("rita", "operator").model_copy(update={"human": person, "managers": frozenset({leaver})})
        await commands.record_actor(here.services, report)
        with pytest.raises(NotAllowed, match="reports_to_person"):
            await commands.hold_batch(here.services, report, batch_id)
        with pytest.raises(NotAllowed, match="reports_to_person"):
            await commands.cancel_batch(here.services, report, batch_id, "They stay.")
        assert await commands.hold_batch(here.services, OLE, batch_id)
        assert await commands.resume_batch(here.services, report, batch_id), "this ends access"


async def test_a_repeated_request_finds_what_it_decided(database_url: str, tmp_path: Path) -> None:
    """As after the death of the web process between the append and its answer."""
    async with batch_office(database_url, tmp_path) as here:
        batch_id = await here.running(rows(1, 2))
        for repeated in (False, True):
            with keyed(KeyedRequest("cancel-1", repeated)):
                assert await commands.cancel_batch(here.services, HANNA, batch_id, "The sale is off.")
        with pytest.raises(TooLate, match="batch_over"), keyed(KeyedRequest("cancel-2", True)):
            await commands.cancel_batch(here.services, HANNA, batch_id, "The sale is off.")


async def test_a_batch_does_not_exist_for_its_people_nor_for_those_without_permission(
    database_url: str, tmp_path: Path
) -> None:
    async with batch_office(database_url, tmp_path) as here:
        batch_id = await here.running(rows(1, 2))
        state = await here.state(batch_id)
        leaver = acting("leaver", "operator").model_copy(update={"human": state.rows[1].proposed.person_id})
        guest = acting("guest")
        for by in (leaver, guest):
            with pytest.raises(Invalid, match="unknown_batch"):
                await commands.hold_batch(here.services, by, batch_id)
        with pytest.raises(NotAllowed, match="role_missing"):
            await commands.hold_batch(here.services, AUDREY, batch_id)
        with pytest.raises(NotAllowed):
            await here.check(rows(3), by=AUDREY)
        own = await here.office.keyring.person_for("hr", "5")
        hr = HANNA.model_copy(update={"actor_id": "five", "human": own})
        await commands.record_actor(here.services, hr)
        [broken] = (await here.check(rows(5), by=hr)).broken
        assert "your own offboarding" in broken.message


async def test_a_requester_without_the_role_pauses_the_batch_and_an_erased_person_loses_the_row(
    database_url: str, tmp_path: Path
) -> None:
    async with batch_office(database_url, tmp_path) as here:
        batch_id = await here.running(rows(1, 2))
        state = await here.state(batch_id)
        assert [row.proposed.label for row in state.rows.values()] == ["Person 1", "Person 2"]
        await here.office.keyring.erase_person(state.rows[1].proposed.person_id)
        state = await here.state(batch_id)
        assert (state.rows[1].proposed.label, state.rows[1].proposed.hr_id) == (None, None)
        turn = await here.feeder._next()
        assert turn is not None and await here.feeder._feed(*turn) == 1
        assert (await here.state(batch_id)).rows[1].code in ("person_erased", "unknown_person")
        assert await here.here.runs_of(1) == []
        await commands.record_actor(here.services, HANNA.model_copy(update={"roles": frozenset()}))
        assert await here.feeder.look() == 0
        state = await here.state(batch_id)
        assert (state.status, state.held_by, state.held_code) == ("held", "", "level_not_granted")
        await commands.record_actor(here.services, HANNA)
        await commands.resume_batch(here.services, HANNA, batch_id)
        assert await here.feeder.look() == 1
        state = await here.state(batch_id)
        assert (state.status, state.started, state.rows[2].code) == ("ended", 1, None)


async def test_a_dry_run_batch_starts_dry_runs(database_url: str, tmp_path: Path) -> None:
    async with batch_office(database_url, tmp_path) as here:
        await here.office.into_shadow(csv_packet(columns={"employee_number": "Number", "display_name": "Name"}))
        batch_id = await here.running(rows(1, 2), shadow=True)
        while (await here.state(batch_id)).status == "running":
            assert await here.feeder.look()
        state = await here.state(batch_id)
        for one in state.rows.values():
            assert (await here.office.state(str(one.run_id))).dry


async def test_many_rows_are_looked_up_in_one_list(database_url: str, tmp_path: Path) -> None:
    async with batch_office(database_url, tmp_path, people=30) as here:
        here.here.put(*(row(number) for number in range(1, 31)), "31,Person 31,p1@f.example,,")
        batch_id = await here.running(rows(*range(1, 16)))
        while (await here.state(batch_id)).status == "running":
            assert await here.feeder.look()
        assert (await here.state(batch_id)).started == 15
        facts = [(await here.here.run_of(number)).asked.facts for number in (1, 2)]
        assert [tuple(one.get("shared", ())) for one in facts if one is not None] == [("email",), ()]
