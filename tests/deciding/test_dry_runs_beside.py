"""Dry runs beside a version in production: the person's own run, and everything that reads runs of a person, does not
change."""

from __future__ import annotations

import importlib
import random
from collections.abc import AsyncIterator
from typing import Any

import psycopg
import pytest
import pytest_asyncio

from activities.deliveries import notices
from activities.deliveries.notices import NoticeActivities, Recipient
from orchestrator import commands
from orchestrator.commands import Done
from orchestrator.domain import events as e
from orchestrator.domain.errors import Invalid, Refusal, TooLate, TooOften
from orchestrator.domain.events.accounts import SystemSearched
from orchestrator.domain.events.event import Draft, Event
from orchestrator.domain.organisation.person import PersonFacts
from orchestrator.domain.packet import packet as packet_models
from orchestrator.domain.packet.packet import WORKFLOW_FILE, Packet, StartLimits
from orchestrator.domain.packet.packet_files import parse_packet, starter_packet
from orchestrator.domain.permissions.embargo import EmbargoTerms
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.run.cutoff import Cutoff
from orchestrator.domain.run.run import RunState
from orchestrator.domain.run.steps.readiness import World
from orchestrator.embedded.smaller_packet import without_late_starts
from orchestrator.ledger.access.sessions import left_since
from orchestrator.ledger.book.rebuild import rebuild
from orchestrator.ledger.book.records import StreamAppend
from orchestrator.ledger.engine.notices import NoticeBook
from orchestrator.reading.outcomes import OutcomeQueries
from orchestrator.reading.run_lists import RunFilter
from tests.ledger.small_office import (
    AUDREY,
    DAY,
    FERN,
    HANNA,
    HOUR,
    IVO,
    OLE,
    SAM,
    VERA,
    SmallOffice,
    acting,
    sees,
    small_office,
)

CREW = ("fern", "ivo", "ole")
HENRI = acting("henri", "requester")
TITLE = b"title: "
PACKET = without_late_starts(starter_packet("standard-leaver"))


def new_version() -> Packet:
    """The packet with another title."""
    text = PACKET.files[WORKFLOW_FILE].replace(TITLE, TITLE + b"Newer ", 1)
    return parse_packet({**PACKET.files, WORKFLOW_FILE: text})


NEWER = new_version()


@pytest_asyncio.fixture
async def here(database_url: str) -> AsyncIterator[SmallOffice]:
    """The version in production, and a newer one in shadow."""
    async with small_office(database_url, PACKET) as office:
        await office.keyring.create_person(HENRI.human)
        await commands.record_actor(office.services, HENRI)
        await office.into_shadow(NEWER)
        yield office


async def dry(here: SmallOffice, person: PersonFacts, by: Actor = HANNA, **more: Any) -> str:
    at = await here.ledger.now() + more.pop("cutoff_in", DAY)
    cutoff = Cutoff(instant=at, zone="Europe/Berlin", local=at.strftime("%Y-%m-%dT%H:%M"))
    done = await commands.start_run(here.services, by, person, PACKET.name, cutoff, shadow=True, **more)
    assert isinstance(done, Done)
    return done.run_id


async def facts(here: SmallOffice, run_id: str) -> PersonFacts:
    return PersonFacts.model_validate((await here.state(run_id)).asked.facts)


async def streams(here: SmallOffice, *names: str) -> list[Any]:
    page = await here.ledger.read(dict.fromkeys(names, 0))
    return [[(one.position, one.event) for one in page.events[name]] for name in names]


async def test_one_person_starts_a_limited_number_of_dry_runs_and_real_ones_as_before(
    here: SmallOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packet_models, "DEFAULT_START_LIMITS", StartLimits(per_requester=2))
    person = await facts(here, await here.start())
    for _ in range(2):
        await dry(here, person)
    with pytest.raises(TooOften) as refused:
        await dry(here, person)
    assert refused.value.code == "too_many_dry_runs" and "2 dry runs in the last 60 minutes" in refused.value.message
    await dry(here, person, HENRI)
    await here.start()


async def test_dry_runs_of_a_service_do_not_count_for_its_owner(
    here: SmallOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packet_models, "DEFAULT_START_LIMITS", StartLimits(per_requester=1))
    person = await facts(here, await here.start())
    service = Actor(actor_id="s_h", kind="service", roles=frozenset({"hr_system"}), maker_human=HANNA.human)
    await commands.record_actor(here.services, service)
    await dry(here, person, service)
    await dry(here, person, HANNA)
    with pytest.raises(TooOften):
        await dry(here, person, service)


