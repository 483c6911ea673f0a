"""Okta changes an account over a real socket: tokens that end, rate limits and packed answers in the middle of it."""

from __future__ import annotations

import gzip
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from connectors.abilities import Account, Connector, Effect
from connectors.errors import ActionRequiredError, ConnectorError, TryAgainError
from connectors.registry import connect
from orchestrator.embedded.vendors.keys import private_pem
from tests.connectors.raw_servers import listening
from tests.connectors.scripted_server import ReceivedRequest, ScriptedAnswer, ScriptedServer
from tests.connectors.vendors.okta.okta_description import check_answer, check_request

ID = "00ub0oNGTSWTBKOLGLNR"
USER = {"id": ID, "status": "ACTIVE", "profile": {"login": "isa.lund@example.com"}}
GROUPS = [{"id": f"00g{number}", "type": "OKTA_GROUP", "profile": {"name": f"Team {number}"}} for number in (1, 2)]
EXPIRED = ScriptedAnswer(401, {"errorCode": "E0000011", "errorSummary": "Invalid token provided"})
KEY = private_pem()


class Okta:
    """One user in two groups. `ends_at` is the number of the change at whose request the token has ended; where
    `for_good`, no later token is accepted either. `first_change` is the answer to the first change, instead of it."""

    def __init__(self, *, ends_at: int = 0, for_good: bool = False, first_change: ScriptedAnswer | None = None) -> None:
        self._ends_at, self._for_good, self._first_change = ends_at, for_good, first_change
        self.tokens = 0
        self.changes: list[str] = []
        self._accepted = ""
        self._ended = False

    def answer(self, asked: ReceivedRequest) -> ScriptedAnswer:
        if asked.path == "/oauth2/v1/token":
            self.tokens += 1
            self._accepted = "" if self._ended and self._for_good else f"Bearer token-{self.tokens}"
            return ScriptedAnswer(200, {"access_token": f"token-{self.tokens}", "expires_in": 3600})
        if asked.method != "GET" and len(self.changes) + 1 == self._ends_at and not self._ended:
            self._ended, self._accepted = True, ""
        answer = self._answer(asked)
        check_request(asked.method, asked.path, parse_qs(urlsplit(asked.target).query))
        if "Content-Encoding" not in answer.headers:
            check_answer(asked.method, asked.path, answer.status, answer.body)
        return answer

    def _answer(self, asked: ReceivedRequest) -> ScriptedAnswer:
        if asked.headers["authorization"] != self._accepted:
            return EXPIRED
        if asked.method == "GET":
            return ScriptedAnswer(200, GROUPS if asked.path.endswith("/groups") else USER)
        if self._first_change is not None and not self.changes:
            return self._first_change
        self.changes.append(f"{asked.method} {asked.path}")
        return ScriptedAnswer(204) if asked.method == "DELETE" else ScriptedAnswer(200, {})

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[tuple[Connector, ScriptedServer]]:
        server = ScriptedServer(self.answer)
        async with listening(server.serve) as port:
            settings = {"url": f"http://127.0.0.1:{port}", "client_id": "0oa1", "private_key": KEY}
            connector = connect("okta", settings | {"max_answer_bytes": "100000"}, allowed_hosts=["127.0.0.1"])
            yield connector, server
            await connector.aclose()


def effect(ability: str, **parameters: Any) -> Effect:
    return Effect(ability, "run-1/step-1/1", Account(ID, "isa.lund@example.com"), parameters)


async def failure(okta: Okta, ability: str) -> tuple[ConnectorError, ScriptedServer]:
    async with okta.connected() as (connector, server):
        with pytest.raises(ConnectorError) as raised:
            await connector.attempt(effect(ability))
    return raised.value, server


async def test_a_token_that_ended_is_renewed_once_and_the_change_is_done_once() -> None:
    okta = Okta(ends_at=1)
    async with okta.connected() as (connector, server):
        await connector.attempt(effect("suspend_account"))
    assert okta.tokens == 2
    assert okta.changes == [f"POST /api/v1/users/{ID}/lifecycle/suspend"]
    sent = [asked.headers["authorization"] for asked in server.asked if asked.path.endswith("/suspend")]
    assert sent == ["Bearer token-1", "Bearer token-2"]


async def test_a_token_that_ended_between_two_changes_repeats_neither() -> None:
    okta = Okta(ends_at=2)
    async with okta.connected() as (connector, _):
        reply = await connector.attempt(effect("remove_from_groups"))
    assert okta.tokens == 2
    assert okta.changes == [f"DELETE /api/v1/groups/{group['id']}/users/{ID}" for group in GROUPS]
    assert [group["id"] for group in reply.detail["left_groups"]] == [group["id"] for group in GROUPS]


@pytest.mark.parametrize(
    ("ability", "ends_at", "happened"), [("suspend_account", 1, "no"), ("remove_from_groups", 2, "unknown")]
)
async def test_a_second_401_is_reported(ability: str, ends_at: int, happened: str) -> None:
    okta = Okta(ends_at=ends_at, for_good=True)
    error, server = await failure(okta, ability)
    assert (type(error), error.code, error.happened) == (ActionRequiredError, "credential_refused", happened)
    assert okta.tokens == 2
    assert len(okta.changes) == ends_at - 1
    assert [asked.method for asked in server.asked].count("GET") == 1
    assert "token-2" not in error.detail


@pytest.mark.parametrize("status", [403, 429])
async def test_a_change_that_meets_a_limit_did_nothing(status: int) -> None:
    headers = {"X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Reset": str(int(time.time()) + 600)}
    okta = Okta(first_change=ScriptedAnswer(status, {"errorCode": "E0000047"}, headers))
    error, _ = await failure(okta, "suspend_account")
    assert (type(error), error.code, error.happened) == (TryAgainError, "too_many_requests", "no")
    assert 500 < (error.retry_after or 0) <= 600
    assert okta.changes == []


async def test_a_change_whose_answer_unpacks_to_too_much_may_have_happened() -> None:
    bomb = gzip.compress(b'"' + b" " * 20_000_000 + b'"')
    okta = Okta(first_change=ScriptedAnswer(200, bomb, {"Content-Encoding": "gzip"}))
    error, _ = await failure(okta, "suspend_account")
    assert (type(error), error.code, error.happened) == (ActionRequiredError, "answer_too_large", "unknown")
