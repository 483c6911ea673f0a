"""Waiting for what a worker was asked to find out: a preview, a test of a system, a list of accounts."""

from __future__ import annotations

import asyncio

from orchestrator.cli.server.server import Server, ServerRefused
from orchestrator.documents.document import Document

TIMEOUT_SECONDS = 120.0
"""Seconds in which a worker asks every system. Its answer is kept for a quarter of an hour."""
POLL_SECONDS = 0.5


async def worker_answer(server: Server, response: Document, field: str) -> Document:
    """What the worker found. `response` is that to the request: the result itself, or the inquiry to poll, which has
    the result in `field` in the end. Raises `ServerRefused`: after `TIMEOUT_SECONDS`, or if the worker refused."""
    if "inquiry_id" not in response:
        return response
    inquiry_id = response["inquiry_id"]
    loop = asyncio.get_running_loop()
    until = loop.time() + TIMEOUT_SECONDS
    while response["state"] == "waiting":
        if loop.time() > until:
            raise ServerRefused(
                503,
                "not_answered",
                f"No worker has responded within {TIMEOUT_SECONDS:g} seconds.",
                "Try again. If it fails again, check that a worker is running and that it can reach the systems.",
            )
        await asyncio.sleep(POLL_SECONDS)
        response = await server.get("inquiries", inquiry_id)
    found: Document = response[field]
    return found
