"""The interpreter of a run on the time-skipping server, inside Temporal's sandbox, replayed at every task."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from scripted import Script, due
from stage import Stage
from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.contrib.pydantic import pydantic_data_converter

from orchestrator.domain.run.progress import Progress
from orchestrator.embedded.temporal import TemporalServer
from orchestrator.workflows.offboarding import Nudge

DAY = 86_400.0


async def until(holds: Callable[[], bool], seconds: float = 120.0) -> None:
    loop = asyncio.get_running_loop()
    stop = loop.time() + seconds
    while not holds():
        assert loop.time() < stop, "did not come in time"
        await asyncio.sleep(0.01)


@asynccontextmanager
async def server_clock(stage: Stage) -> AsyncIterator[Callable[[], float]]:
    """The server's own time, which leaps. Each `advance` reads it."""
    assert stage.environment is not None
    environment = stage.environment
    state = {"now": (await environment.get_current_time()).timestamp()}

    async def read() -> None:
        state["now"] = (await environment.get_current_time()).timestamp()

    stage.script.read_clock = read
    try:
        yield lambda: state["now"]
    finally:
        stage.script.read_clock = None


async def lasted(stage: Stage) -> float:
    """Seconds of the server's time from the workflow's beginning to its end."""
    assert stage.handle is not None
    described = await stage.handle.describe()
    assert described.close_time is not None
    return (described.close_time - described.start_time).total_seconds()


async def counted(stage: Stage) -> dict[str, int]:
    assert stage.handle is not None
    found: dict[str, int] = {}
    async for event in stage.handle.fetch_history_events():
        name = EventType.Name(event.event_type).removeprefix("EVENT_TYPE_")
        found[name] = found.get(name, 0) + 1
    return found


async def test_a_whole_run_in_layers(stage: Stage) -> None:
    script = stage.script
    script.search = ("code", "cards")
    script.layers = [("a1", "a2", "a3"), ("b1",), ("c1", "c2")]
    async with stage.worker():
        handle = await stage.nudge()
        await handle.result()
    assert script.done == {"a1", "a2", "a3", "b1", "c1", "c2"}
    assert script.times("search_accounts") == 1 and script.times("advance") == 1
    assert [sorted(what.step_ids) for name, what in script.asked if name == "execute_steps"] == [
        ["a1", "a2", "a3"],
        ["b1"],
        ["c1", "c2"],
    ]


async def test_a_search_for_every_queue(stage: Stage) -> None:
    script = stage.script
    script.search = ("code", "cards", "safe")
    inside = f"{stage.queue}-inside"
    script.queues = {"cards": inside, "safe": inside}
    script.layers = [("a1",)]
    async with stage.worker(), stage.activity_worker(inside):
        handle = await stage.nudge()
        await asyncio.wait_for(handle.result(), 60)
    searches = [what for name, what in script.asked if name == "search_accounts"]
    assert sorted(what.systems for what in searches) == [("cards", "safe"), ("code",)]
    assert not any(what.given_up for what in searches) and script.done == {"a1"}


async def test_a_nudge_with_a_hint_saves_the_question(stage: Stage) -> None:
    script = stage.script
    script.layers = [("a1",), ("b1",)]
    script.waits = {1: None}
    async with stage.worker():
        handle = await stage.nudge(Nudge(hint=Progress(version=1, steps=due("a1"))))
        await until(lambda: script.done == {"a1"})
        assert script.times("advance") == 0
        await stage.nudge(Nudge(hint=script.word()))
        await handle.result()
    assert script.done == {"a1", "b1"} and script.times("advance") == 0


async def test_a_nudge_without_a_hint_asks(stage: Stage) -> None:
    script = stage.script
    script.layers = [("a1",)]
    script.waits = {0: None}
    async with stage.worker():
        handle = await stage.nudge()
        await until(lambda: script.times("advance") == 1)
        script.word()
        await stage.nudge()
        await handle.result()
    assert script.done == {"a1"} and script.times("advance") == 2


async def test_forged_nudges_go_nowhere(stage: Stage) -> None:
    script = stage.script
    script.layers = [("a1",)]
    script.waits = {0: None}
    forged = [
        Progress(version=10**9, finished=True),
        Progress(version=10**9, steps=due("b9", "b9", "search")),
        Progress(version=10**9, search=("elsewhere",), steps=due("search")),
        Progress(version=10**9, search=("code",), queues={"code": "a-queue-nobody-reads"}),
        Progress(version=10**9, due_in=-5.0),
        Progress(version=-1, finished=True),
    ]
    async with stage.worker():
        handle = await stage.nudge()
        await until(lambda: script.times("advance") == 1)
        for hint in forged:
            asked = len(script.asked)
            await handle.signal("nudge", Nudge(hint=hint))
            if hint.version > 0:
                await until(lambda asked=asked: len(script.asked) > asked)  # type: ignore[misc]  # bound at once
        assert script.done == set()
        assert (await handle.describe()).status == WorkflowExecutionStatus.RUNNING
        script.word()
        await stage.nudge()
        await handle.result()
    assert script.done == {"a1"}


