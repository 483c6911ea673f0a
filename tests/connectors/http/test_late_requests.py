"""A request does not leave once its time is over, which a stopped process finds out when it continues."""

from __future__ import annotations

import asyncio

import pytest

from connectors.errors import TryAgainError
from connectors.http import sending
from connectors.http.auth import BearerToken
from connectors.http.client import HttpClient
from connectors.http.requests import Answer, Flow, Request
from tests.connectors.company_settings import ALLOWED
from tests.connectors.raw_servers import listening


def _post() -> Flow[Answer]:
    return (yield Request("POST", ("things",), json={"pay": "twice"}))


@pytest.mark.parametrize(("in_time", "happened"), [(1, "no"), (2, "unknown")], ids=["before_it", "after_the_headers"])
async def test_a_request_does_not_leave_after_its_time(
    monkeypatch: pytest.MonkeyPatch, in_time: int, happened: str
) -> None:
    """As in a process that is stopped before the request, or between its headers and its body, and continues."""
    passed = iter([0.0] * in_time)
    monkeypatch.setattr(sending, "local_seconds", lambda: next(passed, 100.0))
    received: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.read())
        writer.close()

    async with listening(serve) as port:
        system = HttpClient(f"http://127.0.0.1:{port}", BearerToken("token"), allowed_hosts=ALLOWED)
        with pytest.raises(TryAgainError, match="deadline_over") as raised:
            await system.run(_post(), deadline=30.0)
        await system.aclose()
    assert raised.value.happened == happened
    assert b"twice" not in b"".join(received)
