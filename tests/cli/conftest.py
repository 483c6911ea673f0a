"""The embedded stack, driven through the command line itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from orchestrator.embedded.company.people import Employee
from orchestrator.embedded.stack import Stack
from tests.cli.command_line import NewLeaver, Offboard, StartRun, hired, until


@pytest.fixture
def offboard(stack: Stack) -> Offboard:
    return Offboard(stack.folder)


@pytest.fixture
def leaver(stack: Stack) -> NewLeaver:
    """Someone new in the company, whom no other test touches."""

    async def one(*traits: str, **fields: Any) -> Employee:
        return await hired(stack, traits, **fields)

    return one


@pytest.fixture
def started(offboard: Offboard, leaver: NewLeaver) -> StartRun:
    """Starts a run for someone new; returns its id once its plan is made."""

    async def start(*options: str, traits: Sequence[str] = (), cutoff: str = "2026-01-15T18:00") -> str:
        person = await leaver(*traits)
        when = () if "--urgent" in options else ("--cutoff", cutoff, "--zone", "Europe/Berlin")
        await offboard.done("start", person.employee_number, *when, *options, as_="hr")
        listed = (await offboard.done("runs", "--json", as_="hr")).json["runs"]
        numbers = {run["person"]["employee_number"]: run["run_id"] for run in listed if run["person"]}
        run_id: str = numbers[person.employee_number]
        await until(offboard, run_id, lambda run: bool(run["steps"]))
        return run_id

    return start
