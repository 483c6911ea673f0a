"""A TCP wire between a process and a server, which trials break: it drops, delays, cuts and swallows what passes.

async with wire("127.0.0.1:7233") as line:
    line.address          # what the process connects to
    line.delay = 0.3      # seconds for each piece, in both directions
    line.cut()            # every connection ends now
    line.cut_answers(3)   # the next three answers end after half of a piece
    line.refuse()         # and every connection ends now; new ones end at once, until `mend`
    line.swallow()        # connections that are open stay open, and nothing passes on them again; new ones work
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg

from orchestrator.embedded.postgres import PostgresServer


class Wire:
    """`target` is `HOST:PORT`, or the path of a Unix socket. It may be changed: new connections go there."""

    def __init__(self, target: str | Path) -> None:
        self.target = target
        self.address = ""
        self.delay = 0.0
        self.opened = 0
        """Connections that were opened up to now."""
        self.cut_in_answers = 0
        """Answers that were cut in their middle up to now."""
        self._cuts = 0
        self._refusing = False
        self._connections: dict[asyncio.Task[None], asyncio.Event] = {}

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def cut(self) -> None:
        """Not those that were swallowed: their clients must give them up."""
        for connection, swallowed in list(self._connections.items()):
            if not swallowed.is_set():
                connection.cancel()

    async def close(self) -> None:
        for connection in list(self._connections):
            connection.cancel()
        while self._connections:
            await asyncio.sleep(0)

    def cut_answers(self, count: int) -> None:
        self._cuts += count

    def refuse(self) -> None:
        self._refusing = True
        self.cut()

    def swallow(self) -> None:
        for swallowed in self._connections.values():
            swallowed.set()

    def mend(self) -> None:
        """Connections that were swallowed remain so."""
        self._refusing, self._cuts, self.delay = False, 0, 0.0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.opened += 1
        swallowed = self._connections[task] = asyncio.Event()
        try:
            if not self._refusing:
                with contextlib.suppress(OSError):
                    await self._connect(reader, writer, swallowed)
        except asyncio.CancelledError:
            pass
        finally:
            del self._connections[task]
            writer.transport.abort()
            writer.close()

    async def _connect(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, swallowed: asyncio.Event
    ) -> None:
        if isinstance(self.target, Path):
            upstream, to_server = await asyncio.open_unix_connection(str(self.target))
        else:
            host, _, port = self.target.rpartition(":")
            upstream, to_server = await asyncio.open_connection(host, int(port))
        directions = [
            asyncio.create_task(self._pass(reader, to_server, swallowed, answers=False)),
            asyncio.create_task(self._pass(upstream, writer, swallowed, answers=True)),
        ]
        try:
            await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)
        finally:
            to_server.transport.abort()
            to_server.close()
            for direction in directions:
                direction.cancel()
            await asyncio.gather(*directions, return_exceptions=True)

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, swallowed: asyncio.Event, *, answers: bool
    ) -> None:
        """Until one end closes; what was swallowed is read and goes nowhere."""
        with contextlib.suppress(OSError):
            while piece := await reader.read(65536):
                if self.delay:
                    await asyncio.sleep(self.delay)
                if swallowed.is_set():
                    continue
                if answers and self._cuts:
                    self._cuts -= 1
                    self.cut_in_answers += 1
                    writer.write(piece[: len(piece) // 2])
                    await writer.drain()
                    return
                writer.write(piece)
                await writer.drain()
        if swallowed.is_set() and answers:
            await asyncio.Event().wait()  # the server has closed its end; the client does not hear of it


def socket_of(server: PostgresServer) -> Path:
    """What a wire to it has as its target."""
    return Path(psycopg.conninfo.conninfo_to_dict(server.conninfo())["host"]) / ".s.PGSQL.5432"


@asynccontextmanager
async def wire(target: str | Path) -> AsyncIterator[Wire]:
    line = Wire(target)
    server = await asyncio.start_server(line.serve, "127.0.0.1", 0)
    line.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield line
    finally:
        server.close()
        await line.close()
