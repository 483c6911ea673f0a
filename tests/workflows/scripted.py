"""Activities that serve from a tiny ledger in memory, under the names and with the types of the stubs.

The ledger here knows versions and a list of what is due; everything else is the workflow's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError

from orchestrator.domain.run.progress import Progress, StepDue
from orchestrator.workflows import activity_stubs as stubs


def due(*names: str, queue: str | None = None, attempt: int = 1) -> tuple[StepDue, ...]:
    return tuple(StepDue(step_id=name, generation=1, attempt=attempt, seconds=30.0, queue=queue) for name in names)


@dataclass
class Script:
    """`layers` are done one after the other; `waits` says, by the number of layers done, for how many seconds nothing
    is due before the next one, on `clock`; `read_clock` is awaited before it is asked. A person's word is `word()`: it
    moves the version and takes the wait away."""

    layers: list[tuple[str, ...]] = field(default_factory=list)
    search: tuple[str, ...] = ()
    queues: dict[str, str] = field(default_factory=dict)
    waits: dict[int, float | None] = field(default_factory=dict)
    version: int = 1
    done: set[str] = field(default_factory=set)
    asked: list[tuple[str, Any]] = field(default_factory=list)
    lose: int = 0
    finished: bool = True
    queue: str | None = None
    clock: Callable[[], float] = lambda: 0.0
    read_clock: Callable[[], Awaitable[None]] | None = None
    waited_since: dict[int, float] = field(default_factory=dict)

    @property
    def layer(self) -> int:
        return next((n for n, names in enumerate(self.layers) if not self.done.issuperset(names)), len(self.layers))

    @property
    def progress(self) -> Progress:
        if self.search:
            return Progress(version=self.version, search=self.search, queues=self.queues)
        number = self.layer
        wait = self.waits.get(number, 0.0)
        if wait is None:
            return Progress(version=self.version)
        since = self.waited_since.setdefault(number, self.clock())
        left = since + wait - self.clock()
        if left > 0:
            return Progress(version=self.version, due_in=left)
        if number == len(self.layers):
            return Progress(version=self.version, finished=self.finished)
        open_steps = [name for name in self.layers[number] if name not in self.done]
        return Progress(version=self.version, steps=due(*open_steps, queue=self.queue))

    def word(self) -> Progress:
        self.version += 1
        self.waits[self.layer] = 0.0
        return self.progress

    def times(self, name: str) -> int:
        return sum(1 for asked, _ in self.asked if asked == name)

    @property
    def executed(self) -> list[str]:
        return [step for name, what in self.asked if name == "execute_steps" for step in what.step_ids]

    @property
    def activities(self) -> list[Callable[..., Any]]:
        @activity.defn(name="advance")
        async def advance(run: stubs.RunRef) -> Progress:
            self.asked.append(("advance", run))
            if self.read_clock is not None:
                await self.read_clock()
            return self.progress

        @activity.defn(name="search_accounts")
        async def search_accounts(search: stubs.SearchAccounts) -> Progress:
            self.asked.append(("search_accounts", search))
            self.search = tuple(system for system in self.search if system not in search.systems)
            self.version += 1
            return self.progress

        @activity.defn(name="execute_steps")
        async def execute_steps(due: stubs.ExecuteSteps) -> Progress:
            self.asked.append(("execute_steps", due))
            if self.lose:
                self.lose -= 1
                raise ApplicationError("lost", type="Lost", non_retryable=True)
            layer = self.layers[self.layer] if self.layer < len(self.layers) else ()
            for step in due.step_ids:
                if step in layer and step not in self.done:  # a forged or late order finds nothing due
                    self.done.add(step)
                    self.version += 1
            await asyncio.sleep(0)
            return self.progress

        return [advance, search_accounts, execute_steps]
