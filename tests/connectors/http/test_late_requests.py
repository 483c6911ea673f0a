"""A request does not leave once its time is over, which a stopped process finds out when it continues."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from connectors import elapsed
from connectors.elapsed import attempt_ends_at
from connectors.errors import TryAgainError
from connectors.http.auth import BearerToken
from connectors.http.client import HttpClient
from connectors.http.requests import Answer, Flow, Request
from tests.connectors.clocks import JumpingClock
from tests.connectors.company_settings import ALLOWED
from tests.connectors.raw_servers import Serve, http_answer, listening


def _post(text: str = "twice") -> Flow[Answer]:
    return (yield Request("POST", ("things",), json={"pay": text}))


@asynccontextmanager
async def _client(serve: Serve) -> AsyncIterator[HttpClient]:
    async with listening(serve) as port:
        system = HttpClient(f"http://127.0.0.1:{port}", BearerToken("token"), allowed_hosts=ALLOWED)
        try:
            yield system
        finally:
            await system.aclose()


@pytest.mark.parametrize(
    ("looks_in_time", "happened"), [(1, "no"), (2, "unknown")], ids=["before_it", "after_the_headers"]
)
async def test_a_request_does_not_leave_after_its_time(
    monkeypatch: pytest.MonkeyPatch, looks_in_time: int, happened: str
) -> None:
    """As in a process that is stopped before the request, or between its headers and its body, and continues."""
    received: list[bytes] = []
    looks = iter([0.0] * 3 + [0.0] * looks_in_time)  # besides the time-outs of the token, the rate and the request
    monkeypatch.setattr(elapsed, "local_seconds", lambda: next(looks, 100.0))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.read())
        writer.close()

    async with _client(serve) as system:
        with pytest.raises(TryAgainError, match="deadline_over") as raised:
            await system.run(_post(), deadline=30.0)
    assert raised.value.happened == happened
    assert b"twice" not in b"".join(received)


async def test_the_rest_of_a_body_does_not_leave_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process that is stopped while the system takes the body slowly."""
    clock, received, body = JumpingClock(monkeypatch), bytearray(), "x" * 40_000_000

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        clock.passes()
        while piece := await reader.read(1_000_000):
            received.extend(piece)
        writer.close()

    async with _client(serve) as system:
        with pytest.raises(TryAgainError, match="deadline_over") as raised:
            await system.run(_post(body), deadline=30.0)
    assert raised.value.happened == "unknown"
    assert len(received) < len(body)


async def test_the_second_request_of_a_call_does_not_leave_after_the_time_of_the_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The clock of the event loop stands still while the machine sleeps."""
    clock, received = JumpingClock(monkeypatch), 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal received
        received += 1
        await http_answer("200 OK", b"{}")(reader, writer)

    def twice() -> Flow[Answer]:
        yield from _post()
        clock.passes()
        return (yield from _post())

    async with _client(serve) as system:
        with pytest.raises(TryAgainError, match="deadline_over") as raised:
            await system.run(twice(), deadline=30.0)
    assert (raised.value.happened, received) == ("unknown", 1)


async def test_a_call_ends_with_its_attempt_and_not_a_whole_time_out_after_it_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As in a process that is stopped between the check of the lease and the call."""
    clock, received = JumpingClock(monkeypatch), 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal received
        received += 1
        await http_answer("200 OK", b"{}")(reader, writer)

    async with _client(serve) as system:
        with attempt_ends_at(elapsed.local_seconds() + 30.0):
            clock.passes()
            with pytest.raises(TryAgainError, match="deadline_over") as raised:
                await system.run(_post(), deadline=30.0)
        assert (raised.value.happened, received) == ("no", 0)
        await system.run(_post(), deadline=30.0)
    assert received == 1


async def test_a_request_that_ran_out_of_time_keeps_no_connection() -> None:
    """A busy process finds out late, at any point of the request, that its time is over. A connection that stayed open
    then would be in use for good: the system would wait for the rest of the request, and the pool would run out."""
    unanswered: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        unanswered.add(writer)
        received = b""
        while piece := await reader.read(1000):
            received += piece
            if b"twice" in received:
                unanswered.discard(writer)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
                received = b""
        unanswered.discard(writer)
        writer.close()

    async def busy_after(turns: int, seconds: float) -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        time.sleep(seconds)  # nothing else of this process runs

    ended = 0
    for turns in range(40):
        async with _client(serve) as system:
            busy = asyncio.create_task(busy_after(turns, 0.03))
            try:
                await system.run(_post(), deadline=0.02)
            except TryAgainError:
                ended += 1
            await busy
            async with asyncio.timeout(30.0):
                while unanswered:
                    await asyncio.sleep(0.01)
    assert ended
