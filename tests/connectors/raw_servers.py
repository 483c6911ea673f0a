"""Servers that speak below the protocols, to see what a connector makes of a broken system."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from orchestrator.embedded.vendors.listening import Serve
from orchestrator.embedded.vendors.listening import listening as listening


async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Takes everything and says nothing."""
    while await reader.read(4096):
        pass


def http_answer(status: str, body: bytes = b"", *headers: str) -> Serve:
    """Answers one HTTP request like this."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
        writer.write("\r\n".join([*head, "", ""]).encode() + body)
        await writer.drain()

    return serve


def forwarded_to(port: int, before: Callable[[bytes], Awaitable[None]] | None = None) -> Serve:
    """Passes on to a port of this machine, to put TLS in front of a server that has none or, with `before`, to hold
    back what a client sends."""

    async def copy(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, hold: Callable[[bytes], Awaitable[None]] | None
    ) -> None:
        while data := await reader.read(4096):
            if hold is not None:
                await hold(data)
            writer.write(data)
            await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        onward_reader, onward_writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            await asyncio.gather(copy(reader, onward_writer, before), copy(onward_reader, writer, None))
        finally:
            onward_writer.transport.abort()

    return serve
