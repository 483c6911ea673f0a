"""A Unix-socket proxy before PostgreSQL that cuts connections around a COMMIT."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

Cut = Literal["answer lost", "never arrived", "arrived late"]
SOCKET = ".s.PGSQL.5432"


class CuttingProxy:
    """Cuts the next `cuts` COMMITs, one a connection. `closed` refuses every new connection."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self.cuts: list[Cut] = []
        self.done: list[Cut] = []
        self.closed_after_cut = False
        self.closed = False
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def listen(self, folder: Path) -> AsyncIterator[CuttingProxy]:
        server = await asyncio.start_unix_server(self._begin, folder / SOCKET)
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """In a task of our own: Python 3.11 logs a traceback for a task of the server's that is cancelled."""
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.closed:
            writer.close()
            return
        server_reader, server_writer = await asyncio.open_unix_connection(str(self._target / SOCKET))
        back = asyncio.create_task(self._copy(server_reader, writer))
        try:
            while data := await reader.read(1 << 20):
                if b"COMMIT\0" in data and self.cuts:
                    await self._cut(self.cuts.pop(0), data, back, server_reader, server_writer, writer)
                    return
                server_writer.write(data)
                await server_writer.drain()
        except ConnectionError:
            pass
        finally:
            back.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await back
            server_writer.close()
            writer.close()

    async def _cut(
        self,
        how: Cut,
        data: bytes,
        back: asyncio.Task[None],
        server_reader: asyncio.StreamReader,
        server_writer: asyncio.StreamWriter,
        writer: asyncio.StreamWriter,
    ) -> None:
        back.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await back
        self.closed = self.closed_after_cut
        # Noted before the caller can learn of it: who asks on a new connection may have the outcome of a COMMIT that
        # arrived late before the answer to that COMMIT is read here.
        self.done.append(how)
        if how == "arrived late":
            # The caller asks for the outcome on a new connection while this one still holds the head.
            writer.close()
            await asyncio.sleep(0.5)
        if how != "never arrived":
            server_writer.write(data)
            await server_writer.drain()
            await server_reader.read(1 << 20)

    @staticmethod
    async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(1 << 20):
                writer.write(data)
                await writer.drain()
            writer.close()
