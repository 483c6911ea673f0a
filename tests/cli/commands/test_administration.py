"""What an administrator and the packet's owners do: the ledger's commands, packets, and `up` as a process."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestrator.embedded.stack import Stack
from orchestrator.settings import Settings
from tests.cli.command_line import Offboard, StartRun, until


async def test_checkpoint_verify_and_export(
    offboard: Offboard, started: StartRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await started(cutoff="2027-01-15T18:00")
    assert "OFFBOARD_CHECKPOINT_KEY" in await offboard.refused("ledger", "checkpoint")
    secret = tmp_path / "note.key"
    verifier = (await offboard.done("ledger", "key", "example.org/ledger", "--out", str(secret))).out.strip()
    assert secret.stat().st_mode & 0o777 == 0o600 and verifier.startswith("example.org/ledger+")
    assert "already exists" in await offboard.refused("ledger", "key", "example.org/ledger", "--out", str(secret))
    monkeypatch.setenv("OFFBOARD_CHECKPOINT_KEY_FILE", str(secret))
    kept = tmp_path / "checkpoint"
    await offboard.done("ledger", "checkpoint", "--out", str(kept))
    assert (await offboard.done("ledger", "checkpoint")).out.startswith("example.org/ledger\n")
    monkeypatch.delenv("OFFBOARD_CHECKPOINT_KEY_FILE")

    plain = await offboard.done("ledger", "verify")
    assert "Verified, no tampering found" in plain.out and "--against" in plain.err
    assert "CHECKPOINT_VERIFIER" in await offboard.refused("ledger", "verify", "--against", str(kept))
    found = (await offboard.done("ledger", "verify", "--against", str(kept), "--key", verifier, "--json")).json
    assert found["ok"] and found["checkpoints"] == 1 and found["wrong"] is None
    assert 0 < found["covered"] <= found["events"]
    after = f"events after position {found['covered']} ({found['events'] - found['covered']})"
    places = [one["place"] for one in found["not_covered"]]
    assert places[:2] == [after, "ledger.events.append_id"] and "ledger.files" in places[2] and "keyring" in places[3]
    assert "Not covered:" in plain.out and "all events" in plain.out and "ledger.events.append_id" in plain.out

    rows = tmp_path / "rows.jsonl"
    await offboard.done("ledger", "export", str(rows))
    assert rows.stat().st_mode & 0o777 == 0o600
    assert "already exists" in await offboard.refused("ledger", "export", str(rows))
    checked = await offboard.done("ledger", "verify", "--rows", str(rows), "--against", str(kept), "--key", verifier)
    assert "with the checkpoint" in checked.out and "an export has no stored files" in checked.out
    lines = rows.read_text().splitlines()
    rows.write_text("\n".join([*lines[:4], lines[4].replace('"version": ', '"version": 7'), *lines[5:]]) + "\n")
    error = await offboard.refused("ledger", "verify", "--rows", str(rows))
    assert "Not covered" not in error
    assert "Verification failed at position 5" in error and "4 events before it are verified" in error


IN_FLIGHT = ("started", "retrying")
FINAL = ("verified", "attested", "skipped", "withheld")
WAITS = ("gate", "predecessors", "time", "open_question", "exception")


def waits_for_people(run: Any) -> bool:
    """Something is done, and nothing goes on by itself."""
    steps = run["steps"]
    return any(s["status"] == "verified" for s in steps) and all(
        s["status"] in FINAL or s["task_for"] or (s["status"] not in IN_FLIGHT and s["waits_for"] in WAITS)
        for s in steps
    )


async def test_a_rebuild_differs_in_nothing_and_repairs_what_was_tampered_with(
    offboard: Offboard, stack: Stack, started: StartRun
) -> None:
    run_id = await started(cutoff="2027-01-15T18:00")
    urgent = await started("--urgent", "--yes", traits=("two_code_accounts",))
    await offboard.done("approve", run_id, "access", "--exclude", "freeze_card", as_="it")
    await offboard.done("end", run_id, "--reason", "called off", as_="hr")
    # A result that arrives later would write the rows that are tampered with below.
    await until(offboard, run_id, lambda run: all(s["status"] not in IN_FLIGHT for s in run["steps"]))
    await until(offboard, urgent, waits_for_people)
    same = await offboard.done("ledger", "rebuild")
    assert "agree with the events" in same.out, same.out

    async with stack.backend.database.transaction() as connection:
        await connection.exec_driver_sql("UPDATE read.runs SET state = 'clean' WHERE run_id = %s", (run_id,))
        await connection.exec_driver_sql("DELETE FROM read.inbox WHERE run_id = %s AND kind = 'gate'", (urgent,))
        await connection.exec_driver_sql(
            "INSERT INTO read.exceptions (exception_id, run_id, kind, owner, opened_at) "
            "VALUES ('forged', %s, 'step_failed', 'operator', now())",
            (run_id,),
        )
    gates = (await offboard.done("show", urgent, "--json", as_="it")).json["summary"]["open_gates"]
    made = {line.split()[0]: line.split()[1:] for line in (await offboard.done("ledger", "rebuild")).out.splitlines()}
    assert (made["runs"][1], made["inbox"][1], made["exceptions"][1], made["packets"][1]) == ("1", str(gates), "1", "0")
    assert "agree with the events" in (await offboard.done("ledger", "rebuild")).out
    assert (await offboard.done("show", run_id, "--json", as_="it")).json["state"] == "ended"


async def test_a_packet_is_checked_signed_and_moved(offboard: Offboard, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(str(resources.files("orchestrator.packets").joinpath("identity-only")), folder)
    workflow = (folder / "workflow.yaml").read_text()
    (folder / "workflow.yaml").write_text(workflow.replace("name: identity-only", "name: mine"))
    checked = (await offboard.done("packet", "check", str(folder), "--json")).json
    assert checked["ok"] and checked["packet"] == "mine" and checked["problems"] == []
    assert checked["purpose"].startswith("From the cutoff on, the person can no longer sign in")
    plain = (await offboard.done("packet", "check", "standard-leaver")).out
    assert "is valid" in plain and "Access ends at the cutoff" in plain
    assert checked["notices"] == [] and checked["class_steps"] == []
    step = "  - {name: out, title: Out, every: ldap_directory, ability: revoke_sessions, at: cutoff, gate: access}\n"
    (folder / "workflow.yaml").write_text(workflow + step)
    refused = await offboard.refused("packet", "check", str(folder))
    assert "workflow.yaml:47 steps[3].every: is not an allowed value" in refused and "'identity_provider'" in refused
    (folder / "workflow.yaml").write_text(workflow + step.replace("ldap_directory", "identity_provider"))
    platform = (folder / "platform.yaml").read_text()
    (folder / "platform.yaml").write_text(platform.replace("connector: scim", "connector: scim\n    class: chat"))
    noticed = (await offboard.done("packet", "check", str(folder))).out
    assert "Step out for every identity_provider: no system" in noticed
    assert "Notice: workflow.yaml:47 steps[3].every: no system has the class 'identity_provider'" in noticed
    (folder / "platform.yaml").write_text(platform.replace("connector: scim", "connector: scim\n    class: directory"))
    (folder / "workflow.yaml").write_text(workflow + step.replace("ldap_directory", "directory"))
    [notice] = (await offboard.done("packet", "check", str(folder), "--json")).json["notices"]
    assert notice["message"] == "'revoke_sessions' is not possible on 'identity': the connector 'scim' cannot do it"
    (folder / "platform.yaml").write_text(platform)
    mine = workflow.replace("name: identity-only", "name: mine")
    (folder / "workflow.yaml").write_text(mine + step.replace("ldap_directory", "chat"))

    signed = await offboard.done("packet", "sign", str(folder), as_="value-owner")
    assert "Signed for dry run by" in signed.out and "(value owner)" in signed.out
    assert "Step out for every chat: no system" in signed.out
    error = await offboard.refused("packet", "move", "mine", "shadow", as_="value-owner")
    assert "not signed by the safety owner" in error
    assert "Only a safety owner or a value owner" in await offboard.refused("packet", "sign", "mine", as_="it")
    await offboard.done("packet", "sign", "mine", "--phase", "shadow", as_="safety-owner")
    moved = await offboard.done("packet", "move", "mine", "shadow", as_="value-owner")
    assert "is in the phase dry run." in moved.out
    assert "not 'production'" in await offboard.refused("packet", "move", "mine", "production", as_="value-owner")
    back = await offboard.done("packet", "move", "mine", "retired", "--reason", "only a try", as_="safety-owner")
    assert "is in the phase retired." in back.out

    assert "has no version to compare with" in (await offboard.done("packet", "diff", "mine", as_="it")).out
    approvals = (folder / "approvals.yaml").read_text()
    (folder / "approvals.yaml").write_text(
        approvals.replace("decided_by: [it_approver]", "decided_by: [it_approver, operator]", 1)
    )
    laxer = "Laxer: Gate “Remove sign-in access”: roles that decide, from it_approver to it_approver and operator."
    tried = (await offboard.done("packet", "diff", str(folder), as_="value-owner")).out
    assert laxer in tried and "1 laxer" in tried
    await offboard.done("packet", "sign", str(folder), as_="value-owner")
    assert laxer in (await offboard.done("packet", "diff", "mine", as_="it")).out
    document = (await offboard.done("packet", "diff", "mine", "--json", as_="it")).json
    assert document["counts"] == {"wording": 0, "stricter": 0, "laxer": 1, "other": 0}
    assert document["changes"][0]["owner"] == "both" and document["after"] != document["before"]
    same = ("packet", "diff", "mine", "--before", document["after"][:12])
    assert "no changes" in (await offboard.done(*same, as_="it")).out


async def test_a_broken_packet_is_reported_by_file_line_and_field(offboard: Offboard, tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(str(resources.files("orchestrator.packets").joinpath("identity-only")), folder)
    workflow = (folder / "workflow.yaml").read_text()
    (folder / "workflow.yaml").write_text(workflow.replace("ability: disable_account", "ability: explode"))
    line = 1 + next(n for n, text in enumerate(workflow.splitlines()) if "ability: disable_account" in text)
    error = await offboard.refused("packet", "check", str(folder))
    assert f"workflow.yaml:{line} steps[" in error and "has no ability 'explode'" in error
    answer = await offboard("packet", "check", str(folder), "--json")
    assert answer.code == 1 and answer.json["problems"][0]["line"] == line
    error = await offboard.refused("packet", "sign", str(folder), as_="value-owner")
    assert "explode" in error
    assert "no folder" in await offboard.refused("packet", "check", str(tmp_path / "none"))

    (folder / "workflow.yaml").write_text(workflow)
    approvals = (folder / "approvals.yaml").read_text()
    (folder / "approvals.yaml").write_text(approvals.replace("decided_by: [it_approver]", "decided_by: [it_aprover]"))
    line = 1 + next(n for n, text in enumerate(approvals.splitlines()) if "decided_by" in text)
    for words in (("packet", "check", str(folder)), ("packet", "sign", str(folder), "--as", "value-owner")):
        error = await offboard.refused(*words)
        assert f"approvals.yaml:{line} gates.access.decided_by[0]" in error and "the role 'it_aprover'" in error


def test_a_server_command_names_the_setting_that_is_missing(tmp_path: Path) -> None:
    for words in (("worker",), ("relay",), ("migrate",), ("ledger", "rebuild")):
        bare = {"PATH": os.environ["PATH"]}
        done = subprocess.run([_program(), *words], cwd=tmp_path, env=bare, capture_output=True, text=True, timeout=60)
        assert done.returncode == 1 and "OFFBOARD_DATABASE_URL" in done.stderr and "Traceback" not in done.stderr


def _own_people(folder: Path) -> tuple[Path, Path]:
    """An export of people of one's own, and a packet that maps its columns."""
    packet = folder / "packet"
    shutil.copytree(str(resources.files("orchestrator.packets").joinpath("standard-leaver")), packet)
    platform = yaml.safe_load((packet / "platform.yaml").read_text())
    platform["hr"] |= {
        "export_columns": {
            "hr_id": "ID",
            "employee_number": "Nummer",
            "display_name": "Name",
            "email": "E-Mail",
            "manager_hr_id": "Chef",
            "cutoff_date": "Austritt",
        },
        "export_format": {"encoding": "windows-1252", "dates": "german", "time_zone": "Europe/Berlin"},
    }
    (packet / "platform.yaml").write_text(yaml.safe_dump(platform))
    workflow = (packet / "workflow.yaml").read_text()
    assert workflow.count("name: standard-leaver") == 1
    (packet / "workflow.yaml").write_text(workflow.replace("name: standard-leaver", "name: our-leaver"))
    people = folder / "people.csv"
    people.write_text(
        "ID;Nummer;Name;E-Mail;Chef;Austritt\n"
        f"h1;P-1;Jörg Öz;joerg@f.example;P-2;31.12.{datetime.now(UTC).year}\nh2;P-2;Bea Kraft;bea@f.example;;\n",
        encoding="windows-1252",
    )
    return people, packet


