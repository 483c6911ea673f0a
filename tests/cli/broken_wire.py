"""A wire between the command line and the server that breaks once, where a test says so."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

KEY = re.compile(rb"idempotency-key: *([^\r]+)\r", re.IGNORECASE)


class BrokenWire:
    """`url` leads to the server. The answer to the first request whose first line begins with `cut_at` is cut off as
    soon as it comes; `keys` are the Idempotency-Keys of all requests that begin so, `cuts` how often it broke."""

    def __init__(self, server: str, cut_at: bytes) -> None:
        self._host, self._port = urlsplit(server).hostname, urlsplit(server).port
        self._cut_at = cut_at
        self.url = ""
        self.keys: list[bytes] = []
        self.cuts = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, to_server = await asyncio.open_connection(self._host, self._port)
        cutting = asyncio.Event()
        back = asyncio.create_task(self._back(upstream, writer, cutting))
        with contextlib.suppress(ConnectionError):
            while chunk := await reader.read(65536):
                if chunk.startswith(self._cut_at):
                    self.keys += KEY.findall(chunk)
                    if not self.cuts:
                        cutting.set()
                to_server.write(chunk)
                await to_server.drain()
        to_server.close()
        back.cancel()
        writer.close()

    async def _back(self, upstream: asyncio.StreamReader, writer: asyncio.StreamWriter, cutting: asyncio.Event) -> None:
        with contextlib.suppress(ConnectionError):
            while chunk := await upstream.read(65536):
                if cutting.is_set():
                    self.cuts += 1
                    break
                writer.write(chunk)
                await writer.drain()
        writer.close()


@asynccontextmanager
async def broken_wire(server: str, cut_at: str) -> AsyncIterator[BrokenWire]:
    wire = BrokenWire(server, cut_at.encode())
    listening = await asyncio.start_server(wire.serve, "127.0.0.1", 0)
    wire.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    async with listening:
        yield wire
