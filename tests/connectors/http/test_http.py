"""The one exchange behind all HTTP connectors, against servers that break it on purpose."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import time
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.errors import ActionRequiredError, ConnectorError, RefusedError, TryAgainError
from connectors.http.answers import ACCEPTED_ENCODINGS
from connectors.http.auth import BearerToken
from connectors.http.client import HttpClient
from connectors.http.flows import Fields, ask, unexpected
from connectors.http.requests import Answer, Flow, Request
from connectors.recordings import Exchange, replay
from orchestrator.embedded.company.certificate import write_certificate
from tests.connectors.company_settings import ALLOWED
from tests.connectors.raw_servers import Serve, http_answer, listening, silence
from tests.connectors.scripted_server import ScriptedAnswer, ScriptedServer

TOKEN = "T0ken-that-nobody-may-read"


def client(url: str, token: str = TOKEN, allowed: tuple[str, ...] = ALLOWED, **options: Any) -> HttpClient:
    return HttpClient(url, BearerToken(token), allowed_hosts=allowed, **options)


@asynccontextmanager
async def speaking_to(serve: Serve, **options: Any) -> AsyncIterator[HttpClient]:
    async with listening(serve) as port:
        system = client(f"http://127.0.0.1:{port}/api", **options)
        yield system
        await system.aclose()


def one(request: Request) -> Flow[Answer]:
    return (yield request)


async def failure(serve: Serve, method: str = "POST", **options: Any) -> ConnectorError:
    async with speaking_to(serve, **options) as system:
        with pytest.raises(ConnectorError) as raised:
            await system.run(one(Request(method, ("things",))), deadline=30.0)
    return raised.value


@pytest.mark.parametrize(
    ("status", "kind", "code", "happened"),
    [
        ("400 Bad Request", RefusedError, "refused", "no"),
        ("401 Unauthorized", ActionRequiredError, "credential_refused", "no"),
        ("403 Forbidden", ActionRequiredError, "credential_refused", "no"),
        ("404 Not Found", RefusedError, "not_found", "no"),
        ("408 Request Timeout", TryAgainError, "system_failed", "no"),
        ("409 Conflict", RefusedError, "refused", "no"),
        ("423 Locked", TryAgainError, "system_failed", "no"),
        ("412 Precondition Failed", TryAgainError, "changed_meanwhile", "no"),
        ("425 Too Early", TryAgainError, "system_failed", "no"),
        ("429 Too Many Requests", TryAgainError, "too_many_requests", "no"),
        ("500 Internal Server Error", TryAgainError, "system_failed", "unknown"),
        ("502 Bad Gateway", TryAgainError, "system_failed", "unknown"),
        ("503 Service Unavailable", TryAgainError, "system_failed", "no"),
        ("504 Gateway Timeout", TryAgainError, "system_failed", "unknown"),
    ],
)
async def test_statuses(status: str, kind: type[ConnectorError], code: str, happened: str) -> None:
    error = await failure(http_answer(status, b'{"detail": "no"}'))
    assert (type(error), error.code, error.happened) == (kind, code, happened)
    assert str(error) == code
    assert (await failure(http_answer(status), "GET")).happened == "no"


async def test_retry_after_is_seconds_or_a_date() -> None:
    now = datetime.now(UTC)
    for value, least, most in (
        ("17", 17, 17),
        (format_datetime(now + timedelta(seconds=90), usegmt=True), 60, 90),
        (format_datetime(now - timedelta(hours=1), usegmt=True), 0, 0),
        ("999999999", 86400, 86400),
        ("Fri, 31 Dec 9999 23:59:59 -2359", 86400, 86400),
        ("Mon, 01 Jan 0001 00:00:00 +2359", 0, 0),
    ):
        error = await failure(http_answer("429 Too Many Requests", b"", f"Retry-After: {value}"))
        assert error.retry_after is not None
        assert least <= error.retry_after <= most


async def test_a_redirect_to_a_name_that_is_not_valid_is_coded() -> None:
    error = await failure(http_answer("302 Found", b"", "Location: https://xn--/"))
    assert (type(error), error.code, error.happened) == (TryAgainError, "connection_lost", "unknown")


@pytest.mark.parametrize("value", ["soon", "-3", ""])
async def test_a_retry_after_without_sense_is_none(value: str) -> None:
    assert (await failure(http_answer("503 Service Unavailable", b"", f"Retry-After: {value}"))).retry_after is None


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("https://elsewhere.example/api/things", "host_not_allowed"),
        ("//elsewhere.example/", "host_not_allowed"),
        ("http://127.0.0.2/", "host_not_allowed"),
        ("/other", "redirected"),
        ("http://[broken", "host_not_allowed"),
        ("http://127.0.0.1:99999/", "host_not_allowed"),
    ],
)
async def test_a_redirect_is_never_followed(target: str, code: str) -> None:
    error = await failure(http_answer("307 Temporary Redirect", b"", f"Location: {target}"), "GET")
    assert (type(error), error.code) == (ActionRequiredError, code)


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b'{"a": NaN}',
        b"[" * 100_000,
        b"\xff\xfe",
        b'{"a": 1} trailing',
        b"{'a': 1}",
        b'{"a": "\\ud800"}',
        b'{"a": ["b", {"\\udfff": 1}]}',
        b'{"a": "b\\u0000"}',
        b'{"a": "\xed\xa0\x80"}',
    ],
)
async def test_what_is_not_json_is_not_understood(body: bytes) -> None:
    error = await failure(http_answer("200 OK", body))
    assert (error.code, error.happened) == ("answer_not_understood", "unknown")


async def test_escaped_characters_beyond_the_bmp_are_read() -> None:
    async with speaking_to(http_answer("200 OK", b'\xef\xbb\xbf["\\ud83d\\ude00", "\\\\ud800"]')) as system:
        answer = await system.run(one(Request("GET", ("things",))), deadline=30.0)
    assert answer.body == ["\U0001f600", "\\ud800"]


async def test_an_excerpt_of_an_answer_can_be_stored() -> None:
    error = await failure(http_answer("400 Bad Request", b"a\x00\xed\xa0\x80b"))
    assert error.detail.encode().count(b"\x00") == 0


@pytest.mark.parametrize("coding", ["gzip", "deflate", "raw deflate"])
async def test_a_packed_answer_is_unpacked(coding: str) -> None:
    body = b'{"a": "' + b"x" * 5000 + b'"}'
    if coding == "gzip":
        packed = gzip.compress(body)
    else:
        packer = zlib.compressobj(wbits=zlib.MAX_WBITS if coding == "deflate" else -zlib.MAX_WBITS)
        packed = packer.compress(body) + packer.flush()
    header = f"Content-Encoding: {coding.rpartition(' ')[2]}"
    async with speaking_to(http_answer("200 OK", packed, header)) as system:
        answer = await system.run(one(Request("GET", ("things",))), deadline=30.0)
    assert answer.body == {"a": "x" * 5000}
    assert (await failure(http_answer("200 OK", packed[:-20], header))).code == "answer_not_understood"


async def test_the_cap_counts_unpacked_bytes() -> None:
    bomb = gzip.compress(b'"' + b" " * 50_000_000 + b'"')
    assert len(bomb) < 100_000
    tracemalloc.start()
    error = await failure(http_answer("200 OK", bomb, "Content-Encoding: gzip"), max_answer_bytes=100_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert error.code == "answer_too_large"
    assert peak < 5_000_000


def in_chunks(body: bytes, size: int, coding: str) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nConnection: close\r\n\r\n".encode())
        for start in range(0, len(body), size):
            writer.write(body[start : start + size])
            await writer.drain()

    return serve


@pytest.mark.parametrize("size", [1, 7, 65_536])
async def test_every_member_of_a_gzip_body_is_read(size: int) -> None:
    packed = gzip.compress(b"[1,") + gzip.compress(b"") + gzip.compress(b"2]")
    async with speaking_to(in_chunks(packed, size, "gzip")) as system:
        answer = await system.run(one(Request("GET", ("things",))), deadline=30.0)
    assert answer.body == [1, 2]


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
@pytest.mark.parametrize("rest", [b"x", b"\x00" * 10, b"x" * 20_000_000])
async def test_what_follows_a_packed_body_is_refused_and_not_kept(coding: str, rest: bytes) -> None:
    packed = (gzip.compress if coding == "gzip" else zlib.compress)(b"{}") + rest
    tracemalloc.start()
    error = await failure(in_chunks(packed, 65_536, coding))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert error.code == "answer_not_understood"
    assert peak < 5_000_000


async def test_the_cap_counts_every_member() -> None:
    packed = gzip.compress(b"[" + b" " * 60_000) * 1000
    error = await failure(in_chunks(packed, 65_536, "gzip"), max_answer_bytes=100_000)
    assert error.code == "answer_too_large"


@pytest.mark.parametrize("coding", ["br", "gzip, gzip"])
async def test_a_coding_that_was_not_asked_for_is_not_understood(coding: str) -> None:
    assert coding not in ACCEPTED_ENCODINGS
    error = await failure(http_answer("200 OK", b"\x1f\x8b", f"Content-Encoding: {coding}"))
    assert error.code == "answer_not_understood"


async def test_an_answer_over_the_cap_is_left() -> None:
    assert (await failure(http_answer("200 OK", b'"' + b"x" * 2000 + b'"'), max_answer_bytes=1000)).code == (
        "answer_too_large"
    )


async def test_a_wrong_shape_names_the_field_and_no_value() -> None:
    class Thing(Fields):
        size: int

    async with speaking_to(http_answer("200 OK", b'{"size": "Ottilie"}')) as system:
        with pytest.raises(ActionRequiredError, match="answer_not_understood") as raised:
            await system.run(ask(Request("GET", ("things",)), Thing), deadline=30.0)
    assert "size" in raised.value.detail
    assert "Ottilie" not in raised.value.detail
    assert raised.value.happened == "no"


async def test_a_later_failure_remembers_an_earlier_change() -> None:
    def changes_and_fails() -> Flow[None]:
        yield Request("POST", ("things",))
        unexpected("after a change")

    async with speaking_to(http_answer("200 OK", b"{}")) as system:
        with pytest.raises(ActionRequiredError) as raised:
            await system.run(changes_and_fails(), deadline=30.0)
    assert raised.value.happened == "unknown"


async def test_silence_ends_with_the_deadline() -> None:
    began = time.monotonic()
    async with speaking_to(silence) as system:
        with pytest.raises(TryAgainError, match="deadline_over") as raised:
            await system.run(one(Request("POST", ("things",))), deadline=0.3)
    assert time.monotonic() - began < 20
    assert raised.value.happened == "unknown"


async def test_each_request_waits_for_the_pace_under_the_deadline() -> None:
    paced = 0

    async def pace() -> None:
        nonlocal paced
        paced += 1

    async def never() -> None:
        await asyncio.sleep(60)

    def three() -> Flow[None]:
        for _ in range(3):
            yield Request("GET", ("things",))

    async with speaking_to(http_answer("200 OK", b"{}")) as system:
        await system.run(three(), deadline=30.0, pace=pace)
        assert paced == 3
        with pytest.raises(TryAgainError, match="deadline_over") as raised:
            await system.run(three(), deadline=0.2, pace=never)
    assert raised.value.happened == "no"


async def test_an_echoed_credential_is_taken_out() -> None:
    error = await failure(http_answer("400 Bad Request", f'{{"detail": "bad token {TOKEN}"}}'.encode()))
    assert TOKEN not in error.detail
    assert "[secret]" in error.detail


@pytest.mark.parametrize("before", range(270, 300, 5))
async def test_an_echoed_credential_at_the_end_of_the_excerpt_is_taken_out(before: int) -> None:
    error = await failure(http_answer("400 Bad Request", b"x" * before + TOKEN.encode()))
    assert TOKEN[:4] not in error.detail


@pytest.mark.parametrize("segment", ["..", ".", ""])
async def test_an_id_cannot_name_another_resource(segment: str) -> None:
    async with speaking_to(silence) as system:
        with pytest.raises(RefusedError, match="invalid_id"):
            await system.run(one(Request("GET", ("things", segment))), deadline=30.0)
        missing = await system.run(one(Request("GET", ("things", segment), missing_ok=True)), deadline=30.0)
        assert missing.status == 404
        address = system.address(Request("GET", ("things", "a/../b?c#d")))
        assert address.raw_path == b"/api/things/a%2F..%2Fb%3Fc%23d"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("https://elsewhere.example/next", "host_not_allowed"),
        ("//elsewhere.example/next", "host_not_allowed"),
        ("http://allowed.example/next", "not_encrypted"),
        ("ftp://allowed.example/next", "answer_not_understood"),
        ("https://user:password@allowed.example/next", "answer_not_understood"),
        ("http://[broken", "host_not_allowed"),
        ("https://xn--/next", "answer_not_understood"),
        ("https://xn--a-.example/next", "answer_not_understood"),
        ("https://allowed.example:99999/next", "answer_not_understood"),
        ("https://allowed.example:0/next", "answer_not_understood"),
    ],
)
async def test_a_whole_address_must_be_on_an_allowed_host(url: str, code: str) -> None:
    system = client("https://allowed.example/api", allowed=("allowed.example",))
    with pytest.raises(ActionRequiredError, match=code):
        await system.run(one(Request("GET", url=url)), deadline=30.0)
    await system.aclose()


async def test_certificates_are_verified(tmp_path: Path) -> None:
    authority, certificate = write_certificate(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    async with listening(http_answer("200 OK", b"{}"), tls) as port:
        for ca_file in (str(authority), ""):
            system = client(f"https://localhost:{port}", ca_file=ca_file)
            if ca_file:
                assert (await system.run(one(Request("GET", ("things",))), deadline=30.0)).body == {}
            else:
                with pytest.raises(ActionRequiredError, match="certificate_refused") as raised:
                    await system.run(one(Request("POST", ("things",))), deadline=30.0)
                assert raised.value.happened == "no"
            await system.aclose()


@pytest.mark.parametrize(
    "url", ["ftp://x", "https://u:p@x", "https://", "x", "https://x?token=1", "https://xn--/", "https://x:0"]
)
def test_an_address_of_another_form_is_refused(url: str) -> None:
    with pytest.raises(ActionRequiredError, match="setting_invalid"):
        client(url, allowed=("x",))


@pytest.mark.parametrize("token", [" ", "a\nb", "naïve"])
def test_a_token_that_no_header_can_carry_is_refused(token: str) -> None:
    with pytest.raises(ActionRequiredError, match="setting_invalid") as raised:
        BearerToken(token)
    assert token not in raised.value.detail or token == " "


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {"error": "locked"}),
        (302, None),
        (304, None),
        *((status, {"detail": "no"}) for status in (400, 401, 403, 404, 408, 409, 412, 425, 429, 500, 501, 502, 503)),
    ],
)
@pytest.mark.parametrize("methods", [("GET",), ("POST",), ("POST", "GET"), ("GET", "POST")])
async def test_a_replay_judges_as_the_client_does(status: int, body: Any, methods: tuple[str, ...]) -> None:
    def flow() -> Flow[None]:
        for number, method in enumerate(methods):
            yield Request(method, (f"{number}",))

    last = len(methods) - 1
    answers = [ScriptedAnswer(200, {}) for _ in range(last)] + [ScriptedAnswer(status, b"" if body is None else body)]
    server = ScriptedServer(lambda asked: answers[int(asked.path.removeprefix("/api/"))])
    async with speaking_to(server.serve) as system:
        with pytest.raises(ConnectorError) as by_client:
            await system.run(flow(), deadline=30.0)
    exchanges = [
        Exchange.read({"request": {"method": method, "path": f"/{number}"}, "answer": {"status": 200, "body": {}}}, "")
        for number, method in enumerate(methods[:-1])
    ]
    failing = {"request": {"method": methods[-1], "path": f"/{last}"}, "answer": {"status": status, "body": body}}
    exchanges.append(Exchange.read(failing, "https://vendor.example"))
    with pytest.raises(ConnectorError) as by_replay:
        replay(flow(), exchanges)
    assert type(by_replay.value) is type(by_client.value)
    assert (by_replay.value.code, by_replay.value.happened) == (by_client.value.code, by_client.value.happened)
