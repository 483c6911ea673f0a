"""A web process of an installation, and programs that use its API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx

from orchestrator.domain.permissions.levels import Level
from orchestrator.ledger.access.tokens import Tokens
from orchestrator.web.serving import listening, serving
from orchestrator.web.settings import WebSettings
from tests.integration.installation import Installation


@asynccontextmanager
async def web_process(here: Installation) -> AsyncIterator[str]:
    """Its address."""
    on = listening("127.0.0.1", 0)
    url = f"http://127.0.0.1:{on.getsockname()[1]}"
    try:
        async with serving(WebSettings(public_url=url), here.services, here.engine, here.backend.database, on):
            yield url
    finally:
        on.close()


async def token_for(here: Installation, account: str) -> dict[str, str]:
    """The header with an API token that this account made."""
    made = await Tokens(here.backend.database).make(
        account, label="trial", made_by=account, up_to=Level.CHANGE, lasts=timedelta(days=30)
    )
    return {"Authorization": f"Bearer {made[0]}"}


async def approve(client: httpx.AsyncClient, run: str, gate_id: str, token: dict[str, str]) -> tuple[int, str]:
    """Status and code of the answer."""
    answer = await client.post(
        f"/api/v1/runs/{run}/gates/{gate_id}/decision", json={"verdict": "approve"}, headers=token
    )
    return answer.status_code, str(answer.json().get("code", ""))
