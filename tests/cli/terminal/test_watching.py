"""`watch` at a terminal: a table that moves by itself until the run has ended."""

from __future__ import annotations

import asyncio
import signal

from orchestrator.embedded.stack import Stack
from tests.cli.command_line import Offboard, StartRun, until
from tests.cli.pseudo_terminal import WITHIN, at_a_terminal


async def test_a_run_moves_while_it_is_watched(offboard: Offboard, stack: Stack, started: StartRun) -> None:
    run_id = await started(cutoff="2026-01-15T18:00", traits=("two_code_accounts",))
    await until(offboard, run_id, lambda run: len(run["gates"]) >= 2 and run["summary"]["open_exceptions"])
    async with at_a_terminal(stack.folder, "watch", run_id, "--as", "hr") as screen:
        await screen.until("Needs attention")
        await screen.until("Awaiting approval: Remove access")
        await screen.until("operator: Several possible matches, code")
        await screen.until("IT approver: approve ")
        await offboard.done("approve", run_id, "access", as_="it")
        await screen.until("Verified")
        await offboard.done("end", run_id, "--reason", "called off", as_="hr")
        await screen.until(f"Run {run_id}: cancelled.")
        async with asyncio.timeout(WITHIN):
            assert await screen.process.wait() == 0


async def test_an_end_of_watching_stops_nothing(offboard: Offboard, stack: Stack, started: StartRun) -> None:
    run_id = await started(cutoff="2027-01-15T18:00")
    async with at_a_terminal(stack.folder, "watch", run_id, "--as", "hr") as screen:
        await screen.until("Awaiting approval: ")
        screen.process.send_signal(signal.SIGINT)
        await screen.until("The run continues.")
        async with asyncio.timeout(WITHIN):
            assert await screen.process.wait() == 0
    assert (await offboard.done("show", run_id, "--json", as_="hr")).json["finished_at"] is None
    await offboard.done("end", run_id, "--reason", "called off", as_="hr")
