"""A run under embargo exists for those named: everyone else finds it in nothing that they can ask or do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import pytest
import pytest_asyncio

from orchestrator import commands
from orchestrator.commands import Received
from orchestrator.domain import events as e
from orchestrator.domain.errors import Invalid, NotAllowed, Refusal, TooLate
from orchestrator.domain.organisation.person import PersonFacts
from orchestrator.domain.permissions.embargo import EmbargoTerms
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.permissions.visibility import sees as may_see
from orchestrator.domain.run.cutoff import Cutoff, parse_cutoff
from orchestrator.ledger.book.rebuild import rebuild
from orchestrator.ledger.persons.search_tags import SearchTags
from orchestrator.reading.history import History, HistoryFilter
from orchestrator.reading.open_counts import OpenCounts, open_counts
from orchestrator.reading.outcomes import OutcomeQueries
from orchestrator.reading.run_lists import RunFilter
from orchestrator.reading.search import Search
from tests.ledger.small_office import (
    AUDREY,
    DAY,
    FERN,
    HANNA,
    IVO,
    OLE,
    SAM,
    VERA,
    SmallOffice,
    acting,
    renamed,
    sees,
    small_office,
)

CREW = ("fern", "ivo", "ole")
HENRI = acting("henri", "requester")
ROBOT = Actor(actor_id="robot", kind="assistant", roles=frozenset({"operator", "requester"}))
NO_OBSERVER = acting("nobody", "gardener")
OUTSIDE = (VERA, SAM, AUDREY, HENRI, ROBOT, NO_OBSERVER, acting("olga", "operator"))
INSIDE = (HANNA, IVO, FERN, OLE)
NONE_OPEN = OpenCounts({}, 0, {}, {}, 0, {})
LATER = parse_cutoff("2035-03-01T17:00", "Europe/Berlin")


@pytest_asyncio.fixture
async def here(database_url: str) -> AsyncIterator[SmallOffice]:
    async with small_office(database_url) as services:
        for more in OUTSIDE[3:]:
            if more.human is not None:
                await services.keyring.create_person(more.human)
            await commands.record_actor(services.services, more)
        yield services


async def hidden(here: SmallOffice, span: timedelta = 10 * DAY) -> str:
    until = await here.ledger.now() + span
    return await here.start(embargo=EmbargoTerms(until, CREW))


async def facts(here: SmallOffice, run_id: str) -> PersonFacts:
    return PersonFacts.model_validate((await here.state(run_id)).asked.facts)


async def finds(here: SmallOffice, actor: Actor, run_id: str) -> bool:
    """Asked in every way that pages and API ask, which all say the same."""
    viewer, queries = sees(actor), here.queries
    state = await here.state(run_id)
    history = History(here.database, here.keyring, here.codec, queries)
    search = Search(here.database, queries, SearchTags(here.database, here.keyring, here.ledger))
    person = await facts(here, run_id)
    page, counts = await here.run_lists.page_and_counts(viewer)
    answers = [
        *[
            run_id in {one.run.run_id for one in (await search.find(viewer, text)).runs}
            for text in (person.display_name, person.employee_number, person.email, run_id)
        ],
        run_id in await here.listed(viewer),
        run_id in await here.run_lists.of(viewer, [run_id]),
        run_id in {line.run_id for line in (await here.run_lists.page(viewer, RunFilter(), "due")).lines},
        run_id in {line.run_id for line in page.lines},
        counts.total > 0,
        run_id in await here.run_lists.open_under(viewer, state.asked.packet_version),
        run_id in {one.run_id for one in (await history.page(viewer, limit=500)).happened},
        run_id in {item.run_id for item in (await queries.inbox(viewer, mine=False, limit=500)).items},
        await queries.open_run_of(viewer, state.asked.person_id) == run_id,
        run_id in await queries.names_of(viewer, [run_id]),
        (await here.run_lists.counts(viewer)).total > 0,
        (await here.run_lists.counts(viewer, RunFilter(packet=state.asked.packet, system="identity"))).total > 0,
    ]
    for named in (run_id, run_id[:8]):
        try:
            answers.append(await queries.find_run(viewer, named) == run_id)
            assert (await queries.run_page(viewer, named)).snapshot.state.run_id == run_id
            assert (await history.page(viewer, HistoryFilter(run_id=named))).happened
        except Invalid as refusal:
            assert refusal.code == "unknown_run"
            answers.append(False)
            for asked in (queries.run_page(viewer, named), history.page(viewer, HistoryFilter(run_id=named))):
                with pytest.raises(Invalid) as unknown:
                    await asked
                assert unknown.value.code == "unknown_run"
    assert not any(item.run_id == run_id for item in (await queries.inbox(viewer)).items) or answers[0]
    if not answers[0]:
        await nothing_is_counted(here, actor)
    snapshot = await here.runs.load(run_id)
    answers.append(may_see(snapshot.state, actor, snapshot.world))
    assert len(set(answers)) == 1, (actor.actor_id, answers)
    return answers[0]


async def nothing_is_counted(here: SmallOffice, actor: Actor) -> None:
    """In lists and numbers of exceptions and outcomes, where the only run there is is hidden."""
    viewer = sees(actor)
    assert await here.exceptions(viewer, "all") == ()
    counts = await here.exception_lists.counts(viewer)
    assert (counts.open, counts.overdue, counts.closed) == (0, 0, 0)
    found = await OutcomeQueries(here.database, here.queries, here.runs).outcomes(viewer)
    assert found.times.each == found.causes == found.exposed == found.saved == ()
    assert (found.times.runs, found.times.open, found.times.never) == (0, 0, 0)
    assert (found.exposed_runs, found.minutes_saved) == (0, 0)


async def test_it_is_found_by_those_named_until_the_embargo_ends(here: SmallOffice) -> None:
    run_id = await hidden(here)
    for actor in INSIDE:
        assert await finds(here, actor, run_id), actor.actor_id
        assert await here.queries.hidden_runs(sees(actor)) == []
    for actor in OUTSIDE:
        assert not await finds(here, actor, run_id), actor.actor_id
        assert await here.queries.hidden_runs(sees(actor)) == [run_id]
    assert replace(await open_counts(here.database), relay_lag_seconds=0) == NONE_OPEN, "no gauge tells of it"
    await here.advance_clock(11 * DAY)
    assert await finds(here, AUDREY, run_id) and await finds(here, VERA, run_id)
    assert await here.queries.hidden_runs(sees(AUDREY)) == []
    assert not await finds(here, NO_OBSERVER, run_id), "who never could read still cannot"
    assert sum((await open_counts(here.database)).runs.values()) == 1
    page = await here.queries.run_page(sees(AUDREY), run_id)
    first = page.events[0].event
    assert isinstance(first, e.RunRequested) and first.named == ("fern", "hanna", "ivo", "ole")


async def test_escalation_reaches_no_one_beyond_those_named(here: SmallOffice) -> None:
    run_id = await hidden(here)
    await here.advance_clock(5 * DAY)
    await here.runs.advance(run_id)
    assert any(gate.escalated_to for gate in (await here.state(run_id)).decisions.gates.values())
    assert not await finds(here, SAM, run_id)
    assert not (await here.queries.inbox(sees(SAM))).items


async def test_every_command_is_refused_as_if_there_were_no_such_run(here: SmallOffice) -> None:
    run_id, services = await hidden(here), here.services
    state = await here.state(run_id)
    gate = next(iter(state.decisions.gates))

    def acts(actor: Actor, run: str) -> list[Callable[[], Awaitable[object]]]:
        return [
            lambda: commands.approve_gate(services, actor, run, gate),
            lambda: commands.reject_gate(services, actor, run, gate, "no"),
            lambda: commands.reschedule_run(services, actor, run, LATER),
            lambda: commands.end_run(services, actor, run, "called off"),
            lambda: commands.retry_step(services, actor, run, "disable_identity"),
            lambda: commands.skip_step(services, actor, run, "disable_identity", "why"),
            lambda: commands.settle_match(services, actor, run, "code", ()),
            lambda: commands.replan_run(services, actor, run),
            lambda: commands.accept_exception(services, actor, run, "x-1", "seen"),
            lambda: commands.complete_task(services, actor, run, "t-1", "done", {"note": "x"}),
            lambda: commands.hold_run(services, actor, run),
            lambda: commands.release_run(services, actor, run),
            lambda: commands.set_embargo(services, actor, run, None),
        ]

    for actor in OUTSIDE:
        said = []
        for run in (run_id, "r0123456789abcdef"):
            for act in acts(actor, run):
                with pytest.raises(Refusal) as refusal:
                    await act()
                message = refusal.value.message.replace(run, "RUN")
                said.append((refusal.value.code, message, *refusal.value.facts.items()))
        assert len(set(said)) == 1, actor.actor_id
        [outcome] = await commands.approve_gates(services, actor, [(run_id, gate)])
        assert outcome.refused is not None and outcome.refused.code == "unknown_run"
    assert (await here.state(run_id)).version == state.version


async def test_those_named_change_the_embargo_and_its_end_opens_the_record(here: SmallOffice) -> None:
    run_id = await hidden(here)
    until = await here.ledger.now() + 20 * DAY
    await commands.set_embargo(here.services, OLE, run_id, until, (*CREW, "audrey"))
    assert await finds(here, AUDREY, run_id) and not await finds(here, SAM, run_id)
    assert await finds(here, HANNA, run_id), "whoever asked for it stays"
    with pytest.raises(Invalid) as lacking:
        await commands.set_embargo(here.services, OLE, run_id, until, ("ole", "fern"))
    assert lacking.value.code == "embargo_lacks_people"
    with pytest.raises(NotAllowed):
        await commands.set_embargo(here.services, AUDREY, run_id, None)  # an auditor reads, and changes nothing
    await commands.set_embargo(here.services, OLE, run_id, None)
    assert await finds(here, SAM, run_id)
    assert (await rebuild(here.database, here.codec))["runs"].differed == 0
    assert await finds(here, SAM, run_id)


async def test_rows_of_hidden_runs_are_rebuilt_as_they_were(here: SmallOffice) -> None:
    run_id = await hidden(here)
    made = await rebuild(here.database, here.codec)
    assert {name: table.differed for name, table in made.items() if table.differed} == {}
    assert not await finds(here, AUDREY, run_id)


async def test_a_second_request_is_answered_neutrally_and_put_before_those_named(here: SmallOffice) -> None:
    run_id = await hidden(here)
    person = await facts(here, run_id)
    answers = [
        await commands.start_run(here.services, HENRI, person, here.packet.name, LATER, reason="resigned"),
        await commands.start_run(here.services, HENRI, person, here.packet.name, LATER),
        await commands.start_run(here.services, HENRI, person, here.packet.name, soon(), embargo=None),
    ]
    assert answers == [Received()] * 3
    state = await here.state(run_id)
    assert [(one.by, one.reason) for one, _ in state.second_requests] == [("henri", "resigned"), ("henri", None)]
    waiting = {item.detail.get("exception") for item in (await here.queries.inbox(sees(OLE))).items}
    assert "second_request" in waiting
    assert {line.kind for line in await here.exceptions(sees(OLE))} == {"second_request"}
    for actor in (HENRI, SAM, AUDREY, acting("olga", "operator")):
        assert (await here.queries.inbox(sees(actor), mine=False)).items == ()
        assert await here.exceptions(sees(actor), "all") == ()
        assert not await finds(here, actor, run_id)
    assert replace(await open_counts(here.database), relay_lag_seconds=0) == NONE_OPEN
    with pytest.raises(TooLate) as open_run:
        await commands.start_run(here.services, HANNA, person, here.packet.name, LATER)
    assert open_run.value.code == "run_open" and run_id in open_run.value.message
    for line in await here.exceptions(sees(OLE)):
        await commands.accept_exception(here.services, OLE, run_id, line.id, "told them in person")
    assert await here.exceptions(sees(OLE)) == ()


async def test_what_would_be_refused_is_refused_alike_whether_or_not_there_is_a_run(here: SmallOffice) -> None:
    run_id = await hidden(here)
    there = await facts(here, run_id)
    elsewhere = there.model_copy(update={"hr_id": "S-99999", "employee_number": "S-99999"})
    now = await here.ledger.now()

    async def said(
        by: Actor, person: PersonFacts, cutoff: Cutoff | None, embargo: EmbargoTerms | None
    ) -> tuple[str, str]:
        with pytest.raises(Refusal) as refusal:
            await commands.start_run(here.services, by, person, here.packet.name, cutoff, embargo=embargo)
        return refusal.value.code, refusal.value.message

    for by, cutoff, embargo in (
        (NO_OBSERVER, LATER, None),
        (AUDREY, LATER, None),
        (HENRI, None, None),
        (HENRI, LATER, EmbargoTerms(now + DAY, ("ole",))),
        (HENRI, LATER, EmbargoTerms(now - DAY, CREW)),
    ):
        assert await said(by, there, cutoff, embargo) == await said(by, elsewhere, cutoff, embargo)
    assert (await here.state(run_id)).second_requests == ()


async def test_once_it_is_over_a_second_request_starts_a_run(here: SmallOffice) -> None:
    run_id = await hidden(here)
    person = await facts(here, run_id)
    await commands.end_run(here.services, HANNA, run_id, "called off")
    started = await commands.start_run(here.services, HENRI, person, here.packet.name, LATER)
    assert isinstance(started, commands.Done) and started.run_id != run_id
    assert run_id not in await here.listed(sees(HENRI))


async def test_a_run_that_someone_may_not_read_is_as_hidden_to_their_request(here: SmallOffice) -> None:
    """Who may ask for runs under one packet, and reads none of another's."""
    clerk = acting("clerk", "clerk")
    await here.keyring.create_person(clerk.human)
    await commands.record_actor(here.services, clerk)
    grant = ("levels:\n", "levels:\n  - {who: clerk, systems: [hr], up_to: stage}\n")
    other = renamed(here.packet, "other-leaver", platform=grant)
    await here.into_production(other)
    run_id = await here.start()
    person = await facts(here, run_id)
    assert await commands.start_run(here.services, clerk, person, other.name, LATER) == Received()
    with pytest.raises(NotAllowed):
        await commands.start_run(here.services, clerk, person, here.packet.name, LATER)
    assert {line.kind for line in await here.exceptions(sees(OLE))} == {"second_request"}
    assert not await here.queries.reads_all_packets(sees(clerk))
    assert await here.listed(sees(clerk)) == set()


async def test_a_hidden_run_is_carried_through_by_those_named(here: SmallOffice) -> None:
    until = await here.ledger.now() + 90 * DAY
    run_id = await here.whole(embargo=EmbargoTerms(until, CREW))
    await here.advance_clock(40 * DAY)
    for _ in range(5):
        await here.runs.advance(run_id)
        await here.approve(run_id)
        await here.work(run_id)
        await here.complete_tasks(run_id)
    assert (await here.state(run_id)).finish == "clean", "nobody else was needed"
    voted = {vote.by for gate in (await here.state(run_id)).decisions.gates.values() for vote, _ in gate.votes}
    assert voted <= set(CREW) and not await finds(here, SAM, run_id)


def soon() -> Cutoff:
    return parse_cutoff("2035-02-01T09:00", "Europe/Berlin")
