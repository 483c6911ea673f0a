"""The history of a run that has just been replays with the workflow code of today."""

from __future__ import annotations

from temporalio.worker import Replayer

from orchestrator.workflows.offboarding import Offboarding
from tests.conftest import Hire
from tests.integration.conftest import Install
from tests.integration.histories import history_of, plain_run, troubled_run
from tests.integration.packets import quick_packet


async def test_fresh_histories_replay(install: Install, hire: Hire) -> None:
    async with install(packet=quick_packet()) as here:
        first, second = await hire(2)
        runs = [
            await plain_run(here, first.employee_number),
            await troubled_run(here, second.employee_number),
        ]
        # Sandboxed, unlike the worker: what workflow code may not do is found here.
        replayer = Replayer(
            workflows=[Offboarding],
            data_converter=here.engine.client.data_converter,
        )
        for run in runs:
            await replayer.replay_workflow(await history_of(here, run))
