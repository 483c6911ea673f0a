"""Legal holds through the API: placed at the start or later, kept by the next run, lifted by a second person."""

from __future__ import annotations

from typing import Any

from tests.web.api.running import FUTURE, PAST, Leavers, gate_of, planned, refused, start, until
from tests.web.conftest import Program

KEPT = "release_mail_license"


def step(run: Any, name: str = KEPT) -> Any:
    return next(one for one in run["steps"] if one["name"] == name)


async def test_a_run_starts_under_a_hold_and_its_cancellation_is_no_way_around_it(
    program: Program, leaver: Leavers
) -> None:
    hr, it, owner = await program("hr"), await program("it"), await program("safety-owner")
    person = await leaver()
    run_id = await start(hr, person, legal_hold="A claim", cutoff=FUTURE)
    run = await until(hr, run_id, lambda run: planned(run) and gate_of(run, "deletion"))
    [hold] = run["legal_holds"]
    assert run["legal_hold"] and (hold["hold_id"], hold["placed_by"], hold["reason"]) == ("hold-1", "hr", "A claim")
    assert step(run)["legal_hold"] == "waits"
    assert {one["name"]: one["legal_hold"] for one in gate_of(run, "deletion")["steps"]}[KEPT]
    assert not any(one["legal_hold"] for one in gate_of(run, "access")["steps"])
    listed = (await hr.get("/runs", params={"legal_hold": True, "limit": 500})).json()["runs"]
    assert run_id in {one["run_id"] for one in listed} and all(one["legal_hold"] for one in listed)

    refused(await it.post(f"/runs/{run_id}/legal-holds", json={"reason": "why"}), 403, "role_missing")
    refused(await hr.post(f"/runs/{run_id}/legal-holds", json={"reason": " "}), 422, "invalid_request")
    lifting = {"reason": "The claim is settled"}
    refused(await hr.post(f"/runs/{run_id}/legal-holds/lift", json=lifting), 403, "second_person_needed")
    refused(
        await owner.post(f"/runs/{run_id}/legal-holds/lift", json=lifting | {"hold_id": "hold-9"}),
        422,
        "unknown_legal_hold",
    )

    assert (await hr.post(f"/runs/{run_id}/end", json={"reason": "Another date"})).status_code == 200
    again = await start(hr, person, cutoff=FUTURE)
    [kept] = (await hr.get(f"/runs/{again}")).json()["legal_holds"]
    assert (kept["from_run"], kept["placed_by"], kept["reason"]) == (run_id, "hr", "A claim")
    assert (await owner.post(f"/runs/{again}/legal-holds/lift", json=lifting)).json()["events"] == 1
    run = (await hr.get(f"/runs/{again}")).json()
    assert not run["legal_hold"] and run["legal_holds"][0]["lifted_by"] == "safety-owner"
    assert run["legal_holds"][0]["lift_reason"] == "The claim is settled"
    refused(await owner.post(f"/runs/{again}/legal-holds/lift", json=lifting), 409, "legal_hold_lifted")
    listed = (await hr.get("/runs", params={"legal_hold": True, "limit": 500})).json()["runs"]
    assert again not in {one["run_id"] for one in listed}


async def test_what_is_approved_and_due_waits_and_an_exception_opens_for_hr(program: Program, leaver: Leavers) -> None:
    hr, it, owner = await program("hr"), await program("it"), await program("safety-owner")
    run_id = await start(hr, await leaver(), cutoff=PAST)
    assert (await hr.post(f"/runs/{run_id}/legal-holds", json={"reason": "A claim"})).status_code == 200
    run = await until(hr, run_id, lambda run: planned(run) and gate_of(run, "deletion"))
    for gate in ("access", "deletion"):
        gate_id = gate_of(run, gate)["gate_id"]
        await it.post(f"/runs/{run_id}/gates/{gate_id}/decision", json={"verdict": "approve"})
    operator = await program("operator")
    run = await until(hr, run_id, lambda run: any("hand_over" in task["step"] for task in run["tasks"]))
    for task in run["tasks"]:
        done = {"outcome": "done", "note": "handed over"}
        await operator.post(f"/runs/{run_id}/tasks/{task['task_id']}/completion", json=done)
    run = await until(hr, run_id, lambda run: any(one["kind"] == "legal_hold" for one in run["exceptions"]))
    kept = next(one for one in run["exceptions"] if one["kind"] == "legal_hold")
    assert (kept["step"], kept["owners"], kept["repairs"]) == (KEPT, ["requester"], ["accept", "skip", "waive"])
    assert step(run)["waits_for"] == "legal_hold"
    run = await until(hr, run_id, lambda run: step(run, "disable_identity")["status"] == "verified")
    items = (await hr.get("/inbox")).json()["items"]
    assert any(item["run_id"] == run_id and item["id"] == kept["exception_id"] for item in items)
    assert (await owner.post(f"/runs/{run_id}/legal-holds/lift", json={"reason": "settled"})).status_code == 200
    run = await until(hr, run_id, lambda run: step(run)["status"] == "verified")
    assert next(one for one in run["exceptions"] if one["kind"] == "legal_hold")["disposition"] == "overcome"


async def test_a_hold_under_an_embargo_is_hidden_like_the_run(program: Program, leaver: Leavers) -> None:
    hr, auditor = await program("hr"), await program("auditor")
    people = ["it", "finance", "operator", "safety-owner"]
    run_id = await start(
        hr,
        await leaver(),
        cutoff=FUTURE,
        legal_hold="Secret",
        embargo={"until": "2031-12-24T12:00:00Z", "named": people},
    )
    listed = (await auditor.get("/runs", params={"legal_hold": True, "limit": 500})).json()["runs"]
    assert run_id not in {one["run_id"] for one in listed}
    value = await program("value-owner")
    for path in ("legal-holds", "legal-holds/lift"):
        refused(await value.post(f"/runs/{run_id}/{path}", json={"reason": "why"}), 404, "unknown_run")
