"""Serves an ASGI application on a loopback port that can be shut and opened again at once, as in an outage."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.types import ASGIApp
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from orchestrator.embedded.company.effects import TRANSPORT


class _ReachableConnection(H11Protocol):
    """Tells the application about its own connection, so that it can cut it."""

    def connection_made(self, transport: Any) -> None:
        self.app_state = {**self.app_state, TRANSPORT: transport}
        super().connection_made(transport)


class Listener:
    """The port is chosen at the first `open` and kept. We do without uvicorn's own Server: it looks for its end every
    0.1 s, handles signals, and waits for connections that an outage should cut."""

    def __init__(self, app: ASGIApp) -> None:
        self._config = Config(app, log_config=None, lifespan="off", ws="none", access_log=False, timeout_keep_alive=600)
        self._state = ServerState()
        self._server: asyncio.Server | None = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def open_now(self) -> bool:
        return self._server is not None

    async def open(self) -> None:
        if self._server is not None:
            return
        self._server = await asyncio.get_running_loop().create_server(
            lambda: _ReachableConnection(self._config, self._state, {}), "127.0.0.1", self.port
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Refuse connections and cut those that are open, answered or not."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        for connection in list(self._state.connections):
            transport = getattr(connection, "transport", None)
            if transport is not None:
                transport.abort()
