"""Where no worker runs, one dies, or Temporal is away, the asker gets an error in time, with a remedy."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import PendingActivityState

from orchestrator.documents.runs.questions import FindPeople, PeopleAnswer
from orchestrator.embedded.company.company import Company
from orchestrator.embedded.temporal import TemporalServer
from orchestrator.engine import EngineUnavailable
from orchestrator.web.inquiries import ANSWER_TIMEOUT_SECONDS, Inquiries, NotAnswered
from orchestrator.worker import working
from orchestrator.workflows.inquiry import inquiry_workflow_id
from tests.inquiries.conftest import Asking, web_process
from tests.integration.installation import Installation, WorkerProcess, installation

QUESTION = FindPeople(packet="standard-leaver", text="umbelgaard")


async def test_without_a_worker_it_is_said_within_the_deadline_and_answered_once_there_is_one(asking: Asking) -> None:
    loop = asyncio.get_running_loop()
    async with asking(worker=False) as (here, inquiries):
        began = loop.time()
        with pytest.raises(NotAnswered) as nobody:
            await inquiries.ask("hr", QUESTION, within=0.6)
        assert 0.5 < loop.time() - began < ANSWER_TIMEOUT_SECONDS
        told = nobody.value
        assert here.settings.temporal_task_queue in told.place and "0.6 seconds" in told.cause
        assert told.code == "not_answered"
        assert await inquiries.result(told.inquiry_id, "hr") is None
        async with working(here.settings):
            answer = await until_answered(inquiries, told.inquiry_id)
        assert len(answer.people) == 2


async def test_a_worker_that_dies_at_work_is_replaced_while_someone_waits(asking: Asking, tmp_path: Path) -> None:
    async with asking(worker=False) as (here, inquiries):
        async with WorkerProcess.start(here.environment(), tmp_path / "worker.log") as process:
            assert len((await inquiries.ask("hr", QUESTION)).people) == 2
            await here.company.break_("hr", "slow", seconds=15.0)
            inquiry_id = await inquiries.put("hr", QUESTION)
            await at_work(here, inquiry_id)
            process.kill()
        assert await inquiries.result(inquiry_id, "hr") is None
        await here.company.clear_faults()
        async with working(here.settings):
            answer = await until_answered(inquiries, inquiry_id)
        assert len(answer.people) == 2


async def test_without_temporal_it_is_said_and_nothing_waits(
    database_url: str, company: Company, tmp_path: Path
) -> None:
    async with (
        TemporalServer.start(tmp_path / "temporal", keep=True) as server,
        installation(database_url, server.address, company) as here,
        web_process(here) as inquiries,
    ):
        assert (await inquiries.ask("hr", QUESTION)).people
        await server.crash()
        async with asyncio.timeout(ANSWER_TIMEOUT_SECONDS):
            with pytest.raises(EngineUnavailable) as away:
                await inquiries.ask("hr", QUESTION, within=1.0)
        assert server.address in str(away.value)
        await server.restart()
        assert await eventually(inquiries)
        never = Inquiries(here.backend.database, here.backend.keyring, None)
        with pytest.raises(EngineUnavailable):
            await never.ask("hr", QUESTION)


async def at_work(here: Installation, inquiry_id: str) -> None:
    """Waits until a worker has begun to answer."""
    handle = here.engine.client.get_workflow_handle(inquiry_workflow_id(inquiry_id))
    async with asyncio.timeout(45):
        while True:
            pending = (await handle.describe()).raw_description.pending_activities
            if any(each.state == PendingActivityState.PENDING_ACTIVITY_STATE_STARTED for each in pending):
                return
            await asyncio.sleep(0.02)


async def until_answered(inquiries: Inquiries, inquiry_id: str) -> PeopleAnswer:
    async with asyncio.timeout(45):
        while (answer := await inquiries.result(inquiry_id, "hr")) is None:
            await asyncio.sleep(0.05)
    assert isinstance(answer, PeopleAnswer)
    return answer


async def eventually(inquiries: Inquiries) -> bool:
    async with asyncio.timeout(60):
        while True:
            try:
                return bool((await inquiries.ask("hr", QUESTION)).people)
            except (EngineUnavailable, NotAnswered):
                await asyncio.sleep(0.2)
