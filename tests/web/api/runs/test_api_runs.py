"""Reading runs: lists, one whole, its events; and what HR and operators ask of one."""

from __future__ import annotations

from tests.web.api.running import Leavers, planned, refused, start, until
from tests.web.conftest import Program


async def test_lists_go_on_where_a_page_ended_and_miss_nothing(program: Program, leaver: Leavers) -> None:
    hr, auditor = await program("hr"), await program("auditor")
    mine = {await start(hr, await leaver()) for _ in range(3)}
    for run_id in mine:
        await until(hr, run_id, planned)
    for sort in ("latest", "cutoff", "due"):
        seen: list[str] = []
        after = None
        while True:
            asked = {"sort": sort, "limit": 2, "state": "open", **({"after": after} if after else {})}
            page = (await auditor.get("/runs", params=asked)).json()
            assert len(page["runs"]) <= 2
            seen += [run["run_id"] for run in page["runs"]]
            after = page["after"]
            if after is None:
                break
        assert mine <= set(seen), sort
        # What is due next changes while a run is in progress; a run's place in the other orders never does.
        assert sort == "due" or len(seen) == len(set(seen)), sort
    counted = (await auditor.get("/runs", params={"counts": True})).json()["counts"]
    assert counted["open"] >= 3 and counted["open"] + counted["finished"] == sum(counted["by_state"].values())
    own = (await hr.get("/runs", params={"mine": True, "limit": 500})).json()["runs"]
    assert mine <= {run["run_id"] for run in own} and {run["requested_by"] for run in own} == {"hr"}
    refused(await auditor.get("/runs", params={"after": "nonsense"}), 422, "bad_cursor")
    refused(await auditor.get("/runs", params={"state": "flying"}), 422, "invalid_request")
    refused(await auditor.get("/runs", params={"cutoff_from": "2026-01-01T00:00:00"}), 422, "invalid_request")


async def test_the_events_of_a_run_come_page_by_page_without_positions(program: Program, leaver: Leavers) -> None:
    hr, auditor = await program("hr"), await program("auditor")
    run_id = await start(hr, await leaver())
    run = await until(hr, run_id, planned)
    seen, after = [], 0
    while after is not None:
        page = (await auditor.get(f"/runs/{run_id}/events", params={"after": after, "limit": 3})).json()
        seen += page["events"]
        after = page["after"]
    assert [event["version"] for event in seen][: run["version"]] == list(range(1, run["version"] + 1))
    assert seen[0]["type"] == "RunRequested" and seen[0]["data"]["facts"]["employee_number"]
    assert all(event["hash"] and "position" not in event for event in seen)
    whole = (await auditor.get(f"/runs/{run_id}", params={"events": True})).json()
    assert whole["events"][: len(seen)] == seen


async def test_a_run_is_moved_held_released_replanned_and_called_off(program: Program, leaver: Leavers) -> None:
    hr, operator, auditor = await program("hr"), await program("operator"), await program("auditor")
    run_id = await start(hr, await leaver())
    await until(hr, run_id, planned)
    moved = {"cutoff": "2031-12-05T17:00", "zone": "Europe/Berlin"}
    answer = await hr.post(f"/runs/{run_id}/reschedule", json=moved)
    assert answer.status_code == 200 and answer.json()["carried_on"] and answer.json()["events"] >= 1
    assert (await hr.post(f"/runs/{run_id}/reschedule", json=moved)).json()["events"] == 0
    assert (await hr.get(f"/runs/{run_id}")).json()["cutoff"] == "2031-12-05T16:00:00Z"
    refused(await auditor.post(f"/runs/{run_id}/reschedule", json=moved), 403, "level_not_granted")
    later = {"cutoff": "2126-12-06T17:00", "zone": "UTC"}
    for alias in ("it", "operator"):
        answer = await (await program(alias)).post(f"/runs/{run_id}/reschedule", json=later)
        assert "requester" in refused(answer, 403, "postpone_not_allowed")["detail"]
    refused(await hr.post(f"/runs/{run_id}/reschedule", json=moved | {"zone": "Nowhere"}), 422, "unknown_zone")

    assert (await operator.post(f"/runs/{run_id}/hold", json={"reason": "Wait for HR"})).status_code == 200
    assert (await hr.get(f"/runs/{run_id}")).json()["state"] == "held"
    refused(await (await program("it")).post(f"/runs/{run_id}/release"), 403, "role_missing")
    assert (await operator.post(f"/runs/{run_id}/release")).status_code == 200
    assert (await operator.post(f"/runs/{run_id}/replan", json={})).status_code == 200

    refused(await hr.post(f"/runs/{run_id}/end", json={"reason": "  "}), 422, "invalid_request")
    assert (await hr.post(f"/runs/{run_id}/end", json={"reason": "They stay."})).status_code == 200
    late = refused(await hr.post(f"/runs/{run_id}/end", json={"reason": "They stay."}), 409, "run_finished")
    assert run_id in late["detail"] and "was cancelled at" in late["detail"] and "(ended)" not in late["detail"]


