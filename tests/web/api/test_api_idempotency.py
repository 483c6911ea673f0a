"""The same key with the same request gets the same answer, and nothing is done twice."""

from __future__ import annotations

import asyncio
import secrets
from datetime import UTC, datetime, timedelta

from orchestrator.embedded.stack import Stack
from tests.web.api.running import Leavers, planned, refused, start, until, wanted
from tests.web.conftest import Program


def under(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}


async def test_a_request_that_is_sent_again_gets_its_first_answer(program: Program, leaver: Leavers) -> None:
    hr, person, key = await program("hr"), await leaver(), secrets.token_hex(8)
    first = await hr.post("/runs", json=wanted(person), headers=under(key))
    again = await hr.post("/runs", json=wanted(person), headers=under(key))
    assert (first.status_code, again.status_code) == (201, 201)
    assert (first.json(), first.headers["location"]) == (again.json(), again.headers["location"])
    assert "idempotency-replayed" not in first.headers and again.headers["idempotency-replayed"] == "true"
    other = await hr.post("/runs", json=wanted(person, urgent=True), headers=under(key))
    refused(other, 422, "idempotency_key_reused")
    # The key belongs to one account: another account's request under it is its own.
    refused(
        await (await program("auditor")).post("/runs", json=wanted(person), headers=under(key)),
        403,
        "level_not_granted",
    )


async def test_a_refusal_is_an_answer_and_is_given_again(program: Program, leaver: Leavers) -> None:
    hr, person, key = await program("hr"), await leaver(), secrets.token_hex(8)
    run_id = await start(hr, person)
    refused(await hr.post("/runs", json=wanted(person), headers=under(key)), 409, "run_open")
    assert (await hr.post(f"/runs/{run_id}/end", json={"reason": "They stay."})).status_code == 200
    refused(await hr.post("/runs", json=wanted(person), headers=under(key)), 409, "run_open")
    assert (await hr.post("/runs", json=wanted(person), headers=under(secrets.token_hex(8)))).status_code == 201


async def test_the_same_request_many_times_at_once_has_one_effect(program: Program, leaver: Leavers) -> None:
    hr, operator, person = await program("hr"), await program("operator"), await leaver()
    run_id, key = await start(hr, person), secrets.token_hex(8)
    before = (await until(hr, run_id, planned))["version"]
    answers = await asyncio.gather(
        *(operator.post(f"/runs/{run_id}/hold", json={"reason": "A mistake?"}, headers=under(key)) for _ in range(12))
    )
    done = [answer.json() for answer in answers if answer.status_code == 200]
    assert done and all(one == done[0] for one in done)
    for answer in answers:
        if answer.status_code != 200:
            refused(answer, 409, "request_under_way")
            assert answer.headers["retry-after"]
    events = (await hr.get(f"/runs/{run_id}/events", params={"after": before})).json()["events"]
    assert [event["type"] for event in events].count("RunHeld") == 1


async def test_an_upload_that_is_sent_again_is_the_same_request(program: Program, leaver: Leavers) -> None:
    hr, operator, person, key = await program("hr"), await program("operator"), await leaver(), secrets.token_hex(8)
    run_id = await start(hr, person)
    run = await until(hr, run_id, lambda run: any(task["state"] == "open" for task in run["tasks"]))
    path = f"/runs/{run_id}/tasks/{run['tasks'][0]['task_id']}/files"
    first = await operator.post(path, files={"file": ("list.txt", b"new owners")}, headers=under(key))
    again = await operator.post(path, files={"file": ("list.txt", b"new owners")}, headers=under(key))
    assert first.status_code == 201 and first.json() == again.json()
    other = await operator.post(path, files={"file": ("list.txt", b"nobody")}, headers=under(key))
    refused(other, 422, "idempotency_key_reused")


async def test_a_key_has_a_length(program: Program) -> None:
    hr = await program("hr")
    refused(await hr.post("/ledger/verifications", headers=under("x" * 256)), 422, "invalid_request")


async def test_a_token_that_is_made_again_under_its_key_is_the_same_and_is_not_shown(
    program: Program, stack: Stack
) -> None:
    owner, key = await program("safety-owner"), secrets.token_hex(8)
    body = {"name": "Nightly", "kind": "service", "roles": ["reporting"], "up_to": "read", "lasts_days": 1}
    first = await owner.post("/tokens", json=body, headers=under(key))
    again = await owner.post("/tokens", json=body, headers=under(key))
    assert first.status_code == again.status_code == 201
    assert first.json()["token"].startswith("obt_") and again.json() == first.json() | {"token": None}
    made = [one for one in (await owner.get("/tokens")).json()["tokens"] if one["name"] == "Nightly"]
    assert len(made) == 1
    lasts = datetime.fromisoformat(made[0]["expires_at"]) - datetime.now(UTC)
    assert timedelta(hours=23) < lasts <= timedelta(days=1, minutes=1)
