"""Entra changes an account over a real socket: where the token comes from, tokens that end, and limits."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from connectors.abilities import Account, Connector, Effect
from connectors.errors import ActionRequiredError, ConnectorError, TryAgainError
from connectors.registry import connect
from tests.connectors.raw_servers import listening
from tests.connectors.scripted_server import ReceivedRequest, ScriptedAnswer, ScriptedServer
from tests.connectors.vendors.entra.entra_description import GRAPH

ID = "6ea91a8d-e32e-41a1-b7bd-d2d185eed0e0"
USER = {"id": ID, "userPrincipalName": "isa.lund@example.com", "accountEnabled": True, "licenseAssignmentStates": []}
GROUPS = [
    {
        "@odata.type": "#microsoft.graph.group",
        "id": f"1a000000-0000-4000-8000-00000000000{number}",
        "displayName": f"Team {number}",
        "groupTypes": [],
        "mailEnabled": False,
    }
    for number in (1, 2)
]
SECRET = "s3cret~value"


def error(status: int, code: str, headers: dict[str, str] | None = None) -> ScriptedAnswer:
    return ScriptedAnswer(status, {"error": {"code": code, "message": "no"}}, headers or {})


class Entra:
    """One user in two groups. `ends_at` is the number of the change at whose request the token has ended; where
    `for_good`, no later token is accepted either. `first_change` is the answer to the first change, instead of it."""

    def __init__(self, *, ends_at: int = 0, for_good: bool = False, first_change: ScriptedAnswer | None = None) -> None:
        self._ends_at, self._for_good, self._first_change = ends_at, for_good, first_change
        self.token_requests: list[tuple[str, dict[str, str]]] = []
        self.changes: list[str] = []
        self._accepted = ""
        self._ended = False

    def login(self, asked: ReceivedRequest) -> ScriptedAnswer:
        assert "authorization" not in asked.headers, "the secret is in the form"
        form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
        self.token_requests.append((asked.target, form))
        token = f"token-{len(self.token_requests)}"
        self._accepted = "" if self._ended and self._for_good else f"Bearer {token}"
        if form["client_secret"] != SECRET:
            return ScriptedAnswer(401, {"error": "invalid_client", "error_description": "AADSTS7000215"})
        return ScriptedAnswer(200, {"token_type": "Bearer", "access_token": token, "expires_in": 3599})

    def answer(self, asked: ReceivedRequest) -> ScriptedAnswer:
        if asked.method != "GET" and len(self.changes) + 1 == self._ends_at and not self._ended:
            self._ended, self._accepted = True, ""
        answer = self._answer(asked)
        GRAPH.check_request(asked.method, asked.path, parse_qs(urlsplit(asked.target).query))
        GRAPH.check_answer(asked.method, asked.path, answer.status, answer.body)
        return answer

    def _answer(self, asked: ReceivedRequest) -> ScriptedAnswer:
        if asked.headers["authorization"] != self._accepted:
            return error(401, "InvalidAuthenticationToken")
        if asked.method == "GET":
            return ScriptedAnswer(200, {"value": GROUPS} if asked.path.endswith("/memberOf") else USER)
        if self._first_change is not None and not self.changes:
            return self._first_change
        self.changes.append(f"{asked.method} {asked.target}")
        return ScriptedAnswer(204)

    @asynccontextmanager
    async def connected(self, secret: str = SECRET) -> AsyncIterator[tuple[Connector, ScriptedServer]]:
        graph, login = ScriptedServer(self.answer), ScriptedServer(self.login)
        async with listening(graph.serve) as port, listening(login.serve) as login_port:
            settings = {
                "url": f"http://127.0.0.1:{port}/v1.0",
                "login_url": f"http://127.0.0.1:{login_port}",
                "tenant": "example.onmicrosoft.com",
                "client_id": "app-1",
                "client_secret": secret,
            }
            connector = connect("entra", settings, allowed_hosts=["127.0.0.1"])
            yield connector, graph
            await connector.aclose()


def effect(ability: str, **parameters: Any) -> Effect:
    return Effect(ability, "run-1/step-1/1", Account(ID, "isa.lund@example.com"), parameters)


async def failure(entra: Entra, ability: str) -> tuple[ConnectorError, ScriptedServer]:
    async with entra.connected() as (connector, server):
        with pytest.raises(ConnectorError) as raised:
            await connector.attempt(effect(ability))
    return raised.value, server


async def test_the_token_is_asked_for_at_the_tenant_with_the_secret_in_the_form() -> None:
    entra = Entra()
    async with entra.connected() as (connector, server):
        await connector.attempt(effect("disable_account"))
    assert entra.token_requests == [
        (
            "/example.onmicrosoft.com/oauth2/v2.0/token",
            {
                "grant_type": "client_credentials",
                "scope": "https://graph.microsoft.com/.default",
                "client_id": "app-1",
                "client_secret": SECRET,
            },
        )
    ]
    [change] = [asked for asked in server.asked if asked.method == "PATCH"]
    assert (change.target, json.loads(change.body)) == (f"/v1.0/users/{ID}", {"accountEnabled": False})
    assert "effect-key" not in change.headers


async def test_a_refused_secret_needs_a_person_and_is_not_repeated_in_the_error() -> None:
    entra = Entra()
    async with entra.connected(secret="wr0ng-secret") as (connector, server):
        checked = await connector.check()
    assert not checked.reachable
    assert "credential_refused" in checked.detail and "wr0ng" not in checked.detail
    assert server.asked == []


async def test_a_token_that_ended_between_two_changes_repeats_neither() -> None:
    entra = Entra(ends_at=2)
    async with entra.connected() as (connector, _):
        reply = await connector.attempt(effect("remove_from_groups"))
    assert len(entra.token_requests) == 2
    assert entra.changes == [f"DELETE /v1.0/groups/{group['id']}/members/{ID}/$ref" for group in GROUPS]
    assert [group["id"] for group in reply.detail["left_groups"]] == [group["id"] for group in GROUPS]


@pytest.mark.parametrize(
    ("ability", "ends_at", "happened"), [("disable_account", 1, "no"), ("remove_from_groups", 2, "unknown")]
)
async def test_a_second_401_is_reported(ability: str, ends_at: int, happened: str) -> None:
    entra = Entra(ends_at=ends_at, for_good=True)
    problem, _ = await failure(entra, ability)
    assert (type(problem), problem.code, problem.happened) == (ActionRequiredError, "credential_refused", happened)
    assert len(entra.token_requests) == 2
    assert len(entra.changes) == ends_at - 1
    assert "token-2" not in problem.detail


@pytest.mark.parametrize(("status", "code"), [(429, "too_many_requests"), (503, "system_failed")])
async def test_a_change_that_meets_a_limit_did_nothing(status: int, code: str) -> None:
    entra = Entra(first_change=error(status, "TooManyRequests", {"Retry-After": "600"}))
    problem, _ = await failure(entra, "disable_account")
    assert (type(problem), problem.code, problem.happened) == (TryAgainError, code, "no")
    assert problem.retry_after == 600
    assert entra.changes == []
