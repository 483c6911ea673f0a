"""Lists and outcomes are the same rows asked in two ways; what a viewer does not see is in no line and no number."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import psycopg
import pytest

from orchestrator import commands
from orchestrator.documents.outcomes import outcomes_document
from orchestrator.domain.errors import Invalid
from orchestrator.domain.events.event import Event
from orchestrator.domain.packet.packet_files import starter_packet
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps import steps
from orchestrator.domain.run.steps.readiness import World
from orchestrator.embedded.smaller_packet import without_late_starts
from orchestrator.ledger.book.rebuild import rebuild
from orchestrator.reading import outcomes
from orchestrator.reading.exception_lists import ExceptionFilter, ExceptionLists
from orchestrator.reading.outcomes import OutcomeQueries, Span
from orchestrator.reading.run_lists import RunFilter, RunLists, Sort
from tests.ledger.small_office import (
    AUDREY,
    DAY,
    DONE,
    HANNA,
    HOUR,
    IVO,
    OLE,
    REFUSED,
    STRANGER,
    SmallOffice,
    acting,
    renamed,
    sees,
    small_office,
)

MINUTES = 175
"""What a whole run under the starter packet saves, of someone who administers nothing."""


@pytest.fixture
async def services(database_url: str) -> AsyncIterator[SmallOffice]:
    async with small_office(database_url) as made:
        yield made


@pytest.fixture
def lists(services: SmallOffice) -> RunLists:
    return RunLists(services.database, services.queries)


async def hide(services: SmallOffice, run_id: str) -> None:
    """Under an embargo that names no one who looks here."""

    def change() -> None:
        with psycopg.connect(services.url.replace("+psycopg", "", 1)) as connection:
            connection.execute(
                "UPDATE read.runs SET embargo_until = engine.now() + interval '1 day', named = '[\"vip\"]' "
                "WHERE run_id = %s",
                (run_id,),
            )

    await asyncio.to_thread(change)


async def run_ids(lists: RunLists, wanted: RunFilter | None = None, sort: Sort = "latest", most: int = 2) -> list[str]:
    """The whole list, page by page."""
    found: list[str] = []
    after: str | None = None
    while True:
        page = await lists.page(sees(AUDREY), wanted, sort, after, most)
        assert len(page.lines) <= most
        found += [line.run_id for line in page.lines]
        if page.after is None:
            return found
        after = page.after


async def test_runs_are_listed_by_every_sort_and_filter_and_counted(services: SmallOffice, lists: RunLists) -> None:
    other = acting("helga", "requester")
    await services.keyring.create_person(other.human)
    await commands.record_actor(services.services, other)
    soon, late, middle = [await services.start(in_) for in_ in (HOUR, 9 * DAY, 3 * DAY)]
    urgent = await services.start(HOUR, urgent=True)
    theirs = await services.start(2 * DAY, by=other)
    over = await services.whole()
    everything = [over, theirs, urgent, middle, late, soon]
    assert await run_ids(lists) == everything
    by_cutoff = await run_ids(lists, sort="cutoff")
    cutoffs = {run_id: (await services.state(run_id)).cutoff for run_id in everything}
    assert by_cutoff == sorted(everything, key=lambda run_id: (cutoffs[run_id], run_id))
    by_due = await run_ids(lists, sort="due")
    assert sorted(by_due) == sorted(everything) and by_due[-1] == over, "nothing is due for what is over"

    now = await services.ledger.now()
    for wanted, expected in (
        (RunFilter(states=("open",)), everything[1:]),
        (RunFilter(states=("finished",)), [over]),
        (RunFilter(states=("clean", "ended")), [over]),
        (RunFilter(urgent=True), [urgent]),
        (RunFilter(urgent=False), [run_id for run_id in everything if run_id != urgent]),
        (RunFilter(packet="standard-leaver"), everything),
        (RunFilter(packet="nosuch"), []),
        (RunFilter(system="cards"), everything),
        (RunFilter(system="nosuch"), []),
        (RunFilter(cutoff_from=now + DAY), [theirs, middle, late]),
        (RunFilter(cutoff_from=now + DAY, cutoff_until=now + 4 * DAY), [theirs, middle]),
    ):
        assert await run_ids(lists, wanted) == expected, wanted
        counts = await lists.counts(sees(AUDREY), wanted)
        if not wanted.states:
            assert counts.total == len(expected), wanted
            assert counts.finished == (over in expected) and counts.open == counts.total - counts.finished
    mine = await lists.page(sees(HANNA), RunFilter(mine=True))
    assert theirs not in {line.run_id for line in mine.lines} and len(mine.lines) == len(everything) - 1
    assert (await lists.counts(sees(HANNA), RunFilter(mine=True))).total == len(everything) - 1
    assert (await lists.page(sees(AUDREY))).lines[0].person.name is not None
    assert set(await lists.of(sees(AUDREY), [soon, "r-none"])) == {soon}
    for broken in ("", "latest/then/x", "cutoff/2026-01-01T00:00:00+00:00/x", "latest/2026-01-01T00:00:00/x"):
        with pytest.raises(Invalid) as refused:
            await lists.page(sees(AUDREY), after=broken)
        assert refused.value.code == "bad_cursor"


async def test_what_is_hidden_is_in_no_list_and_no_count(services: SmallOffice, lists: RunLists) -> None:
    shown, hidden = await services.start(), await services.start(HOUR)
    before = await lists.counts(sees(AUDREY))
    await hide(services, hidden)
    queries = OutcomeQueries(services.database, services.queries, services.runs)
    await services.advance_clock(2 * HOUR)
    for viewer, seen in ((sees(AUDREY), [shown]), (STRANGER, [])):
        for wanted in (None, RunFilter(urgent=False), RunFilter(system="code"), RunFilter(cutoff_from=None)):
            page, counts = await lists.page_and_counts(viewer, wanted)
            assert [line.run_id for line in page.lines] == seen and counts.total == len(seen)
        found = await queries.outcomes(viewer)
        assert (found.times.open, found.exposed_runs, found.exposed) == (0, 0, ())
    assert before.total == 2
    named = sees(acting("vip", "auditor"))
    page, counts = await lists.page_and_counts(named)
    assert [line.run_id for line in page.lines] == [hidden, shown] and counts.total == 2
    assert [one.run_id for one in (await queries.outcomes(named)).exposed] == [hidden]


async def test_the_tally_is_what_the_rows_are(services: SmallOffice, lists: RunLists) -> None:
    started = [await services.start(in_) for in_ in (HOUR, DAY)] + [await services.whole()]
    await commands.hold_run(services.services, OLE, started[0], "wait")
    await commands.end_run(services.services, HANNA, started[1], "called off")

    async def tally() -> tuple[dict[str, int], dict[str, int]]:
        async with await services.database.dedicated() as connection:
            kept = await connection.execute(
                "SELECT state, sum(runs)::int FROM read.run_counts WHERE runs > 0 GROUP BY 1"
            )
            rows = await connection.execute("SELECT state, count(*)::int FROM read.runs GROUP BY 1")
            return dict(await kept.fetchall()), dict(await rows.fetchall())

    for _ in range(2):
        kept, rows = await tally()
        assert kept == rows == {"held": 1, "ended": 1, "clean": 1}
        assert dict((await lists.counts(sees(AUDREY))).by_state) == rows
        made = await rebuild(services.database, services.codec)
        assert made["runs"].differed == 0, "every column comes from the events again"


async def test_open_exposure_lists_the_earliest_cutoffs_whatever_the_cause(
    services: SmallOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Steps that are not done and tokens that are still accepted, in one order."""
    queries = OutcomeQueries(services.database, services.queries, services.runs)
    tokens = await services.whole(-4 * HOUR)
    undone = await services.start(-3 * HOUR)
    later_tokens = await services.whole(-2 * HOUR)
    later_undone = await services.start(-HOUR)
    in_order = [tokens, undone, later_tokens, later_undone]
    found = await queries.outcomes(sees(AUDREY))
    assert ([one.run_id for one in found.exposed], found.exposed_runs) == (in_order, 4)
    assert [one.tokens_until is not None for one in found.exposed] == [True, False, True, False]
    monkeypatch.setattr(outcomes, "MAX_EXPOSED_RUNS", 3)
    found = await queries.outcomes(sees(AUDREY))
    assert ([one.run_id for one in found.exposed], found.exposed_runs) == (in_order[:3], 4)


