"""The inbox, gates, tasks with files, exceptions and steps."""

from __future__ import annotations

import asyncio

from tests.web.api.running import PAST, Leavers, gate_of, planned, refused, start, task_open, until
from tests.web.conftest import Program

SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


async def test_a_gate_waits_in_the_inbox_is_decided_once_and_the_rest_hear_the_outcome(
    program: Program, leaver: Leavers
) -> None:
    hr, it, finance = await program("hr"), await program("it"), await program("finance")
    run_id = await start(hr, await leaver())
    run = await until(hr, run_id, planned)
    gate = gate_of(run, "access")
    [item] = [
        one
        for one in (await it.get("/inbox", params={"kind": "gate", "limit": 200})).json()["items"]
        if (one["run_id"], one["id"]) == (run_id, gate["gate_id"])
    ]
    assert item["due_at"] == gate["decide_by"] and item["title"] == "Remove access"
    assert "safety owner" in item["if_nobody_does"].lower()
    assert item["lapses_at"] == gate["valid_until"] and item["steps_undone"]
    assert run_id not in [one["run_id"] for one in (await hr.get("/inbox")).json()["items"]]

    path = f"/runs/{run_id}/gates/{gate['gate_id']}/decision"
    refused(await finance.post(path, json={"verdict": "approve"}), 403, "role_missing")
    refused(await hr.post(path, json={"verdict": "approve"}), 403, "role_missing")
    refused(await it.post(path, json={"verdict": "reject"}), 422, "reason_missing")
    refused(await it.post(path, json={"verdict": "reject", "reason": "\u200b\u2060"}), 422, "reason_missing")
    refused(await it.post(path, json={"verdict": "approve", "excluded": ["nosuch"]}), 422, "not_at_this_gate")
    left_out = gate["steps"][-1]["step_id"]
    done = await it.post(path, json={"verdict": "approve", "excluded": [left_out], "reason": "Not that one."})
    assert done.status_code == 200 and done.json()["carried_on"]
    late = refused(await it.post(path, json={"verdict": "reject", "reason": "No."}), 409, "gate_decided")
    assert "approved" in late["detail"] and "by it" in late["detail"]
    shown = (await hr.get(f"/runs/{run_id}")).json()
    [excluded] = [one for one in shown["exceptions"] if one["kind"] == "excluded_from_approval"]
    assert excluded["decision"]["reason"] == "Not that one." and excluded["decision"]["by"] == "it"
    listed = (await hr.get("/exceptions", params={"run": run_id})).json()["exceptions"]
    [vote] = [one["decision"] for one in listed if one["kind"] == "excluded_from_approval"]
    assert (vote["verdict"], vote["by"], vote["reason"]) == ("approve", "it", "Not that one.")
    transfer = next(one for one in gate["steps"] if one["name"] == "hand_over_repositories")
    assert transfer["blocks"] == ["Revoke personal access tokens in code hosting", "Release the mailbox licence"]
    votes = gate_of((await hr.get(f"/runs/{run_id}")).json(), "access")
    assert votes["votes"][0]["by"] == "it" and [s["step_id"] for s in votes["steps"] if s["excluded"]] == [left_out]


async def test_several_gates_are_approved_at_once_and_each_has_its_own_outcome(
    program: Program, leaver: Leavers
) -> None:
    hr, it = await program("hr"), await program("it")
    run_ids = [await start(hr, await leaver()) for _ in range(2)]
    for run_id in run_ids:
        await until(hr, run_id, planned)
    gates = [{"run_id": run_id, "gate_id": "g-access-1"} for run_id in run_ids]
    nothing = {"run_id": "r00", "gate_id": "g-access-1"}
    answer = await it.post("/decisions", json={"gates": [*gates, nothing], "reason": "All leave."})
    assert answer.status_code == 200
    outcomes = answer.json()["outcomes"]
    assert [(one["done"] is not None, one["refused"] and one["refused"]["code"]) for one in outcomes] == [
        (True, None),
        (True, None),
        (False, "unknown_run"),
    ]
    again = (await it.post("/decisions", json={"gates": gates})).json()["outcomes"]
    assert {one["refused"]["code"] for one in again} == {"gate_decided"}
    refused(await it.post("/decisions", json={"gates": []}), 422, "invalid_request")


