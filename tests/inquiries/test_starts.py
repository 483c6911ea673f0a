"""A start is a question to a worker, and its answer is the start: once, or not at all."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from orchestrator import commands
from orchestrator.commands import Done, Received, Services
from orchestrator.documents.runs.questions import PersonFactsAsked, PreviewAsked, RunTerms, StartAsked, Started
from orchestrator.domain.errors import Invalid, NotAllowed, Refusal, TooLate
from orchestrator.domain.packet.packet_files import starter_packet
from orchestrator.domain.permissions.levels import Level
from orchestrator.domain.run.cutoff import parse_cutoff
from orchestrator.embedded.company.people import Employee
from orchestrator.ledger.book.errors import LedgerUnavailable
from orchestrator.web.inquiries import Inquiries, NotAnswered
from orchestrator.web.starts import start
from orchestrator.worker import working
from orchestrator.workflows.inquiry import inquiry_workflow_id
from tests.conftest import Hire
from tests.inquiries.conftest import Asking
from tests.integration.installation import FAR_FUTURE, ZONE, Installation, WorkerProcess


def asked(person: Employee, **more: object) -> StartAsked:
    terms = {"packet": "standard-leaver", "wanted": person.employee_number, "cutoff": FAR_FUTURE, "zone": ZONE}
    return StartAsked.model_validate(terms | more)


async def started(here: Installation, inquiries: Inquiries, question: StartAsked, within: float = 20.0) -> Started:
    """As HR, in the web process; its commands have no engine, so that a run is carried on by workers alone."""
    return await start(
        Services(here.backend.runs, here.backend.keyring), inquiries, here.actors["hr"], question, within=within
    )


async def runs_of(here: Installation, person: Employee) -> list[str]:
    person_id = await here.backend.keyring.person_for("hr", (await here.facts(person)).hr_id, create=False)
    if person_id is None:
        return []
    stream = f"person:{person_id}"
    page = await here.backend.ledger.read({stream: 0})
    return [recorded.event.model_dump()["run_id"] for recorded in page.events[stream] if recorded.type == "RunOpened"]


async def test_a_start_asks_hr_for_the_person_and_who_else_has_the_address(asking: Asking, hire: Hire) -> None:
    one, other, third = await hire(3)
    packet = starter_packet("identity-only")  # whose runs look for no account in HR
    async with asking(packet=packet) as (here, inquiries):
        await here.company.requests("hr")
        await inquiries.ask("hr", PersonFactsAsked(packet=packet.name, wanted=one.employee_number))
        one_look = len(await here.company.requests("hr"))
        for person, zone in ((other, ZONE), (third, None)):
            question = asked(person, packet=packet.name, zone=zone)
            terms = question.model_dump(include=set(RunTerms.model_fields))
            await here.company.requests("hr")
            shown = await inquiries.ask("hr", PreviewAsked(**terms, actor_id="hr"))
            assert shown.person.employee_number == person.employee_number
            assert len(await here.company.requests("hr")) == one_look + 1
            done = await started(here, inquiries, question)
            assert len(await here.company.requests("hr")) == one_look + 1
            assert done.run_id is not None and done.nudged and done.events == done.version > 0
            assert await runs_of(here, person) == [done.run_id]
            state = await here.state(done.run_id)
            assert (state.asked.requested_by, state.zone) == ("hr", ZONE)


async def test_a_worker_that_dies_after_the_run_is_opened_is_replaced_and_the_run_is_the_answer(
    asking: Asking, hire: Hire, tmp_path: Path
) -> None:
    [person] = await hire()
    async with asking(worker=False) as (here, inquiries):
        async with WorkerProcess.start(here.environment(), tmp_path / "worker.log", "after_start") as process:
            task = asyncio.create_task(started(here, inquiries, asked(person)))
            await process.died()
        [run_id] = await runs_of(here, person)
        await here.company.stop("hr")  # who the person is was asked already
        async with working(here.settings):
            done = await task
        assert done.run_id == run_id and await runs_of(here, person) == [run_id]
        assert done.version > 0


async def test_a_run_that_was_opened_is_the_answer_although_no_worker_says_so(
    asking: Asking, hire: Hire, tmp_path: Path
) -> None:
    [person] = await hire()
    async with asking(worker=False) as (here, inquiries):
        async with WorkerProcess.start(here.environment(), tmp_path / "worker.log", "after_start") as process:
            task = asyncio.create_task(started(here, inquiries, asked(person), within=6.0))
            await process.died()
        done = await task
        assert [done.run_id] == await runs_of(here, person)
        assert not done.nudged, "the relay makes up for it"


@pytest.mark.parametrize("opened", [True, False], ids=["opened", "not-opened"])
async def test_a_start_whose_row_expired_before_it_was_read_is_looked_up(
    asking: Asking, hire: Hire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: bool
) -> None:
    """As on a slow machine: the row expires one second before the web process stops waiting."""
    monkeypatch.setattr("orchestrator.web.inquiries.ANSWER_READ_WITHIN", timedelta(seconds=-1))
    [person] = await hire()
    async with asking(worker=False) as (here, inquiries):
        if not opened:
            with pytest.raises(NotAnswered) as late:
                await started(here, inquiries, asked(person), within=2.0)
            assert late.value.code == "not_answered" and await runs_of(here, person) == []
            return
        async with WorkerProcess.start(here.environment(), tmp_path / "worker.log", "after_start") as process:
            task = asyncio.create_task(started(here, inquiries, asked(person), within=10.0))
            await process.died()
        done = await task
        assert [done.run_id] == await runs_of(here, person)


async def test_a_start_that_no_worker_takes_in_time_opens_no_run_later(asking: Asking, hire: Hire) -> None:
    [person] = await hire()
    async with asking(worker=False) as (here, inquiries):
        with pytest.raises(NotAnswered) as late:
            await started(here, inquiries, asked(person), within=0.6)
        assert late.value.code == "not_answered"
        async with working(here.settings):
            handle = here.engine.client.get_workflow_handle(inquiry_workflow_id(late.value.inquiry_id))
            await handle.result()
            assert await runs_of(here, person) == []
            assert (await started(here, inquiries, asked(person))).run_id is not None, "asked again, it is started"


async def test_a_start_that_is_withdrawn_while_a_worker_asks_hr_opens_no_run(asking: Asking, hire: Hire) -> None:
    [person] = await hire()
    async with asking() as (here, inquiries):
        await here.company.break_("hr", "slow", seconds=4.0)
        with pytest.raises(NotAnswered) as late:
            await started(here, inquiries, asked(person), within=0.5)
        await here.engine.client.get_workflow_handle(inquiry_workflow_id(late.value.inquiry_id)).result()
        await here.company.clear_faults()
        assert await runs_of(here, person) == []


async def test_a_start_whose_answer_cannot_be_read_is_withdrawn(
    asking: Asking, hire: Hire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as while every connection of the web process is in use."""
    [person] = await hire()
    async with asking() as (here, inquiries):
        failures = iter(("wait", "withdraw"))

        async def unavailable(*_: object, **__: object) -> None:
            raise LedgerUnavailable("the ledger", f"every connection is in use ({next(failures)})")

        withdraw = inquiries.withdraw

        async def withdraw_at_the_second_attempt(inquiry_id: str, asked_by: str) -> object:
            monkeypatch.setattr(inquiries, "withdraw", withdraw)
            ids.append(inquiry_id)
            return await unavailable()

        ids: list[str] = []
        monkeypatch.setattr(inquiries, "wait", unavailable)
        monkeypatch.setattr(inquiries, "withdraw", withdraw_at_the_second_attempt)
        await here.company.break_("hr", "slow", seconds=4.0)
        with pytest.raises(LedgerUnavailable, match="wait"):
            await started(here, inquiries, asked(person))
        await here.engine.client.get_workflow_handle(inquiry_workflow_id(ids[0])).result()
        await here.company.clear_faults()
        assert await runs_of(here, person) == []


