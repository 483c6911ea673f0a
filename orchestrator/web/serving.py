"""Serves the application in this process's event loop, until the block ends."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import uvicorn

from orchestrator.background import BackgroundTask, on_death
from orchestrator.commands import Services
from orchestrator.commands.services import packets_in_use
from orchestrator.deciding.assistant_calls import AssistantCalls
from orchestrator.documents.systems.system_standing import Troubles, troubles
from orchestrator.engine import Engine
from orchestrator.ledger.access.answers import StoredResponses
from orchestrator.ledger.access.devices import Devices
from orchestrator.ledger.access.sessions import SessionLimits, Sessions
from orchestrator.ledger.access.tokens import Tokens
from orchestrator.ledger.book.following import Following
from orchestrator.ledger.schema.database import Database
from orchestrator.reading.queries import Queries
from orchestrator.web.access.provider import Provider
from orchestrator.web.application import make_application
from orchestrator.web.inquiries import Inquiries
from orchestrator.web.parts import Parts
from orchestrator.web.rendering import make_templates
from orchestrator.web.requests.patience import PatientProtocol
from orchestrator.web.search import Searches
from orchestrator.web.settings import WebSettings
from orchestrator.web.state import LocalMember, WebState

if TYPE_CHECKING:
    from orchestrator.telemetry.telemetry import Telemetry

STREAMS_END_SECONDS = 2  # for open event streams when the process ends: browsers reconnect


def listening(host: str, port: int) -> socket.socket:
    """A socket to serve on; port 0 takes a free one. Raises `OSError` naming the address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP, or asyncio leaves Nagle's algorithm on: each answer's body would wait 40 ms for a delayed ACK.
    opened = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        opened.bind((host, port))
    except OSError as error:
        opened.close()
        raise OSError(error.errno, error.strerror, f"{host}:{port}") from error
    return opened


@asynccontextmanager
async def serving(
    settings: WebSettings,
    services: Services,
    engine: Engine,
    database: Database,
    on: socket.socket,
    local: Sequence[LocalMember] = (),
    watched: Telemetry | None = None,
) -> AsyncIterator[WebState]:
    """Pages and API on a socket. `local` are those who may sign in by name alone: the embedded stack's."""
    async with AsyncExitStack() as stack:
        following = Following(database)
        stack.push_async_callback(following.aclose)
        provider = None
        if settings.oidc is not None:
            provider = Provider(settings.oidc, f"{settings.public_url}/sign-in/callback")
            stack.push_async_callback(provider.aclose)
        queries = Queries(database, services.runs.ledger, services.runs)

        async def look_for_troubles() -> Troubles:
            packets = await packets_in_use(services, [line.name for line in await queries.packets()])
            return await troubles(services.runs, database, packets)

        web = WebState(
            settings=settings,
            services=services,
            database=database,
            queries=queries,
            assistant_calls=AssistantCalls(services.runs.ledger),
            inquiries=Inquiries(database, services.keyring, engine),
            following=following,
            sessions=Sessions(database, services.keyring, SessionLimits(settings.session_lasts, settings.session_idle)),
            tokens=Tokens(database),
            devices=Devices(database),
            answers=StoredResponses(database, services.keyring),
            searches=Searches(database, services.keyring, services.runs.ledger),
            parts=Parts(database, services.runs.ledger, services.keyring, services.engine, look_for_troubles),
            templates=make_templates(),
            provider=provider,
            local=tuple(local),
            watched=watched,
        )
        stack.enter_context(on_death(web.died.append))
        looking = BackgroundTask(web.parts.look_on(), "health of the parts")
        stack.push_async_callback(looking.stop)
        await stack.enter_async_context(_served(web, on))
        yield web


@asynccontextmanager
async def _served(web: WebState, on: socket.socket) -> AsyncIterator[None]:
    config = uvicorn.Config(
        make_application(web),
        log_config=None,
        access_log=False,  # it would write query strings; our own line names the route
        http=PatientProtocol,
        server_header=False,
        date_header=True,
        ws="none",
        lifespan="off",
        timeout_keep_alive=75,
        timeout_graceful_shutdown=STREAMS_END_SECONDS,
    )
    server = _Server(config)
    task = BackgroundTask(server.serve(sockets=[on]), "pages and API")
    try:
        while not server.started:
            if task.done:
                raise OSError("the pages could not be served")
            await asyncio.sleep(0.01)
        yield
    finally:
        server.should_exit = True
        await task.stop(within=None)


class _Server(uvicorn.Server):
    """Signals are the entry point's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