async def test_a_task_is_done_with_files_that_only_those_who_see_the_run_can_save(
    program: Program, leaver: Leavers
) -> None:
    hr, operator, auditor = await program("hr"), await program("operator"), await program("auditor")
    run_id = await start(hr, await leaver())
    run = await until(hr, run_id, lambda run: task_open(run) is not None)
    task = task_open(run)
    listed = (await operator.get("/tasks", params={"limit": 200})).json()["items"]
    [waiting] = [one for one in listed if (one["run_id"], one["id"]) == (run_id, task["task_id"])]
    assert waiting["instruction"] == task["instruction"]
    files, end = f"/runs/{run_id}/tasks/{task['task_id']}/files", f"/runs/{run_id}/tasks/{task['task_id']}/completion"

    refused(await auditor.post(files, files={"file": ("list.txt", b"x")}), 403, "role_missing")
    refused(await operator.post(files, files={"file": ("empty.txt", b"")}), 422, "attachment_empty")
    refused(
        await operator.post(files, files={"file": ("large.bin", b"x" * (10 * 2**20 + 1))}), 422, "attachment_too_large"
    )
    refused(await operator.post(files, files={"file": ("huge.bin", b"x" * (13 * 2**20))}), 413, "too_large")
    picture = (await operator.post(files, files={"file": ("plan.svg", SVG, "image/svg+xml")})).json()
    assert picture["media_type"] == "application/octet-stream"
    notes = (await operator.post(files, files={"file": ("../nötes\r\n.txt", b"new owners")})).json()
    assert (notes["media_type"], notes["bytes"]) == ("text/plain", 10) and "/" not in notes["name"]
    stored = [{"stored": picture["stored"], "name": "../p\r\nlan\u202e.svg"}, {"stored": notes["stored"], "name": "n"}]
    # What is not part of the evidence yet is no one's to read.
    refused(await operator.get(f"/runs/{run_id}/files/{notes['stored']}"), 404, "unknown_file")

    refused(await operator.post(end, json={"outcome": "done"}), 422, "evidence_missing")
    refused(await operator.post(end, json={"outcome": "done", "files": [{"stored": "0" * 64}]}), 422, "unknown_file")
    refused(await hr.post(end, json={"outcome": "done", "note": "x"}), 403, "role_missing")
    done = await operator.post(end, json={"outcome": "done", "note": "Handed over.", "files": stored})
    assert done.status_code == 200, done.text
    refused(await operator.post(end, json={"outcome": "done", "note": "x"}), 409, "task_done")
    refused(await operator.post(files, files={"file": ("late.txt", b"x")}), 409, "task_done")

    saved = await auditor.get(f"/runs/{run_id}/files/{picture['stored']}")
    assert saved.status_code == 200 and saved.content == SVG
    assert saved.headers["content-type"] == "application/octet-stream"
    assert (
        saved.headers["content-disposition"].startswith("attachment")
        and "sandbox" in saved.headers["content-security-policy"]
    )
    assert saved.headers["x-content-type-options"] == "nosniff"
    evidence = next(s for s in (await hr.get(f"/runs/{run_id}")).json()["steps"] if s["step_id"] == task["step_id"])
    assert evidence["evidence"]["note"] == "Handed over."
    assert {one["name"] for one in evidence["evidence"]["attachments"]} == {"p??lan?.svg", "n"}
    assert {one["stored"] for one in evidence["evidence"]["attachments"]} == {picture["stored"], notes["stored"]}
    refused(await auditor.get(f"/runs/{run_id}/files/{'0' * 64}"), 404, "unknown_file")


