"""Every command of people's on its good path, in the order in which a run meets them."""

from __future__ import annotations

from orchestrator.embedded.stack import Stack
from tests.cli.command_line import Leaver, Offboard, Started, open_exceptions, until


async def test_a_run_from_preview_to_close(offboard: Offboard, leaver: Leaver) -> None:
    person = await leaver()
    number, name = person.employee_number, f"{person.given_name} {person.family_name}"
    cutoff = ("--cutoff", "2026-01-15T18:00", "--zone", "Europe/Berlin")

    # HR
    shown = await offboard.done("start", number, *cutoff, "--preview", as_="hr")
    assert name in shown.out and "nothing is written" in shown.out and "access opens for it_approver" in shown.out
    listed = (await offboard.done("runs", "--json", as_="hr")).json["runs"]
    assert number not in {run["person"]["employee_number"] for run in listed if run["person"]}
    said = await offboard.done("start", number, *cutoff, as_="hr")
    run_id = said.out.split()[1]
    assert "2026-01-15 17:00 UTC (18:00 in Europe/Berlin)" in said.out
    listing = await offboard.done("runs", "--state", "open", as_="hr")
    line = next(line for line in listing.out.splitlines() if line.startswith(run_id))
    assert name in line and "(18:00 in Europe/Berlin)" in line
    moved = await offboard.done("reschedule", run_id, "--cutoff", "2026-01-16T12:00", "--zone", "UTC", as_="hr")
    assert "2026-01-16 12:00 (UTC)" in moved.out

    # Operators can hold it, and let it go on.
    await offboard.done("hold", run_id, "--reason", "we look first", as_="operator")
    assert (await offboard.done("show", run_id, "--json", as_="hr")).json["state"] == "held"
    await offboard.done("release", run_id, as_="operator")

    # Approvers
    await until(offboard, run_id, lambda run: len(run["gates"]) == 3)
    waits = (await offboard.done("inbox", "--json", as_="it")).json["items"]
    assert {item["id"] for item in waits if item["run_id"] == run_id} == {"g-access-1", "g-deletion-1"}
    assert not (await offboard.done("inbox", "--json", as_="hr")).json["items"]
    listing = await offboard.done("inbox", as_="finance")
    assert "Decide money: 2 steps" in listing.out
    approved = await offboard.done("approve", run_id[:9], "access", "--exclude", "freeze_card", as_="it")
    assert "is approved, without freeze_card" in approved.out
    await offboard.done("approve", run_id, "g-money-1", "--reason", "looked at", as_="finance")
    rejected = await offboard.done("reject", run_id, "deletion", "--reason", "keep the mailbox", as_="safety-owner")
    assert "rejected" in rejected.out

    # Operators: one exception skipped, one planned anew, and every task done.
    found = (await offboard.done("exceptions", "--run", run_id, "--json", as_="operator")).json["exceptions"]
    assert {known["kind"] for known in found} == {"excluded_from_approval", "gate_rejected"}
    assert all(run_id in known["remedy"] for known in found)
    await offboard.done("skip", run_id, "freeze_card", "--reason", "there is no card in use", as_="operator")
    replanned = await offboard.done("exceptions", "replan", run_id, "--reason", "asked again", as_="operator")
    assert "planned anew" in replanned.out
    await until(offboard, run_id, lambda run: any(gate["gate_id"] == "g-deletion-2" for gate in run["gates"]))
    await offboard.done("approve", run_id, "deletion", as_="it")
    for _ in range(4):
        await until(offboard, run_id, lambda run: run["state"] == "with_exceptions" or run["summary"]["open_tasks"])
        tasks = (await offboard.done("tasks", "--json", as_="operator")).json["tasks"]
        for task in (task for task in tasks if task["run_id"] == run_id):
            assert task["instruction"]
            await offboard.done("tasks", "complete", run_id, task["id"], "--evidence", "receipt 7", as_="operator")
    run = await until(offboard, run_id, lambda run: run["finished_at"] is not None)
    assert run["state"] == "with_exceptions" and not open_exceptions(run)
    assert all(step["status"] in ("verified", "attested", "skipped") for step in run["steps"])
    assert all(step["evidence"] for step in run["steps"] if step["status"] == "verified")

    # Anybody who may: the run at one look, with its timeline, and followed to its end.
    page = (await offboard.done("show", run_id, "--events", as_="auditor")).out
    for part in (name, "g-access-1", "it approve", "“looked at”", "receipt 7", "RunClosed", "freeze_card"):
        assert part in page
    watched = await offboard.done("watch", run_id, as_="hr")
    assert watched.out.rstrip().endswith(f"Run {run_id} has ended: with_exceptions.")


