"""What an unauthenticated client tries: too much, too often; and what HR's system gets when it repeats a report."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections import Counter
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from orchestrator.domain.permissions.levels import Actor
from orchestrator.embedded.stack import Stack
from orchestrator.web.requests import patience
from orchestrator.web.requests.concurrency import ANONYMOUS_SLOTS, MAX_CONCURRENT_REQUESTS, MAX_PER_ACCOUNT
from orchestrator.web.requests.headers import MAX_REPORT_BYTES, EdgeMiddleware
from tests.cli.command_line import hired
from tests.web.api.running import FUTURE, PACKET, refused
from tests.web.api.test_api_hr_hook import delivery, door, signed

__all__ = ["door"]


async def said_to(url: str, head: str, body: bytes = b"") -> bytes:
    """What the server answers to a request's head, while its body has not been sent, or not whole."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(head.replace("HOST", f"{host}:{port}").encode() + body)
        await writer.drain()
        return await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    finally:
        writer.close()


async def test_a_report_of_hr_is_small_whatever_it_says_it_is(door: httpx.AsyncClient, stack: Stack) -> None:
    """It is refused before anything of it is read, and without a length as soon as there is too much of it."""
    for kind in ("application/json", "multipart/form-data; boundary=x"):
        head = f"POST /api/v1/hooks/hr HTTP/1.1\r\nHost: HOST\r\nContent-Type: {kind}\r\n"
        declared = await said_to(stack.url, f"{head}Content-Length: {MAX_REPORT_BYTES + 1}\r\n\r\n")
        assert declared.startswith(b"HTTP/1.1 413"), declared
    async with asyncio.timeout(20):
        much = b"%x\r\n%b\r\n" % (MAX_REPORT_BYTES + 1, b" " * (MAX_REPORT_BYTES + 1))
        answer = await said_to(
            str(door.base_url).removesuffix("/api/v1/"), f"{head}Transfer-Encoding: chunked\r\n\r\n", much
        )
    assert answer.startswith(b"HTTP/1.1 413"), answer


async def test_only_where_files_are_taken_may_a_request_be_as_large_as_one(stack: Stack) -> None:
    for path in ("/sign-in/local", "/api/v1/sign-in/local", "/decisions", "/api/v1/runs"):
        head = f"POST {path} HTTP/1.1\r\nHost: HOST\r\nContent-Type: multipart/form-data; boundary=x\r\n"
        answer = await said_to(stack.url, f"{head}Content-Length: {2 << 20}\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 413"), (path, answer)


@pytest.mark.parametrize("charset", ["utf-7", "unicode_escape", "undefined", "punycode", "hex", "UTF-16"])
async def test_a_form_in_another_charset_is_refused_before_it_is_decoded(stack: Stack, charset: str) -> None:
    for path in ("/sign-in/local", "/packets/a/versions/b/object", "/api/v1/runs"):
        kind = f'multipart/form-data; boundary=x; charset="{charset}"'
        form = b'--x\r\nContent-Disposition: form-data; name="alias"\r\n\r\n+2AA-\\ud800\r\n--x--\r\n'
        async with httpx.AsyncClient(base_url=stack.url, timeout=90) as client:
            answer = await client.post(path, content=form, headers={"Content-Type": kind})
            assert answer.status_code == 400 and "The form is not in UTF-8." in answer.text, (path, answer.text)
            named = await client.post(path, content=form, headers={"Content-Type": kind.replace(charset, "UTF-8")})
            assert "not in UTF-8" not in named.text and named.status_code < 500, (path, named.text)


async def answer_of(reader: asyncio.StreamReader) -> bytes:
    """One whole response of a connection that stays open."""
    head = await reader.readuntil(b"\r\n\r\n")
    [length] = re.findall(rb"content-length: (\d+)", head.lower())
    return head + await reader.readexactly(int(length))


async def test_a_connection_that_sends_half_a_request_is_closed(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "HEAD_WITHIN_SECONDS", 2.0)
    host, port = stack.url.removeprefix("http://").split(":")
    whole = f"GET /api/v1/health HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode()
    nothing, half, again, idle = [await asyncio.open_connection(host, int(port)) for _ in range(4)]
    half[1].write(whole[:-4])
    for reader, writer in (again, idle):
        writer.write(whole)
        assert (await answer_of(reader)).startswith(b"HTTP/1.1 200")
    again[1].write(whole[:9])
    async with asyncio.timeout(90):
        for reader, _ in (nothing, half, again):
            with contextlib.suppress(ConnectionResetError):  # as good as an end
                assert await reader.read() == b""
    idle[1].write(whole)
    assert (await answer_of(idle[0])).startswith(b"HTTP/1.1 200"), "a browser's idle connection stays"
    for _, writer in (nothing, half, again, idle):
        writer.close()