def test_up_with_ones_own_people_is_up_until_it_is_ended_and_a_worker_serves_it(tmp_path: Path) -> None:
    """As processes, by the installed program."""
    people, packet = _own_people(tmp_path)
    environment = {**os.environ, "OFFBOARD_FOLDER": str(tmp_path / "u"), "OFFBOARD_AS": "hr"}

    def once(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([_program(), *words], env=environment, capture_output=True, text=True, timeout=60)

    with subprocess.Popen(
        [_program(), "up", "--csv", people, "--packet", packet], env=environment, stdout=subprocess.PIPE, text=True
    ) as up:
        address = tmp_path / "u" / "stack.json"
        try:
            _wait(address.exists)
            assert once("runs").stdout == "No runs.\n"
            again = once("up")
            assert again.returncode == 1 and "is already running in this folder" in again.stderr
            assert once("start", "P-2", "--urgent", "--yes", "--packet", "our-leaver").returncode == 0
            (started,) = json.loads(once("runs", "--json").stdout)["runs"]
            assert (started["urgent"], started["packet"]) == (True, "our-leaver")
            listed = once("start", "--from-csv", str(people), "--yes")
            assert listed.returncode == 0 and "Jörg Öz (P-1)" in listed.stdout, listed.stderr
            settings = {**environment, **json.loads(address.read_text())}
            Settings.read(settings)
            log = tmp_path / "worker.log"
            with (
                log.open("w") as errors,
                subprocess.Popen([_program(), "worker", "--relay"], env=settings, stderr=errors) as worker,
            ):
                _wait(lambda: "Worker running" in log.read_text())
                worker.send_signal(signal.SIGTERM)
                assert worker.wait(30) == 0
        finally:
            up.send_signal(signal.SIGINT)
            assert up.wait(60) == 0
        assert not address.exists()
        printed = up.stdout.read() if up.stdout is not None else ""
        assert "people, from people.csv and local staff" in printed and "That deletes all data" in printed
        assert "Packet our-leaver of" in printed and printed.count("--packet our-leaver\n") == 2
        assert "--as" in printed and f"Web pages and API: {settings['OFFBOARD_PUBLIC_URL']}" in printed
    assert "offboard up" in once("runs").stderr
    (packet / "workflow.yaml").write_text("name: our-leaver\n")
    refused = once("up", "--packet", str(packet))
    assert refused.returncode == 1 and f"offboard packet check {packet}" in refused.stderr, refused.stderr


def _program() -> str:
    return str(Path(sys.executable).with_name("offboard"))


def _wait(so: object) -> None:
    deadline = time.monotonic() + 120
    while not so():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.1)


