"""Connections that break: nothing is done twice for it, and nothing that happened is missed."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from orchestrator.embedded.stack import Stack
from tests.cli.broken_wire import broken_wire
from tests.cli.command_line import NewLeaver, Offboard, StartRun, until

LATER = ("--cutoff", "2027-01-15T18:00", "--zone", "Europe/Berlin")


async def test_a_start_whose_answer_is_lost_is_asked_again_and_starts_one_run(
    offboard: Offboard, stack: Stack, leaver: NewLeaver
) -> None:
    person = await leaver()
    async with broken_wire(stack.url, "POST /api/v1/runs HTTP") as wire:
        said = await offboard("start", person.employee_number, *LATER, as_="hr", env={"OFFBOARD_SERVER": wire.url})
    assert said.code == 0 and "started for" in said.out, said.err
    assert wire.cuts == 1 and len(wire.keys) == 2 and len(set(wire.keys)) == 1
    listed = (await offboard.done("runs", "--json", as_="hr")).json["runs"]
    # Another test's person may be erased.
    theirs = [run for run in listed if run["person"] and run["person"]["employee_number"] == person.employee_number]
    assert [run["run_id"] for run in theirs] == [said.out.split()[1]]


async def test_an_upload_whose_answer_is_lost_is_asked_again(
    offboard: Offboard, stack: Stack, started: StartRun, tmp_path: Path
) -> None:
    run_id = await started(cutoff="2027-01-15T18:00")
    run = await until(offboard, run_id, lambda run: any(task["step"] == "collect_equipment" for task in run["tasks"]))
    task = next(task["task_id"] for task in run["tasks"] if task["step"] == "collect_equipment")
    receipt = tmp_path / "receipt.txt"
    receipt.write_text("signed")
    async with broken_wire(stack.url, f"POST /api/v1/runs/{run_id}/tasks/{task}/files") as wire:
        words = ("tasks", "complete", run_id, task, "--attach", str(receipt))
        said = await offboard(*words, as_="operator", env={"OFFBOARD_SERVER": wire.url})
    assert said.code == 0 and wire.cuts == 1 and len(set(wire.keys)) == 1, said.err
    shown = (await offboard.done("show", run_id, "--json", as_="auditor")).json
    [evidence] = [step["evidence"] for step in shown["steps"] if step["name"] == "collect_equipment"]
    assert [file["name"] for file in evidence["attachments"]] == ["receipt.txt"]


async def test_a_watch_whose_stream_breaks_goes_on_where_it_was(
    offboard: Offboard, stack: Stack, started: StartRun
) -> None:
    run_id = await started(cutoff="2027-01-15T18:00")
    async with broken_wire(stack.url, f"GET /api/v1/runs/{run_id}/stream") as wire:
        through = {"OFFBOARD_SERVER": wire.url}
        watching = asyncio.create_task(offboard.beside("watch", run_id, "--json", as_="hr", env=through))
        async with asyncio.timeout(30):
            while not wire.cuts:
                await asyncio.sleep(0.05)
        await offboard.done("end", run_id, "--reason", "called off", as_="hr")
        async with asyncio.timeout(60):
            watched = await watching
    assert watched.code == 0, watched.err
    versions = [json.loads(line)["version"] for line in watched.out.splitlines()]
    assert versions == list(range(1, len(versions) + 1))
    # The result of a step that was in flight may come after the end.
    assert "RunEnded" in [json.loads(line)["type"] for line in watched.out.splitlines()[-3:]]