async def test_times_against_the_promise_and_what_was_saved(services: SmallOffice) -> None:
    queries = OutcomeQueries(services.database, services.queries, services.runs)
    empty = await queries.outcomes(sees(AUDREY))
    assert (empty.times.runs, empty.times.median, empty.causes, empty.saved) == (0, None, (), ())

    promptly = [await services.whole(timedelta(minutes=-minutes)) for minutes in (5, 20, 40)]
    slow = await services.whole(-3 * HOUR)
    live = await queries.outcomes(sees(AUDREY))
    assert (live.times.runs, live.times.open, live.exposed_runs) == (0, 4, 4), "old tokens are still accepted"
    assert all(one.systems == () and one.tokens_until and one.tokens_until > live.now for one in live.exposed)
    exposed = await services.start(HOUR)
    await services.start(5 * DAY)
    await services.advance_clock(2 * HOUR)
    found = await queries.outcomes(sees(AUDREY), Span(packet="standard-leaver"))
    assert (found.times.runs, found.times.within, found.times.open, found.times.never) == (4, 3, 1, 0)
    assert found.promised == {"standard-leaver": HOUR}
    assert {taken.run_id for taken in found.times.each} == {*promptly, slow}
    took = sorted(taken.took for taken in found.times.each)
    assert (found.times.median, found.times.p95, found.times.worst) == (took[1], took[3], took[3])
    assert timedelta(hours=3) <= took[3] < timedelta(hours=4)
    [open_one] = found.exposed
    assert (open_one.run_id, found.exposed_runs) == (exposed, 1) and open_one.since < found.now
    assert set(open_one.systems) >= {"identity", "directory", "code"} and "hr" not in open_one.systems
    assert found.minutes_saved == 4 * MINUTES == sum(month.minutes for month in found.saved)
    assert sum(month.runs for month in found.saved) == 4, "nothing was done yet in the two that wait"

    document = outcomes_document(found)
    assert document["cutoff_to_verified"]["within"] == 3 and document["open_exposure"]["runs"] == 1
    assert document["cutoff_to_verified"]["each_is_all"] and document["access_gone_within"] == {"standard-leaver": 3600}
    nothing = await queries.outcomes(sees(AUDREY), Span(since=found.now + 30 * DAY))
    assert nothing.times.runs == 0 and nothing.exposed_runs == 1, "exposure is of now"
    assert (await queries.outcomes(sees(AUDREY), Span(packet="nosuch"))).exposed_runs == 0


