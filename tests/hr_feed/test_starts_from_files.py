"""A file in HR's folder starts the runs of its leavers: each leaving once, and nothing else.

Over 400 lines: what a look does about each kind of record, in one office.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from activities.inquiries.people import People
from orchestrator import commands
from orchestrator.domain.permissions.embargo import EmbargoTerms
from orchestrator.domain.permissions.levels import HR_FEED, hr_feed
from orchestrator.domain.run.cutoff import parse_cutoff
from tests.hr_feed.feeding import COLUMNS, PACKET, csv_packet, feeding, leaves, row
from tests.ledger.small_office import HANNA, SAM, STAFF, VERA

NEXT_YEAR = datetime.now(UTC).year + 1
FRIDAY = f"{NEXT_YEAR}-02-26"
URGENT = """
urgent:
  allowed_to: [requester]
  review_by: [safety_owner]
  review_within: P1D
  late_after: PT15M
starts: {window: PT1H, per_requester: 50, per_packet: 50, urgent_per_requester: 1, urgent_per_packet: 50}
"""
GRANTED = [{"who": "hr_system", "kind": "service", "systems": ["identity"], "up_to": "change"}]


def standings(report: object) -> list[tuple[str, str]]:
    return [(item.place, item.standing) for item in report.items]  # type: ignore[attr-defined]


async def test_a_file_starts_the_runs_of_its_leavers_once(database_url: str, tmp_path: Path) -> None:
    async with feeding(database_url, tmp_path) as here:
        file = here.put(row(1, FRIDAY), row(2), row(3, f"{NEXT_YEAR}-03-05", "12:30"))
        report = await here.look()
        assert (report.source, report.leavers, report.started, report.items) == (file.name, 2, 2, ())
        run = await here.run_of(1)
        assert (run.asked.requested_by, run.asked.packet, run.zone) == (HR_FEED, PACKET, "Europe/Berlin")
        assert run.local_cutoff == f"{FRIDAY}T18:00:00+01:00" and run.cutoff == run.asked.hr_leaving_at
        assert not run.urgent and not run.asked.hr_disagrees
        assert (await here.run_of(3)).local_cutoff == f"{NEXT_YEAR}-03-05T12:30:00+01:00"
        assert await here.runs_of(2) == []
        for _ in range(2):
            report = await here.look()
            assert (report.started, report.with_run) == (2, 2), "of this file, and nothing new"
        report = await here.look(row(1, FRIDAY), row(2, FRIDAY), row(3, f"{NEXT_YEAR}-03-05", "12:30"))
        assert (report.started, report.with_run) == (1, 2)
        assert len(await here.runs_of(1)) == len(await here.runs_of(2)) == 1


async def test_a_run_knows_which_of_its_values_hr_has_for_another_person(database_url: str, tmp_path: Path) -> None:
    async with feeding(database_url, tmp_path) as here:
        given_on = "2,New Person,P1@f.example,,"
        unreadable = f"4,Person 4,p3@f.example,31.02.{NEXT_YEAR},"
        composed, decomposed = f"6,Person 6,jos\u00e9@f.example,{FRIDAY},", "7,Person 7,jose\u0301@f.example,,"
        await here.look(row(1, FRIDAY), given_on, row(3, FRIDAY), unreadable, row(5, FRIDAY), composed, decomposed)
        shared = [((await here.run_of(number)).asked.facts or {}).get("shared") for number in (1, 3, 5, 6)]
        assert shared == [["email"], ["email"], None, ["email"]], "a row that cannot be read may be another person's"


async def test_two_workers_start_a_leaver_once(database_url: str, tmp_path: Path) -> None:
    async with feeding(database_url, tmp_path) as here:
        here.put(*(row(number, FRIDAY) for number in range(1, 6)))
        reports = await asyncio.gather(*(here.another().look() for _ in range(3)))
        assert sum(report is not None for report in reports) == 1, "one reads, and the others find it not due"
        for number in range(1, 6):
            assert len(await here.runs_of(number)) == 1
        here.put(*(row(number, FRIDAY) for number in range(1, 11)))
        # As if the lease had run out while the first one was reading.
        await asyncio.gather(*(here.another()._look() for _ in range(3)))
        for number in range(1, 11):
            assert len(await here.runs_of(number)) == 1


async def test_people_who_left_before_the_first_file_wait_for_hr_and_late_data_is_caught_up(
    database_url: str, tmp_path: Path
) -> None:
    async with feeding(database_url, tmp_path) as here:
        now = datetime.now(UTC)
        old = [leaves(number, now - timedelta(hours=1 + number)) for number in range(1, 40)]
        report = await here.look(*old, row(50, FRIDAY))
        assert (report.leavers, report.started) == (40, 1)
        assert standings(report) == [(f"line {number + 1}", "left_before") for number in range(1, 40)]
        await here.office.advance_clock(timedelta(hours=5))
        report = await here.look(*old, row(50, FRIDAY), leaves(51, now + timedelta(hours=1)))
        assert (report.started, report.with_run, len(report.items)) == (1, 1, 39)
        late = await here.run_of(51)
        assert late.cutoff < await here.office.ledger.now(), "the file came after the last day"


async def test_a_leaving_that_was_taken_care_of_starts_nothing_and_a_rehired_person_leaves_again(
    database_url: str, tmp_path: Path
) -> None:
    async with feeding(database_url, tmp_path) as here:
        await here.look(row(1, FRIDAY), row(2, FRIDAY))
        cancelled = await here.run_of(1)
        await commands.end_run(here.office.services, HANNA, cancelled.run_id, "They stay.")
        assert (await here.look(row(1, FRIDAY), row(2, FRIDAY))).with_run == 2
        assert len(await here.runs_of(1)) == 1, "HR cancelled it, and the file is not corrected yet"
        await here.look(row(1), row(2, FRIDAY))
        report = await here.look(row(1, f"{NEXT_YEAR}-09-30"), row(2, FRIDAY))
        assert report.started == 1 and len(await here.runs_of(1)) == 2


async def test_a_cutoff_that_a_person_of_hr_moved_is_no_change_in_hr(database_url: str, tmp_path: Path) -> None:
    """Also with a cutoff that HR's record does not have: access can end weeks before the last day."""
    async with feeding(database_url, tmp_path) as here:
        assert (await here.look(row(1, FRIDAY))).started == 1
        run = await here.run_of(1)
        early = parse_cutoff(f"{NEXT_YEAR}-01-15T18:00", "Europe/Berlin")
        await commands.reschedule_run(here.office.services, HANNA, run.run_id, early)
        report = await here.look()
        assert (report.with_run, report.items) == (1, ()), "HR's record did not change"


