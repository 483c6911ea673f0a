"""Conversations with an LDAP server, each with a thread and a connection of its own, under one deadline.

ldap3 blocks. When the deadline is over the socket is closed under it, and the session begins no further operation.
"""

from __future__ import annotations

import asyncio
import math
import ssl
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, NoReturn, TypeVar

import ldap3
from ldap3.core.exceptions import (
    LDAPExceptionError,
    LDAPSocketOpenError,
    LDAPStartTLSError,
)

from connectors.abilities import Pace, unpaced
from connectors.elapsed import Deadline
from connectors.errors import ActionRequiredError, ConnectorError, TryAgainError
from connectors.network.hosts import Redaction
from connectors.protocols.ldap_session import LdapSession
from connectors.rehearsal import RehearsalStopped, Rehearsing

T = TypeVar("T")

_THREADS = 4


class _VerifiedTls(ldap3.Tls):  # type: ignore[misc]  # ldap3 has no types
    """Checks the host name with the standard library. ldap3 uses a function that Python has removed."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED)
        self._context = context

    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:
        connection.socket = self._context.wrap_socket(connection.socket, server_hostname=connection.server.host)


class LdapDirectory:
    """One LDAP server with our credential. There is no anonymous fallback (RFC 4513 section 5.1.2: a bind without a
    password succeeds anonymously, so an empty one is never sent)."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        bind_dn: str,
        password: str,
        ldaps: bool,
        start_tls: bool,
        tls: ssl.SSLContext | None,
        max_entries: int,
        search_controls: Sequence[str] = (),
    ) -> None:
        self._host, self._port = host, port
        self._bind_dn, self._password = bind_dn, password
        self._ldaps, self._start_tls, self._tls = ldaps, start_tls, tls
        self._max_entries = max_entries
        self._search_controls = search_controls
        self._redact = Redaction([password])
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="ldap")

    def __repr__(self) -> str:
        return f"Directory({self._host}:{self._port})"

    async def converse(
        self,
        work: Callable[[LdapSession], T],
        *,
        deadline: float,
        pace: Pace = unpaced,
        rehearsing: Rehearsing | None = None,
    ) -> T:
        """Connect, sign in, do the work, disconnect. `pace` is awaited once: a conversation counts as one request.
        Raises `ConnectorError`; and `RehearsalStopped`, with `rehearsing`."""
        until = Deadline(deadline)
        session = self._session(until, rehearsing)

        def in_thread() -> T:
            try:
                session.open(start_tls=self._start_tls)
                return work(session)
            finally:
                session.close()

        try:
            async with until.timeout():
                await pace()
                return await asyncio.wrap_future(self._threads.submit(in_thread))
        except (ConnectorError, RehearsalStopped):
            raise
        except TimeoutError:
            session.abandon()
            raise TryAgainError(
                "deadline_over", "The directory did not respond in time.", happened=session.happened
            ) from None
        except (LDAPExceptionError, OSError) as error:
            self._fail(error, session.happened)
        except asyncio.CancelledError:
            session.abandon()
            raise

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _session(self, deadline: Deadline, rehearsing: Rehearsing | None) -> LdapSession:
        left = max(1, math.ceil(deadline.left))
        server = ldap3.Server(
            self._host,
            self._port,
            use_ssl=self._ldaps,
            tls=_VerifiedTls(self._tls) if self._tls is not None else None,
            get_info=ldap3.NONE,
            connect_timeout=left,
            allowed_referral_hosts=[],
        )
        connection = ldap3.Connection(
            server,
            user=self._bind_dn,
            password=self._password,
            authentication=ldap3.SIMPLE,
            client_strategy=ldap3.SYNC,
            check_names=False,  # ldap3 would rewrite the names of entries
            auto_referrals=False,
            receive_timeout=left,
        )
        return LdapSession(connection, deadline, self._redact, self._max_entries, self._search_controls, rehearsing)

    def _fail(self, error: Exception, happened: Literal["no", "unknown"]) -> NoReturn:
        # `from None`: ldap3's errors may carry the connection, and with it the password.
        detail = self._redact(f"{type(error).__name__}: {error}")
        if "CERTIFICATE" in detail.upper():
            raise ActionRequiredError(
                "certificate_refused",
                detail,
                remedy="Use a certificate that ca_file or a public authority has signed.",
                happened="no",
            ) from None
        if isinstance(error, LDAPStartTLSError):
            raise ActionRequiredError(
                "not_encrypted", detail, remedy="Enable StartTLS at the directory, or use ldaps.", happened="no"
            ) from None
        if isinstance(error, LDAPSocketOpenError):
            raise TryAgainError(
                "unreachable",
                f"No connection to {self._host}:{self._port}.",
                remedy="Check that the directory is up and can be reached from this worker.",
                happened="no",
            ) from None
        raise TryAgainError("connection_lost", detail, happened=happened) from None