async def test_a_lifetime_that_is_not_known_is_in_a_number_of_its_own(database_url: str) -> None:
    packet = renamed(
        without_late_starts(starter_packet("standard-leaver")),
        "unknown-tokens",
        platform=("    token_lifetime: PT5M ", "    # token_lifetime: PT5M "),
    )
    async with small_office(database_url, packet) as services:
        await services.whole(-HOUR)
        await services.advance_clock(DAY)
        found = await OutcomeQueries(services.database, services.queries, services.runs).outcomes(sees(AUDREY))
        times = found.times
        assert (times.runs, times.within, times.open, times.never, times.not_known) == (0, 0, 0, 0, 1)
        assert found.exposed_runs == 0 and outcomes_document(found)["cutoff_to_verified"]["not_known"] == 1


async def test_a_run_whose_cutoff_is_still_to_come_is_in_no_figure(services: SmallOffice) -> None:
    run_id = await services.start(5 * DAY)
    await commands.reject_gate(services.services, IVO, run_id, "g-access-1", "not yet")
    queries = OutcomeQueries(services.database, services.queries, services.runs)
    now = await services.queries.now()
    spans = (Span(), Span(since=now - 90 * DAY), Span(until=now + 30 * DAY))
    for span in spans:
        found = await queries.outcomes(sees(AUDREY), span)
        assert (found.times.runs, found.times.open, found.causes, found.saved) == (0, 0, (), ())
    await services.advance_clock(6 * DAY)
    for span in spans:
        found = await queries.outcomes(sees(AUDREY), span)
        assert found.times.open == 1 and "gate_rejected" in {cause.kind for cause in found.causes}


async def test_what_people_had_to_do_saved_nothing_and_access_left_is_never_gone(services: SmallOffice) -> None:
    run_id = await services.start(-HOUR)
    await services.approve(run_id)
    await services.work(run_id, {"freeze_card": REFUSED})
    queries = OutcomeQueries(services.database, services.queries, services.runs)
    found = await queries.outcomes(sees(AUDREY))
    assert [(cause.kind, cause.open, cause.closed) for cause in found.causes] == [("step_failed", 1, 0)]
    assert found.exposed[0].systems == ("cards", "rotate_shared_secrets") and found.times.open == 1

    lists = ExceptionLists(services.database, services.queries)
    counts = await lists.counts(sees(AUDREY))
    assert (counts.open, counts.overdue, counts.closed) == (1, 0, 0)
    await services.advance_clock(2 * DAY)
    counts = await lists.counts(sees(AUDREY))
    assert (counts.open, counts.overdue, counts.closed) == (1, 1, 0)
    await commands.skip_step(services.services, OLE, run_id, "freeze_card", "there is no card in use")
    await confirmed(services, run_id)
    for _ in range(4):
        await services.approve(run_id)
        await services.work(run_id)
        await services.complete_tasks(run_id)
    assert (await services.state(run_id)).finish == "with_exceptions"
    found = await queries.outcomes(sees(AUDREY))
    assert (found.times.runs, found.times.open, found.times.never, found.exposed_runs) == (0, 0, 1, 0)
    assert [(cause.kind, cause.open, cause.closed) for cause in found.causes] == [
        ("access_kept", 0, 1),
        ("step_failed", 0, 1),
        ("task_overdue", 0, 1),
    ]
    assert found.minutes_saved == MINUTES - 10, "freezing the card saves ten minutes where it is done"