async def test_an_exception_is_listed_and_settled_and_a_step_is_left_out(program: Program, leaver: Leavers) -> None:
    hr, operator, it = await program("hr"), await program("operator"), await program("it")
    run_id = await start(hr, await leaver("two_code_accounts"))
    run = await until(hr, run_id, lambda run: any(x["state"] == "open" for x in run["exceptions"]))
    question = next(x for x in run["exceptions"] if x["kind"] == "ambiguous_match")
    listed = (await operator.get("/exceptions", params={"run": run_id, "counts": True})).json()
    [line] = [one for one in listed["exceptions"] if one["exception_id"] == question["exception_id"]]
    assert listed["counts"]["open"] >= 1 and len(line["candidates"]) == 2 and line["runbook"]
    path = f"/runs/{run_id}/systems/{question['system']}/accounts"
    refused(await operator.post(path, json={"accounts": ["strange"]}), 422, "not_a_candidate")
    refused(await it.post(path, json={"accounts": []}), 403, "role_missing")
    accepted = f"/runs/{run_id}/exceptions/{question['exception_id']}/acceptance"
    refused(await operator.post(accepted, json={"reason": "x"}), 422, "not_acceptable")
    chosen = [line["candidates"][0]["account_id"]]
    assert (await operator.post(path, json={"accounts": chosen, "reason": "Asked."})).status_code == 200
    refused(await operator.post(path, json={"accounts": chosen}), 409, "nothing_to_settle")
    refused(await operator.post(accepted, json={"reason": "x"}), 409, "exception_closed")
    closed = (await operator.get("/exceptions", params={"run": run_id, "standing": "closed"})).json()["exceptions"]
    assert [(one["disposition"], one["closed_by"]) for one in closed] == [("settled", "operator")]

    [kept] = (await hr.get("/exceptions", params={"run": run_id})).json()["exceptions"]
    accepted = f"/runs/{run_id}/exceptions/{kept['exception_id']}/acceptance"
    assert (await hr.post(accepted, json={"reason": "The other is a colleague's."})).status_code == 200
    run = await until(hr, run_id, lambda run: not open_in(run))
    step = next(one for one in run["steps"] if one["gate"] and one["status"] == "planned")  # waits for an approval
    refused(await operator.post(f"/runs/{run_id}/steps/{step['step_id']}/retry", json={}), 409, "nothing_to_retry")
    refused(await operator.post(f"/runs/{run_id}/steps/nosuch/skip", json={"reason": "x"}), 404, "unknown_step")
    refused(await it.post(f"/runs/{run_id}/steps/{step['step_id']}/skip", json={"reason": "x"}), 403, "role_missing")
    skipped = await operator.post(f"/runs/{run_id}/steps/{step['step_id']}/skip", json={"reason": "By hand."})
    assert skipped.status_code == 200
    refused(
        await operator.post(f"/runs/{run_id}/steps/{step['step_id']}/skip", json={"reason": "x"}), 409, "step_not_open"
    )

    # A hand-over that is skipped after the approval puts what is deleted afterwards back to its gate.
    gate = gate_of(run, "deletion")
    path = f"/runs/{run_id}/gates/{gate['gate_id']}/decision"
    assert (await it.post(path, json={"verdict": "approve"})).status_code == 200
    skipped = await operator.post(f"/runs/{run_id}/steps/hand_over_duties/skip", json={"reason": "No time."})
    assert skipped.status_code == 200
    run = (await hr.get(f"/runs/{run_id}")).json()
    again = next(one for one in run["gates"] if one["gate"] == "deletion" and one["state"] == "open")
    assert [one["name"] for one in again["steps"]] == ["release_mail_license"]


async def test_the_review_of_an_urgent_start_is_accepted_by_someone_else(program: Program, leaver: Leavers) -> None:
    hr, owner = await program("hr"), await program("safety-owner")
    run_id = await start(hr, await leaver(), urgent=True, cutoff=None)
    run = await until(hr, run_id, lambda run: bool(run["exceptions"]))
    review = next(x for x in run["exceptions"] if x["kind"] == "urgent_review")
    path = f"/runs/{run_id}/exceptions/{review['exception_id']}/acceptance"
    refused(await hr.post(path, json={"reason": "x"}), 403, "role_missing")
    refused(
        await owner.post(f"/runs/{run_id}/exceptions/nosuch/acceptance", json={"reason": "x"}), 404, "unknown_exception"
    )
    items = (await owner.get("/inbox", params={"kind": "review", "limit": 200})).json()["items"]
    assert run_id in [one["run_id"] for one in items]
    assert (await owner.post(path, json={"reason": "It was right."})).status_code == 200


async def test_of_many_decisions_at_once_one_counts_and_the_rest_are_refused(program: Program, leaver: Leavers) -> None:
    hr, it = await program("hr"), await program("it")
    run_id = await start(hr, await leaver(), cutoff=PAST)
    await until(hr, run_id, planned)
    path = f"/runs/{run_id}/gates/g-deletion-1/decision"
    answers = await asyncio.gather(*(it.post(path, json={"verdict": "approve"}) for _ in range(20)))
    counted = [a for a in answers if a.status_code == 200 and a.json()["events"]]
    assert len(counted) == 1
    assert {a.json()["code"] for a in answers if a.status_code == 409} <= {"gate_decided"}


def open_in(run: dict[str, object]) -> bool:
    exceptions: list[dict[str, object]] = run["exceptions"]  # type: ignore[assignment]  # JSON
    return any(one["state"] == "open" for one in exceptions)
