"""What a client reads when the ledger fails: the administrator's remedy, which may be a command, is in the log only."""

from __future__ import annotations

import httpx
import pytest
from fastapi import FastAPI

from orchestrator.ledger.book.errors import LedgerError, LedgerUnavailable, UnreadableEvent, WrongMasterKey
from orchestrator.web.requests.problems import add_problems
from tests.web.api.running import refused


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (
            LedgerUnavailable("PostgreSQL", "its tables do not exist", "Run: offboard ledger migrate"),
            503,
            "ledger_unavailable",
        ),
        (
            UnreadableEvent("stored event", "it ends inside a field", "Run `offboard ledger verify`"),
            500,
            "ledger_fault",
        ),
        (WrongMasterKey("master key", "it is another one", "Put the new key first"), 500, "ledger_fault"),
    ],
)
async def test_no_command_reaches_a_client(
    error: LedgerError, status: int, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    application = FastAPI()
    add_problems(application)

    @application.get("/api/v1/fails")
    async def fails() -> None:
        raise error

    async with httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://here") as client:
        problem = refused(await client.get("/api/v1/fails"), status, code)
    assert problem["remedy"].endswith(".")
    assert ("master key" in problem["detail"]) == isinstance(error, WrongMasterKey)
    assert error.remedy in caplog.text
