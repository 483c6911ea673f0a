"""One command's way in: the ledger and the engine as a client, and who acts.

Three doors. `reading` and `acting` are people's, on the embedded stack; `administering` is for who runs a server,
beside its database.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from activities.connections import Connections
from activities.packets import governing
from activities.people import People
from orchestrator import commands
from orchestrator.cli.options import FOLDER, PACKET
from orchestrator.cli.screen import note
from orchestrator.commands import Done, Office
from orchestrator.domain import surroundings
from orchestrator.domain.errors import Invalid
from orchestrator.domain.levels import Actor
from orchestrator.domain.packet import Packet
from orchestrator.embedded.staff import staff
from orchestrator.engine import Engine, EngineUnavailable
from orchestrator.ledger.packets import PacketShelf
from orchestrator.ledger.queries import Queries, Viewer
from orchestrator.settings import PREFIX, Settings
from orchestrator.worker import Books, engine_address, open_books

ENGINE_WITHIN = 5.0
"""Seconds to reach Temporal. Longer is not waited for: what is decided stands, and the relay makes up for the nudge."""


@dataclass(frozen=True, slots=True)
class Session:
    settings: Settings
    books: Books
    office: Office
    queries: Queries
    connections: Connections
    actor: Actor

    @property
    def viewer(self) -> Viewer:
        return Viewer.of(self.actor)

    async def find_run(self, named: str) -> str:
        """The whole id of a run that the actor can see."""
        return await self.queries.find_run(self.viewer, named)

    async def packet(self, name: str) -> tuple[PacketShelf, Packet]:
        """A packet as it governs today. Raises `Invalid` for one that nobody adopted."""
        return await governing(self.books.runs, self.queries, name)

    def people(self, packet: Packet) -> People:
        return People(self.connections, packet, self.books.keyring)

    def tell(self, done: Done) -> None:
        """A decision stands, whether Temporal heard of it or not."""
        if not done.nudged:
            note("Temporal cannot be reached. This stands in the ledger, and is carried on once Temporal is back.")


@asynccontextmanager
async def reading(folder: Path, alias: str) -> AsyncIterator[Session]:
    """For commands that only look. Nothing is written; HR is asked who acts where that is not known yet."""
    member = staff(alias)
    async with _open(embedded_settings(folder), with_engine=False) as (settings, books, office, queries, connections):
        known = (await books.runs.organisation()).actors.get(member.alias)
        session = Session(settings, books, office, queries, connections, known or Actor(actor_id=member.alias))
        yield session if known is not None else await _signed_in(session, alias, record=False)


@asynccontextmanager
async def acting(folder: Path, alias: str) -> AsyncIterator[Session]:
    """For commands that change something: who acts is looked up in HR anew, and recorded."""
    member = staff(alias)
    async with _open(embedded_settings(folder), with_engine=True) as (settings, books, office, queries, connections):
        session = Session(settings, books, office, queries, connections, Actor(actor_id=member.alias))
        yield await _signed_in(session, alias, record=True)


@asynccontextmanager
async def administering(folder: Path, alias: str) -> AsyncIterator[Session]:
    """For the packet's owners beside a database. On a server it is whoever has signed in there under this name."""
    settings = server_settings(folder)
    if settings.installation == "embedded":
        async with acting(folder, alias) as session:
            yield session
        return
    async with _open(settings, with_engine=False) as (_, books, office, queries, connections):
        actor = surroundings.actor(await books.runs.organisation(), alias)
        yield Session(settings, books, office, queries, connections, actor)


def server_settings(folder: Path = FOLDER) -> Settings:
    """What the environment says; else the embedded stack that is up. Raises `SettingMissing` where neither is."""
    if any(PREFIX + name in os.environ for name in ("DATABASE_URL", "DATABASE_URL_FILE")):
        return Settings.read()
    try:
        return embedded_settings(folder)
    except Invalid:
        return Settings.read()


def embedded_settings(folder: Path) -> Settings:
    from orchestrator.embedded.stack import running_stack  # the embedded servers are an extra of the package

    return running_stack(folder)


@asynccontextmanager
async def _open(
    settings: Settings, *, with_engine: bool
) -> AsyncIterator[tuple[Settings, Books, Office, Queries, Connections]]:
    async with AsyncExitStack() as stack:
        reaching = asyncio.create_task(_engine(settings)) if with_engine else None
        try:
            books = await stack.enter_async_context(open_books(settings))
            connections = Connections(settings.environment)
            stack.push_async_callback(connections.aclose)
            # A ledger that is away is said at once: a pool would go on trying for a while.
            await (await books.database.dedicated()).close()
            engine = await reaching if reaching is not None else None
        finally:
            if reaching is not None:
                reaching.cancel()
        office = Office(books.runs, books.keyring, engine)
        yield settings, books, office, Queries(books.database, books.ledger, books.runs), connections


async def _engine(settings: Settings) -> Engine | None:
    try:
        async with asyncio.timeout(ENGINE_WITHIN):
            return await Engine.connect(engine_address(settings))
    except (EngineUnavailable, TimeoutError):
        return None


async def _signed_in(session: Session, alias: str, *, record: bool) -> Session:
    member = staff(alias)
    names = [line.name for line in await session.queries.packets()]
    _, packet = await session.packet(PACKET if PACKET in names or not names else names[0])
    people = session.people(packet)
    actor = await people.actor(member.alias, member.employee_number, member.roles, member.kind, record=record)
    if record:
        await commands.record_actor(session.office, actor)
    return Session(session.settings, session.books, session.office, session.queries, session.connections, actor)
