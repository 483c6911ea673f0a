"""Records the histories of the version in `pyproject.toml`, which every later version replays.

    python tests/workflows/record_release.py

It is part of a release (`CONTRIBUTING.md`). A version that is in the changelog with its date is released: its histories
are not recorded again. From Temporal's view what a person does about a run is a signal, a date, or a start of the same
workflow after its end; each story says which.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import tomllib
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parent)]

from record_histories import FOLDER, STORIES, _without_places
from scripted import Script, due
from stage import Stage, skipping_time
from temporalio import activity
from temporalio.client import Client, WorkflowHandle
from temporalio.worker import Worker

from orchestrator.domain.run.progress import Progress
from orchestrator.workflows.activity_stubs import Attempted, Delivery, InquiryRef, NextLook
from orchestrator.workflows.inquiry import InquiryWorkflow, inquiry_queue
from orchestrator.workflows.ledger_mark import LedgerMark
from orchestrator.workflows.notices import Notices
from orchestrator.workflows.offboarding import Nudge
from orchestrator.workflows.webhooks import DeliverWebhook

ROOT = Path(__file__).resolve().parents[2]
_RELEASED = re.compile(r"^## \[(\d+\.\d+\.\d+)\]", re.MULTILINE)


def version_here() -> str:
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"])


def released_versions() -> list[str]:
    """Those with a heading in the changelog, the latest first."""
    return _RELEASED.findall((ROOT / "CHANGELOG.md").read_text())


async def _at_a_date(stage: Stage, wait: float) -> None:
    """Nothing is due until a date; then the rest is."""
    script = stage.script
    script.layers = [("s-a1",), ("s-b1",)]
    script.waits = {1: wait}
    script.clock = lambda: 0.0 if script.times("advance") < 2 else wait
    async with stage.worker():
        await (await stage.nudge()).result()


async def paused_until_a_date(stage: Stage) -> None:
    """The pause of a run has an end, at which it resumes."""
    await _at_a_date(stage, 3600.0)


async def waived_until_a_date(stage: Stage) -> None:
    """A waived exception opens again, and its step is retried; longer than one sleep."""
    await _at_a_date(stage, 10 * 86400.0)


async def made_urgent(stage: Stage) -> None:
    """A run waits for its cutoff. A signal names steps that are due now."""
    stage.script.layers = [("s-a1",), ("s-b1", "s-b2")]
    stage.script.waits = {1: 86400.0}
    async with stage.worker():
        handle = await stage.nudge()
        while stage.script.done != {"s-a1"}:
            await asyncio.sleep(0.01)
        await stage.nudge(Nudge(hint=stage.script.word()))
        await handle.result()


async def replayed(stage: Stage) -> None:
    """A closed run is started again, with a step to read back."""
    stage.script.version = 7
    stage.script.layers = [("s-a1",)]
    async with stage.worker():
        await (await stage.nudge(Nudge(hint=Progress(version=7, steps=due("s-a1"))))).result()


async def watched(stage: Stage) -> None:
    """The systems of a closed run are checked, and it stays closed."""
    stage.script.version = 7
    stage.script.search = ("code", "cards")
    async with stage.worker():
        await (await stage.nudge()).result()


RUN_STORIES: dict[str, Callable[[Stage], Awaitable[None]]] = {
    **STORIES, "paused_until_a_date": paused_until_a_date, "waived_until_a_date": waived_until_a_date,
    "made_urgent": made_urgent, "replayed": replayed, "watched": watched,
}  # fmt: skip


async def ledger_mark(client: Client, queue: str) -> WorkflowHandle[Any, Any]:
    """Two marks and a payload that is none."""
    async with Worker(client, task_queue=queue, workflows=[LedgerMark], max_cached_workflows=0):
        handle = await client.start_workflow(
            LedgerMark.run, "1:" + "a" * 64, id="ledger-mark-offboard", task_queue=queue
        )
        for mark in ("nothing", "2:" + "b" * 64):
            await handle.signal(LedgerMark.keep, mark)
        while "mark" not in (memo := await (await handle.describe()).memo()) or not memo["mark"].startswith("2:"):
            await asyncio.sleep(0.05)
    return handle


async def notices(client: Client, queue: str) -> WorkflowHandle[Any, Any]:
    """One look, a reminder later, and then notices are off."""
    looks = [60.0, None]

    @activity.defn(name="send_notices")
    async def send_notices() -> NextLook:
        return NextLook(in_seconds=looks.pop(0))

    async with Worker(client, task_queue=queue, workflows=[Notices], activities=[send_notices], max_cached_workflows=0):
        handle = await client.start_workflow(Notices.run, id="notices-offboard", task_queue=queue)
        await handle.result()
    return handle


async def webhook(client: Client, queue: str) -> WorkflowHandle[Any, Any]:
    """An embargo, an attempt that did not work, and a delivery."""
    answers = [Attempted(over=False, wait_seconds=600.0), Attempted(over=False), Attempted(over=True)]

    @activity.defn(name="deliver_webhook")
    async def deliver_webhook(delivery: Delivery) -> Attempted:
        return answers.pop(0)

    async with Worker(
        client, task_queue=queue, workflows=[DeliverWebhook], activities=[deliver_webhook], max_cached_workflows=0
    ):
        handle = await client.start_workflow(
            DeliverWebhook.run, Delivery(hook_id="h1", position=1), id="hook-h1-1", task_queue=queue
        )
        await handle.result()
    return handle


async def inquiry(client: Client, queue: str) -> WorkflowHandle[Any, Any]:
    @activity.defn(name="answer_inquiry")
    async def answer_inquiry(asked: InquiryRef) -> None:
        return None

    async with (
        Worker(client, task_queue=queue, workflows=[InquiryWorkflow], max_cached_workflows=0),
        Worker(client, task_queue=inquiry_queue(queue), activities=[answer_inquiry]),
    ):
        handle = await client.start_workflow(
            InquiryWorkflow.run, InquiryRef(inquiry_id="i1"), id="inquiry-i1", task_queue=queue
        )
        await handle.result()
    return handle


OTHER_STORIES: dict[str, Callable[[Client, str], Awaitable[WorkflowHandle[Any, Any]]]] = {
    "ledger_mark": ledger_mark, "notices": notices, "webhook": webhook, "inquiry": inquiry,
}  # fmt: skip


async def main(released: Sequence[str]) -> None:
    version = version_here()
    folder = FOLDER / version
    if version in released and folder.exists():
        sys.exit(
            f"{version} is released, and its histories are in {folder}. Change the version in pyproject.toml first."
        )
    folder.mkdir(parents=True, exist_ok=True)
    async with skipping_time() as environment:
        for name, tell in RUN_STORIES.items():
            stage = Stage(environment.client, Script(), environment, queue="offboard", workflow_id=f"run-{name}")
            await asyncio.wait_for(tell(stage), 60)
            assert stage.handle is not None
            await _save(folder / f"{name}.json", stage.handle)
        for name, record in OTHER_STORIES.items():
            await _save(folder / f"{name}.json", await asyncio.wait_for(record(environment.client, "offboard"), 60))


async def _save(path: Path, handle: WorkflowHandle[Any, Any]) -> None:
    history = json.loads((await handle.fetch_history()).to_json())
    path.write_text(json.dumps(_without_places(history), indent=1, sort_keys=True) + "\n")
    print(f"{path.stem}: {len(history['events'])} events")


if __name__ == "__main__":
    asyncio.run(main(released_versions()))