async def test_a_run_that_was_opened_is_the_answer_although_its_answer_cannot_be_read(
    asking: Asking, hire: Hire, monkeypatch: pytest.MonkeyPatch
) -> None:
    [person] = await hire()
    async with asking() as (here, inquiries):
        wait = inquiries.wait

        async def lost(inquiry_id: str, asked_by: str, *, within: float) -> None:
            await wait(inquiry_id, asked_by, within=within)
            raise LedgerUnavailable("the ledger", "the connection was lost")

        monkeypatch.setattr(inquiries, "wait", lost)
        done = await started(here, inquiries, asked(person))
        assert [done.run_id] == await runs_of(here, person)


async def test_a_run_that_was_opened_is_the_answer_although_the_worker_failed_after_it(
    asking: Asking, hire: Hire, monkeypatch: pytest.MonkeyPatch
) -> None:
    [person] = await hire()

    async def fails(*_: object) -> None:
        raise RuntimeError("after the append")

    async with asking() as (here, inquiries):
        monkeypatch.setattr("orchestrator.commands.starts.run_starts.finish", fails)
        done = await started(here, inquiries, asked(person))
        assert [done.run_id] == await runs_of(here, person)


async def test_of_two_starts_at_once_one_opens_the_run_and_the_other_names_it(asking: Asking, hire: Hire) -> None:
    [person] = await hire()
    async with asking() as (here, inquiries):
        results = await asyncio.gather(
            *(started(here, inquiries, asked(person)) for _ in range(4)), return_exceptions=True
        )
        [run_id] = await runs_of(here, person)
        assert [one.run_id for one in results if isinstance(one, Started)] == [run_id]
        refused = [one for one in results if isinstance(one, TooLate)]
        assert len(refused) == 3 and all(one.code == "run_open" and run_id in one.message for one in refused)