async def test_files_that_cannot_be_trusted_start_nothing(database_url: str, tmp_path: Path) -> None:
    async with feeding(database_url, tmp_path) as here:
        assert await here.feed.look() is None
        kept = await here.rows.last(PACKET)
        assert kept is not None and (kept.code, kept.report) == ("people_file_missing", None)
        whole = [row(number, FRIDAY if number == 1 else "") for number in range(1, 30)]
        report = await here.look(*whole)
        assert report.started == 1
        for rows, staying, code in (
            ([row(2, FRIDAY)], 3, "people_file_too_small"),
            ([*whole, row(2, FRIDAY), '3,"not closed'], 12, "export_quotation"),
        ):
            file = here.put(*rows, staying=staying)
            assert await here.feed.look() is None
            kept = await here.rows.last(PACKET)
            assert kept is not None and kept.code == code and kept.report is not None, "the last report stays"
            file.unlink()
        old = here.put(*whole, row(40, FRIDAY))
        here.age(old, timedelta(days=3))
        assert await here.feed.look() is None
        kept = await here.rows.last(PACKET)
        assert kept is not None and kept.code == "people_file_old"
        assert await here.runs_of(2) == await here.runs_of(40) == []
        old.unlink()
        assert (await here.look()).with_run == 1
        kept = await here.rows.last(PACKET)
        assert kept is not None and not kept.code