async def test_an_old_hint_is_not_heard(stage: Stage) -> None:
    script = stage.script
    script.version = 5
    script.layers = [("a1",)]
    script.waits = {0: None}
    async with stage.worker():
        handle = await stage.nudge()
        await until(lambda: script.times("advance") == 1)
        await handle.signal("nudge", Nudge(hint=Progress(version=5, steps=due("a1"))))
        await handle.signal("nudge", Nudge(hint=Progress(version=4, finished=True)))
        script.word()
        await stage.nudge()
        await handle.result()
    assert script.times("advance") == 2 and script.executed == ["a1"]


async def test_an_older_ledger_is_heard(stage: Stage) -> None:
    """An older copy was restored: the ledger's version is lower than the workflow has seen it."""
    script = stage.script
    script.version = 9
    script.layers = [("a1",)]
    script.waits = {0: None}
    async with stage.worker():
        handle = await stage.nudge()
        await until(lambda: script.times("advance") == 1)
        script.version = 2
        script.word()
        await stage.nudge()
        await handle.result()
    assert script.executed == ["a1"]


async def test_a_date_ninety_days_ahead(stage: Stage) -> None:
    script = stage.script
    script.layers = [("a1",)]
    script.waits = {0: 90 * DAY}
    async with server_clock(stage) as script.clock, stage.worker():
        handle = await stage.nudge()
        await asyncio.wait_for(handle.result(), 60)
    assert script.done == {"a1"} and 90 * DAY <= await lasted(stage) < 91 * DAY
    # It looks once a week at most, in case a nudge got lost for good.
    assert 90 / 7 <= script.times("advance") <= 30
    assert (await counted(stage)).get("TIMER_STARTED", 0) <= script.times("advance")


async def test_a_nearer_date_takes_the_place_of_a_farther_one(stage: Stage) -> None:
    script = stage.script
    script.layers = [("a1",)]
    script.waits = {0: 5 * DAY}
    async with server_clock(stage) as script.clock, stage.worker():
        handle = await stage.nudge()
        await until(lambda: script.times("advance") == 1)
        script.waits[0] = 1 * DAY
        script.version += 1
        await stage.nudge()
        await until(lambda: script.times("advance") >= 2)
        await asyncio.wait_for(handle.result(), 60)
    assert await lasted(stage) < 2 * DAY


async def test_a_lost_activity_is_asked_about_and_not_in_a_circle(stage: Stage) -> None:
    script = stage.script
    script.layers = [("a1",)]
    script.lose = 2
    async with stage.worker():
        handle = await stage.nudge()
        await asyncio.wait_for(handle.result(), 60)
    assert script.done == {"a1"} and script.executed == ["a1"] * 3
    assert (await counted(stage))["TIMER_STARTED"] >= 2


async def test_a_run_that_is_finished_ends_its_workflow_at_once(stage: Stage) -> None:
    async with stage.worker():
        handle = await stage.nudge()
        await handle.result()
    assert stage.script.asked and stage.script.times("advance") == 1


async def test_a_worker_that_went_away_is_replaced(stage: Stage) -> None:
    script = stage.script
    script.layers = [("a1",), ("b1",)]
    script.waits = {1: None}
    async with stage.worker():
        handle = await stage.nudge()
        await until(lambda: script.done == {"a1"})
    script.word()
    async with stage.worker():
        await stage.nudge()
        await handle.result()
    assert script.done == {"a1", "b1"}


@pytest.mark.long
async def test_a_long_history_continues_as_new_and_loses_nothing(temporal: TemporalServer) -> None:
    # The time-skipping server never suggests it, so this one runs on the dev server, in the sandbox too.
    client = await Client.connect(temporal.address, data_converter=pydantic_data_converter)
    stage = Stage(client, Script())
    script = stage.script
    script.layers = [("a1",), ("b1",)]
    script.waits = {0: None, 1: None}
    handle = await stage.nudge()
    for _ in range(21):
        await asyncio.gather(*(handle.signal("nudge", Nudge()) for _ in range(200)))
    async with stage.worker():
        first = client.get_workflow_handle(stage.workflow_id, run_id=handle.first_execution_run_id)
        while (await first.describe()).status != WorkflowExecutionStatus.CONTINUED_AS_NEW:
            await asyncio.sleep(0.05)
        await stage.nudge(Nudge(hint=script.word()))
        await until(lambda: script.done == {"a1"})
        await stage.nudge(Nudge(hint=script.word()))
        await handle.result()
    assert script.done == {"a1", "b1"} and script.executed == ["a1", "b1"]