async def test_the_same_start_carried_out_by_two_workers_is_one_run(asking: Asking, hire: Hire) -> None:
    """The engine asks a second worker where it takes the first for dead."""
    [person] = await hire()
    async with asking() as (here, _):
        facts, hr, cutoff = await here.facts(person), here.actors["hr"], parse_cutoff(FAR_FUTURE, ZONE)

        async def once(start_id: str) -> Done | Received:
            return await commands.start_run(here.services, hr, facts, here.packet.name, cutoff, start_id=start_id)

        both = await asyncio.gather(*(once("i1") for _ in range(4)))
        [run_id] = await runs_of(here, person)
        assert {done.run_id for done in both if isinstance(done, Done)} == {run_id} and len(both) == 4
        with pytest.raises(TooLate) as another:
            await once("i2")
        assert another.value.code == "run_open"
        await commands.end_run(here.services, hr, run_id, "They stay.")
        known = await commands.run_started(here.services, hr, "i1")
        assert known is not None and known.run_id == run_id, "also once it has ended"
        assert await commands.run_started(here.services, here.actors["it"], "i1") is None
        assert await commands.run_started(here.services, hr, "i2") is None


async def test_a_start_is_refused_as_the_command_is(asking: Asking, hire: Hire) -> None:
    [person] = await hire()
    async with asking() as (here, inquiries):
        for question, kind, code in (
            (asked(person, wanted="E-0000"), Invalid, "unknown_person"),
            (asked(person, packet="nosuch"), Invalid, "unknown_packet"),
            (asked(person, cutoff=None), Invalid, "cutoff_missing"),
            (asked(person, zone="Europe/Nowhere"), Invalid, "unknown_zone"),
            (asked(person, cutoff="2099-03-29T02:30"), Invalid, "cutoff_in_gap"),
            (asked(person, wanted="E-1003"), NotAllowed, "own_run"),
            (asked(person, urgent=True, cutoff=None), None, ""),
        ):
            if kind is None:
                assert (await started(here, inquiries, question)).run_id is not None
                continue
            with pytest.raises(Refusal) as refused:
                await started(here, inquiries, question)
            assert (type(refused.value), refused.value.code) == (kind, code)
        capped = here.actors["hr"].model_copy(update={"up_to": Level.READ})
        with pytest.raises(NotAllowed):
            await start(here.services, inquiries, capped, asked(person))
        with pytest.raises(NotAllowed) as stranger:
            await inquiries.ask("nobody-here", asked(person))
        assert stranger.value.code == "unknown_actor"