async def test_an_old_dry_run_hides_neither_the_embargo_nor_the_hold_of_the_run_before_it(here: SmallOffice) -> None:
    until = await here.ledger.now() + 10 * DAY
    real = await here.start(embargo=EmbargoTerms(until, CREW), legal_hold="a claim")
    person, state = await facts(here, real), await here.state(real)
    await recorded_for_the_person(here, state.asked.person_id, await dry(here, person, HENRI))
    with pytest.raises(TooLate, match="run_open"):
        await commands.start_run(here.services, HANNA, person, PACKET.name, cutoff_of(state))
    await commands.end_run(here.services, HANNA, real, "Another date")
    assert (await here.state(await dry(here, person))).asked.embargo_until == until
    done = await commands.start_run(here.services, HANNA, person, PACKET.name, cutoff_of(state))
    assert isinstance(done, Done) and (await here.state(done.run_id)).legal_hold


async def test_a_version_that_went_on_to_production_is_not_beside_itself(here: SmallOffice) -> None:
    tried = await dry(here, await facts(here, await here.start()))
    assert (await here.queries.run_page(sees(AUDREY), tried)).in_production == PACKET.version
    for phase in ("pilot", "production"):
        for owner in (VERA, SAM):
            await commands.sign_packet(here.services, owner, PACKET.name, NEWER.version, None, [])
        await commands.move_packet(here.services, SAM, PACKET.name, NEWER.version, phase, [])
    assert (await here.queries.run_page(sees(AUDREY), tried)).in_production is None


async def test_a_dry_run_takes_no_place_of_the_person(here: SmallOffice) -> None:
    real = await here.start()
    person, about = await facts(here, real), (await here.state(real)).asked.person_id
    watched = (e.person_stream(about), e.STARTS, e.run_stream(real), e.ORGANISATION)
    before = await streams(here, *watched)
    first, second = await dry(here, person), await dry(here, person)
    assert len({real, first, second}) == 3, "two dry runs of one person at the same time"
    state = await here.state(first)
    assert (state.asked.packet_version, state.asked.phase) == (NEWER.version, "shadow")
    assert (await here.state(real)).asked.packet_version == PACKET.version
    await here.search(first)
    await here.work(first)
    assert (await here.state(first)).finish == "shadow"
    assert await streams(here, *watched) == before
    for viewer in (HANNA, AUDREY):
        assert await here.queries.open_run_of(sees(viewer), about) == real
    with pytest.raises(Refusal) as refused:
        await commands.start_run(here.services, HANNA, person, PACKET.name, cutoff_of(await here.state(real)))
    assert (refused.value.code, refused.value.facts["run_id"]) == ("run_open", real)
    page = await here.queries.run_page(sees(AUDREY), first)
    assert page.in_production == PACKET.version
    assert (await here.queries.run_page(sees(AUDREY), real)).in_production is None


def cutoff_of(state: Any) -> Cutoff:
    return Cutoff(instant=state.cutoff, zone="Europe/Berlin", local=state.cutoff.strftime("%Y-%m-%dT%H:%M"))


async def test_a_real_run_starts_beside_an_open_dry_run(here: SmallOffice) -> None:
    real = await here.start()
    person, state = await facts(here, real), await here.state(real)
    await commands.end_run(here.services, HANNA, real, "Another date")
    open_one = await dry(here, person)
    assert await here.queries.open_run_of(sees(HANNA), state.asked.person_id) is None
    done = await commands.start_run(here.services, HANNA, person, PACKET.name, cutoff_of(state))
    assert isinstance(done, Done) and done.run_id not in (real, open_one)
    assert await here.queries.open_run_of(sees(HANNA), state.asked.person_id) == done.run_id
    assert not (await here.state(open_one)).finished


async def test_a_dry_run_that_an_earlier_version_put_into_the_person_s_stream_takes_no_place(here: SmallOffice) -> None:
    """Under a packet that was in shadow only, when its start was recorded for the person."""
    real = await here.start()
    person, state = await facts(here, real), await here.state(real)
    await commands.end_run(here.services, HANNA, real, "Another date")
    old = await dry(here, person)
    await recorded_for_the_person(here, state.asked.person_id, old)
    done = await commands.start_run(here.services, HANNA, person, PACKET.name, cutoff_of(state))
    assert isinstance(done, Done) and done.run_id != old


async def recorded_for_the_person(here: SmallOffice, person_id: str, run_id: str) -> None:
    stream = e.person_stream(person_id)
    version = (await here.ledger.read({stream: 0})).version(stream)
    opened = Draft(key=f"run:{run_id}", event=e.RunOpened(run_id=run_id), subject=person_id)
    await here.ledger.append([StreamAppend(stream, version, [opened])])


async def test_a_start_that_is_repeated_is_one_dry_run(here: SmallOffice) -> None:
    person = await facts(here, await here.start())
    first = await dry(here, person, start_id="one")
    assert await dry(here, person, start_id="one") == first
    assert await dry(here, person, start_id="two") != first
    again = await commands.run_started(here.services, HANNA, "one")
    assert again is not None and again.run_id == first


