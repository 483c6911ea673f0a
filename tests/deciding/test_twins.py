"""The dry run beside a run, its twin: opened with the run, seen by no one, and changed by what changes the run."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from orchestrator import commands
from orchestrator.commands import Done
from orchestrator.documents.runs.dry_run_comparison import shadow_document
from orchestrator.domain import events as e
from orchestrator.domain.errors import Invalid, Refusal
from orchestrator.domain.packet import packet as packet_models
from orchestrator.domain.packet.packet import StartLimits
from orchestrator.domain.permissions.embargo import EmbargoTerms
from orchestrator.domain.permissions.levels import Level
from orchestrator.domain.permissions.urgent import SignIn
from orchestrator.domain.run.comparison.results import can_be_compared
from orchestrator.domain.run.cutoff import Cutoff
from orchestrator.domain.run.run import RunState
from orchestrator.ledger.book.rebuild import rebuild
from orchestrator.reading.open_counts import open_counts
from orchestrator.reading.outcomes import OutcomeQueries
from orchestrator.reading.shadow import ShadowReader, ShadowRuns
from tests.deciding.test_dry_runs_beside import CREW, HENRI, NEWER, PACKET, dry, facts
from tests.ledger.small_office import (
    AUDREY,
    DAY,
    HANNA,
    HOUR,
    IVO,
    OLE,
    SAM,
    VERA,
    SmallOffice,
    sees,
    small_office,
)


@pytest_asyncio.fixture
async def here(database_url: str) -> AsyncIterator[SmallOffice]:
    """The version in production, and a newer one in shadow."""
    async with small_office(database_url, PACKET) as office:
        await office.keyring.create_person(HENRI.human)
        await commands.record_actor(office.services, HENRI)
        await office.into_shadow(NEWER)
        yield office


async def twin_of(here: SmallOffice, run_id: str) -> RunState:
    twin = (await here.state(run_id)).asked.twin
    assert twin is not None
    return await here.state(twin)


async def test_a_start_opens_one_dry_run_beside_the_run_in_one_append(here: SmallOffice) -> None:
    real = await here.start()
    state, twin = await here.state(real), await twin_of(here, real)
    assert (state.asked.phase, state.packet_version) == ("production", PACKET.version)
    assert (twin.asked.phase, twin.packet_version, twin.twin_of) == ("shadow", NEWER.version, real)
    assert (twin.cutoff, twin.asked.person_id, twin.asked.facts) == (
        state.cutoff,
        state.asked.person_id,
        state.asked.facts,
    )
    page = await here.ledger.read(dict.fromkeys((e.run_stream(real), e.run_stream(twin.run_id)), 0))
    first, beside = (page.events[e.run_stream(one)][0] for one in (real, twin.run_id))
    assert first.recorded_at == beside.recorded_at, "they are in one append"
    [opened] = (await here.ledger.read({e.person_stream(state.asked.person_id): 0})).events.values()
    assert [one.event.run_id for one in opened if isinstance(one.event, e.RunOpened)] == [real], "it takes no place"
    made = await rebuild(here.database, here.codec)
    assert made["runs"].differed == 0


async def test_the_same_start_has_one_twin_and_other_starts_of_the_person_none(here: SmallOffice) -> None:
    person = await facts(here, await here.start())
    about = (await here.ledger.now()) + DAY
    cutoff = Cutoff(instant=about, zone="Europe/Berlin", local=about.strftime("%Y-%m-%dT%H:%M"))
    other = person.model_copy(update={"hr_id": "S-other", "employee_number": "S-other"})
    for _ in range(2):
        done = await commands.start_run(here.services, HANNA, other, PACKET.name, cutoff, start_id="one-start")
        assert isinstance(done, Done)
    twin = await twin_of(here, done.run_id)
    assert len(await here.ledger.runs_of(twin.asked.person_id)) == 2
    with pytest.raises(Refusal) as refused:
        await commands.start_run(here.services, HANNA, other, PACKET.name, cutoff)
    assert refused.value.code == "run_open"
    tried = await here.state(await dry(here, other))
    assert (tried.asked.twin, tried.asked.twin_of) == (None, None), "a dry run that is asked for is as before"


async def test_without_a_version_in_shadow_there_is_none(database_url: str) -> None:
    async with small_office(database_url, PACKET) as office:
        assert (await office.state(await office.start())).asked.twin is None


async def test_a_twin_changes_nothing_asks_no_one_and_stays_open_until_it_is_read(here: SmallOffice) -> None:
    """Also where its packet would ask: the system answers with no account, which is a question in the real run."""
    real = await here.whole()
    twin = await twin_of(here, real)
    await here.work(twin.run_id)
    twin = await here.state(twin.run_id)
    assert twin.plan.steps and not twin.finished
    assert not (twin.work.tasks or twin.work.exceptions or twin.decisions.gates)
    assert {known.status for known in twin.work.steps.values()} <= {"withheld", "verified", "planned"}
    acted = [one for id_, one in twin.plan.steps.items() if twin.work.steps[id_].attempt]
    assert all(step.level <= Level.PREPARE for step in acted)
    assert not [one for one in (await here.queries.inbox(sees(OLE), mine=False)).items if one.run_id == twin.run_id]


async def test_no_one_sees_it_before_it_was_read(here: SmallOffice) -> None:
    real = await here.start()
    twin = (await twin_of(here, real)).run_id
    for actor in (HANNA, IVO, OLE, SAM, VERA, AUDREY):
        assert twin not in await here.listed(sees(actor))
        with pytest.raises(Invalid, match="unknown_run"):
            await here.queries.run_page(sees(actor), twin)
        assert twin in await here.queries.hidden_runs(sees(actor))
    assert real in await here.listed(sees(AUDREY))
    assert (await here.run_lists.counts(sees(AUDREY))).total == 1
    with pytest.raises(Invalid, match="unknown_run"):
        await commands.end_run(here.services, HANNA, twin, "It is in the way")


async def test_it_counts_nowhere(here: SmallOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packet_models, "DEFAULT_START_LIMITS", StartLimits(per_requester=3, urgent_per_requester=3))
    person = await facts(here, await here.start())
    late = await here.start(-HOUR)
    await here.search((await twin_of(here, late)).run_id)
    assert len((await here.runs.starts.read())[0].counted) == 2
    await dry(here, person)
    await dry(here, person)
    assert sum((await open_counts(here.database)).runs.values()) == 4, "two runs and the dry runs that were asked for"
    found = await OutcomeQueries(here.database, here.queries, here.runs).outcomes(sees(AUDREY))
    assert found.exposed_runs == 1, "access that the twin does not remove is not open because of it"
    await here.start()


async def test_it_follows_the_run(here: SmallOffice) -> None:
    real = await here.start()
    twin = (await twin_of(here, real)).run_id
    await here.search(twin)
    later = (await here.state(real)).cutoff + DAY
    moved = Cutoff(instant=later, zone="Europe/Berlin", local=later.strftime("%Y-%m-%dT%H:%M"))
    await commands.reschedule_run(here.services, HANNA, real, moved)
    assert (await here.state(twin)).cutoff == later
    planned = (await here.state(twin)).plan.revision
    await commands.replan_run(here.services, OLE, real, "Look again")
    assert (await here.state(twin)).plan.stale
    await here.search(twin)
    assert (await here.state(twin)).plan.revision == planned + 1
    signed_in = SignIn(True, 5)
    await commands.make_run_urgent(here.services, HANNA, real, "They left at once", sign_in=signed_in)
    state, beside = await here.state(real), await here.state(twin)
    assert beside.urgent and beside.cutoff == state.cutoff < later
    await commands.end_run(here.services, HANNA, real, "They stay")
    assert (await here.state(twin)).finish == "ended"
    assert not (await here.state(twin)).work.exceptions, "no review, and nothing left behind"


async def test_what_a_person_says_about_accounts_counts_for_both(here: SmallOffice) -> None:
    real = await here.start()
    twin = (await twin_of(here, real)).run_id
    state = await here.state(real)
    system = next(iter(state.accounts.searches))
    settled = e.MatchSettled(system=system, accounts=(), by=OLE.actor_id, reason="not theirs")
    await here.runs.record_fact(real, lambda state, world: [settled])
    beside = await here.state(twin)
    assert beside.accounts.of(system) == ()
    page = await here.ledger.read({e.run_stream(twin): 0})
    [said] = [one.event for one in page.events[e.run_stream(twin)] if isinstance(one.event, e.MatchSettled)]
    assert said.reason is None, "the reason stays in the run"


async def test_it_is_under_the_embargo_of_the_run_and_ends_with_it(here: SmallOffice) -> None:
    until = await here.ledger.now() + 10 * DAY
    real = await here.start(embargo=EmbargoTerms(until, CREW))
    twin = (await twin_of(here, real)).run_id
    state, beside = await here.state(real), await here.state(twin)
    assert (beside.embargo_until, beside.named) == (state.embargo_until, state.named)
    person = {state.asked.person_id}
    assert await here.queries.leaving_hidden(sees(HANNA), person) == set(), "the requester sees the run"
    assert await here.queries.leaving_hidden(sees(AUDREY), person) == person
    await commands.set_embargo(here.services, HANNA, real, until - DAY)
    assert (await here.state(twin)).embargo_until == until - DAY
    await commands.set_embargo(here.services, HANNA, real, None)
    assert (await here.state(twin)).embargo_until is None


async def test_a_decision_that_conflicts_with_the_twin_is_made_again_for_both(here: SmallOffice) -> None:
    """The twin's own stream changes in between: the run's decision is made again, and lost by neither."""
    real = await here.start()
    twin = (await twin_of(here, real)).run_id
    await here.runs.load(twin)
    other = SmallOffice(here.url, here.database, here.packet)
    await other.search(twin)
    later = (await here.state(real)).cutoff + HOUR
    moved = Cutoff(instant=later, zone="Europe/Berlin", local=later.strftime("%Y-%m-%dT%H:%M"))
    await commands.reschedule_run(here.services, HANNA, real, moved)
    assert (await other.state(twin)).cutoff == (await other.state(real)).cutoff == later


async def test_a_wrong_account_counts_after_the_person_was_erased_and_an_open_twin_delays_no_erasure(
    here: SmallOffice,
) -> None:
    real = await here.whole()
    assert (await here.state(real)).finished
    twin = (await twin_of(here, real)).run_id
    await here.search(twin)
    state = await here.state(twin)
    steps = [one for one in state.plan.steps.values() if can_be_compared(one) and one.account_id]
    shown = [e.StepCompared(step_id=one.step_id, digest=one.digest, read="day", outcome="done") for one in steps]
    await here.runs.record_fact(twin, lambda state, world: shown)
    await commands.judge_difference(here.services, OLE, twin, steps[0].step_id, "wrong_account", "It is a namesake's")
    reader = ShadowReader(here.database, here.runs, here.queries)
    assert (await reader.figures(PACKET.name, NEWER.version)).wrong_accounts == 1
    await commands.erase_person(here.services, HANNA, real, "They asked for it")
    assert not (await here.state(twin)).finished
    assert (await commands.erase_person(here.services, SAM, real)).erased
    assert (await here.state(real)).asked.facts is None
    assert (await here.state(twin)).finish == "ended"
    figures = await reader.figures(PACKET.name, NEWER.version)
    assert (figures.people, figures.wrong_accounts) == (0, 1)
    [one] = (await reader.of(sees(OLE), PACKET.name, NEWER.version)).seen
    document = shadow_document(
        NEWER, (await here.runs.shelf(PACKET.name)).history.version(NEWER.version), ShadowRuns(figures, [one])
    )
    assert [(one["result"], one["person"], one["judgement"]["reason"]) for one in document["differences"]] == [
        ("wrong_account", None, None)
    ]
