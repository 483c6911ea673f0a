"""A person is erased by two people once nothing needs the data. The key is also destroyed after a crash, and in a
keyring from an older backup."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio

from orchestrator import commands
from orchestrator.commands.erasures import ErasureOutcome
from orchestrator.deciding.erasures import person_of
from orchestrator.documents.runs.previews.erasure import erasure_document
from orchestrator.domain import events as e
from orchestrator.domain.errors import Invalid, NotAllowed, Refusal, TooLate
from orchestrator.domain.organisation.erasures import CONFIRMED_WITHIN
from orchestrator.domain.organisation.person import PersonFacts
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.run.cutoff import Cutoff
from orchestrator.domain.run.run import RunState
from orchestrator.ledger.book.errors import LedgerUnavailable, PersonErased
from orchestrator.ledger.persons.erasures import LEFT, RecordedErasures
from orchestrator.ledger.persons.search_tags import SearchTags
from orchestrator.ledger.proofs.verification import verify_database
from tests.ledger.small_office import AUDREY, HANNA, IVO, OLE, SAM, VERA, SmallOffice, acting, small_office

HUGO = acting("hugo", "requester")
WHY = "Mrs Baldamus asked for it."


@pytest_asyncio.fixture
async def here(database_url: str) -> AsyncIterator[SmallOffice]:
    async with small_office(database_url) as office:
        yield office


@pytest_asyncio.fixture
async def run_id(here: SmallOffice) -> str:
    run_id = await here.start()
    await commands.end_run(here.services, HANNA, run_id, "Quirina Baldamus1 stays")
    return run_id


async def erase(here: SmallOffice, by: Actor, run_id: str, reason: str | None = None) -> ErasureOutcome:
    return await commands.erase_person(here.services, by, run_id, reason)


async def refusal(here: SmallOffice, by: Actor, run_id: str, reason: str | None = WHY) -> Refusal:
    with pytest.raises(Refusal) as refused:
        await erase(here, by, run_id, reason)
    return refused.value


def at(state: RunState) -> Cutoff:
    """The same cutoff again."""
    return Cutoff(instant=state.cutoff, zone=state.zone, local=state.asked.local_cutoff)


async def obstacles(here: SmallOffice, by: Actor, run_id: str) -> list[tuple[str, str | None]]:
    document = erasure_document(await person_of(here.runs, run_id), by)
    return [(one["kind"], one["run_id"]) for one in document["obstacles"]]


async def test_two_people_erase_and_every_proof_holds(here: SmallOffice, run_id: str) -> None:
    person_id = (await here.state(run_id)).asked.person_id
    later = await here.start()  # another person, who stays as they are
    file = await here.ledger.files.keep(person_id, b"a scan", "scan.txt")
    await here.ledger.uploads.keep(person_id, "ole", run_id, "t-1", b"another scan", "scan2.txt")
    before = await here.ledger.whole(e.run_stream(run_id))
    assert (await refusal(here, HANNA, run_id, " ")).code == "reason_missing"
    first = await erase(here, HANNA, run_id, WHY)
    assert (first.erased, first.changed) == (False, True)
    shown = erasure_document(await person_of(here.runs, run_id), SAM)
    assert (shown["requested_by"], shown["reason"], shown["can_erase"]) == ("hanna", WHY, True)
    assert (await here.state(run_id)).asked.facts is not None, "nothing is erased by one person"
    for same in (HANNA, acting("hanna-2", "requester").model_copy(update={"human": HANNA.human})):
        await commands.record_actor(here.services, same)
        assert (await refusal(here, same, run_id)).code == "second_person_needed"
    done = await erase(here, SAM, run_id)
    assert (done.erased, done.changed) == (True, True)
    again = await erase(here, VERA, run_id)
    assert (again.erased, again.changed) == (True, False)

    assert (await here.state(run_id)).asked.facts is None
    assert (await here.state(later)).asked.facts is not None
    with pytest.raises(PersonErased):
        await here.keyring.person_key(person_id)
    with pytest.raises(Invalid) as erased:
        await here.ledger.files.open(person_id, file["stored"])
    assert erased.value.code == "file_erased"
    async with here.database.driver() as connection:
        for table in ("keyring.lookups", "keyring.search_tags"):
            found = await connection.execute(
                f"SELECT count(*) FROM {table} WHERE person_id = %s",
                (person_id,),  # type: ignore[arg-type]  # a test's own text
            )
            assert await found.fetchone() == (0,), table
        found = await connection.execute("SELECT count(*) FROM access.uploads WHERE subject = %s", (person_id,))
        assert await found.fetchone() == (0,)
    assert await SearchTags(here.database, here.keyring, here.ledger).catch_up()
    after = await here.ledger.whole(e.run_stream(run_id))
    assert [leaf for _, leaf in after] == [leaf for _, leaf in before]
    verified = await asyncio.to_thread(verify_database, here.url)
    assert verified.ok, verified.wrong
    document = erasure_document(await person_of(here.runs, run_id), AUDREY)
    assert document["person"] is None and document["erased_by"] == "sam" and document["obstacles"] == []
    recorded = (await here.ledger.read({e.person_stream(person_id): 0})).events[e.person_stream(person_id)]
    assert [one.type for one in recorded] == ["RunOpened", "ErasureRequested", "PersonalDataErased"]
    assert getattr(recorded[1].event, "reason", None) == WHY, "it is encrypted with the requester's key"
    async with here.database.driver() as connection:
        stored = await connection.execute("SELECT stored FROM ledger.events WHERE event_type LIKE '%Eras%'")
        assert all(b"Baldamus" not in bytes(row[0]) for row in await stored.fetchall())


async def test_a_person_who_is_employed_again_is_another_person(here: SmallOffice, run_id: str) -> None:
    state = await here.state(run_id)
    person = PersonFacts.model_validate(state.asked.facts)
    await erase(here, HANNA, run_id, WHY)
    await erase(here, SAM, run_id)
    done = await commands.start_run(here.services, HANNA, person, here.packet.name, at(state))
    assert isinstance(done, commands.Done)
    again = await here.state(done.run_id)
    assert again.asked.person_id != state.asked.person_id and again.asked.facts is not None


async def test_what_is_still_needed_is_not_erased(here: SmallOffice) -> None:
    await here.keyring.create_person(HUGO.human)
    await commands.record_actor(here.services, HUGO)
    run_id = await here.start()
    refused = await refusal(here, HANNA, run_id)
    assert isinstance(refused, TooLate) and refused.code == "person_in_use"
    assert "a run of the person is open" in refused.message
    assert await obstacles(here, HANNA, run_id) == [("open_run", run_id)]
    await commands.place_legal_hold(here.services, HANNA, run_id, "A court asked.")
    await commands.end_run(here.services, HANNA, run_id, "They stay")
    assert await obstacles(here, HANNA, run_id) == [("legal_hold", run_id)]
    assert "legal hold" in (await refusal(here, HANNA, run_id)).message
    await commands.lift_legal_hold(here.services, HUGO, run_id, "It is over.", None)
    assert await obstacles(here, HANNA, run_id) == []
    await erase(here, HANNA, run_id, WHY)
    # What begins between the two people counts as well.
    state = await here.state(run_id)
    person = PersonFacts.model_validate(state.asked.facts)
    done = await commands.start_run(here.services, HANNA, person, here.packet.name, at(state))
    assert isinstance(done, commands.Done)
    assert await obstacles(here, SAM, run_id) == [("open_run", done.run_id)]
    assert (await refusal(here, SAM, run_id)).code == "person_in_use"
    assert (await here.state(run_id)).asked.facts is not None


async def test_who_cannot_erase(here: SmallOffice, run_id: str) -> None:
    person_id = (await here.state(run_id)).asked.person_id
    for by in (IVO, OLE, AUDREY):
        assert (await refusal(here, by, run_id)).code == "role_missing"
    leaver = acting("leaver", "requester").model_copy(update={"human": person_id})
    assert (await refusal(here, leaver, run_id)).code == "own_run"
    report = acting("rita", "requester").model_copy(update={"managers": (person_id,)})
    await here.keyring.create_person("p_rita")
    await commands.record_actor(here.services, report)
    assert (await refusal(here, report, run_id)).code == "reports_to_person"
    program = acting("feed", "requester").model_copy(update={"kind": "service", "human": None})
    assert (await refusal(here, program, run_id)).code == "unknown_run", "what a role asks for is shown to people only"
    feed = program.model_copy(update={"roles": frozenset({"hr_system"})})
    refused = await refusal(here, feed, run_id)
    assert isinstance(refused, NotAllowed), "it sees the run, and is no person"
    assert (await refusal(here, acting("gus", "gardener"), run_id)).code == "unknown_run"
    assert (await here.ledger.read({e.person_stream(person_id): 0})).version(e.person_stream(person_id)) == 1


async def test_a_person_who_works_with_offboard_is_not_erased(here: SmallOffice, run_id: str) -> None:
    person_id = (await here.state(run_id)).asked.person_id
    theirs = acting("quirina", "it_approver").model_copy(update={"human": person_id})
    await commands.record_actor(here.services, theirs)
    assert await obstacles(here, HANNA, run_id) == [("account_in_use", None)]
    assert (await refusal(here, HANNA, run_id)).code == "person_in_use"


async def test_a_request_lapses(here: SmallOffice, run_id: str) -> None:
    await erase(here, HANNA, run_id, WHY)
    await here.advance_clock(CONFIRMED_WITHIN + timedelta(seconds=1))
    assert (await refusal(here, SAM, run_id, None)).code == "reason_missing", "it is a request of its own"
    assert not (await erase(here, SAM, run_id, WHY)).erased
    assert (await erase(here, HANNA, run_id)).erased


async def test_a_key_that_was_left_by_a_crash_or_a_backup_is_destroyed(
    here: SmallOffice, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    person_id = (await here.state(run_id)).asked.person_id
    await erase(here, HANNA, run_id, WHY)
    erasures = RecordedErasures(here.database, here.keyring)
    assert await erasures.carry_out() == 0

    async def stopped(person_id: str) -> None:
        raise LedgerUnavailable("this process", "it was stopped", "Start it again")

    async with here.database.driver() as connection:
        kept = await connection.execute("SELECT wrapped FROM keyring.person_keys WHERE person_id = %s", (person_id,))
        row = await kept.fetchone()
    assert row is not None
    with monkeypatch.context() as crash:
        crash.setattr(here.keyring, "erase_person", stopped)
        with pytest.raises(LedgerUnavailable):
            await erase(here, SAM, run_id)
    assert (await here.state(run_id)).asked.facts is not None, "the event is recorded, the key is there"
    assert await erasures.carry_out() == 1
    assert (await here.state(run_id)).asked.facts is None

    async with here.database.driver() as connection:  # a keyring from before the erasure
        await connection.execute(
            "UPDATE keyring.person_keys SET wrapped = %s, erased_at = NULL WHERE person_id = %s",
            (bytes(row[0]), person_id),
        )
    assert await RecordedErasures(here.database, here.keyring).carry_out() == 1
    with pytest.raises(PersonErased):
        await here.keyring.person_key(person_id)
    assert await erasures.carry_out() == 0


async def test_starts_and_erasures_at_once_leave_no_open_run_without_data(here: SmallOffice) -> None:
    for _ in range(8):
        run_id = await here.start()
        await commands.end_run(here.services, HANNA, run_id, "They stay")
        state = await here.state(run_id)
        person = PersonFacts.model_validate(state.asked.facts)
        await erase(here, HANNA, run_id, WHY)
        started, erased = await asyncio.gather(
            commands.start_run(here.services, HANNA, person, here.packet.name, at(state)),
            erase(here, SAM, run_id),
            return_exceptions=True,
        )
        if isinstance(erased, ErasureOutcome):
            assert (await here.state(run_id)).asked.facts is None
        else:
            assert isinstance(erased, TooLate) and erased.code == "person_in_use"
        if isinstance(started, commands.Done):
            assert (await here.state(started.run_id)).asked.facts is not None
        else:
            assert isinstance(started, Refusal) and started.code == "person_erased"


async def test_recorded_erasures_are_found_without_reading_all_events(here: SmallOffice, run_id: str) -> None:
    """Also by a statement that was prepared, which knows no parameters when it is planned."""
    await erase(here, HANNA, run_id, WHY)
    await erase(here, SAM, run_id)
    async with here.database.driver() as connection:
        await connection.execute("SET plan_cache_mode = force_generic_plan")
        try:
            plan = await (await connection.execute("EXPLAIN " + LEFT, (0,), prepare=True)).fetchall()
        finally:
            await connection.execute("RESET plan_cache_mode")
    assert "events_erasures" in str(plan), plan