async def test_without_a_version_in_shadow_it_is_refused(database_url: str) -> None:
    async with small_office(database_url, PACKET) as here:
        person = await facts(here, await here.start())
        with pytest.raises(Invalid) as refused:
            await dry(here, person)
        assert refused.value.code == "no_dry_run" and "no version in the dry run phase" in refused.value.message


async def test_a_dry_run_locks_no_one_out_and_is_not_measured(here: SmallOffice) -> None:
    person = PersonFacts(hr_id="S-9", employee_number="S-9", display_name="Ole", email="ole@sales.example")
    human = await here.keyring.person_for("hr", "S-9")
    assert human is not None
    await commands.record_actor(here.services, Actor(actor_id="colleague", human=human, roles=frozenset({"operator"})))
    run_id = await dry(here, person, cutoff_in=-HOUR)
    await here.search(run_id)
    await here.work(run_id)
    await unconfirmed_as_in_rows_of_earlier_versions(here, run_id)
    assert await here.ledger.departed([human]) == frozenset()
    assert not await left_since(here.database, human, await here.ledger.now() - 9 * DAY)
    assert human not in (await here.runs.load(run_id)).world.departed
    found = await OutcomeQueries(here.database, here.queries, here.runs).outcomes(sees(AUDREY))
    assert (found.times.runs, found.causes, found.exposed_runs) == (0, (), 0)


async def unconfirmed_as_in_rows_of_earlier_versions(here: SmallOffice, run_id: str) -> None:
    async with await psycopg.AsyncConnection.connect(here.url.replace("+psycopg", "", 1), autocommit=True) as raw:
        await raw.execute("UPDATE read.runs SET confirmed = NULL WHERE run_id = %s", (run_id,))


async def test_the_person_finds_nothing_of_it_and_others_do(here: SmallOffice) -> None:
    person = PersonFacts(hr_id="S-8", employee_number="S-8", display_name="Quirina", email="s-8@sales.example")
    human = await here.keyring.person_for("hr", "S-8")
    about = Actor(actor_id="quirina", human=human, roles=frozenset({"operator", "auditor", "requester"}))
    await commands.record_actor(here.services, about)
    run_id = await dry(here, person)
    service = Actor(actor_id="s_h", kind="service", roles=frozenset({"hr_system"}), maker_human=SAM.human)
    theirs = service.model_copy(update={"creator": human})
    others = ((about, False), (theirs, False), (service, True), (OLE, True), (AUDREY, True), (HENRI, True))
    for actor, found in others:
        viewer = sees(actor)
        assert (run_id in await here.listed(viewer)) is found, actor.actor_id
        assert (await here.run_lists.counts(viewer)).total == int(found)
        assert (await here.run_lists.counts(viewer, RunFilter(mine=False, system="identity"))).total == 0
        assert (await here.queries.hidden_runs(viewer) == [run_id]) is not found
        line = (await here.run_lists.of(viewer, [run_id])).get(run_id)
        assert (line is not None and line.shadow) is found
        if not found:
            with pytest.raises(Invalid, match="unknown_run"):
                await here.queries.run_page(viewer, run_id)


async def test_it_tells_nothing_about_a_run_under_an_embargo_that_its_requester_does_not_see(here: SmallOffice) -> None:
    until = await here.ledger.now() + 10 * DAY
    hidden = await here.start(embargo=EmbargoTerms(until, CREW))
    secret, plain = await facts(here, hidden), await facts(here, await here.start())
    recorded = []
    for person in (secret, plain):
        run_id = await dry(here, person, HENRI)
        assert await here.queries.run_page(sees(AUDREY), run_id)
        page = await here.ledger.read({e.run_stream(run_id): 0})
        recorded.append([type(one.event) for one in page.events[e.run_stream(run_id)]])
        asked = (await here.state(run_id)).asked
        assert (asked.embargo_until, asked.named, asked.hr_leaving_at) == (None, (), None)
    assert recorded[0] == recorded[1], "the same with and without"
    # Its requester sees it, so that the dry run is under the embargo as well.
    own = await dry(here, secret)
    asked = (await here.state(own)).asked
    assert asked.embargo_until == until and asked.named == (*CREW[:1], "hanna", *CREW[1:])
    for actor, found in ((HANNA, True), (IVO, True), (FERN, True), (AUDREY, False), (HENRI, False), (VERA, False)):
        assert (own in await here.listed(sees(actor))) is found, actor.actor_id