async def test_an_address_with_a_slash_more_leads_to_no_other_host(stack: Stack) -> None:
    for path in ("/api/v1/runs/", "/runs/", "/sign-in/"):
        answer = await said_to(stack.url, f"GET {path} HTTP/1.1\r\nHost: HOST\r\nX-Forwarded-Proto: https\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 404") and b"\r\nlocation:" not in answer.lower(), path


async def test_nothing_of_a_file_is_read_without_a_token(stack: Stack) -> None:
    for path in ("/api/v1/runs/r0000000000000000/tasks/t/files", "/runs/r0000000000000000/tasks/t"):
        head = f"POST {path} HTTP/1.1\r\nHost: HOST\r\nContent-Type: multipart/form-data; boundary=x\r\n"
        answer = await said_to(stack.url, f"{head}Content-Length: {8 << 20}\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 401"), (path, answer)


async def test_a_refused_report_is_checked_again_when_it_is_repeated(door: httpx.AsyncClient, stack: Stack) -> None:
    """What was wrong may have been fixed since: here HR had not recorded yet whom it reported."""
    coming = {"employee_number": "C-LATE", "email": "late.comer@wolkenmuehle.example"}
    body, id_ = json.dumps({"person": "C-LATE", "packet": PACKET, "cutoff": FUTURE, "zone": "UTC"}).encode(), delivery()
    for _ in range(2):
        refused(await door.post("/hooks/hr", content=body, headers=signed(body, id_)), 422, "unknown_person")
    await hired(stack, **coming)
    started = await door.post("/hooks/hr", content=body, headers=signed(body, id_))
    assert started.status_code == 201, started.text
    again = await door.post("/hooks/hr", content=body, headers=signed(body, id_))
    assert (again.status_code, again.json()) == (201, started.json()), "what was started is told again, and no more"


async def test_a_report_that_cannot_be_understood_is_answered_alike_each_time(door: httpx.AsyncClient) -> None:
    body, id_ = b'{"person": 1}', delivery()
    said = [await door.post("/hooks/hr", content=body, headers=signed(body, id_)) for _ in range(2)]
    assert said[0].json() == refused(said[1], 422, "invalid_request")


async def test_one_account_leaves_turns_to_others_and_so_do_all_strangers() -> None:
    """An application whose every answer takes until it is let go: who gets as far as that while others hold on?"""
    let_go, at_work = asyncio.Event(), Counter[str]()

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        request = Request(scope)
        name = request.headers.get("authorization", "").partition("-")[0]
        if name:
            request.state.caller = SimpleNamespace(actor=Actor(actor_id=name))
        at_work[name] += 1
        if request.url.path == "/slow":
            await let_go.wait()
        await PlainTextResponse("")(scope, receive, send)

    async def fault(request: Request, error: Exception) -> Response:
        raise error

    around = httpx.ASGITransport(EdgeMiddleware(slow, secure=False, fault=fault))
    async with httpx.AsyncClient(transport=around, base_url="http://offboard.example") as client, asyncio.timeout(20):

        async def by(secret: str, path: str = "/slow") -> int:
            return (await client.get(path, headers={"authorization": secret} if secret else {})).status_code

        secrets = [f"greedy-{number}" for number in range(4)]
        for secret in (*secrets, "other-1"):
            await by(secret, "/")  # who they are is known once they were answered
        at_work.clear()
        crowd = [asyncio.create_task(by(secret)) for secret in secrets for _ in range(MAX_CONCURRENT_REQUESTS)]
        crowd += [asyncio.create_task(by(f"made{number}-up")) for number in range(MAX_CONCURRENT_REQUESTS * 2)]
        crowd += [asyncio.create_task(by("")) for _ in range(MAX_CONCURRENT_REQUESTS)]
        while sum(at_work.values()) < MAX_PER_ACCOUNT + ANONYMOUS_SLOTS:
            await asyncio.sleep(0)
        assert await by("other-1", "/") == 200
        assert at_work["greedy"] == MAX_PER_ACCOUNT and sum(at_work.values()) == MAX_PER_ACCOUNT + ANONYMOUS_SLOTS + 1
        let_go.set()
        assert set(await asyncio.gather(*crowd)) == {200}, "whoever waited had their turn in the end"
