"""People and access: a safety owner revokes roles, sessions and tokens on the page, with a reason in the ledger."""

from __future__ import annotations

import html
import secrets

from orchestrator import commands
from orchestrator.domain.permissions.levels import Actor
from orchestrator.embedded.stack import Stack
from tests.web.conftest import Program, Visit
from tests.web.pages.pressing import ParsedPage, press
from tests.web.visitor import Visitor


async def _colleague(stack: Stack, *roles: str) -> str:
    """An account of a user whom no other test knows."""
    actor_id = f"colleague-{secrets.token_hex(4)}"
    human = await stack.services.keyring.create_person()
    actor = Actor(actor_id=actor_id, roles=frozenset(roles), human=human)
    await commands.record_actor(stack.services, actor, name=f"Colleague {actor_id}")
    return actor_id


def _card(page: str, name: str) -> str:
    """The id of the card with this name in its heading."""
    before = page[: page.index(f"<h3>{html.escape(name)}</h3>")]
    return before[before.rindex('<li class="card" id="') :].split('"')[3]


async def _reasons(program: Program, actor: str, kind: str) -> list[str | None]:
    history = (await (await program("auditor")).get("/ledger/history", params={"actor": actor})).json()
    return [one["reason"] for one in history["events"] if one["type"] == kind]


async def test_roles_are_revoked_with_a_reason(stack: Stack, visit: Visit, program: Program) -> None:
    actor_id, owner = await _colleague(stack, "operator", "auditor"), await visit("safety-owner")
    place = _card((await owner.get("/staff")).text, f"Colleague {actor_id}")

    nothing = await press(owner, "/staff", "Revoke roles", inside=place, fill={"reason": "Left the team"})
    assert nothing.status_code == 422 and "No role is selected." in ParsedPage(nothing.text).text
    without = await press(owner, "/staff", "Revoke roles", inside=place, tick=["operator"])
    assert without.status_code == 422 and "A reason is required." in ParsedPage(without.text).text
    assert (await stack.services.runs.organisation()).actors[actor_id].roles == {"operator", "auditor"}

    done = await press(
        owner, "/staff", "Revoke roles", inside=place, tick=["operator"], fill={"reason": "Left the team"}
    )
    assert f"Colleague {actor_id}: Operator revoked." in ParsedPage(done.text).text
    assert (await stack.services.runs.organisation()).actors[actor_id].roles == {"auditor"}
    assert await _reasons(program, actor_id, "RolesRevoked") == ["Left the team"]
    auditor = await visit("auditor")
    assert "“Left the team”" in (await auditor.get("/ledger", params={"actor": actor_id})).text


async def test_sessions_are_ended_with_a_reason(stack: Stack, visit: Visit, program: Program) -> None:
    browser, owner = await visit("finance"), await visit("safety-owner")
    name = (await stack.backend.runs.organisation()).recorded["finance"].name
    assert name is not None
    place = _card((await owner.get("/staff")).text, name)
    done = await press(owner, "/staff", "End sessions", inside=place, fill={"reason": "A browser was left open"})
    assert f"All sessions of {name} have ended." in ParsedPage(done.text).text
    assert str((await browser.get("/runs")).url.path) == "/sign-in"
    assert "A browser was left open" in await _reasons(program, "finance", "SessionsEnded")


async def test_a_token_that_another_created_is_revoked_with_a_reason(
    stack: Stack, visit: Visit, program: Program
) -> None:
    owner = await visit("safety-owner")
    body = {"name": "Nightly feed", "kind": "service", "roles": [], "up_to": "read", "lasts_days": 1}
    made = (await (await program("safety-owner")).post("/tokens", json=body)).json()
    place = f"token-{made['token_id']}"
    without = await press(owner, "/staff", "Revoke token", inside=place)
    assert without.status_code == 422
    done = await press(owner, "/staff", "Revoke token", inside=place, fill={"reason": "The vendor changed"})
    assert "The token is revoked." in ParsedPage(done.text).text and place not in done.text
    assert await _reasons(program, made["actor_id"], "TokenRevoked") == ["The vendor changed"]


async def test_a_token_on_ones_own_list_is_revoked_with_a_reason(visit: Visit, program: Program) -> None:
    body = {"name": "Weekly feed", "kind": "service", "roles": [], "up_to": "read", "lasts_days": 1}
    made = (await (await program("safety-owner")).post("/tokens", json=body)).json()
    place = f"{made['token_id']}-revoke"
    done = await press(
        await visit("safety-owner"), "/tokens", "Revoke token", inside=place, fill={"reason": "The report has ended"}
    )
    assert "The token is revoked." in ParsedPage(done.text).text
    assert await _reasons(program, made["actor_id"], "TokenRevoked") == ["The report has ended"]


async def test_a_reason_has_the_same_limit_on_every_page(stack: Stack, visit: Visit, program: Program) -> None:
    actor_id, owner = await _colleague(stack, "operator"), await visit("safety-owner")
    too_long = {"role": "operator", "system": "identity", "reason": "x" * 4001}
    for path in (
        f"/staff/{actor_id}/roles/revoke",
        f"/staff/{actor_id}/sessions/end",
        "/staff/tokens/0123456789abcdef/revoke",
        "/tokens/0123456789abcdef/revoke",
        "/webhooks/w_0123456789abcdef/disable",
        "/systems/standard-leaver/hold",
        "/runs/r0123456789abcdef/end",
    ):
        answer = await owner.submit(path, too_long)
        assert answer.status_code == 422, path
        assert "The reason has 4,001 characters; the limit is 4,000." in ParsedPage(answer.text).text, path
    assert (await owner.submit(f"/staff/{actor_id}/roles/revoke", too_long | {"reason": "x" * 4000})).status_code == 200
    assert await _reasons(program, actor_id, "RolesRevoked") == ["x" * 4000]


async def test_the_page_and_its_forms_are_for_a_safety_owner_alone(stack: Stack, visit: Visit) -> None:
    actor_id = await _colleague(stack, "operator")
    forms = (
        (f"/staff/{actor_id}/roles/revoke", {"role": "operator", "reason": "r"}),
        (f"/staff/{actor_id}/sessions/end", {"reason": "r"}),
    )
    for alias in ("hr", "operator", "value-owner", "auditor"):
        browser: Visitor = await visit(alias)
        assert (await browser.get("/staff")).status_code == 403
        for path, fields in forms:
            assert (await browser.submit(path, fields)).status_code == 403, (alias, path)
    assert (await stack.services.runs.organisation()).actors[actor_id].roles == {"operator"}
