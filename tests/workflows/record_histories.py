"""Records what the workflow does now, to be replayed by every later version.

    python tests/workflows/record_histories.py

Record again only when no run can be open that began under the old code, or add a file beside the old ones: histories
that are replaced protect no one.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parent)]

from scripted import Script, due
from stage import Stage, skipping_time

from orchestrator.domain.run.progress import Progress
from orchestrator.workflows.offboarding import Nudge

PLACES = ("identity", "binaryChecksum", "requestId", "stackTrace")
FOLDER = Path(__file__).parent / "histories"


async def in_layers(stage: Stage) -> None:
    """Found, planned, done in three layers: no one had to wait."""
    stage.script.search = ("code", "cards")
    stage.script.layers = [("s-a1", "s-a2", "s-a3"), ("s-b1",), ("s-c1", "s-c2")]
    async with stage.worker():
        await (await stage.nudge()).result()


async def in_two_queues(stage: Stage) -> None:
    """One system has a task queue of its own."""
    stage.script.search = ("code", "cards")
    stage.script.queues = {"cards": "offboard-inside"}
    stage.script.layers = [("s-a1",)]
    async with stage.worker(), stage.activity_worker("offboard-inside"):
        await (await stage.nudge()).result()


async def decided_and_waited(stage: Stage) -> None:
    """A hint, a person's decision, and a date."""
    script = stage.script
    script.layers = [("s-a1",), ("s-b1", "s-b2"), ("s-c1",)]
    script.waits = {1: None, 2: 3600.0}
    script.clock = lambda: 0.0 if script.times("advance") < 2 else 3600.0
    async with stage.worker():
        handle = await stage.nudge(Nudge(hint=Progress(version=1, steps=due("s-a1"))))
        while script.done != {"s-a1"}:
            await asyncio.sleep(0.01)
        await stage.nudge(Nudge(hint=script.word()))
        while len(script.done) < 3:
            await asyncio.sleep(0.01)
        await stage.nudge()
        await handle.result()


async def lost_and_asked_again(stage: Stage) -> None:
    """An activity that never said what happened."""
    stage.script.layers = [("s-a1",), ("s-b1",)]
    stage.script.lose = 1
    async with stage.worker():
        await (await stage.nudge()).result()


STORIES: dict[str, Callable[[Stage], Awaitable[None]]] = {
    "in_layers": in_layers, "in_two_queues": in_two_queues, "decided_and_waited": decided_and_waited,
    "lost_and_asked_again": lost_and_asked_again,
}  # fmt: skip


def _without_places(value: Any) -> Any:
    """Names of processes and machines say nothing about the workflow."""
    if isinstance(value, dict):
        return {key: "recorded" if key in PLACES else _without_places(inner) for key, inner in value.items()}
    return [_without_places(inner) for inner in value] if isinstance(value, list) else value


async def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    async with skipping_time() as environment:
        for name, tell in STORIES.items():
            stage = Stage(environment.client, Script(), environment, queue="offboard", workflow_id=f"run-{name}")
            await asyncio.wait_for(tell(stage), 60)
            assert stage.handle is not None
            history = json.loads((await stage.handle.fetch_history()).to_json())
            text = json.dumps(_without_places(history), indent=1, sort_keys=True)
            (FOLDER / f"{name}.json").write_text(text + "\n")
            print(f"{name}: {len(history['events'])} events")


if __name__ == "__main__":
    asyncio.run(main())
