"""Puts an ASGI app on a free port of this machine, in the event loop of its caller: no process, no thread, no wait."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import unquote

from starlette.types import ASGIApp, Message

from orchestrator.embedded.vendors.listening import listening


class ConnectionCut(Exception):
    """An app raises it to have the connection closed without a byte of an answer."""


@asynccontextmanager
async def served(app: ASGIApp, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """The address under which the app can be reached: `http://127.0.0.1:PORT`."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await _one_request(app, reader, writer):
            pass

    async with listening(serve, tls) as port:
        yield f"http{'s' if tls else ''}://127.0.0.1:{port}"


async def _one_request(app: ASGIApp, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    """Serves one request; whether the connection can take another."""
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = lines[0].split(" ")
    headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines[1:] if line)]
    given = dict(headers)
    if "chunked" in given.get("transfer-encoding", ""):
        body = await _chunks(reader)
    else:
        body = await reader.readexactly(int(given.get("content-length", 0)))
    path, _, query = target.partition("?")
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers],
    }
    answered = bytearray()

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            answered.extend(f"HTTP/1.1 {message['status']} -\r\n".encode())
            for name, value in message["headers"]:
                answered.extend(name + b": " + value + b"\r\n")
            if not any(name == b"content-length" for name, _ in message["headers"]) and message["status"] != 204:
                answered.extend(b"content-length: 0\r\n")
            answered.extend(b"\r\n")
        else:
            answered.extend(message.get("body", b""))

    try:
        await app(scope, receive, send)
    except ConnectionCut:
        return False
    writer.write(answered)
    await writer.drain()
    return given.get("connection", "").lower() != "close"


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    """A body in chunks (RFC 9112, section 7.1), without trailers."""
    body = bytearray()
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        body.extend(await reader.readexactly(size))
        await reader.readexactly(2)
    await reader.readexactly(2)
    return bytes(body)
