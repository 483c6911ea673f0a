"""The whole of Offboard on this machine: PostgreSQL, Temporal, a small company of systems, worker, relay and pages.

`offboard up` keeps it up; the demo and the tests start it for themselves. Other commands find it by a
file in its folder that only its owner can read.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from activities.connections import Connections
from activities.inquiries.people import People
from orchestrator import commands
from orchestrator.backend import Backend
from orchestrator.commands import Services
from orchestrator.domain.packet.history.packet_events import Phase
from orchestrator.domain.packet.packet import PLATFORM_FILE, WORKFLOW_FILE, Packet
from orchestrator.domain.packet.packet_files import parse_packet, starter_names, starter_packet
from orchestrator.domain.permissions.levels import Actor
from orchestrator.embedded.address import ADDRESS_FILE
from orchestrator.embedded.company.company import Company
from orchestrator.embedded.company.people import Employee
from orchestrator.embedded.postgres import PostgresServer
from orchestrator.embedded.smaller_packet import sample_packet, without_systems
from orchestrator.embedded.staff import STAFF, StaffEntry
from orchestrator.embedded.temporal import TemporalServer
from orchestrator.engine import Engine
from orchestrator.ledger.schema.migrate import upgrade
from orchestrator.settings import PREFIX, Settings
from orchestrator.web.serving import listening, serving
from orchestrator.web.settings import WebSettings
from orchestrator.web.state import LocalMember
from orchestrator.worker import relaying, working

NOTICES_FROM = "offboard@wolkenmuehle.example"
FORWARD: tuple[Phase, ...] = ("shadow", "pilot", "production")
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Stack:
    """Everything that is up. `settings` are what a process elsewhere needs to reach it."""

    folder: Path
    settings: Settings
    backend: Backend
    engine: Engine
    services: Services
    company: Company
    postgres: PostgresServer
    temporal: TemporalServer
    connections: Connections
    url: str

    def people(self, packet: Packet) -> People:
        return People(self.connections, packet, self.backend.keyring)


@asynccontextmanager
async def stack_up(
    folder: Path,
    people: Sequence[Employee] | None = None,
    say: Say = lambda text: None,
    staff: Sequence[StaffEntry] = STAFF,
    port: int | None = None,
    notices_gather_seconds: float = 1.0,
    change: Callable[[Packet], Packet] = lambda packet: packet,
    own: Packet | None = None,
    vendors: bool = False,
) -> AsyncIterator[Stack]:
    """Starts everything, adopts the starter packets and moves them to production with the owners' signatures. With
    `vendors`, the company has simulations of Okta, GitHub, Slack and BambooHR, and its own packet is the only one. All
    of it is gone when the block ends. The pages are on `port`, or on whichever is free. `staff` must work among
    `people`. A notice is mailed `notices_gather_seconds` after its item was opened, together with the others of that
    time. What needs a system that this machine cannot serve (the directory without slapd) is left out of the packets,
    and `change` changes all but `own` before they are adopted. `own` is a further packet, which takes the place of the
    one of its name."""
    await asyncio.to_thread(folder.mkdir, 0o700, parents=True, exist_ok=True)
    async with AsyncExitStack() as up:
        say("Starting PostgreSQL, Temporal and the company's systems")
        postgres, temporal, company = await _servers(up, folder, people, vendors)
        say("Applying migrations")
        await asyncio.to_thread(upgrade, postgres.url("offboard"))
        on = listening("127.0.0.1", port or 0)
        up.callback(on.close)
        url = f"http://127.0.0.1:{on.getsockname()[1]}"
        environment = {
            **_environment(folder, postgres, temporal, company),
            PREFIX + "NOTICES_GATHER_SECONDS": f"{notices_gather_seconds:g}",
            PREFIX + "PUBLIC_URL": url,
        }
        settings = Settings.read({**os.environ, **environment})
        say("Starting the worker and the relay")
        backend, engine = await up.enter_async_context(working(settings))
        await up.enter_async_context(relaying(backend, engine, settings=settings))
        services = Services(backend.runs, backend.keyring, engine)
        connections = Connections(settings.environment, secrets_folder=settings.secrets_folder)
        up.push_async_callback(connections.aclose)
        local = [LocalMember(member.alias, member.employee_number, member.roles, member.duty) for member in staff]
        web = WebSettings.read(settings.environment)
        await up.enter_async_context(serving(web, services, engine, backend.database, on, local))
        stack = Stack(folder, settings, backend, engine, services, company, postgres, temporal, connections, url)
        say("Signing the packets")
        given = [sample_packet()] if vendors else [starter_packet(name) for name in starter_names()]
        await _govern(stack, staff, [change(without_systems(packet, company.missing)) for packet in given], own)
        address = folder / ADDRESS_FILE
        address.touch(mode=0o600)
        address.write_text(json.dumps(environment))
        up.callback(address.unlink, missing_ok=True)
        yield stack


async def _servers(
    up: AsyncExitStack, folder: Path, people: Sequence[Employee] | None, vendors: bool
) -> tuple[PostgresServer, TemporalServer, Company]:
    """Side by side, since each takes a moment; what came up is taken down even if another did not."""
    postgres, temporal, company = await asyncio.gather(
        up.enter_async_context(PostgresServer.start(folder / "postgres")),
        up.enter_async_context(TemporalServer.start(folder / "temporal")),
        up.enter_async_context(Company.start(folder / "company", people, vendors=vendors)),
    )
    return postgres, temporal, company


def _environment(folder: Path, postgres: PostgresServer, temporal: TemporalServer, company: Company) -> dict[str, str]:
    return {
        PREFIX + "DATABASE_URL": postgres.url("offboard"),
        PREFIX + "MASTER_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        PREFIX + "TEMPORAL_ADDRESS": temporal.address,
        PREFIX + "INSTALLATION": "embedded",
        PREFIX + "WEBHOOK_HOSTS": "127.0.0.1,localhost",
        PREFIX + "SECRETS_FOLDER": str(folder / "systems"),
        **_mail(company.connections),
        **company.connections,
    }


def _mail(connections: Mapping[str, str]) -> dict[str, str]:
    """Notices go out through the company's own mail server."""
    given = {
        name: connections[name] for name in ("MAIL_HOST", "MAIL_PORT", "MAIL_USER", "MAIL_PASSWORD", "MAIL_CA_FILE")
    }
    given["MAIL_SENDER"] = NOTICES_FROM
    return {PREFIX + name: value for name, value in given.items()}