async def test_a_legal_hold_of_the_person_s_run_stays_with_it(here: SmallOffice) -> None:
    real = await here.start()
    await commands.place_legal_hold(here.services, HANNA, real, "A claim")
    person, state = await facts(here, real), await here.state(real)
    await commands.end_run(here.services, HANNA, real, "Another date")
    tried = await dry(here, person)
    assert not (await here.state(tried)).legal_hold
    with pytest.raises(Refusal, match="dry_run_legal_hold"):
        await dry(here, person, legal_hold="A claim")
    done = await commands.start_run(here.services, HANNA, person, PACKET.name, cutoff_of(state))
    assert isinstance(done, Done)
    assert (await here.state(done.run_id)).legal_hold, "carried over past the dry run"


async def test_the_tables_are_the_same_from_the_events(here: SmallOffice) -> None:
    real = await here.start()
    await dry(here, await facts(here, real))
    assert (await rebuild(here.database, here.codec))["runs"].differed == 0
    migration = importlib.import_module("migrations.versions.0014_dry_runs")
    async with await psycopg.AsyncConnection.connect(here.url.replace("+psycopg", "", 1), autocommit=True) as raw:
        await raw.execute("UPDATE read.runs SET shadow = false")
        await raw.execute(migration.FILLED)
    assert (await rebuild(here.database, here.codec))["runs"].differed == 0, "the migration marks the same rows"


async def test_questions_of_dry_runs_come_after_all_others_and_keep_no_mail_from_being_sent(
    here: SmallOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mail is made from the first items of an inbox: a thousand questions of dry runs would fill it."""
    real = await here.start(60 * DAY)
    person = await facts(here, real)
    tried = [await dry(here, person) for _ in range(3)]
    for run_id in tried:
        await here.search(run_id)
    for run_id in (real, *tried):
        await unclear(here, run_id)
    items, after = [], None
    while True:
        page = await here.queries.inbox(sees(OLE), ["exception"], after=after, limit=1)
        items += [item.run_id for item in page.items]
        if (after := page.after) is None:
            break
    assert items[0] == real and sorted(items[1:]) == sorted(tried)
    monkeypatch.setattr(notices, "MAX_PAGE_SIZE", 2)
    mailing = NoticeActivities(here.runs, here.queries, NoticeBook(here.database), lambda: "", None)
    waiting, _ = await mailing._waiting_for(Recipient("ole@f.example", None, (OLE,)), here.queries)
    assert [item.run_id for item in waiting] == [real]


async def unclear(here: SmallOffice, run_id: str) -> None:
    """An operator is asked about the run."""

    def look(state: RunState, world: World) -> list[Event]:
        two = SystemSearched(system="identity", purpose="plan", outcome="ambiguous", candidates=("a-one", "a-two"))
        return [e.AccountsSearched(results=(two,), details={})]

    await here.runs.decide(run_id, look)


@pytest.mark.parametrize("seed", range(3))
async def test_no_sequence_of_dry_runs_changes_anything_else(here: SmallOffice, seed: int) -> None:
    """Every event outside of the dry runs' own streams, and every other row, is byte for byte as before."""
    drawn, until = random.Random(seed), await here.ledger.now() + 10 * DAY
    over = await here.start()
    await commands.end_run(here.services, HANNA, over, "Another date")
    runs = [await here.start(), await here.start(embargo=EmbargoTerms(until, CREW)), over]
    people = [*[await facts(here, run_id) for run_id in runs], PersonFacts(hr_id="S-7", employee_number="S-7")]
    before, started, refusals = await everything_but(here, set()), set[str](), 0
    for _ in range(12):
        wish = {
            "start_id": drawn.choice((None, "again", "once")),
            "embargo": drawn.choice((None, EmbargoTerms(until, CREW))),
            "cutoff_in": drawn.choice((-9 * DAY, -HOUR, DAY)),
            "legal_hold": drawn.choice((None, None, "A claim")),
            "urgent": drawn.random() < 0.2,
            "expected": drawn.random() < 0.5,
        }
        try:
            run_id = await dry(here, drawn.choice(people), drawn.choice((HANNA, HENRI, OLE)), **wish)
        except Refusal:
            refusals += 1
            continue
        started.add(run_id)
        if drawn.random() < 0.5:
            await here.search(run_id)
            await here.work(run_id)
    assert started and refusals
    assert await everything_but(here, started) == before


async def everything_but(here: SmallOffice, dry_runs: set[str]) -> list[Any]:
    """The stored events of all streams but those of these runs, and the rows of the other runs."""
    async with await psycopg.AsyncConnection.connect(here.url.replace("+psycopg", "", 1)) as raw:
        events = "SELECT stream, version, event_type, stored FROM ledger.events WHERE stream <> ALL(%s) ORDER BY 1, 2"
        found = await (await raw.execute(events, ([f"run:{one}" for one in dry_runs],))).fetchall()
        for table in ("runs", "inbox", "exceptions"):
            rows = f"SELECT to_jsonb(known) FROM read.{table} known WHERE run_id <> ALL(%s) ORDER BY known::text"
            found += await (await raw.execute(rows.encode(), (list(dry_runs),))).fetchall()
    return found
