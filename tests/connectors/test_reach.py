"""The way to a system: each step that fails says why, and what to do."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

from connectors.network.reach import ConnectionStep, Endpoint, try_connection
from orchestrator.embedded.company.certificate import write_certificate
from tests.connectors.raw_servers import listening, silence


async def steps(endpoint: Endpoint, deadline: float = 5.0) -> tuple[bool, list[ConnectionStep]]:
    done: list[ConnectionStep] = []
    return await try_connection(endpoint, deadline=deadline, done=done.append), done


async def test_a_certificate_is_accepted_or_refused_with_the_reason_in_words(tmp_path: Path) -> None:
    authority, chain = write_certificate(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(chain)
    async with listening(silence, tls) as port:
        passed, done = await steps(Endpoint("127.0.0.1", port, True, str(authority)))
        assert passed and [step.name for step in done] == ["dns", "tcp", "tls"]
        assert done[-1].said.startswith("TLSv1.") and all(step.seconds >= 0 for step in done)
        passed, done = await steps(Endpoint("127.0.0.1", port, True))
        assert not passed and "authority is not trusted" in done[-1].said and "ca_file" in done[-1].remedy
        unreadable = await steps(Endpoint("127.0.0.1", port, True, str(tmp_path / "missing.pem")))
        assert not unreadable[0] and "ca_file" in unreadable[1][-1].said
    async with listening(silence, tls, host="127.0.0.2") as port:
        passed, done = await steps(Endpoint("127.0.0.2", port, True, str(authority)))
        assert not passed and done[-1].said == "The certificate is for another name."


async def test_a_port_without_tls_and_one_that_does_not_respond() -> None:
    async def greets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")
        await writer.drain()

    async with listening(greets) as port:
        passed, done = await steps(Endpoint("127.0.0.1", port, True))
        assert not passed and done[-1].said == f"Port {port} does not speak TLS."
    async with listening(silence) as port:
        assert (await steps(Endpoint("127.0.0.1", port, False)))[0], "TLS may begin later in the protocol"
        passed, done = await steps(Endpoint("127.0.0.1", port, True), deadline=0.3)
        assert not passed and "in time" in done[-1].said and "firewall" in done[-1].remedy
