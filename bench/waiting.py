"""Memory of a worker process that holds many open runs: `make bench WHAT=waiting`.

A worker and relay in a process of their own; runs of 12 steps are started with a cutoff 90 days ahead and wait, with
two open gates each. What is read is the resident set of that process: empty, with all runs open, and after every run
had a signal (a hold and its release), so that workflows, folds and pools are all warm. Target: 500 runs < 300 MB.

    make bench WHAT=waiting ARGS="--runs 500"
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import os
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.run import InstantSystem, packet_files, person
from orchestrator import commands
from orchestrator.backend import Backend, engine_address, open_backend
from orchestrator.commands import Done, Services
from orchestrator.domain.packet.packet_files import parse_packet
from orchestrator.domain.permissions.levels import Actor
from orchestrator.domain.run.cutoff import parse_cutoff
from orchestrator.embedded.postgres import PostgresServer
from orchestrator.embedded.stack import put_in_production
from orchestrator.embedded.temporal import TemporalServer
from orchestrator.engine import Engine
from orchestrator.ledger.schema.migrate import upgrade
from orchestrator.settings import PREFIX, Settings
from orchestrator.worker import relaying, working

TARGET_MB = 300.0
ABILITIES = {"instant": InstantSystem.abilities}


async def work() -> None:
    system = InstantSystem()
    async with (
        working(Settings.read(), connect=lambda name, spec: system, abilities=ABILITIES) as (backend, engine),
        relaying(backend, engine),
    ):
        print("ready", flush=True)
        await asyncio.Event().wait()


def resident_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"/proc/{pid}/status tells no VmRSS: this measures on Linux only")


async def measure(runs: int) -> bool:
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        postgres = await stack.enter_async_context(PostgresServer.start(folder / "postgres"))
        temporal = await stack.enter_async_context(TemporalServer.start(folder / "temporal"))
        await asyncio.to_thread(upgrade, postgres.url("offboard"))
        environment = {
            PREFIX + "DATABASE_URL": postgres.url("offboard"),
            PREFIX + "MASTER_KEY": base64.b64encode(os.urandom(32)).decode(),
            PREFIX + "TEMPORAL_ADDRESS": temporal.address,
        }
        settings = Settings.read(environment)
        backend = await stack.enter_async_context(open_backend(settings, ABILITIES))
        services = Services(backend.runs, backend.keyring, await Engine.connect(engine_address(settings)))
        actors = await _staff(backend, services)
        worker = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bench.waiting",
            "--work",
            env={**os.environ, **environment},
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            assert worker.stdout is not None
            await asyncio.wait_for(worker.stdout.readline(), 60)
            print(f"no run:                    {resident_mb(worker.pid):6.1f} MB", flush=True)
            ids = await _start(services, actors["requester"], runs)
            await _settled(backend, runs)
            print(f"{runs} runs waiting:          {resident_mb(worker.pid):6.1f} MB", flush=True)
            for run in ids:
                await commands.hold_run(services, actors["operator"], run)
                await commands.release_run(services, actors["operator"], run)
            await _settled(backend, runs)
            held = resident_mb(worker.pid)
            print(f"{runs} runs, each nudged:     {held:6.1f} MB (target {TARGET_MB:.0f})", flush=True)
        finally:
            worker.kill()
            await worker.communicate()
    return held < TARGET_MB


async def _staff(backend: Backend, services: Services) -> dict[str, Actor]:
    actors = {}
    for role in ("requester", "approver", "operator", "value_owner", "safety_owner"):
        # The packet grants levels to approvers and requesters only; holding a run takes one as well.
        roles = frozenset([role, "approver"]) if role == "operator" else frozenset([role])
        actors[role] = Actor(actor_id=role, roles=roles, human=await backend.keyring.create_person())
        await commands.record_actor(services, actors[role])
    packet = parse_packet(packet_files())
    await put_in_production(services, packet, actors["value_owner"], actors["safety_owner"])
    return actors


async def _start(services: Services, hr: Actor, runs: int) -> Sequence[str]:
    day = (datetime.now(UTC) + timedelta(days=90)).strftime("%Y-%m-%dT%H:%M")
    cutoff = parse_cutoff(day, "UTC")
    ids = []
    for number in range(runs):
        done = await commands.start_run(services, hr, person(number), "bench", cutoff)
        assert isinstance(done, Done)
        ids.append(done.run_id)
    return ids


async def _settled(backend: Backend, runs: int) -> None:
    """Waits until every run's workflow has reported the ledger's version and two gates wait in each."""
    query = (
        "SELECT count(*) FROM read.runs r JOIN engine.reports w USING (run_id) WHERE w.version = r.version "
        "AND (SELECT count(*) FROM read.inbox i WHERE i.run_id = r.run_id) = 2"
    )
    async with asyncio.timeout(300):
        while True:
            async with backend.database.driver() as connection:
                row = await (await connection.execute(query)).fetchone()
            if row is not None and row[0] == runs:
                return
            await asyncio.sleep(0.2)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        asyncio.run(work())
    elif not asyncio.run(measure(given.runs)):
        sys.exit(1)
