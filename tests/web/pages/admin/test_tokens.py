"""Tokens on their page: made, shown once, revoked."""

from __future__ import annotations

import re
from typing import Any

from orchestrator.embedded.stack import Stack
from tests.web.conftest import Visit
from tests.web.visitor import Visitor, api

_TOKEN = re.compile(r"obt_[0-9a-f]{16}_[A-Za-z0-9_-]{43}")
NEW = {"name": "A nightly report", "kind": "assistant", "up_to": "read", "days": "30"}


async def _made(browser: Visitor) -> str:
    page = await browser.submit("/tokens", NEW)
    found = _TOKEN.search(page.text)
    assert page.status_code == 200 and found is not None, page.text
    return found[0]


async def test_a_token_is_shown_once_works_and_is_revoked(stack: Stack, visit: Visit) -> None:
    owner = await visit("safety-owner")
    token = await _made(owner)
    page = await owner.get("/tokens")
    assert "A nightly report" in page.text and _TOKEN.search(page.text) is None
    async with api(stack.url, token) as program:
        me = (await program.get("/me")).json()
        assert (me["kind"], me["up_to"]) == ("assistant", "read")
        token_id = token.split("_")[1]
        assert (await (await visit("hr")).submit(f"/tokens/{token_id}/revoke")).status_code == 404
        assert (await program.get("/me")).status_code == 200, "nobody revokes what they did not make"
        revoked = await owner.submit(f"/tokens/{token_id}/revoke")
        assert "The token is revoked" in revoked.text
        assert (await program.get("/me")).status_code == 401


async def test_only_a_safety_owner_lets_programs_in(visit: Visit) -> None:
    for alias in ("hr", "auditor", "operator", "value-owner"):
        browser = await visit(alias)
        page = await browser.get("/tokens")
        assert page.status_code == 200 and "Create API token" not in page.text, alias
        refused = await browser.submit("/tokens", NEW)
        assert refused.status_code == 403 and _TOKEN.search(refused.text) is None, alias


async def test_what_is_missing_for_a_token_is_said_and_what_was_typed_stays(visit: Visit) -> None:
    owner = await visit("safety-owner")
    wrongs: tuple[dict[str, Any], ...] = (
        {"name": ""},
        {"kind": "person"},
        {"up_to": "everything"},
        {"days": "4000"},
        {"roles": ["it_approver"]},
    )
    for wrong in wrongs:
        page = await owner.submit("/tokens", {**NEW, **wrong})
        assert page.status_code in (404, 422), wrong
        assert _TOKEN.search(page.text) is None and 'role="alert"' in page.text
        assert wrong.get("name") == "" or "A nightly report" in page.text


async def test_ones_own_command_line_is_listed(stack: Stack, visit: Visit) -> None:
    browser = await visit("finance")
    begun = await browser.post("/api/v1/sign-in/local", json={"alias": "finance"})
    assert begun.status_code == 200
    page = await browser.get("/tokens")
    assert "local sign-in" in page.text and begun.json()["token"] not in page.text
