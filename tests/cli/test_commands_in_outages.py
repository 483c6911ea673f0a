"""A stack of its own, whose servers go away: what is decided stands, what cannot be decided is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from orchestrator.embedded.smaller_packet import without_late_starts
from orchestrator.embedded.stack import Stack, stack_up
from tests.cli.command_line import Offboard, until


@pytest_asyncio.fixture(scope="module")
async def fragile(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    async with stack_up(tmp_path_factory.mktemp("fragile"), change=without_late_starts) as up:
        yield up


async def test_without_temporal_a_decision_stands_and_is_carried_on_later(fragile: Stack) -> None:
    offboard = Offboard(fragile.folder)
    cutoff = ("--cutoff", "2026-01-15T18:00", "--zone", "Europe/Berlin")
    run_id = (await offboard.done("start", "E-1012", *cutoff, as_="hr")).out.split()[1]
    await until(offboard, run_id, lambda run: bool(run["gates"]))
    await fragile.temporal.crash()
    try:
        answer = await offboard.done("approve", run_id, "access", as_="it")
        assert ": approved" in answer.out and "The change is recorded" in answer.err
        shown = (await offboard.done("show", run_id, "--json", as_="it")).json
        assert {gate["gate_id"]: gate["state"] for gate in shown["gates"]}["g-access-1"] == "approved"
        error = await offboard.refused("reconcile", as_="operator")
        assert "Temporal cannot be reached." in error and "Try again in a moment" in error
    finally:
        await fragile.temporal.restart()
    await until(
        offboard,
        run_id,
        lambda run: all(s["status"] == "verified" for s in run["steps"] if s["name"] == "disable_identity"),
    )


async def test_without_the_database_everything_is_refused(fragile: Stack) -> None:
    offboard = Offboard(fragile.folder)
    await fragile.postgres.crash()
    try:
        for words in (
            ("runs",),
            ("start", "E-1012", "--urgent", "--yes"),
            ("approve", "r1234567", "access"),
            ("inbox",),
        ):
            error = await offboard.refused(*words, as_="it")
            assert "The ledger is not available" in error and "continue automatically" in error, error
        for words in (("ledger", "verify"), ("ledger", "rebuild"), ("ledger", "migrate")):
            assert "cannot be reached" in await offboard.refused(*words)
    finally:
        await fragile.postgres.restart()
    assert (await offboard.done("runs", as_="hr")).out


async def test_a_system_that_is_down_is_named(fragile: Stack) -> None:
    offboard = Offboard(fragile.folder)
    await fragile.company.stop("code")
    try:
        answer = await offboard("systems", "check", as_="operator")
        line = next(line for line in answer.out.splitlines() if line.startswith("code "))
        assert answer.code == 1 and " no " in line and "Developer platform team" in line
        preview = await offboard.done("start", "E-1010", "--urgent", "--preview", as_="hr")
        assert "code could not be checked" in preview.out and "Not planned until" in preview.out
    finally:
        await fragile.company.restart("code")
    await fragile.company.stop("hr")
    try:
        error = await offboard.refused("start", "E-1010", "--urgent", "--yes", as_="hr")
        assert "The HR system: it could not be queried" in error and "Check that the system is running" in error
    finally:
        await fragile.company.restart("hr")
