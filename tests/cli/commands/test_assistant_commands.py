"""Assistants at the terminal: what they requested, and their stop."""

from __future__ import annotations

from orchestrator.embedded.stack import Stack
from tests.cli.command_line import Offboard
from tests.web.visitor import api, token_of

HELPER = {"name": "Reads at the terminal", "kind": "assistant", "roles": [], "up_to": "read", "lasts_days": 30}


async def test_an_assistant_is_listed_stopped_and_resumed(offboard: Offboard, stack: Stack) -> None:
    async with api(stack.url, await token_of(stack.url, "safety-owner")) as owner:
        token = (await owner.post("/tokens", json=HELPER)).json()
    account = token["actor_id"]
    async with api(stack.url, token["token"]) as assistant:
        assert (await assistant.get("/me")).status_code == 200
        assert (await assistant.get("/runs/r0000000000000000")).status_code == 404
        listed = (await offboard.done("assistants", as_="value-owner")).out
        assert account in listed and "Reads at the terminal" in listed
        [shown] = [
            one
            for one in (await offboard.done("assistants", "--json", as_="value-owner")).json["assistants"]
            if one["actor_id"] == account
        ]
        assert (shown["calls_today"], shown["refused_today"], shown["stopped"]) == (2, 1, False)
        said = (await offboard.done("assistants", "calls", account, as_="safety-owner")).out
        assert "GET /api/v1/me" in said and "unknown_run" in said
        none = await offboard.done("assistants", "calls", account, "--date", "2026-01-01", as_="safety-owner")
        assert "no request on 2026-01-01" in none.out
        assert account not in (await offboard.done("assistants", as_="hr")).out
        assert "Only " in await offboard.refused("assistants", "stop", account, as_="hr")
        stopped = await offboard.done(
            "assistants", "stop", account, "--reason", "It reads too much.", as_="value-owner"
        )
        assert f"Assistant {account} is stopped." in stopped.out
        assert (await assistant.get("/me")).json()["code"] == "assistant_stopped"
        assert "Stopped" in (await offboard.done("assistants", as_="safety-owner")).out
        assert "Only " in await offboard.refused("assistants", "resume", account, as_="value-owner")
        assert "resumed" in (await offboard.done("assistants", "resume", account, as_="safety-owner")).out
        assert (await assistant.get("/me")).status_code == 200
    error = await offboard.refused("assistants", "stop", "no-such", as_="safety-owner")
    assert "no assistant with this account" in error and "offboard assistants" in error
