"""Starts a run from a process of its own, on a signal:

    python -m tests.integration.starting_process NUMBER CUTOFF ACCOUNT

ACCOUNT is `hr`, as a process of the API starts it, or `hr-webhook`, as HR's own system reports it.

Says `ready`, waits for a line, then says `started RUN` or the code and message of the refusal.
"""

from __future__ import annotations

import asyncio
import sys

from activities.connections import Connections
from activities.inquiries.people import People
from activities.starts import is_expected
from orchestrator import commands
from orchestrator.backend import engine_address, open_backend
from orchestrator.commands import Done, Services
from orchestrator.domain.errors import Refusal
from orchestrator.domain.organisation.organisation import actor_of
from orchestrator.domain.run.cutoff import parse_cutoff
from orchestrator.engine import Engine
from orchestrator.settings import Settings
from tests.integration.packets import quick_packet


async def start_on_signal(number: str, cutoff: str, account: str) -> None:
    settings = Settings.read()
    packet = quick_packet()
    async with open_backend(settings) as backend:
        connections = Connections(settings.environment, secrets_folder=settings.secrets_folder)
        people = People(connections, packet, backend.keyring)
        known = await people.find(number)
        facts, at = await people.facts(known), parse_cutoff(cutoff, "Europe/Berlin")
        expected = is_expected(known.status, known.leaving_at, at)
        services = Services(backend.runs, backend.keyring, await Engine.connect(engine_address(settings)))
        by = actor_of(await backend.runs.organisation(), account)
        say("ready")
        await asyncio.to_thread(sys.stdin.readline)
        try:
            done = await commands.start_run(services, by, facts, packet.name, at, expected=expected)
            say(f"started {done.run_id}" if isinstance(done, Done) else "received")
        except Refusal as refusal:
            say(f"{refusal.code} {refusal.message}")
        await connections.aclose()


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(start_on_signal(*sys.argv[1:]))