async def test_an_account_is_settled_and_a_failed_step_tried_again(
    offboard: Offboard, stack: Stack, started: Started
) -> None:
    run_id = await started(traits=("two_code_accounts",))
    run = await until(offboard, run_id, lambda run: bool(open_exceptions(run)))
    [question] = open_exceptions(run)
    assert question["kind"] == "ambiguous_match" and len(question["candidates"]) == 2
    listing = await offboard.done("exceptions", "--run", run_id, as_="operator")
    assert all(candidate["label"] in listing.out for candidate in question["candidates"])
    candidate = question["candidates"][0]["account_id"]
    settled = await offboard.done("exceptions", "settle", run_id, "code", candidate[:12], as_="operator")
    assert "1 account on code settled" in settled.out

    await stack.company.break_("code", "fail", path="suspend")
    try:
        run = await until(offboard, run_id, lambda run: len([g for g in run["gates"] if g["gate"] == "access"]) == 2)
        # The later gate asks only about what the answer brought up.
        assert "Several gates access are open" in await offboard.refused("approve", run_id, "access", as_="it")
        for gate in ("g-access-1", "g-access-2"):
            await offboard.done("approve", run_id, gate, as_="it")
        await until(
            offboard, run_id,
            lambda run: any(s["name"] == "suspend_code" and s["status"] == "retrying" for s in run["steps"]),
        )  # fmt: skip
    finally:
        await stack.company.mend("code")
    retried = await offboard.done("retry", run_id, "suspend_code", "--reason", "it is back", as_="operator")
    assert "tried again" in retried.out
    await until(
        offboard, run_id,
        lambda run: any(s["name"] == "suspend_code" and s["status"] == "verified" for s in run["steps"]),
    )  # fmt: skip
    assert "is ended" in (await offboard.done("end", run_id, "--reason", "called off", as_="hr")).out
    shown = (await offboard.done("show", run_id, "--json", as_="hr")).json
    assert shown["state"] == "ended"


async def test_an_urgent_start_is_reviewed(offboard: Offboard, started: Started) -> None:
    run_id = await started("--urgent")
    waits = (await offboard.done("inbox", "--json", as_="safety-owner")).json["items"]
    assert any(item["kind"] == "review" and item["run_id"] == run_id for item in waits)
    accepted = await offboard.done(
        "exceptions", "accept", run_id, "urgent_review", "--reason", "rightly so", as_="safety-owner"
    )
    assert "is closed" in accepted.out
    run = await until(
        offboard, run_id,
        lambda run: all(s["status"] == "verified" for s in run["steps"] if s["name"] == "disable_identity"),
    )  # fmt: skip
    assert run["urgent"] and not open_exceptions(run)


async def test_a_system_is_held_in_all_runs(offboard: Offboard) -> None:
    assert "on hold." in (await offboard.done("hold", "--system", "mail", as_="operator")).out
    systems = {s["system"]: s for s in (await offboard.done("systems", "check", "--json", as_="it")).json["systems"]}
    assert systems["mail"]["held"] and not systems["hr"]["held"] and all(s["reachable"] for s in systems.values())
    assert "no longer" in (await offboard.done("release", "--system", "mail", as_="operator")).out
    assert "held" not in (await offboard.done("systems", "check", as_="it")).out