async def _govern(stack: Stack, staff: Sequence[StaffEntry], given: Sequence[Packet], own: Packet | None) -> None:
    packets = [packet for packet in given if own is None or packet.name != own.name]
    if own is not None:
        packets.append(without_systems(own, stack.company.missing))
    people = stack.people(given[0])  # the staff is known to the sample company's HR, whatever HR `own` names
    actors: dict[str, Actor] = {}
    for member in staff:
        actor = await people.actor(member.alias, member.employee_number, member.roles, member.kind)
        actors[member.alias] = actor
        known = await people.find(member.employee_number)
        await commands.record_actor(stack.services, actor, known.display_name, known.email, known.time_zone)
    for packet in packets:
        await put_in_production(stack.services, packet, actors["value-owner"], actors["safety-owner"])


async def adopt_by_owners(services: Services, packet: Packet, value_owner: Actor, safety_owner: Actor) -> str:
    """Each of the two changes their own file: with one in production whose platform.yaml differs, the safety owner
    adopts that file first. Returns the version."""
    production = (await services.runs.shelf(packet.name)).production
    if production is not None and production.files[PLATFORM_FILE] != packet.files[PLATFORM_FILE]:
        files = {**production.files, PLATFORM_FILE: packet.files[PLATFORM_FILE]}
        if production.files[WORKFLOW_FILE] == packet.files[WORKFLOW_FILE]:
            return await commands.adopt_packet(services, safety_owner, packet, starter_names())
        await commands.adopt_packet(services, safety_owner, parse_packet(files), starter_names())
    return await commands.adopt_packet(services, value_owner, packet, starter_names())


async def put_in_production(services: Services, packet: Packet, value_owner: Actor, safety_owner: Actor) -> None:
    """Both owners sign each move; nothing happens where the packet is there already."""
    version = await adopt_by_owners(services, packet, value_owner, safety_owner)
    for phase in FORWARD:
        shelf = await services.runs.shelf(packet.name)
        now = shelf.history.version(version).phase
        if FORWARD.index(phase) <= (FORWARD.index(now) if now in FORWARD else -1):
            continue
        await commands.sign_packet(services, value_owner, packet.name, version, phase, starter_names())
        await commands.sign_packet(services, safety_owner, packet.name, version, phase, starter_names())
        await commands.move_packet(services, value_owner, packet.name, version, phase, starter_names())