async def confirmed(services: SmallOffice, run_id: str) -> None:
    """HR confirms that the access of the skipped step stays open."""
    exceptions = (await services.state(run_id)).work.open_exceptions()
    [known] = [one.opened.exception_id for one in exceptions if one.opened.kind == "access_kept"]
    await commands.accept_exception(services.services, HANNA, run_id, known, "no card is in use")


async def test_exceptions_are_listed_by_every_filter(services: SmallOffice) -> None:
    lists = ExceptionLists(services.database, services.queries)
    runs = [await services.start(-HOUR) for _ in range(3)]
    for run_id in runs:
        await services.approve(run_id)
        await services.work(run_id, {"freeze_card": REFUSED, "suspend_code": REFUSED})
    await commands.skip_step(services.services, OLE, runs[0], "freeze_card", "none")
    await confirmed(services, runs[0])

    async def listed(wanted: ExceptionFilter) -> list[tuple[str, str | None]]:
        found: list[tuple[str, str | None]] = []
        after: str | None = None
        while True:
            page = await lists.page(sees(AUDREY), wanted, after, 2)
            found += [(line.run_id, line.step) for line in page.lines]
            if page.after is None:
                return found
            after = page.after

    open_ones = await listed(ExceptionFilter())
    assert len(open_ones) == len(set(open_ones)) == 5
    assert await listed(ExceptionFilter("closed")) == [(runs[0], "freeze_card")] * 2
    assert len(await listed(ExceptionFilter("all"))) == 7
    assert await listed(ExceptionFilter("overdue")) == []
    assert {step for _, step in await listed(ExceptionFilter(system="code"))} == {"suspend_code"}
    assert len(await listed(ExceptionFilter(owner="operator"))) == 5
    assert await listed(ExceptionFilter(owner="oper")) == [] == await listed(ExceptionFilter(kind="no_account"))
    assert len(await listed(ExceptionFilter(run_id=runs[1]))) == 2
    assert not (await lists.page(STRANGER)).lines and (await lists.counts(STRANGER)).open == 0
    with pytest.raises(Invalid):
        await lists.page(sees(AUDREY), ExceptionFilter("closed"), (await lists.page(sees(AUDREY), limit=1)).after)


def test_a_whole_run_saves_what_the_packet_says() -> None:
    steps = starter_packet("standard-leaver").workflow.steps
    assert sum(step.minutes_saved for step in steps if step.when != "account.privileged") == MINUTES


async def test_a_row_is_what_a_rebuild_makes_although_the_databases_clock_runs_ahead(services: SmallOffice) -> None:
    """A process estimates the time since its last read; the database may have recorded later times already."""
    run_id = await services.start(-HOUR)
    last = ("freeze_card", "revoke_code_tokens")  # the last two cuts of access; the first of them is held back
    due: dict[str, str] = {}
    while not set(last) <= due.keys():
        await services.approve(run_id)
        await services.complete_tasks(run_id)
        snapshot = await services.runs.load(run_id)
        if snapshot.progress.search:
            await services.search(run_id)
            continue
        due = {snapshot.state.plan.steps[one.step_id].name: one.step_id for one in snapshot.progress.steps}
        names = last if set(last) <= due.keys() else due.keys() - set(last)
        begun = [steps.begin(snapshot.state, due[name], snapshot.world) for name in names]
        intents = [intent for intent in begun if intent is not None]
        await services.runs.decide(run_id, lambda state, world, some=intents: [one.started for one in some])  # type: ignore[misc]  # bound now
        await services.advance_clock(timedelta(seconds=1))
        for intent in intents:

            def verdict(state: RunState, world: World, intent: steps.Intent = intent) -> Sequence[Event]:
                result = steps.verdict(state, intent, DONE, world.now)
                return [result] if result is not None else []

            await services.runs.record_fact(run_id, verdict)
    made = await rebuild(services.database, services.codec)
    assert made["runs"].differed == 0
