"""Tokens of services and assistants: what they are worth, and for how long. Webhooks that tell what happens."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import psycopg
import pytest

from orchestrator import commands
from orchestrator.documents.runs.questions import FindPeople
from orchestrator.domain import events as e
from orchestrator.domain.errors import NotAllowed
from orchestrator.domain.permissions.levels import Level
from orchestrator.embedded.stack import Stack
from orchestrator.ledger.access.tokens import Tokens
from orchestrator.web.inquiries import Inquiries
from tests.integration.installation import conninfo
from tests.web.api.running import Leavers, gate_of, planned, refused, served, start, until, wanted
from tests.web.conftest import Program
from tests.web.routes.routes_company import packet_named
from tests.web.visitor import api, token_of

ASSISTANT = {"name": "Helper", "kind": "assistant", "roles": [], "up_to": "prepare", "lasts_days": 2}
MUCH_LATER = {"cutoff": "2126-12-06T17:00", "zone": "UTC"}


async def made(owner: httpx.AsyncClient, **more: Any) -> dict[str, Any]:
    answer = await owner.post("/tokens", json=ASSISTANT | more)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_token_is_made_by_a_safety_owner_for_a_program_that_decides_nothing(program: Program) -> None:
    owner, it = await program("safety-owner"), await program("it")
    refused(await it.post("/tokens", json=ASSISTANT), 403, "not_an_owner")
    refused(await owner.post("/tokens", json=ASSISTANT | {"roles": ["it_approver"]}), 422, "role_of_people")
    refused(await owner.post("/tokens", json=ASSISTANT | {"roles": ["safety_owner"]}), 422, "role_of_people")
    refused(await owner.post("/tokens", json=ASSISTANT | {"kind": "person"}), 422, "invalid_request")
    refused(await owner.post("/tokens", json=ASSISTANT | {"lasts_days": 400}), 422, "invalid_request")


async def test_a_token_whose_revocation_is_recorded_is_refused_whatever_its_row_says(
    program: Program, stack: Stack
) -> None:
    """A process can stop after the event, and before it changes the row."""
    token = await made(await program("safety-owner"), up_to="read")
    owner = (await stack.backend.runs.organisation()).actors["safety-owner"]
    revoked = e.TokenRevoked(
        token_id=token["token_id"], actor_id=token["actor_id"], by=owner.actor_id, human=owner.human
    )
    async with api(stack.url, token["token"]) as client:
        assert (await client.get("/me")).status_code == 200
        await stack.backend.runs.update_organisation(lambda known, now: [revoked])
        assert (await client.get("/me")).status_code == 401
    row = await Tokens(stack.backend.database).get(token["token_id"])
    assert row is not None and row.revoked_at is None


async def test_an_assistant_has_no_permission_from_the_starter_packet(
    program: Program, stack: Stack, leaver: Leavers
) -> None:
    owner, hr, person = await program("safety-owner"), await program("hr"), await leaver()
    run_id = await start(hr, await leaver())
    await until(hr, run_id, planned)
    reader = await made(owner, up_to="read")
    async with api(stack.url, reader["token"]) as client:
        me = (await client.get("/me")).json()
        assert (me["actor_id"], me["kind"], me["up_to"]) == (f"s_{reader['token_id']}", "assistant", "read")
        assert me["levels"] == []
        refused(await client.get(f"/runs/{run_id}"), 404, "unknown_run")
        assert {one["name"] for one in (await client.get("/staff")).json()["members"]} == {None}
        refused(await client.post("/runs", json=wanted(person)), 422, "unknown_packet")
        refused(
            await client.post("/people/search", json={"packet": "standard-leaver", "text": "mira"}),
            422,
            "unknown_packet",
        )
        refused(await client.post(f"/runs/{run_id}/hold", json={}), 404, "unknown_run")
        refused(await client.post("/tokens", json=ASSISTANT), 403, "access_limited")
    writer = await made(owner)
    async with api(stack.url, writer["token"]) as client:
        refused(await client.post("/runs", json=wanted(person)), 422, "unknown_packet")
        gate = f"/runs/{run_id}/gates/g-access-1/decision"
        refused(await client.post(gate, json={"verdict": "approve"}), 404, "unknown_run")
        refused(await client.post(f"/runs/{run_id}/reschedule", json=MUCH_LATER), 404, "unknown_run")
        refused(await client.post(f"/runs/{run_id}/end", json={"reason": "x"}), 404, "unknown_run")
        refused(await client.post("/runs", json=wanted(person, urgent=True)), 403, "step_up_needed")


async def test_an_assistant_with_every_permission_reads_and_changes_nothing(
    program: Program, stack: Stack, leaver: Leavers
) -> None:
    hr, value, safety = await program("hr"), await program("value-owner"), await program("safety-owner")
    texts = packet_named("assisted")
    texts["platform"] = texts["platform"].replace(
        "levels:\n", 'levels:\n  - {who: "*", kind: assistant, up_to: change}\n'
    )
    version = (await value.post("/packets", json=texts)).json()["version"]
    at = f"/packets/assisted/versions/{version}"
    for owner in (value, safety):
        assert (await owner.post(f"{at}/signatures", json={"phase": "shadow"})).status_code < 300
    assert (await value.post(f"{at}/moves", json={"phase": "shadow"})).status_code < 300
    run_id = await start(hr, await leaver(), packet="assisted")
    person = await leaver()
    first = (await stack.backend.runs.organisation()).actors["safety-owner"]
    second = first.model_copy(update={"actor_id": "second-safety-owner"})
    await commands.record_actor(stack.services, second)
    text, helper = await commands.make_token(
        stack.services,
        Tokens(stack.backend.database),
        second,
        ["assisted"],
        name="Helper",
        kind="assistant",
        roles=(),
        up_to=Level.PREPARE,
        lasts=timedelta(hours=1),
    )
    worker = Inquiries(stack.backend.database, stack.backend.keyring, stack.engine)
    search = FindPeople(packet="assisted", text="ab")
    async with api(stack.url, text) as client:
        assert (await client.get(f"/runs/{run_id}")).status_code == 200
        assert await worker.ask(helper.actor_id, search)
        await commands.revoke_roles(stack.services, first, "assisted", second.actor_id, sorted(second.roles))
        refused(await client.get(f"/runs/{run_id}"), 404, "unknown_run")
        assert (await client.get("/runs")).json()["runs"] == []
        with pytest.raises(NotAllowed, match="level_not_granted"):
            await worker.ask(helper.actor_id, search)
    assistant = await made(safety, up_to="change")
    async with api(stack.url, assistant["token"]) as client:
        unread = dict.fromkeys(("workflow", "platform", "approvals"), "]")
        problem = refused(await client.post("/packets", json=unread), 403, "only_people_govern")
        assert "workflow.yaml" not in str(problem), "the files of an account that adopts no packet are not read"
        assert (await client.get(f"/runs/{run_id}")).status_code == 200
        assert (await client.post("/people/search", json={"packet": "assisted", "text": "a"})).status_code == 200
        refused(await client.post("/runs", json=wanted(person, packet="assisted")), 403, "only_people")
        for command, body in (
            ("reschedule", MUCH_LATER),
            ("reschedule", {"cutoff": "2027-01-06T17:00", "zone": "UTC"}),
            ("hold", {}),
            ("release", {}),
            ("replan", {}),
            ("end", {"reason": "x"}),
            ("steps/look/skip", {"reason": "x"}),
        ):
            refused(await client.post(f"/runs/{run_id}/{command}", json=body), 403, "only_people")
        held = {"packet": "assisted", "reason": "x"}
        refused(await client.post("/systems/identity/hold", json=held), 403, "only_people")
    assert (await value.post(f"{at}/moves", json={"phase": "retired"})).status_code < 300


async def test_a_service_that_starts_runs_changes_none_of_them(program: Program, stack: Stack, leaver: Leavers) -> None:
    owner, person = await program("safety-owner"), await leaver()
    feed = await made(owner, kind="service", roles=["hr_system"])
    async with api(stack.url, feed["token"]) as client:
        run_id = await start(client, person)
        for command, body in (
            ("reschedule", MUCH_LATER),
            ("hold", {}),
            ("release", {}),
            ("end", {"reason": "x"}),
        ):
            refused(await client.post(f"/runs/{run_id}/{command}", json=body), 403, "only_people")
        held = {"packet": "standard-leaver", "reason": "x"}
        refused(await client.post("/systems/code/hold", json=held), 403, "only_people")
    run = await until(owner, run_id, lambda run: any(gate["gate"] == "deletion" for gate in run["gates"]))
    decision = f"/runs/{run_id}/gates/{gate_of(run, 'deletion')['gate_id']}/decision"
    refused(await owner.post(decision, json={"verdict": "approve"}), 403, "requester_never_decides")


async def test_a_service_has_only_what_is_granted_to_services(program: Program, stack: Stack, leaver: Leavers) -> None:
    owner, hr = await program("safety-owner"), await program("hr")
    run_id = await start(hr, await leaver())
    service = await made(owner, kind="service", roles=["auditor"])
    async with api(stack.url, service["token"]) as client:
        refused(await client.get(f"/runs/{run_id}"), 404, "unknown_run")
        assert (await client.get("/runs")).json()["runs"] == []
        assert (await client.get("/packets")).json()["packets"] == []
        assert (await client.get("/ledger")).json()["events"] is None
        refused(await client.post("/ledger/verifications"), 403, "nothing_granted")


async def test_a_token_ends_when_it_is_revoked_by_the_person_who_made_it(program: Program, stack: Stack) -> None:
    owner, it = await program("safety-owner"), await program("it")
    token = await made(owner)
    async with api(stack.url, token["token"]) as client:
        assert (await client.get("/me")).status_code == 200
        refused(await it.delete(f"/tokens/{token['token_id']}"), 404, "unknown_token")
        assert (await owner.delete(f"/tokens/{token['token_id']}")).status_code == 204
        refused(await owner.delete(f"/tokens/{token['token_id']}"), 404, "unknown_token")
        refused(await client.get("/me"), 401, "token_needed")
    listed = {one["token_id"]: one for one in (await owner.get("/tokens")).json()["tokens"]}
    assert listed[token["token_id"]]["revoked_at"] and "token" not in listed[token["token_id"]]
    assert token["token_id"] not in (await it.get("/tokens")).text


async def test_a_token_ends_by_itself(program: Program, stack: Stack) -> None:
    token = await made(await program("safety-owner"), lasts_days=1)
    async with await psycopg.AsyncConnection.connect(conninfo(stack.settings.database_url), autocommit=True) as raw:
        await raw.execute(
            "UPDATE access.tokens SET expires_at = created_at + interval '1 ms' WHERE token_id = %s",
            (token["token_id"],),
        )
    async with api(stack.url, token["token"]) as client:
        refused(await client.get("/me"), 401, "token_needed")


async def test_webhooks_are_a_safety_owners_and_their_secrets_are_shown_once(stack: Stack) -> None:
    async with (
        served(stack, webhook_hosts=("hooks.example.com",)) as url,
        api(url, await token_of(url, "safety-owner")) as owner,
        api(url, await token_of(url, "it")) as it,
    ):
        hook = {"url": "https://hooks.example.com/offboard", "types": ["run"], "packets": ["standard-leaver"]}
        refused(await it.post("/webhooks", json=hook), 403, "not_an_owner")
        refused(await it.get("/webhooks"), 403, "not_an_owner")
        refused(
            await owner.post("/webhooks", json=hook | {"url": "https://elsewhere.example/"}), 403, "host_not_allowed"
        )
        refused(await owner.post("/webhooks", json=hook | {"url": "http://hooks.example.com/"}), 422, "not_encrypted")
        refused(await owner.post("/webhooks", json=hook | {"types": ["weather"]}), 422, "unknown_event_type")
        refused(await owner.post("/webhooks", json=hook | {"packets": ["nosuch"]}), 422, "unknown_packet")
        key = {"Idempotency-Key": "a-webhook"}
        made_once = await owner.post("/webhooks", json=hook, headers=key)
        assert made_once.status_code == 201 and made_once.json()["secret"].startswith("whsec_")
        assert (await owner.post("/webhooks", json=hook, headers=key)).json()["secret"] is None
        hook_id = made_once.json()["hook_id"]
        assert made_once.json()["secret"] not in (await owner.get("/webhooks")).text
        rotated = await owner.post(f"/webhooks/{hook_id}/secret")
        assert rotated.status_code == 200 and rotated.json()["secret"] != made_once.json()["secret"]
        assert (await owner.delete(f"/webhooks/{hook_id}")).status_code == 204
        [shown] = [one for one in (await owner.get("/webhooks")).json()["webhooks"] if one["hook_id"] == hook_id]
        assert shown["disabled_at"]
        refused(await owner.delete("/webhooks/w_0000000000000000"), 404, "unknown_webhook")


async def test_tokens_and_webhooks_are_revoked_with_a_reason_that_is_encrypted(stack: Stack) -> None:
    async with (
        served(stack, webhook_hosts=("hooks.example.com",)) as url,
        api(url, await token_of(url, "safety-owner")) as owner,
    ):
        token = await made(owner)
        hook = (await owner.post("/webhooks", json={"url": "https://hooks.example.com/offboard"})).json()
        for at in (f"/tokens/{token['token_id']}", f"/webhooks/{hook['hook_id']}"):
            for wrong in ({"reason": ""}, {"reason": "x" * 4001}, {"why": "It was found in a mail."}):
                refused(await owner.request("DELETE", at, json=wrong), 422, "invalid_request")
            said = {"reason": f"{at} was found in a mail."}
            assert (await owner.request("DELETE", at, json=said)).status_code == 204
            events = (await owner.get("/ledger/history", params={"actor": "safety-owner"})).json()["events"]
            assert said["reason"] in [
                one["reason"] for one in events if one["type"] in ("TokenRevoked", "WebhookDisabled")
            ]
    async with await psycopg.AsyncConnection.connect(conninfo(stack.settings.database_url)) as raw:
        rows = await (await raw.execute("SELECT stored::text FROM ledger.events")).fetchall()
    assert rows and not [row for row in rows if b"was found in a mail".hex() in row[0] or "found in a mail" in row[0]]


async def test_a_safety_owner_takes_access_back_over_the_api(program: Program, stack: Stack) -> None:
    owner, it = await program("safety-owner"), await program("it")
    first = (await stack.backend.runs.organisation()).actors["auditor"]
    other = first.model_copy(update={"actor_id": "another-auditor"})
    await commands.record_actor(stack.services, other)
    text, token = await Tokens(stack.backend.database).make(
        other.actor_id, label="t", made_by=other.actor_id, up_to=Level.READ, lasts=timedelta(hours=1)
    )
    at, wanted_roles = f"/staff/{other.actor_id}", {"packet": "standard-leaver", "roles": ["auditor"]}
    refused(await it.post(f"{at}/roles/revoke", json=wanted_roles), 403, "role_missing")
    refused(await it.post(f"{at}/sessions/end"), 403, "not_an_owner")
    refused(await it.get("/sessions"), 403, "not_an_owner")
    refused(await it.get("/tokens?all=true"), 403, "not_an_owner")
    async with api(stack.url, text) as client:
        assert (await client.get("/me")).json()["roles"] == ["auditor"]
        assert (await owner.post(f"{at}/roles/revoke", json=wanted_roles)).json()["changed"] is True
        assert (await owner.post(f"{at}/roles/revoke", json=wanted_roles)).json()["changed"] is False
        assert (await client.get("/me")).json()["roles"] == []
        assert [one["actor_id"] for one in (await client.get("/staff")).json()["members"]] == [other.actor_id]
        assert token.token_id in (await owner.get("/tokens?all=true")).text
        assert (await owner.post(f"{at}/sessions/end")).status_code == 204
        refused(await client.get("/me"), 401, "token_needed")
    assert (await owner.get("/sessions")).status_code == 200
    happened = (await owner.get("/ledger/history", params={"actor": other.actor_id})).json()["events"]
    assert {"SessionsEnded", "RolesRevoked"} <= {one["type"] for one in happened}
