"""A finding is reported once it was seen for long enough, closes when it is no longer seen where a comparison looked,
and of several processes one compares."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from orchestrator.ledger.engine.findings import Finding, Findings, Seen
from tests.ledger.small_office import small_office

MISSING = Seen("workflow_missing", "r1", "r1", "terminated")
OTHER = Seen("workflow_missing", "r2", "r2")
NOW, MINUTE = timedelta(0), timedelta(minutes=1)


async def about(rows: Findings, run_id: str) -> Finding | None:
    return next((one for one in await rows.all(timedelta(days=1)) if one.about == run_id), None)


async def test_what_is_seen_for_a_moment_leaves_nothing_behind(database_url: str) -> None:
    async with small_office(database_url) as here:
        rows = Findings(here.database)
        assert not (await rows.record([MISSING], {"workflow_missing": None}, MINUTE)).reported
        found = await about(rows, "r1")
        assert found is not None and found.reported_at is None and await rows.reported() == {}
        assert await rows.any_open()
        await rows.record([], {"workflow_missing": None}, MINUTE)
        assert await about(rows, "r1") is None and not await rows.any_open()


async def test_a_finding_is_reported_once_and_again_only_after_it_was_closed(database_url: str) -> None:
    async with small_office(database_url) as here:
        rows = Findings(here.database)
        everything = {"workflow_missing": None}
        first = await rows.record([MISSING], everything, NOW)
        assert (first.reported, first.runs) == ({"workflow_missing": 1}, {"r1"})
        again = await rows.record([MISSING], everything, NOW)
        assert (again.reported, again.runs) == ({}, frozenset()) and await rows.reported() == {"workflow_missing": 1}
        since = await about(rows, "r1")
        closed = await rows.record([], everything, NOW)
        assert closed.runs == {"r1"} and await rows.reported() == {}
        kept = await about(rows, "r1")
        assert kept is not None and since is not None and kept.closed_at is not None and kept.since == since.since
        assert (await rows.record([MISSING], everything, NOW)).reported == {"workflow_missing": 1}
        opened = await about(rows, "r1")
        assert opened is not None and opened.closed_at is None and opened.since > since.since


async def test_a_comparison_closes_only_what_it_looked_at(database_url: str) -> None:
    async with small_office(database_url) as here:
        rows = Findings(here.database)
        await rows.record([MISSING, OTHER], {}, NOW)
        await rows.record([], {"workflow_missing": frozenset({"r2"}), "workflow_late": None}, NOW)
        first, second = await about(rows, "r1"), await about(rows, "r2")
        assert first is not None and first.closed_at is None
        assert second is not None and second.closed_at is not None


async def test_one_of_several_processes_compares_when_it_is_due(database_url: str) -> None:
    async with small_office(database_url) as here:
        several = [Findings(here.database) for _ in range(5)]
        claimed = await asyncio.gather(*(rows.claim(MINUTE) for rows in several))
        assert sorted(claimed) == [False, False, False, False, True]
        await several[0].finish(MINUTE, "7", "r1")
        assert not await several[1].claim(MINUTE) and await several[1].places() == ("7", "r1")
        assert await several[1].finished_at() is not None
        await several[2].due_in(NOW)
        assert await several[3].claim(MINUTE)