async def test_a_run_that_is_not_there_is_refused_alike_everywhere(program: Program) -> None:
    operator = await program("operator")
    for method, path, body in (
        ("GET", "/runs/r00", None),
        ("GET", "/runs/r00/events", None),
        ("GET", "/runs/r00/stream", None),
        ("GET", "/ledger/history?run=r00", None),
        ("GET", "/exceptions?run=r00", None),
        ("POST", "/runs/r00/hold", {}),
        ("POST", "/runs/r00/end", {"reason": "x"}),
        ("POST", "/runs/r00/gates/g/decision", {"verdict": "approve"}),
        ("POST", "/runs/r00/tasks/t/completion", {"outcome": "done"}),
        ("POST", "/runs/r00/exceptions/x/acceptance", {"reason": "x"}),
        ("POST", "/runs/r00/systems/code/accounts", {"accounts": []}),
        ("POST", "/runs/r00/steps/s/retry", {}),
    ):
        named_in_it = 404 if path.startswith("/runs/") else 422
        problem = refused(await operator.request(method, path, json=body), named_in_it, "unknown_run")
        assert (problem["detail"], problem["remedy"]) == (
            "There is no run r00.",
            "List the runs. The start of an ID needs at least 5 characters.",
        )
    refused(await operator.get("/runs/r%00"), 400, "bad_request")
    refused(await operator.get("/nothing/here"), 404, "unknown_address")
    refused(await operator.put("/runs"), 405, "method_not_allowed")


async def test_what_happened_and_its_result_are_shown_for_spans(program: Program, leaver: Leavers) -> None:
    hr, auditor = await program("hr"), await program("auditor")
    run_id = await start(hr, await leaver())
    await until(hr, run_id, planned)
    page = (await auditor.get("/ledger/history", params={"run": run_id, "limit": 2})).json()
    assert len(page["events"]) == 2 and page["after"]
    rest = (await auditor.get("/ledger/history", params={"run": run_id, "after": page["after"]})).json()
    happened = [event["type"] for event in (*page["events"], *rest["events"])]
    assert happened[-1] == "RunRequested"
    by_hr = (await auditor.get("/ledger/history", params={"actor": "hr"})).json()["events"]
    assert run_id in [event["run_id"] for event in by_hr]
    none = {"from": "2020-01-01T00:00:00Z", "to": "2020-02-01T00:00:00Z"}
    assert (await auditor.get("/ledger/history", params=none)).json()["events"] == []
    refused(await auditor.get("/ledger/history", params={"after": "nonsense"}), 422, "bad_cursor")

    outcomes = (await auditor.get("/outcomes", params={"packet": "standard-leaver", **none})).json()
    assert outcomes["access_gone_within"]["standard-leaver"] == 3600
    assert outcomes["cutoff_to_verified"]["runs"] == 0
    refused(await auditor.get("/outcomes", params={"packet": "nosuch"}), 422, "unknown_packet")


async def test_the_ledger_is_verified_and_says_so(program: Program) -> None:
    auditor = await program("auditor")
    asked = await auditor.post("/ledger/verifications")
    assert asked.status_code == 202 and asked.headers["location"] == asked.json()["address"]
    inquiry = asked.headers["location"].removeprefix("/api/v1")
    found = {"state": "waiting"}
    for _ in range(300):
        found = (await auditor.get(inquiry)).json()
        if found["state"] == "answered":
            break
    verification: dict[str, object] = found["verification"]  # type: ignore[assignment]  # JSON
    told = {name for name, value in verification.items() if value is not None}
    assert verification["ok"] and told == {"verified_at", "ok"}, "counts would include hidden runs"
    assert (await auditor.get("/ledger/verifications/last")).json()["ok"]
    assert (await auditor.get("/ledger")).json()["last_verification"]["ok"]
    assert (await (await program("operator")).get(inquiry)).json() == found, "a verification is for all readers"


async def test_an_unknown_query_parameter_is_refused_and_not_ignored(program: Program) -> None:
    auditor = await program("auditor")
    for path, wrong in (
        ("/runs", "q"),
        ("/runs", "person"),
        ("/exceptions", "runs"),
        ("/inbox", "kinds"),
        ("/staff", "x"),
    ):
        answer = await auditor.get(path, params={wrong: "Ada"})
        assert answer.status_code == 422, path
        assert any(wrong in str(one) for one in answer.json()["errors"]), answer.text
    assert (await auditor.get("/runs", params={"limit": 1})).status_code == 200
