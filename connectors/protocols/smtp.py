"""Hands one message to a mail server (RFC 5321), once, and reports whether it may have been accepted."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from typing import Literal, NoReturn

import aiosmtplib
import httpx

from connectors.abilities import Pace, unpaced
from connectors.boundary.storable import storable_text
from connectors.elapsed import Deadline
from connectors.errors import ActionRequiredError, ConnectorError, RefusedError, TryAgainError
from connectors.network.hosts import Redaction
from connectors.network.tls import trust

Security = Literal["starttls", "tls", "none"]


class MailServer:
    """The server that accepts our messages. TLS certificates are verified; callers see to it that no password crosses
    a network without TLS (`connectors.network.tls.require_private`)."""

    def __init__(self, host: str, port: int, *, security: Security, username: str, password: str, ca_file: str) -> None:
        self._host = host
        self._port = port
        self._security = security
        self._username = username
        self._password = password
        self._tls = None if security == "none" else trust(ca_file)
        self._redact = Redaction([password])

    def __repr__(self) -> str:
        return f"MailServer({self._host}:{self._port})"

    async def check(self, *, deadline: float, pace: Pace = unpaced) -> None:
        """Connect and sign in, send nothing. Raises `ConnectorError`."""
        await self._converse(None, [], deadline, pace)

    async def send(
        self, message: EmailMessage, recipients: Sequence[str], *, deadline: float, pace: Pace = unpaced
    ) -> str:
        """Hand the message in for all recipients or, where the server refuses one of them, for none. Returns the
        server's answer, which usually holds its queue id. Raises `ConnectorError`."""
        return await self._converse(message, recipients, deadline, pace)

    async def _converse(
        self, message: EmailMessage | None, recipients: Sequence[str], deadline: float, pace: Pace
    ) -> str:
        client = aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            use_tls=self._security == "tls",
            start_tls=self._security == "starttls",
            tls_context=self._tls,
            timeout=None,
        )
        until = Deadline(deadline)
        handed_in = False  # once the text itself is being sent, only the server knows whether it accepted it
        try:
            async with until.timeout():
                await pace()
                await client.connect()
                if self._username:
                    await client.login(self._username, self._password)
                if message is None:
                    return ""
                sender = ascii_address(str(message["From"].addresses[0].addr_spec))
                addresses = [ascii_address(recipient) for recipient in recipients]
                utf8 = not all(address.isascii() for address in [sender, *addresses])
                if utf8 and client.is_ehlo_or_helo_needed:
                    await client.ehlo()
                if utf8 and not client.supports_extension("smtputf8"):
                    raise RefusedError(
                        "not_an_address",
                        "The mail server takes no addresses with letters beyond ASCII (SMTPUTF8).",
                        remedy="Use an address in ASCII, or a mail server with SMTPUTF8.",
                        happened="no",
                    )
                text = message.as_bytes(policy=SMTP_POLICY.clone(cte_type="7bit", utf8=utf8))
                encoding = "utf-8" if utf8 else "ascii"
                await client.mail(sender, options=["SMTPUTF8"] if utf8 else [], encoding=encoding)
                for address in addresses:
                    await client.rcpt(address, encoding=encoding)
                assert client.protocol is not None
                write = client.protocol.write

                def write_in_time(data: bytes) -> None:
                    nonlocal handed_in
                    until.require_time()
                    handed_in = data != b"DATA\r\n"
                    write(data)

                client.protocol.write = write_in_time  # type: ignore[method-assign]  # DATA, and the text after the 354
                response = await client.data(text)
                return storable_text(self._redact(response.message))
        except (TimeoutError, aiosmtplib.SMTPException, OSError) as error:
            # `from None`, since a library's error may quote the line that failed, and with it the credential.
            self._fail(error, handed_in)
        finally:
            client.close()

    def _fail(self, error: Exception, handed_in: bool) -> NoReturn:
        kind: type[ConnectorError]
        happened: Literal["no", "unknown"] = "unknown" if handed_in else "no"
        detail, remedy = self._redact(f"{type(error).__name__}: {error}"), ""
        if isinstance(error, aiosmtplib.SMTPAuthenticationError) and error.code >= 500:
            kind, code = ActionRequiredError, "credential_refused"
            remedy = "Renew the user name and password for the mail server."
        elif isinstance(error, aiosmtplib.SMTPResponseException):
            # 4yz asks to come back, 5yz is final, and in both cases nothing was accepted (RFC 5321 section 4.2.1).
            happened = "no"
            kind, code = (RefusedError, "refused") if error.code >= 500 else (TryAgainError, "system_failed")
        elif "CERTIFICATE" in str(error).upper():
            kind, code = ActionRequiredError, "certificate_refused"
            remedy = "Use a certificate that ca_file or a public authority has signed."
        elif isinstance(error, aiosmtplib.SMTPNotSupported) or "STARTTLS" in str(error).upper():
            kind, code = ActionRequiredError, "not_encrypted"
            remedy = "Enable STARTTLS and AUTH at the mail server, or choose another smtp_security."
        elif isinstance(error, TimeoutError) and not isinstance(error, aiosmtplib.SMTPException):
            kind, code = TryAgainError, "deadline_over"
        elif isinstance(error, aiosmtplib.SMTPConnectError):
            kind, code = TryAgainError, "unreachable"
        else:
            kind, code = TryAgainError, "connection_lost"
        raise kind(code, detail, remedy=remedy, happened=happened) from None


def ascii_address(address: str) -> str:
    """The address with its domain in ASCII (RFC 5890). A local part beyond ASCII stays: `send` gives it to servers with
    SMTPUTF8 (RFC 6531) only. Raises `RefusedError("not_an_address")` for a domain that cannot be one."""
    if address.isascii():
        return address
    local, _, domain = address.rpartition("@")
    try:
        return f"{local}@{httpx.URL(scheme='https', host=domain).raw_host.decode('ascii')}"
    except (UnicodeError, httpx.InvalidURL):
        raise RefusedError(
            "not_an_address", "The address has a domain that cannot exist.", remedy="Correct it.", happened="no"
        ) from None


def message_id(effect_key: str, sender: str) -> str:
    """The same for every attempt of one effect, so that mail systems can drop a second copy (RFC 5322 section
    3.6.4); a digest, since ids are written to logs of other organisations."""
    digest = hashlib.sha256(f"message-id\0{effect_key}".encode()).hexdigest()[:32]
    return f"<{digest}@{sender.rpartition('@')[2]}>"
