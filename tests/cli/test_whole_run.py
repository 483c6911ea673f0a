"""Every command of people's on its good path, in the order in which a run meets them."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from orchestrator.embedded.stack import Stack
from orchestrator.ledger.persons.media_type import media_type
from tests.cli.command_line import NewLeaver, Offboard, StartRun, open_exceptions, until


async def test_a_run_from_preview_to_close(offboard: Offboard, stack: Stack, leaver: NewLeaver, tmp_path: Path) -> None:
    receipt, photo = tmp_path / "receipt.txt", tmp_path / "desk.txt"
    receipt.write_text("Signed: ✓")
    photo.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(1_048_576 - 8))
    person = await leaver()
    number, name = person.employee_number, f"{person.given_name} {person.family_name}"
    cutoff = ("--cutoff", "2026-01-15T18:00", "--zone", "Europe/Berlin")

    # HR
    shown = await offboard.done("start", number, *cutoff, "--preview", as_="hr")
    assert (
        name in shown.out
        and "No run is started" in shown.out
        and "access (Remove access): approval by IT approver" in shown.out
    )
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
    waits = (await offboard.done("inbox", "--json", as_="hr")).json["items"]
    assert not [item for item in waits if item["run_id"] == run_id]
    listing = await offboard.done("inbox", as_="finance")
    assert "Approve money: 2 steps" in listing.out
    assert "finance approver" in listing.out and "finance_approver" not in listing.out
    approved = await offboard.done("approve", run_id[:9], "access", "--exclude", "freeze_card", as_="it")
    assert f"Gate access of run {run_id}: approved, without freeze_card" in approved.out
    await offboard.done("approve", run_id, "g-money-1", "--reason", "looked at", as_="finance")
    rejected = await offboard.done("reject", run_id, "deletion", "--reason", "keep the mailbox", as_="safety-owner")
    assert "rejected" in rejected.out

    # Operators: one exception skipped, one re-planned, and every task done.
    found = (await offboard.done("exceptions", "--run", run_id, "--json", as_="operator")).json["exceptions"]
    assert {known["kind"] for known in found} == {"excluded_from_approval", "gate_rejected"}
    assert {known["repairs"][0] for known in found} == {"skip", "replan"}
    listing = (await offboard.done("exceptions", "--run", run_id, as_="operator")).out
    assert f"offboard skip {run_id} freeze_card" in " ".join(listing.split())
    await offboard.done("skip", run_id, "freeze_card", "--reason", "there is no card in use", as_="operator")
    await offboard.done("exceptions", "replan", run_id, as_="operator")
    kept = (await offboard.done("exceptions", "--run", run_id, "--json", as_="operator")).json["exceptions"]
    assert [known["kind"] for known in kept] == ["gate_rejected"], "an operator's re-plan takes no rejection back"
    replanned = await offboard.done("exceptions", "replan", run_id, "--reason", "asked again", as_="safety-owner")
    assert "re-planned" in replanned.out
    await until(offboard, run_id, lambda run: any(gate["gate_id"] == "g-deletion-2" for gate in run["gates"]))
    await offboard.done("approve", run_id, "deletion", as_="it")
    for _ in range(4):
        await until(offboard, run_id, lambda run: run["state"] == "with_exceptions" or run["summary"]["open_tasks"])
        tasks = (await offboard.done("tasks", "--json", as_="operator")).json["tasks"]
        for task in (task for task in tasks if task["run_id"] == run_id):
            assert task["instruction"]
            shows = ("--evidence", "receipt 7", "--attach", str(receipt), "--attach", str(photo))
            await offboard.done("tasks", "complete", run_id, task["id"], *shows, as_="operator")
    run = await until(offboard, run_id, lambda run: run["finished_at"] is not None)
    assert run["state"] == "with_exceptions" and not open_exceptions(run)
    assert all(step["status"] in ("verified", "attested", "skipped") for step in run["steps"])
    assert all(step["evidence"] for step in run["steps"] if step["status"] == "verified")

    # Anyone who may: the run at one look, with its timeline, and followed to its end.
    page = (await offboard.done("show", run_id, "--events", as_="auditor")).out
    for part in (name, "access", "it approve", "“looked at”", "receipt 7", "RunClosed", "freeze_card"):
        assert part in page
    assert "\ng-access-1" not in page and "\naccess " in page and "\ndeletion (g-deletion-2)" in page, (
        "an id stands where a name means several"
    )
    assert not any(role in page for role in ("it_approver", "finance_approver", "safety_owner"))
    digest = hashlib.sha256(photo.read_bytes()).hexdigest()
    assert f"desk.txt (image/png, 1048576 bytes, sha256 {digest})" in page
    assert run["access_gone_at"] is None and "Access removed" not in page, "freeze_card was left out"
    [evidence] = [step["evidence"] for step in run["steps"] if step["name"] == "collect_equipment"]
    assert evidence["note"] == "receipt 7" and [file["name"] for file in evidence["attachments"]] == [
        "receipt.txt",
        "desk.txt",
    ]
    assert not any("content" in file for file in evidence["attachments"])
    whole = (await offboard.done("show", run_id, "--events", "--json", as_="auditor")).json["events"]
    kept = next(event["data"]["evidence"]["attachments"] for event in whole if event["type"] == "TaskCompleted")
    assert kept[0]["media_type"] == "text/plain" and not any("content" in file for file in kept)
    files, person_id = stack.backend.ledger.files, (await stack.backend.runs.load(run_id)).state.asked.person_id
    assert (await files.open(person_id, kept[0]["stored"])).decode() == "Signed: ✓"
    lines = (await offboard.done("watch", run_id, "--json", as_="hr")).out.splitlines()
    followed = [json.loads(line) for line in lines]
    assert [event["version"] for event in followed] == [event["version"] for event in whole]
    assert all(event["run_id"] == run_id and event["hash"] for event in followed)
    assert followed[-1]["type"] == "RunClosed" and '"content"' not in "".join(lines)
    watched = await offboard.done("watch", run_id, as_="hr")
    assert watched.out.rstrip().endswith(f"Run {run_id}: completed with exceptions.")


async def test_an_account_is_settled_and_a_failed_step_tried_again(
    offboard: Offboard, stack: Stack, started: StartRun
) -> None:
    run_id = await started(traits=("two_code_accounts",))
    run = await until(offboard, run_id, lambda run: bool(open_exceptions(run)))
    [question] = open_exceptions(run)
    assert question["kind"] == "ambiguous_match" and len(question["candidates"]) == 2
    listing = await offboard.done("exceptions", "--run", run_id, as_="operator")
    [known] = (await offboard.done("exceptions", "--run", run_id, "--json", as_="operator")).json["exceptions"]
    assert known["support"] == "Developer platform team" and "line manager" in known["runbook"]
    assert "code, support Developer platform team: If two accounts" in listing.out
    assert "on call at other times developer-platform-on-call@example.org" in listing.out
    assert "Several possible matches" in listing.out
    assert all(candidate["label"] in listing.out for candidate in question["candidates"])
    candidate = question["candidates"][0]["account_id"]
    settled = await offboard.done("exceptions", "settle", run_id, "code", candidate[:12], as_="operator")
    assert "1 account on code confirmed" in settled.out

    await stack.company.break_("code", "fail", path="suspend")
    try:
        run = await until(offboard, run_id, lambda run: len([g for g in run["gates"] if g["gate"] == "access"]) == 2)
        # The later gate asks only about what the answer brought up.
        assert "Several gates named access are open" in await offboard.refused("approve", run_id, "access", as_="it")
        for gate in ("g-access-1", "g-access-2"):
            await offboard.done("approve", run_id, gate, as_="it")
        await until(
            offboard,
            run_id,
            lambda run: any(s["name"] == "suspend_code" and s["status"] == "retrying" for s in run["steps"]),
        )
        # While it is away: once it is back, the next attempt may come before any command. An attempt that is in
        # progress refuses the command, so it is given again.
        async with asyncio.timeout(60):
            retry = ("retry", run_id, "suspend_code", "--reason", "it is back soon")
            while (retried := await offboard(*retry, as_="operator")).code != 0:
                assert "nothing to try again" in retried.err or "is started" in retried.err, retried.err
    finally:
        await stack.company.clear_faults("code")
    assert "being retried" in retried.out
    await until(
        offboard,
        run_id,
        lambda run: any(s["name"] == "suspend_code" and s["status"] == "verified" for s in run["steps"]),
    )
    # An operator who skips a hand-over reaches no deletion: what was approved before is asked again.
    await offboard.done("approve", run_id, "deletion", as_="it")
    await offboard.done("skip", run_id, "hand_over_duties", "--reason", "no time", as_="operator")
    run = (await offboard.done("show", run_id, "--json", as_="hr")).json
    [again] = [gate for gate in run["gates"] if gate["gate"] == "deletion" and gate["state"] == "open"]
    assert [step["name"] for step in again["steps"]] == ["release_mail_license"]
    assert "is cancelled" in (await offboard.done("end", run_id, "--reason", "called off", as_="hr")).out
    shown = (await offboard.done("show", run_id, "--json", as_="hr")).json
    assert shown["state"] == "ended"


async def test_an_urgent_start_is_reviewed(offboard: Offboard, started: StartRun) -> None:
    run_id = await started("--urgent", "--yes")
    waits = (await offboard.done("inbox", "--json", as_="safety-owner")).json["items"]
    assert any(item["kind"] == "review" and item["run_id"] == run_id for item in waits)
    accepted = await offboard.done(
        "exceptions", "accept", run_id, "urgent_review", "--reason", "rightly so", as_="safety-owner"
    )
    assert "is closed" in accepted.out
    run = await until(
        offboard,
        run_id,
        lambda run: all(s["status"] == "verified" for s in run["steps"] if s["name"] == "disable_identity"),
    )
    assert run["urgent"] and not open_exceptions(run)
    await offboard.done("approve", run_id, "access", as_="it")
    run = await until(offboard, run_id, lambda run: any(map(changes_passwords, run["tasks"])))
    [task] = [task["task_id"] for task in run["tasks"] if changes_passwords(task)]
    await offboard.done("tasks", "complete", run_id, task, "--evidence", "seen to it", as_="operator")
    run = await until(offboard, run_id, lambda run: run["access_gone_at"] is not None)
    assert run["access_gone_within"] == 3600
    page = " ".join((await offboard.done("show", run_id, as_="hr")).out.split())
    assert re.search(
        r"Removed; old tokens are accepted until 20\S+ \S+ \S+, 5 min \S+ s after the cutoff \(target: within 1 h\)",
        page,
    )
    assert "Disable the sign-in account: Access tokens that were issued before are accepted until 20" in page


def changes_passwords(task: Any) -> bool:
    return bool(task["step"] == "rotate_shared_secrets" and task["state"] == "open")


async def test_files_that_cannot_be_attached(offboard: Offboard, started: StartRun, tmp_path: Path) -> None:
    run_id = await started(cutoff="2027-01-15T18:00")
    await until(offboard, run_id, lambda run: any(task["step"] == "collect_equipment" for task in run["tasks"]))
    large, pipe = tmp_path / "large.bin", tmp_path / "pipe"
    large.write_bytes(bytes(10_485_761))
    os.mkfifo(pipe)
    task = ("tasks", "complete", run_id, "collect_equipment", "--evidence", "see there")
    error = await offboard.refused(*task, "--attach", str(large), as_="operator")
    assert large.name in error and "larger than 10 MiB" in error and "Attach a smaller file" in error
    for unreadable in (tmp_path / "none", tmp_path, pipe):
        error = await offboard.refused(*task, "--attach", str(unreadable), as_="operator")
        assert str(unreadable) in error and "Give a file" in error
    run = (await offboard.done("show", run_id, "--json", as_="operator")).json
    assert any(task["step"] == "collect_equipment" and task["state"] == "open" for task in run["tasks"])
    # A file alone is evidence too.
    large.write_bytes(b"%PDF-1.7\n\xff")
    await offboard.done("tasks", "complete", run_id, "collect_equipment", "--attach", str(large), as_="operator")
    moved = await offboard.done("reschedule", run_id, "--cutoff", "2027-01-16T18:00", "--zone", "UTC", as_="hr")
    said = " ".join(moved.out.split())
    assert "Tasks that remove access and are not completed: Change shared passwords and keys." in said
    assert "longer on identity, directory" in said and "rotate_shared_secrets" not in said
    page = (await offboard.done("show", run_id, as_="auditor")).out
    assert "Attached to collect_equipment: large.bin (application/pdf, 10 bytes, sha256 " in page


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        (b"\xff\xd8\xff\xe0\x00", "image/jpeg"),
        (b"PK\x03\x04rest", "application/zip"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        ("Unterschrieben: Müller".encode(), "text/plain"),
        (b"", "text/plain"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "application/octet-stream"),
        ("\ufeff\n<!DOCTYPE html><title>x".encode(), "application/octet-stream"),
        (b"Note: <script>alert(1)</script>", "application/octet-stream"),
        (b"#!/bin/sh\n", "application/octet-stream"),
        (b"MZ\x90\x00\x03", "application/octet-stream"),
        (b"from 3 < 4 and a <b> we see", "application/octet-stream"),
        (b"3 < 4 > 2, see list", "text/plain"),
        (b"a\x00b", "application/octet-stream"),
        (b"\x80\x81", "application/octet-stream"),
    ],
)
def test_what_a_file_is_shows_in_its_content(content: bytes, wanted: str) -> None:
    assert media_type(content) == wanted


async def test_a_system_is_held_in_all_runs(offboard: Offboard) -> None:
    assert "are paused." in (await offboard.done("hold", "--system", "mail", as_="operator")).out
    systems = {
        s["system"]: s for s in (await offboard.done("systems", "check", "--json", as_="operator")).json["systems"]
    }
    assert systems["mail"]["held"] and not systems["hr"]["held"] and all(s["reachable"] for s in systems.values())
    assert "are resumed" in (await offboard.done("release", "--system", "mail", as_="operator")).out
    seen = (await offboard.done("systems", as_="it")).out
    assert "paused" not in seen and "yes" in seen and "not checked" not in seen, "as the operator has just seen them"
    assert "Ask an operator" in await offboard.refused("systems", "check", as_="it")
