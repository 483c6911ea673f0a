"""The one exchange behind all HTTP connectors, against servers that break it on purpose."""

from __future__ import annotations

import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from company_settings import ALLOWED
from raw_servers import Serve, http_answer, listening, silence

from connectors.errors import ActionRequiredError, ConnectorError, RefusedError, TryAgainError
from connectors.http.client import Fields, HttpSettings, JsonHttp
from orchestrator.embedded.company.certificate import write_certificate

TOKEN = "T0ken-that-nobody-may-read"


@asynccontextmanager
async def speaking_to(serve: Serve, **settings: object) -> AsyncIterator[JsonHttp]:
    async with listening(serve) as port:
        url = f"http://127.0.0.1:{port}/api"
        system = JsonHttp(HttpSettings.model_validate({"url": url, "token": TOKEN} | settings), allowed_hosts=ALLOWED)
        yield system
        await system.aclose()


async def failure(serve: Serve, method: str = "POST", **settings: object) -> ConnectorError:
    async with speaking_to(serve, **settings) as system:
        with pytest.raises(ConnectorError) as raised:
            await system.call(1.0).send(method, "things")
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
    ):
        error = await failure(http_answer("429 Too Many Requests", b"", f"Retry-After: {value}"))
        assert error.retry_after is not None
        assert least <= error.retry_after <= most


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
    ],
)
async def test_a_redirect_is_never_followed(target: str, code: str) -> None:
    error = await failure(http_answer("307 Temporary Redirect", b"", f"Location: {target}"), "GET")
    assert (type(error), error.code) == (ActionRequiredError, code)


@pytest.mark.parametrize(
    "body", [b"<html>", b'{"a": NaN}', b"[" * 100_000, b"\xff\xfe", b'{"a": 1} trailing', b"{'a': 1}"]
)
async def test_what_is_not_json_is_not_understood(body: bytes) -> None:
    error = await failure(http_answer("200 OK", body))
    assert (error.code, error.happened) == ("answer_not_understood", "unknown")


async def test_a_compressed_answer_is_not_unpacked() -> None:
    error = await failure(http_answer("200 OK", b"\x1f\x8b", "Content-Encoding: gzip"))
    assert error.code == "answer_not_understood"


async def test_an_answer_over_the_cap_is_left() -> None:
    assert (await failure(http_answer("200 OK", b'"' + b"x" * 2000 + b'"'), max_answer_bytes=1000)).code == (
        "answer_too_large"
    )


async def test_a_wrong_shape_names_the_field_and_no_value() -> None:
    class Thing(Fields):
        size: int

    async with speaking_to(http_answer("200 OK", b'{"size": "Ottilie"}')) as system:
        call = system.call(1.0)
        answer = await call.send("GET", "things")
        with pytest.raises(ActionRequiredError, match="answer_not_understood") as raised:
            call.parse(answer, Thing)
    assert "size" in raised.value.detail
    assert "Ottilie" not in raised.value.detail
    assert raised.value.happened == "no"


async def test_a_later_failure_remembers_an_earlier_change() -> None:
    async with speaking_to(http_answer("200 OK", b"{}")) as system:
        call = system.call(5.0)
        await call.send("POST", "things")
        with pytest.raises(ActionRequiredError) as raised:
            call.unexpected("after a change")
    assert raised.value.happened == "unknown"


async def test_silence_ends_with_the_deadline() -> None:
    began = time.monotonic()
    async with speaking_to(silence) as system:
        with pytest.raises(TryAgainError, match="deadline_over") as raised:
            await system.call(0.3).send("POST", "things")
    assert time.monotonic() - began < 1.0
    assert raised.value.happened == "unknown"


async def test_an_echoed_credential_is_taken_out() -> None:
    error = await failure(http_answer("400 Bad Request", f'{{"detail": "bad token {TOKEN}"}}'.encode()))
    assert TOKEN not in error.detail
    assert "[secret]" in error.detail


@pytest.mark.parametrize("segment", ["..", ".", ""])
async def test_an_id_cannot_name_another_resource(segment: str) -> None:
    async with speaking_to(silence) as system:
        with pytest.raises(RefusedError, match="invalid_id"):
            await system.call(1.0).send("GET", "things", segment)
        assert (await system.call(1.0).send("GET", "things", segment, missing_ok=True)).status == 404
        assert system.address(("things", "a/../b?c#d")).raw_path == b"/api/things/a%2F..%2Fb%3Fc%23d"


async def test_certificates_are_verified(tmp_path: Path) -> None:
    authority, certificate = write_certificate(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    async with listening(http_answer("200 OK", b"{}"), tls) as port:
        for ca_file in (str(authority), ""):
            settings = HttpSettings.model_validate(
                {"url": f"https://localhost:{port}", "token": TOKEN, "ca_file": ca_file}
            )
            system = JsonHttp(settings, allowed_hosts=ALLOWED)
            if ca_file:
                assert (await system.call(2.0).send("GET", "things")).body == {}
            else:
                with pytest.raises(ActionRequiredError, match="certificate_refused") as raised:
                    await system.call(2.0).send("POST", "things")
                assert raised.value.happened == "no"
            await system.aclose()


@pytest.mark.parametrize("url", ["ftp://x", "https://u:p@x", "https://", "x", "https://x?token=1"])
def test_an_address_of_another_form_is_refused(url: str) -> None:
    with pytest.raises(ActionRequiredError, match="setting_invalid"):
        JsonHttp(HttpSettings.model_validate({"url": url, "token": TOKEN}), allowed_hosts=["x"])


@pytest.mark.parametrize("token", [" ", "a\nb", "naïve"])
def test_a_token_that_no_header_can_carry_is_refused(token: str) -> None:
    with pytest.raises(ActionRequiredError, match="setting_invalid") as raised:
        JsonHttp(HttpSettings.model_validate({"url": "https://x", "token": token}), allowed_hosts=["x"])
    assert token not in raised.value.detail or token == " "
