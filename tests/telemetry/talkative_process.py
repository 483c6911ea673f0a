"""A process in which everything that can go wrong names someone: `python -m tests.telemetry.talkative_process HOW …`.

What it prints on standard error, and the trace file if it gets one, must name no one.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import warnings
from datetime import timedelta
from pathlib import Path

from pydantic import BaseModel, ValidationError
from temporalio import activity, workflow
from temporalio.client import WorkflowFailureError
from temporalio.common import RetryPolicy
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from connectors.errors import ActionRequiredError
from orchestrator.engine import Engine, EngineAddress
from orchestrator.telemetry.logs import configure_logging
from orchestrator.telemetry.telemetry import telemetry

PLANT = "umbelgaard.veltramine@wolkenmuehle.example"


class Model(BaseModel):
    number: int


class FailingInput(BaseModel):
    run_id: str


def fail() -> None:
    """As a connector does: a database's or a model's own words behind a coded error with a detail."""
    who = PLANT
    try:
        try:
            Model.model_validate({"number": who})
        except ValidationError as error:
            raise ValueError(f"nobody is called {who}") from error
    except ValueError as error:
        raise ActionRequiredError("not_found", f"{who} is not there", remedy=f"Ask {who}.") from error


@activity.defn(name="failing")
async def failing(asked: FailingInput) -> None:
    activity.logger.warning("about %s", PLANT)
    fail()


@workflow.defn(name="Failing")
class Failing:
    @workflow.run
    async def run(self, asked: FailingInput) -> None:
        workflow.logger.warning(f"about {PLANT}")
        await workflow.execute_activity(
            failing, asked, start_to_close_timeout=timedelta(seconds=10), retry_policy=RetryPolicy(maximum_attempts=2)
        )


async def in_temporal(address: str, trace_file: str) -> None:
    queue = f"talk-{os.getpid()}"
    async with telemetry(None, Path(trace_file)) as watched:
        engine = await Engine.connect(EngineAddress(address, task_queue=queue), watched.interceptors)
        runner = UnsandboxedWorkflowRunner()
        async with Worker(
            engine.client, task_queue=queue, workflows=[Failing], activities=[failing], workflow_runner=runner
        ):
            try:
                await engine.client.execute_workflow(
                    Failing.run, FailingInput(run_id="r-1"), id=queue, task_queue=queue
                )
            except WorkflowFailureError:
                logging.getLogger("offboard.test").exception("as expected")


async def in_a_task() -> None:
    async def work() -> None:
        fail()

    task = asyncio.create_task(work(), name=PLANT)
    await asyncio.wait([task])


def talk() -> None:
    logging.getLogger("httpx").info("HTTP Request: GET https://x.example/?mail=%s", PLANT)
    logging.getLogger("sqlalchemy.engine").warning("[parameters: (%r,)]", PLANT)
    logging.getLogger("psycopg.pool").warning(f"error connecting in 'offboard': {PLANT}")
    logging.getLogger("ldap3").error("no entry for uid=%s", PLANT)
    logging.getLogger("offboard.test").debug("only at DEBUG")
    logging.getLogger("offboard.test").info("about %d runs", 3)
    logging.getLogger("offboard.test").warning("this cannot be put together: %d", "three")
    try:
        fail()
    except ActionRequiredError as error:
        logging.getLogger("offboard.test").warning("it said %s", error)
        logging.getLogger("offboard.test").error(error)
        logging.getLogger("offboard.test").exception("with all that belongs to it", stack_info=True)
    warnings.warn(f"PydanticSerializationUnexpectedValue(input_value={PLANT!r})", stacklevel=1)
    thread = threading.Thread(target=fail, name=PLANT)
    thread.start()
    thread.join()

    class Falling:
        def __del__(self) -> None:
            fail()

    Falling()
    asyncio.run(in_a_task())
    fail()


if __name__ == "__main__":
    configure_logging()
    if sys.argv[1] == "temporal":
        asyncio.run(in_temporal(sys.argv[2], sys.argv[3]))
        sys.stderr.flush()
        os._exit(0)
    talk()
