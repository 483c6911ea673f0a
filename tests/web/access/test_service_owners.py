"""A service has an owner and a deputy. It goes on with the deputy when the owner leaves, or an exception says so."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from orchestrator import commands
from orchestrator.domain.permissions.levels import Actor
from orchestrator.embedded.stack import Stack
from orchestrator.relay import Cadence
from orchestrator.worker import relaying
from tests.cli.command_line import hired
from tests.web.access.test_sessions import leaves
from tests.web.api.running import refused
from tests.web.conftest import Program, Visit
from tests.web.visitor import api

FEED = {"name": "HR feed", "kind": "service", "roles": ["hr_system"], "up_to": "prepare", "lasts_days": 30}
OFTEN = Cadence(follow=0.1, deciders=0.3, deciders_after_change=0.1)


async def safety_owner(stack: Stack, role: str = "safety_owner") -> tuple[Actor, str]:
    """A further person with this role, and their employee number."""
    person = await hired(stack)
    packet = (await stack.backend.runs.shelf("standard-leaver")).current
    assert packet is not None
    actor = await stack.people(packet).actor(f"owns-{person.employee_number}", person.employee_number, [role])
    await commands.record_actor(stack.services, actor)
    return actor, person.employee_number


async def feed(owner: httpx.AsyncClient, **more: Any) -> dict[str, Any]:
    answer = await owner.post("/tokens", json=FEED | more)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def listed(owner: httpx.AsyncClient, token: dict[str, Any]) -> dict[str, Any]:
    tokens = (await owner.get("/tokens", params={"all": True})).json()["tokens"]
    return next(one for one in tokens if one["token_id"] == token["token_id"])


async def asked_in(owner: httpx.AsyncClient, run_id: str) -> list[str]:
    """The services about which the run asks the safety owner."""
    found = (await owner.get("/exceptions", params={"run": run_id})).json()["exceptions"]
    waiting = [one for one in found if one["kind"] == "service_without_owner" and one["closed_at"] is None]
    return [one["code"] for one in waiting]


async def test_a_feed_outlives_its_owner_if_it_has_a_deputy(stack: Stack, program: Program) -> None:
    owner = await program("safety-owner")
    leaver, number = await safety_owner(stack)
    with_deputy, without = await feed(owner, deputy="operator"), await feed(owner)
    assert (with_deputy["owner"], with_deputy["deputy"], with_deputy["has_owner"]) == ("safety-owner", "operator", True)
    for token, deputy in ((with_deputy, "operator"), (without, None)):
        body = {"owner": leaver.actor_id, "deputy": deputy}
        assert (await owner.post(f"/tokens/{token['token_id']}/owners", json=body)).status_code == 204
    terms = {"packet": "standard-leaver", "person": number, "cutoff": "2035-01-05T18:00"}
    preview = (await (await program("hr")).post("/previews", json=terms)).json()
    warned = [one for one in preview["warnings"] if one["kind"] == "service_without_owner"]
    assert len(warned) == 1 and without["actor_id"] in warned[0]["message"]
    duties = {(one["kind"], one["name"]): one for one in preview["duties"]}
    assert duties["service", with_deputy["actor_id"]]["passes_to"] == ["operator"]
    assert duties["service", without["actor_id"]]["missing"]
    assert "safety-owner" in duties["role", "safety_owner"]["passes_to"]
    assert not duties["packet_owner", "standard-leaver"]["missing"]
    run_id = await leaves(stack, number, "2035-01-05T18:00")
    assert await asked_in(owner, run_id) == [without["actor_id"]], "it is asked at the start, years before the cutoff"
    hr = await program("hr")
    async with api(stack.url, with_deputy["token"]) as lasting, api(stack.url, without["token"]) as ending:
        assert (await lasting.get("/me")).status_code == (await ending.get("/me")).status_code == 200
        moved = {"cutoff": "2026-01-05T18:00", "zone": "Europe/Berlin"}
        assert (await hr.post(f"/runs/{run_id}/reschedule", json=moved)).status_code < 300
        assert (await lasting.get("/me")).status_code == 200
        assert (await ending.get("/me")).status_code == 401
        body = {"owner": "safety-owner", "deputy": "operator"}
        assert (await owner.post(f"/tokens/{without['token_id']}/owners", json=body)).status_code == 204
        assert (await ending.get("/me")).status_code == 200, "the token itself was not lost"
    async with relaying(stack.backend, stack.engine, cadence=OFTEN), asyncio.timeout(60):
        while await asked_in(owner, run_id):
            await asyncio.sleep(0.1)


async def test_only_a_safety_owner_names_people_who_can_answer(stack: Stack, program: Program) -> None:
    owner, hr = await program("safety-owner"), await program("hr")
    token, helper = await feed(owner), await feed(owner, kind="assistant", roles=[])
    at = f"/tokens/{token['token_id']}/owners"
    refused(await hr.post(at, json={"owner": "hr"}), 403, "not_an_owner")
    refused(await owner.post(at, json={"owner": "stranger"}), 422, "owner_unsuitable")
    refused(await owner.post(at, json={"owner": token["actor_id"]}), 422, "owner_unsuitable")
    refused(await owner.post(at, json={"owner": "it", "deputy": "it"}), 422, "owner_unsuitable")
    refused(await owner.post(f"/tokens/{helper['token_id']}/owners", json={"owner": "it"}), 422, "deputy_of_service")
    refused(
        await owner.post("/tokens", json=FEED | {"kind": "assistant", "roles": [], "deputy": "it"}),
        422,
        "deputy_of_service",
    )
    assert (await owner.post(at, json={"owner": "it", "deputy": "operator"})).status_code == 204
    shown = await listed(owner, token)
    assert (shown["owner"], shown["deputy"], shown["made_by"]) == ("it", "operator", "safety-owner")
    assert (await listed(owner, helper))["owner"] is None


async def test_a_lost_role_leaves_the_feed_working_and_the_list_says_so(
    stack: Stack, program: Program, visit: Visit
) -> None:
    owner = await program("safety-owner")
    token = await feed(owner)
    first, _ = await safety_owner(stack, "operator")
    body = {"owner": first.actor_id}
    assert (await owner.post(f"/tokens/{token['token_id']}/owners", json=body)).status_code == 204
    by = (await stack.backend.runs.organisation()).actors["safety-owner"]
    await commands.revoke_roles(stack.services, by, "standard-leaver", first.actor_id, ["operator"])
    assert (await listed(owner, token))["has_owner"] is False
    async with api(stack.url, token["token"]) as client:
        assert (await client.get("/me")).status_code == 200
    browser = await visit("safety-owner")
    assert "No owner who can act" in (await browser.get("/tokens")).text
    said = await browser.submit(f"/tokens/{token['token_id']}/owners", {"owner": "safety-owner", "deputy": "it"})
    assert "answers for the service" in said.text
    shown = await listed(owner, token)
    assert (shown["owner"], shown["deputy"], shown["has_owner"]) == ("safety-owner", "it", True)
