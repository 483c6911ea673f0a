"""How long a connection may take to send the head of a request. The proxy limits how many connections there are."""

from __future__ import annotations

import asyncio
from typing import Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from orchestrator.web.requests.client_addresses import plain_address

HEAD_WITHIN_SECONDS: Final = 30.0
"""Seconds from the connection, or from the first byte of another request, to the end of the request's head."""


class PatientProtocol(H11Protocol):
    """Closes a connection that sends nothing, or only part of a head. Between two requests the server's own time-out
    for idle connections counts."""

    _head_due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        if self.client is not None:
            self.client = (plain_address(self.client[0]), self.client[1])
        self._head_due = self.loop.call_later(HEAD_WITHIN_SECONDS, transport.close)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        waits = self.conn.their_state is h11.IDLE
        if self._head_due is not None and not waits:
            self._head_due.cancel()
            self._head_due = None
        elif self._head_due is None and waits:
            self._head_due = self.loop.call_later(HEAD_WITHIN_SECONDS, self.transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._head_due is not None:
            self._head_due.cancel()
        super().connection_lost(exc)