async def test_rows_that_cannot_be_read_are_named_and_the_others_start(
    database_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with feeding(database_url, tmp_path) as here:
        report = await here.look(row(1, "bald"), row(2, FRIDAY), row(3, FRIDAY), row(3, FRIDAY))
        assert report.started == 1 and standings(report) == [
            ("line 2", "unreadable"),
            ("line 4", "unreadable"),
            ("line 5", "unreadable"),
        ]
        assert "'bald'" in report.items[0].message
        assert await here.runs_of(1) == await here.runs_of(3) == []
        async with here.office.database.driver() as connection:
            [sealed] = await (await connection.execute("SELECT report FROM engine.hr_feeds")).fetchone() or [b""]
        assert b"bald" not in bytes(sealed) and b"line 2" not in bytes(sealed)
    assert "bald" not in caplog.text and "Person" not in caplog.text


async def test_a_file_that_would_start_more_runs_than_a_list_can_starts_none(database_url: str, tmp_path: Path) -> None:
    async with feeding(database_url, tmp_path) as here:
        report = await here.look(*(row(number, FRIDAY) for number in range(1, 12)))
        assert report.started == 0 and {item.standing for item in report.items} == {"too_many"}
        assert (
            "11 runs would start or get an earlier cutoff; the limit of packet csv-feed is 10"
            in report.items[0].message
        )
        assert "offboard " not in report.items[0].message, "HR reads it in a mail and in a browser"
        assert (await here.look(*(row(number, FRIDAY) for number in range(1, 11)))).started == 10


async def test_an_earlier_date_moves_the_cutoff_and_hr_is_asked_about_the_others(
    database_url: str, tmp_path: Path
) -> None:
    async with feeding(database_url, tmp_path) as here:
        await here.look(row(1, FRIDAY), row(2, FRIDAY), row(3, FRIDAY), row(4, FRIDAY))
        report = await here.look(row(1, f"{NEXT_YEAR}-01-29"), row(2, f"{NEXT_YEAR}-04-30"), row(3))
        runs = [await here.run_of(number) for number in range(1, 5)]
        assert runs[0].local_cutoff == f"{NEXT_YEAR}-01-29T18:00:00+01:00" and runs[0].moved_by == HR_FEED
        assert {run.local_cutoff for run in runs[1:]} == {f"{FRIDAY}T18:00:00+01:00"}, "a missing row is no change"
        found = [(item.place, item.standing, item.run_id) for item in report.items]
        assert report.moved == 1 and found == [
            ("line 3", "date_changed", runs[1].run_id),
            ("", "taken_back", runs[2].run_id),
        ]
        for run in runs[1:3]:
            [known] = [one for one in run.work.open_exceptions() if one.opened.kind == "leaving_changed"]
            assert "requester" in known.opened.owners
        before = [len(run.work.exceptions) for run in runs]
        assert (await here.look()).items == report.items, "until HR has acted"
        assert [len((await here.run_of(number)).work.exceptions) for number in range(1, 5)] == before
        cutoff = parse_cutoff(f"{NEXT_YEAR}-04-30T18:00", "Europe/Berlin")
        await commands.reschedule_run(here.office.services, HANNA, runs[1].run_id, cutoff)
        await commands.end_run(here.office.services, HANNA, runs[2].run_id, "They stay.")
        assert (await here.look()).items == (), "the cutoff is HR's date"


async def test_a_file_that_would_move_more_cutoffs_than_a_list_can_moves_none(
    database_url: str, tmp_path: Path
) -> None:
    async with feeding(database_url, tmp_path) as here:
        await here.look(*(row(number, FRIDAY) for number in range(1, 7)))
        await here.look(*(row(number, FRIDAY) for number in range(1, 13)))
        report = await here.look(*(row(number, f"{NEXT_YEAR}-01-29") for number in range(1, 13)))
        assert report.moved == 0 and {item.standing for item in report.items} == {"too_many"}
        assert "12 runs would start or get an earlier cutoff" in report.items[0].message
        for number in (1, 12):
            run = await here.run_of(number)
            assert run.local_cutoff == f"{FRIDAY}T18:00:00+01:00"
            [known] = [one for one in run.work.open_exceptions() if one.opened.kind == "leaving_changed"]
            assert "requester" in known.opened.owners, "access stays open for longer than HR's record says"
        report = await here.look()
        assert (report.started, report.moved) == (0, 0)
        assert {item.standing for item in report.items} == {"date_changed"}


async def test_a_file_that_would_move_too_many_cutoffs_starts_no_run_at_the_next_look_either(
    database_url: str, tmp_path: Path
) -> None:
    async with feeding(database_url, tmp_path) as here:
        await here.look(*(row(number, FRIDAY) for number in range(1, 7)))
        here.put(*(row(number, f"{NEXT_YEAR}-01-29") for number in range(1, 13)))
        for _ in range(3):
            report = await here.look()
            assert (report.started, report.moved) == (0, 0)
            assert sum(item.standing == "too_many" for item in report.items) >= 6
        assert await here.runs_of(12) == []


async def test_a_leaving_that_hr_took_back_and_recorded_again_starts_a_run(database_url: str, tmp_path: Path) -> None:
    async with feeding(database_url, tmp_path) as here:
        await here.look(row(1, FRIDAY))
        await here.look(row(1))
        cancelled = await here.run_of(1)
        await commands.end_run(here.office.services, HANNA, cancelled.run_id, "They stay.")
        here.put(row(1, FRIDAY))
        # As if the lease had run out while the first one was reading.
        await asyncio.gather(*(here.another()._look() for _ in range(3)))
        first, second = await here.runs_of(1)
        assert first.finish == "ended" and not second.finished and second.local_cutoff == f"{FRIDAY}T18:00:00+01:00"
        report = await here.look()
        assert (report.with_run, report.items) == (1, ()) and len(await here.runs_of(1)) == 2


async def test_another_leaving_cancels_an_open_restore_and_the_same_one_does_not(
    database_url: str, tmp_path: Path
) -> None:
    other = f"{NEXT_YEAR}-04-30"
    async with feeding(database_url, tmp_path) as here:
        await here.look(row(1, FRIDAY), row(2))
        first = await here.run_of(1)
        restore = (await commands.restore_access(here.office.services, HANNA, first.run_id, "They stay.")).run_id
        for _ in range(2):
            report = await here.look(row(1, FRIDAY), row(2))
            assert (report.started, report.with_run, report.items) == (0, 1, ())
        assert not (await here.office.state(restore)).finished
        here.put(row(1, other), row(2))
        # As if the lease had run out while the first one was reading.
        await asyncio.gather(*(here.another()._look() for _ in range(3)))
        runs = {run.run_id: run for run in await here.runs_of(1)}
        [again] = [run for id_, run in runs.items() if id_ not in (first.run_id, restore)]
        assert runs[restore].finish == "ended" and not runs[restore].work.open_exceptions()
        assert not again.finished and again.local_cutoff == f"{other}T18:00:00+02:00"
        report = await here.look()
        assert (report.with_run, report.items) == (1, ()) and len(await here.runs_of(1)) == 3


async def test_a_run_under_an_embargo_is_the_run_of_this_leaving_and_in_no_report(
    database_url: str, tmp_path: Path
) -> None:
    async with feeding(database_url, tmp_path) as here:
        at = parse_cutoff(f"{FRIDAY}T18:00", "Europe/Berlin")
        here.put(row(1, FRIDAY))
        people = People(here.connections, here.office.packet, here.office.keyring)
        facts = await people.facts(await people.find("1"))
        embargo = EmbargoTerms(until=at.instant + timedelta(days=9), named=tuple(actor.actor_id for actor in STAFF))
        done = await commands.start_run(here.office.services, HANNA, facts, PACKET, at, embargo=embargo)
        report = await here.look()
        assert (report.started, report.with_run, report.items) == (0, 1, ())
        assert isinstance(done, commands.Done) and len(await here.runs_of(1)) == 1
        report = await here.look(row(1, f"{NEXT_YEAR}-01-29"))
        assert (report.items, report.waiting, report.moved) == ((), 0, 0), "no count tells that there is one"
        assert (await here.run_of(1)).local_cutoff == f"{NEXT_YEAR}-01-29T18:00:00+01:00"


async def test_late_starts_above_the_limit_are_held_until_a_second_person_confirms(
    database_url: str, tmp_path: Path
) -> None:
    async with feeding(database_url, tmp_path, csv_packet(URGENT, GRANTED)) as here:
        await here.look(row(9, FRIDAY))
        now = datetime.now(UTC)
        await here.office.advance_clock(timedelta(hours=5))
        late = [leaves(number, now + timedelta(hours=number)) for number in range(1, 4)]
        report = await here.look(row(9, FRIDAY), *late)
        assert report.started == 1 and standings(report) == [("line 4", "held"), ("line 5", "held")]
        assert (await here.run_of(1)).urgent
        starts, _ = await here.office.runs.starts.read()
        first = next(iter(starts.held.values()))
        assert first.held.by == hr_feed().actor_id
        await commands.confirm_start(here.office.services, SAM, first.held.held_id)
        report = await here.look()
        assert report.started == 2 and standings(report) == [("line 5", "held")]


async def test_a_dry_run_is_not_the_run_of_a_leaving(database_url: str, tmp_path: Path) -> None:
    """Neither one of the feed, from before a version was in production, nor one that HR starts beside it."""
    async with feeding(database_url, tmp_path) as here:
        services, version = here.office.services, here.office.packet.version
        await commands.move_packet(services, SAM, PACKET, version, "shadow", [])
        for _ in range(2):
            report = await here.look(row(1, FRIDAY))
            assert (report.started + report.with_run, report.items) == (1, ())
        assert (await here.run_of(1)).dry
        for phase in ("pilot", "production"):
            for owner in (VERA, SAM):
                await commands.sign_packet(services, owner, PACKET, version, None, [])
            await commands.move_packet(services, SAM, PACKET, version, phase, [])  # type: ignore[arg-type]  # one of the phases
        await here.office.into_shadow(csv_packet(settle_seconds="1"))
        people = People(here.connections, here.office.packet, here.office.keyring)
        here.put(row(1, FRIDAY), row(2, FRIDAY))
        facts = await people.facts(await people.find("2"))
        cutoff = parse_cutoff(f"{FRIDAY}T18:00", "Europe/Berlin")
        await commands.start_run(services, HANNA, facts, PACKET, cutoff, shadow=True)
        for _ in range(2):
            report = await here.look()
            assert (report.waiting, report.items) == (0, ())
        for number in (1, 2):
            own = [state for state in await here.runs_of(number) if state.asked.twin_of is None]
            assert [state.dry for state in own] == [True, False], number


async def test_a_packet_that_is_not_in_use_is_named(database_url: str, tmp_path: Path) -> None:
    async with feeding(database_url, tmp_path) as here:
        here.feed._packet = "nosuch"
        assert await here.feed.look() is None
        kept = await here.rows.last("nosuch")
        assert kept is not None and kept.code == "unknown_packet" and "nosuch" in kept.detail


async def test_an_unexpected_error_ends_no_look_after_it(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failed: list[str] = []
    async with feeding(database_url, tmp_path) as here:
        here.put(row(1, FRIDAY))
        look, looks = here.feed._look, 0

        async def broken() -> object:
            nonlocal looks
            looks += 1
            if looks == 1:
                raise ZeroDivisionError("a name")
            return await look()

        monkeypatch.setattr(here.feed, "_look", broken)
        here.feed._failed = failed.append
        task = asyncio.create_task(here.feed.run())
        try:
            async with asyncio.timeout(20):
                while not await here.runs_of(1):
                    await asyncio.sleep(0.02)
        finally:
            here.feed.stop()
            await task
    assert failed == ["hr_feed"] and "a name" not in caplog.text and "ZeroDivisionError" in caplog.text


async def test_a_date_that_hr_moved_to_later_and_a_person_left_starts_no_second_run(
    database_url: str, tmp_path: Path
) -> None:
    async with feeding(database_url, tmp_path) as here:
        await here.look(row(1, FRIDAY))
        run = await here.run_of(1)
        later = f"{NEXT_YEAR}-04-30"
        await here.look(row(1, later))
        await commands.end_run(here.office.services, HANNA, run.run_id, "Handled by hand.")
        assert (await here.look(row(1, later))).with_run == 1 and len(await here.runs_of(1)) == 1


async def test_a_number_that_was_given_to_another_person_moves_no_cutoff(database_url: str, tmp_path: Path) -> None:
    """In a file without IDs of HR's own, the employee number is all that names a person."""
    columns = {**{name: title for name, title in COLUMNS.items() if name != "cutoff_time"}, "given_name": "Time"}
    async with feeding(database_url, tmp_path, csv_packet(columns=columns)) as here:
        await here.look(row(1, FRIDAY, "Ann"), row(2, FRIDAY, "Bo"), row(3, FRIDAY, "Cy"))
        earlier, events = f"{NEXT_YEAR}-01-29", (await here.run_of(1)).version
        another = f"1,Aino Virtanen,aino@f.example,{earlier},Aino"
        married = f"2,Bo Miller,miller@f.example,{earlier},Bo"
        stays = "3,Aino Virtanen,aino@f.example,,Aino"
        report = await here.look(another, married, stays)
        found = {(item.place, item.standing, item.run_id) for item in report.items}
        runs = [await here.run_of(number) for number in (1, 2, 3)]
        assert found == {
            ("line 2", "another_person", runs[0].run_id),
            ("line 3", "date_changed", runs[1].run_id),
            ("", "another_person", runs[2].run_id),
        }
        assert (report.moved, report.with_run) == (0, 1) and "hr_id" in report.items[0].message
        assert {run.local_cutoff for run in runs} == {f"{FRIDAY}T18:00:00+01:00"}
        assert runs[0].version == events and not list(runs[0].work.open_exceptions())
        [asked] = [one for one in runs[1].work.open_exceptions() if one.opened.kind == "leaving_changed"]
        assert "requester" in asked.opened.owners, "a person with another name may be the same one"
        assert (await here.look(row(1, earlier, "Ann"), married, stays)).moved == 1, "the record was corrected"


async def test_a_shorter_list_says_that_missing_people_take_nothing_back(database_url: str, tmp_path: Path) -> None:
    async with feeding(database_url, tmp_path) as here:
        full = [row(number, FRIDAY) for number in (1, 2, 3)]
        assert (await here.look(*full)).fewer == 0
        for report in (await here.look(full[0]), await here.look()):
            assert (report.leavers, report.fewer, report.items) == (1, 2, ())
        assert not (await here.run_of(3)).finished
        assert (await here.look(*full)).fewer == 0
