"""The company's mail: an SMTP server that keeps what it gets, and the mailbox administration over HTTP."""

from __future__ import annotations

import asyncio
import hmac
import ssl
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default as modern
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from orchestrator.embedded.company.effects import EffectLog
from orchestrator.embedded.company.http_answers import HTTP_ERRORS, json_body, page_of, refuse
from orchestrator.embedded.company.population import CompanyDocument

USER = "offboard"


class MailSystem:
    """Messages arrive by SMTP and count as effects; their key is the `Effect-Key` header where there is one, or the
    Message-ID. `tls` is the server's side of STARTTLS."""

    def __init__(self, log: EffectLog, *, password: str, tls: ssl.SSLContext) -> None:
        self.log = log
        self._password = password
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._connections: set[_CuttableSmtp] = set()
        self.smtp_port = 0
        self.messages: list[CompanyDocument] = []
        self.mailboxes: dict[str, CompanyDocument] = {}
        self.app = Starlette(
            routes=[
                Route("/mailboxes", self.list),
                Route("/mailboxes/{address}", self.read),
                Route("/mailboxes/{address}", self.write, methods=["PATCH"]),
                Route("/_company/messages", self.kept),
            ],
            exception_handlers=HTTP_ERRORS,
        )

    def add(self, documents: list[CompanyDocument]) -> None:
        self.mailboxes.update((document["address"].casefold(), document) for document in documents)

    async def open(self) -> None:
        if self._server is not None:
            return
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._connection, "127.0.0.1", self.smtp_port)
        self.smtp_port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Refuse connections and cut those that are open."""
        if self._server is None:
            return
        self._server.close()
        self._server = None
        for connection in list(self._connections):
            connection.cut()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.original_content or b""
        message = message_from_bytes(content, policy=modern)
        body = message.get_body(("plain",))
        document = {
            "id": str(message["Message-ID"] or ""),
            "from": envelope.mail_from,
            "to": list(envelope.rcpt_tos),
            "subject": str(message["Subject"] or ""),
            "text": body.get_content() if body is not None else "",
            "tls": session.ssl is not None,
            "at": datetime.now(UTC).isoformat(),
        }
        self.messages.append(document)
        key = str(message["Effect-Key"] or message["Message-ID"] or "") or None
        self.log.record("SMTP message", ", ".join(envelope.rcpt_tos), key)
        return "250 kept"

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        known = (
            isinstance(data, LoginPassword)
            and data.login == USER.encode()
            and hmac.compare_digest(data.password, self._password.encode())
        )
        # handled=False lets aiosmtpd answer 535 itself; without it a refused client waits for ever.
        return AuthResult(success=known, handled=known)

    async def kept(self, request: Request) -> JSONResponse:
        return JSONResponse({"messages": self.messages})

    async def list(self, request: Request) -> JSONResponse:
        return JSONResponse(page_of("mailboxes", list(self.mailboxes.values()), request.query_params))

    async def read(self, request: Request) -> JSONResponse:
        return JSONResponse(self._mailbox(request))

    async def write(self, request: Request) -> JSONResponse:
        mailbox = self._mailbox(request)
        wanted = await json_body(request)
        for name in ("forward_to", "auto_reply"):
            if not (wanted.get(name) is None or isinstance(wanted[name], str)):
                refuse(422, "bad_value", f"{name}: a string or null is needed")
        if not isinstance(wanted.get("license", True), bool):
            refuse(422, "bad_value", "license: true or false is needed")
        changed = {n: v for n, v in wanted.items() if n in ("forward_to", "auto_reply", "license") and mailbox[n] != v}
        if changed:
            mailbox.update(changed)
            self.log.record("PATCH /mailboxes/{address}", mailbox["address"])
        return JSONResponse(mailbox)

    def _mailbox(self, request: Request) -> CompanyDocument:
        mailbox = self.mailboxes.get(request.path_params["address"].casefold())
        if mailbox is None:
            refuse(404, "not_found", "no such mailbox")
        return mailbox

    def _connection(self) -> SMTP:
        # On loopback a client may also sign in without STARTTLS, as the product's default settings do.
        connection = _CuttableSmtp(
            self,
            hostname="localhost",
            authenticator=self.authenticate,
            auth_required=True,
            auth_require_tls=False,
            tls_context=self._tls,
            enable_SMTPUTF8=True,
            ident="company mail",
        )
        connection.connections = self._connections
        return connection


class _CuttableSmtp(SMTP):
    connections: set[_CuttableSmtp]

    def connection_made(self, transport: Any) -> None:
        self.connections.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self.connections.discard(self)
        super().connection_lost(error)

    def cut(self) -> None:
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.abort()
