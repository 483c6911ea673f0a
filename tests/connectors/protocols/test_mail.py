"""What is particular to mail: what arrives, what is refused before anything is sent, and servers that break off."""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import Any

import pytest

from connectors.abilities import Account, Connector, Effect, Pace
from connectors.boundary.storable import is_storable
from connectors.errors import ActionRequiredError, ConnectorError, RefusedError, TryAgainError
from connectors.protocols.smtp import message_id
from orchestrator.embedded.company.company import Company
from tests.conftest import Hire
from tests.connectors.clocks import JumpingClock
from tests.connectors.company_settings import connect_to
from tests.connectors.raw_servers import Serve, listening, silence


def notice(**parameters: Any) -> Effect:
    told = {"to": "heir@wolkenmuehle.example", "subject": "Ein Gruß", "text": "Grüße aus Łódź\n.\nEnde"} | parameters
    return Effect("send_notice", secrets.token_hex(8), None, told, deadline=30.0)


def smtp_server(*, at: str, answer: str | bytes | None) -> Serve:
    """Speaks just enough SMTP, and answers the command `at` so, or breaks off there."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        text = False
        while raw := await reader.readline():
            line = raw.decode().strip()
            command = line.split(" ")[0].split(":")[0].upper()
            if text and line != ".":
                continue
            step = "END" if text else command
            text = command == "DATA"
            if step == at:
                if answer is None:
                    return
                writer.write((answer.encode() if isinstance(answer, str) else answer) + b"\r\n")
                text = False
                continue
            writer.write(b"354 go on\r\n" if step == "DATA" else b"250 fine\r\n")

    return serve


async def test_a_domain_beyond_ascii_is_sent_in_ascii(company: Company) -> None:
    received = bytearray()
    speaks = smtp_server(at="", answer=None)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        kept = asyncio.StreamReader()

        async def copy() -> None:
            while line := await reader.readline():
                received.extend(line)
                kept.feed_data(line)
            kept.feed_eof()

        copying = asyncio.create_task(copy())
        await speaks(kept, writer)
        await copying

    async with listening(serve) as port:
        mail = connect_to(
            company, "mail", smtp_port=str(port), smtp_security="none", username="", password="", ca_file=""
        )
        await mail.attempt(notice(to="heir@müller.example"))
        with pytest.raises(RefusedError, match="not_an_address") as raised:
            await mail.attempt(notice(to="jörg@example.org"))
        assert raised.value.happened == "no"
        await mail.aclose()
    assert b"RCPT TO:<heir@xn--mller-kva.example>" in received
    assert "jörg".encode() not in received


async def test_a_notice_arrives_encrypted_and_whole(company: Company, connectors: dict[str, Connector]) -> None:
    effect = notice(to=["one@wolkenmuehle.example", "two@wolkenmuehle.example"])
    reply = await connectors["mail"].attempt(effect)
    (message,) = [message for message in await company.messages() if message["id"] == reply.detail["message_id"]]
    assert message["id"] == message_id(effect.effect_key, "offboard@wolkenmuehle.example")
    assert effect.effect_key not in message["id"]
    assert message["to"] == ["one@wolkenmuehle.example", "two@wolkenmuehle.example"]
    assert message["subject"] == "Ein Gruß"
    assert message["text"].strip().replace("\r\n", "\n") == "Grüße aus Łódź\n.\nEnde"
    assert message["tls"] is True
    assert (await connectors["mail"].read_back(effect)).outcome == "unknown"


async def test_an_address_beyond_ascii_is_sent_to_a_server_that_takes_it(company: Company) -> None:
    received: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 ready\r\n")
        text = False
        while line := await reader.readline():
            received.append(line.rstrip())
            if text and line != b".\r\n":
                continue
            text = line == b"DATA\r\n"
            answer = b"250-host\r\n250 SMTPUTF8" if line.startswith(b"EHLO") else b"354 go on" if text else b"250 fine"
            writer.write(answer + b"\r\n")

    async with listening(serve) as port:
        mail = connect_to(
            company, "mail", smtp_port=str(port), smtp_security="none", username="", password="", ca_file=""
        )
        await mail.attempt(notice(to="jörg@müller.example"))
        await mail.aclose()
    address = "jörg@xn--mller-kva.example".encode()
    assert any(line.startswith(b"MAIL FROM") and b"SMTPUTF8" in line for line in received)
    assert b"RCPT TO:<" + address + b">" in received and b"To: " + address in received


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"subject": "Hello\nBcc: everybody@elsewhere.example"}, "parameter_invalid"),
        ({"to": "a@b.example\r\nRCPT TO:<c@d.example>"}, "not_an_address"),
        ({"to": "a@b.example, c@d.example"}, "not_an_address"),
        ({"to": []}, "parameter_invalid"),
        ({"to": ["a@b.example", 7]}, "not_an_address"),
        ({"to": "j\u202eörg@b.example"}, "not_an_address"),
        ({"to": ""}, "parameter_missing"),
        ({"text": None}, "parameter_missing"),
    ],
)
async def test_a_notice_that_is_not_one_is_refused(
    parameters: dict[str, Any], code: str, company: Company, connectors: dict[str, Connector]
) -> None:
    before = len(await company.messages())
    with pytest.raises(RefusedError, match=code) as raised:
        await connectors["mail"].attempt(notice(**parameters))
    assert raised.value.happened == "no"
    assert len(await company.messages()) == before


@pytest.mark.parametrize(
    ("at", "answer", "kind", "code", "happened"),
    [
        ("MAIL", "451 later", TryAgainError, "system_failed", "no"),
        ("RCPT", "550 nobody", RefusedError, "refused", "no"),
        ("RCPT", None, TryAgainError, "connection_lost", "no"),
        ("DATA", "554 no", RefusedError, "refused", "no"),
        ("END", "452 full", TryAgainError, "system_failed", "no"),
        ("END", None, TryAgainError, "connection_lost", "unknown"),
    ],
)
async def test_where_it_broke_off_decides_what_may_have_happened(
    at: str, answer: str | None, kind: type[ConnectorError], code: str, happened: str, company: Company
) -> None:
    async with listening(smtp_server(at=at, answer=answer)) as port:
        mail = connect_to(company, "mail", smtp_port=str(port), smtp_security="none", username="")
        with pytest.raises(ConnectorError) as raised:
            await mail.attempt(notice())
        assert (type(raised.value), raised.value.code, raised.value.happened) == (kind, code, happened)
        await mail.aclose()


@pytest.mark.parametrize("at", ["END", "RCPT"])
async def test_what_a_server_says_outside_utf_8_can_be_stored(at: str, company: Company) -> None:
    answer = b"250 queued as \xed\xa0\x80" if at == "END" else b"550 no \xff\x00"
    async with listening(smtp_server(at=at, answer=answer)) as port:
        mail = connect_to(company, "mail", smtp_port=str(port), smtp_security="none", username="")
        if at == "END":
            assert is_storable((await mail.attempt(notice())).detail)
        else:
            with pytest.raises(RefusedError) as raised:
                await mail.attempt(notice())
            assert is_storable(raised.value.detail)
        await mail.aclose()


async def test_a_server_without_starttls_gets_no_password(company: Company) -> None:
    async with listening(smtp_server(at="NEVER", answer=None)) as port:
        mail = connect_to(company, "mail", smtp_port=str(port))
        with pytest.raises(ActionRequiredError, match="not_encrypted"):
            await mail.attempt(notice())
        await mail.aclose()


async def test_an_untrusted_certificate_gets_no_password(company: Company) -> None:
    mail = connect_to(company, "mail", ca_file="")
    with pytest.raises(ActionRequiredError, match="certificate_refused"):
        await mail.attempt(notice())
    await mail.aclose()


async def test_silence_ends_with_the_deadline(company: Company) -> None:
    async with listening(silence) as port:
        mail = connect_to(company, "mail", smtp_port=str(port))
        began = time.monotonic()
        effect = notice()
        with pytest.raises(TryAgainError, match="deadline_over") as raised:
            await mail.attempt(Effect("send_notice", "key", None, effect.parameters, deadline=0.3))
        assert time.monotonic() - began < 20
        assert raised.value.happened == "no"
        await mail.aclose()


async def test_without_an_administration_mailboxes_are_left(company: Company) -> None:
    mail = connect_to(company, "mail", admin_url="", admin_token="")
    account = Account("a@b.example", "a@b.example")
    with pytest.raises(ActionRequiredError, match="setting_missing"):
        await mail.attempt(Effect("release_license", "key", account))
    assert (await mail.check()).reachable
    await mail.aclose()


async def test_forwarding_keeps_the_rest_and_tells_what_was_before(
    connectors: dict[str, Connector], hire: Hire
) -> None:
    (person,) = await hire()
    account = Account(person.email, person.email)
    await connectors["mail"].attempt(Effect("release_license", secrets.token_hex(8), account))
    forward = Effect("forward_mail", secrets.token_hex(8), account, {"forward_to": "heir@wolkenmuehle.example"})
    reply = await connectors["mail"].attempt(forward)
    assert reply.detail["before"] == {"address": person.email, "forward_to": None, "license": False}
    assert (await connectors["mail"].read_back(forward)).evidence["license"] is False


async def test_two_changes_of_one_mailbox_at_the_same_time_keep_each_other(
    connectors: dict[str, Connector], hire: Hire
) -> None:
    """Both have read the mailbox before either changes it."""
    (person,) = await hire()
    account = Account(person.email, person.email)
    forward = Effect("forward_mail", secrets.token_hex(8), account, {"forward_to": "heir@wolkenmuehle.example"})
    release = Effect("release_license", secrets.token_hex(8), account)
    both_have_read = asyncio.Barrier(2)

    def pace() -> Pace:
        asked = 0

        async def waits_before_the_change() -> None:
            nonlocal asked
            asked += 1
            if asked == 2:
                await both_have_read.wait()

        return waits_before_the_change

    await asyncio.gather(*(connectors["mail"].attempt(effect, pace=pace()) for effect in (forward, release)))
    for effect in (forward, release):
        assert (await connectors["mail"].read_back(effect)).outcome == "done"


@pytest.mark.parametrize(("command", "not_sent"), [(b"RCPT", b"DATA"), (b"DATA", b"Subject")])
async def test_a_notice_does_not_leave_after_its_time(
    company: Company, monkeypatch: pytest.MonkeyPatch, command: bytes, not_sent: bytes
) -> None:
    """As in a process that is stopped while the server answers the command, and continues."""
    clock, received = JumpingClock(monkeypatch), bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 ready\r\n")
        while line := await reader.readline():
            received.extend(line)
            if line.startswith(command):
                clock.passes()
            writer.write(b"354 go on\r\n" if line.startswith(b"DATA") else b"250 fine\r\n")

    async with listening(serve) as port:
        mail = connect_to(
            company, "mail", smtp_port=str(port), smtp_security="none", username="", password="", ca_file=""
        )
        with pytest.raises(TryAgainError, match="deadline_over") as raised:
            await mail.attempt(notice())
        await mail.aclose()
    assert raised.value.happened == "no"
    assert command in received and not_sent not in received
