"""A real OpenID provider of its own process, and its form as a person fills it in."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urljoin

import httpx

WITHIN = 20.0  # seconds


@asynccontextmanager
async def openid_provider(people: Sequence[Mapping[str, Any]]) -> AsyncIterator[str]:
    """Its issuer. `people` are claims, each with a `sub`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    claims = [word for person in people for word in ("--user-claims", json.dumps(person))]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "oidc_provider_mock",
        "--port",
        str(port),
        *claims,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    issuer = f"http://127.0.0.1:{port}"
    try:
        async with asyncio.timeout(WITHIN), httpx.AsyncClient() as client:
            while True:
                assert process.returncode is None, "the provider ended by itself"
                with contextlib.suppress(httpx.TransportError):
                    if (await client.get(f"{issuer}/.well-known/openid-configuration")).status_code == 200:
                        break
                await asyncio.sleep(0.05)
        yield issuer
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def sign_in_at_provider(browser: httpx.AsyncClient, start: str, subject: str | None) -> httpx.Response:
    """From our link through the provider's form to wherever it ends; None denies."""
    form = await browser.get(start)
    assert "oauth2/authorize" in str(form.url), form.text
    fields = {"action": "deny"} if subject is None else {"sub": subject}
    return await browser.post(urljoin(str(form.url), str(form.url)), data=fields)
