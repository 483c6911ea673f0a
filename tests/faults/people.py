"""People who act honestly on many runs: they approve, and say what the log of a system shows where Offboard asks."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence

from orchestrator import commands
from orchestrator.domain.errors import Refusal
from orchestrator.domain.run.run import RunState
from orchestrator.embedded.company.company import Company
from tests.faults.counting import Journal
from tests.faults.stuck import story_of
from tests.integration.faults.test_kills import settled_or_asked
from tests.integration.installation import Installation, gate_open, task_of

BETWEEN_LOOKS_SECONDS = 0.1
WITHIN_SECONDS = 240.0
"""A lease of nine seconds, Temporal's time-outs for what it gave to a process that is gone, and its longest pause
between two tries (30 s), on a machine that is busy with other things."""
GATE = "g-all-1"


async def until_all(
    here: Installation,
    runs: Sequence[str],
    holds: Callable[[RunState], bool],
    *,
    acting: bool = True,
    deadline: float = WITHIN_SECONDS,
) -> list[RunState]:
    """Their first states for which `holds`. Until then people do what waits for them in each, if they are `acting`.
    Fails with the story of a run after `deadline` seconds."""
    loop = asyncio.get_running_loop()
    last = loop.time() + deadline
    reached: dict[str, RunState] = {}
    while True:
        for run in runs:
            if run in reached:
                continue
            state = await here.state(run)
            if holds(state):
                reached[run] = state
            elif acting and not state.finished:
                with contextlib.suppress(Refusal):  # it was decided in another way since the state was read
                    await here.act_once(state)
        if len(reached) == len(runs):
            return [reached[run] for run in runs]
        if loop.time() > last:
            stuck = [run for run in runs if run not in reached]
            raise AssertionError(
                f"{len(stuck)} of {len(runs)} runs are stuck, the first:\n{await story_of(here, stuck[0])}"
            )
        await asyncio.sleep(BETWEEN_LOOKS_SECONDS)


async def at_their_gates(here: Installation, runs: Sequence[str]) -> list[RunState]:
    return await until_all(here, runs, gate_open, acting=False)


async def approve_all(here: Installation, runs: Sequence[str], gate_id: str = GATE) -> None:
    """At once, as far as the ledger takes them."""
    it = here.actors["it"]
    await asyncio.gather(*(commands.approve_gate(here.services, it, run, gate_id, (), "looks right") for run in runs))


async def each_gate_decided_once(here: Installation, run: str) -> None:
    """By one vote. There is a second gate where a system did not respond in time to the first search."""
    happened, state = await here.events(run), await here.state(run)
    approved = [gate for gate in state.decisions.gates.values() if gate.outcome == "approved"]
    assert happened.count("GateDecided") == happened.count("GateVoted") == len(approved), await here.story(run)


def asks_a_person(state: RunState) -> bool:
    return any(task.open and task.opened.kind == "confirm_outcome" for task in state.work.tasks.values())


async def to_the_end(
    here: Installation, company: Company, runs: Sequence[str], *, deadline: float = WITHIN_SECONDS
) -> list[RunState]:
    """Their last states, when people have answered every question truthfully. Each run completed without exceptions."""
    ended: list[RunState] = []
    waiting = list(runs)
    while waiting:
        states = await until_all(here, waiting, settled_or_asked, deadline=deadline)
        asked = [state.run_id for state in states if asks_a_person(state)]
        for run in asked:
            await answer(here, company, run)
        done = [run for run in waiting if run not in asked]
        ended += await until_all(here, done, lambda state: state.finished, deadline=deadline)
        waiting = asked
    for state in ended:
        assert state.finish == "clean", await here.story(state.run_id)
    return ended


async def answer(here: Installation, company: Company, run: str) -> None:
    """Says what the system's own log shows about each step whose outcome is unknown, once its call is over for certain,
    and has it done again if it was not done."""
    state = await here.state(run)
    for id_, known in state.work.steps.items():
        if known.status != "unknown":
            continue
        async with asyncio.timeout(60):
            while known.in_flight_until is not None and await here.backend.ledger.now() <= known.in_flight_until:
                await asyncio.sleep(BETWEEN_LOOKS_SECONDS)
        name = state.plan.steps[id_].name
        task = task_of(state, name)
        assert task is not None and task.open, f"{run}: no one is asked about {name}"
        task_id = next(task_id for task_id, each in state.work.tasks.items() if each is task)
        done = (await Journal.read(company)).count(state, id_)
        operator, outcome = here.actors["operator"], "done" if done else "not_done"
        await commands.complete_task(here.services, operator, run, task_id, outcome, {"note": "looked"})
        if not done:
            await commands.retry_step(here.services, operator, run, name, reason="it was not done")