async def test_every_command_says_what_it_does(offboard: Offboard) -> None:
    helped = (await offboard.done("--help")).out
    for name in (
        "start",
        "watch",
        "embargo",
        "approve",
        "away",
        "tasks",
        "exceptions",
        "systems",
        "packet",
        "login",
        "logout",
        "whoami",
        "ledger",
        "worker",
        "demo",
        "tokens",
        "sessions",
        "revoke-role",
    ):
        assert f" {name} " in helped
        assert "Usage" in (await offboard.done(name, "--help")).out


async def test_every_field_that_json_has_is_written_down(offboard: Offboard, started: StartRun) -> None:
    written = set(re.findall(r"[a-z_]+", (Path(__file__).parents[3] / "docs" / "json.md").read_text()))
    run_id = await started("--urgent", "--yes", traits=("two_code_accounts",))
    preview = ("start", "E-1010", "--urgent", "--preview", "--json")
    for words in (
        ("runs", "--json"),
        ("show", run_id, "--events", "--json"),
        ("inbox", "--all", "--json"),
        preview,
        ("tasks", "--all", "--json"),
        ("exceptions", "--json"),
        ("systems", "--json"),
        ("whoami", "--json"),
        ("away", "--json"),
    ):
        fields = _fields((await offboard.done(*words, as_="hr")).json)
        assert fields and fields <= written, (words, fields - written)
    for words in (("tokens", "--all", "--json"), ("sessions", "--json")):
        fields = _fields((await offboard.done(*words, as_="safety-owner")).json)
        assert fields and fields <= written, (words, fields - written)
    for words in (("ledger", "verify", "--json"), ("packet", "check", "standard-leaver", "--json")):
        fields = _fields((await offboard.done(*words)).json)
        assert fields and fields <= written, (words, fields - written)


def _fields(document: Any) -> set[str]:
    """Every name, but for what is a system's own word: attributes, evidence, the data of an event."""
    if isinstance(document, list):
        return set().union(*(_fields(entry) for entry in document))
    if not isinstance(document, dict):
        return set()
    inner = (_fields(value) for name, value in document.items() if name not in ("attributes", "evidence", "data"))
    return set(document).union(*inner)
