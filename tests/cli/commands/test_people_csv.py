"""A company whose HR system is a folder with CSV files: the embedded stack with a packet of its own."""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import yaml
from standardwebhooks.webhooks import Webhook

from connectors.errors import ActionRequiredError
from orchestrator.cli.server.access import entering
from orchestrator.cli.server.server import ServerRefused
from orchestrator.domain.packet.packet import APPROVALS_FILE, PLATFORM_FILE, WORKFLOW_FILE
from orchestrator.domain.packet.packet_files import parse_packet, starter_packet
from orchestrator.embedded.company.people import Employee
from orchestrator.embedded.stack import Stack, put_in_production
from tests.cli.command_line import NewLeaver, Offboard, open_exceptions, until
from tests.web.api.running import served
from tests.web.visitor import Visitor

PACKET, LATE = "csv-leaver", "csv-late"
URGENT = b"""
urgent:
  allowed_to: [requester]
  review_by: [safety_owner]
  review_within: P1D
  late_after: PT15M
"""
NEXT_YEAR = datetime.now(UTC).year + 1
YESTERDAY = datetime.now(UTC) - timedelta(days=1)
SECRET = f"whsec_{base64.b64encode(bytes(range(32))).decode()}"
TITLES = "Nummer;Name;E-Mail;Vorgesetzte;Letzter Tag"
Put = Callable[..., Path]
DELETING = b"""
  - name: delete_identity
    title: Delete the sign-in account
    system: identity
    ability: delete_account
    needs: [remove_identity_groups]
    at: cutoff
    gate: access
"""


@pytest_asyncio.fixture
async def put(stack: Stack) -> Put:
    """Puts people into HR's folder, as the newest file. Each is an employee with a manager's number and a last day."""
    folder = stack.settings.secrets_folder / "people"
    folder.mkdir(parents=True, exist_ok=True)
    files = dict(starter_packet("identity-only").files)
    platform: dict[str, Any] = yaml.safe_load(files[PLATFORM_FILE])
    platform["systems"]["hr"] |= {
        "connector": "people_csv",
        "connection": {"path": "people", "settle_seconds": "0", "newest_by": "name"},
        "hosts": [],
    }
    platform["hr"] = {
        "system": "hr",
        "export_columns": {
            "employee_number": "Nummer",
            "display_name": "Name",
            "email": "E-Mail",
            "manager_hr_id": "Vorgesetzte",
            "cutoff_date": "Letzter Tag",
        },
        "export_format": {"dates": "german", "encoding": "windows-1252", "time_zone": "Europe/Berlin"},
    }
    files[PLATFORM_FILE] = yaml.safe_dump(platform).encode()
    actors = (await stack.services.runs.organisation()).actors
    of_packet = files[WORKFLOW_FILE]
    for name in (PACKET, LATE):
        files[WORKFLOW_FILE] = of_packet.replace(b"name: identity-only", f"name: {name}".encode()) + DELETING
        if name == LATE:
            platform["levels"] += [
                {"who": "requester", "systems": ["identity"], "up_to": "change"},
                {"who": "hr_system", "kind": "service", "systems": ["identity"], "up_to": "change"},
            ]
            files[PLATFORM_FILE] = yaml.safe_dump(platform).encode()
            files[APPROVALS_FILE] += URGENT
        await put_in_production(stack.services, parse_packet(files), actors["value-owner"], actors["safety-owner"])

    def file(*people: tuple[Employee, str, str]) -> Path:
        rows = [f"{one.employee_number};Zoë {one.family_name};{one.email};{boss};{day}" for one, boss, day in people]
        path = folder / f"people-{len(list(folder.iterdir())):04}.csv"
        path.write_text("\n".join([TITLES, *rows]) + "\n", encoding="windows-1252")
        return path

    return file


async def test_a_run_starts_from_a_file_and_a_newer_file_changes_what_hr_knows(
    stack: Stack, offboard: Offboard, leaver: NewLeaver, put: Put
) -> None:
    nora, bea, omar = await leaver(), await leaver(), await leaver()
    file = put((nora, bea.employee_number, f"26.02.{NEXT_YEAR}"), (bea, "", ""), (omar, bea.employee_number, "bald"))
    checked = await offboard.done("systems", "check", "--packet", PACKET, "--json", as_="operator")
    (hr,) = [system for system in checked.json["systems"] if system["system"] == "hr"]
    assert hr["reachable"] and f"{file.name} of " in hr["detail"] and "3 people, 1 leaving" in hr["detail"]

    async with entering(stack.folder, "hr") as server:
        found = await server.post("people", "search", body={"packet": PACKET, "text": nora.family_name})
        (match,) = [one for one in found["people"] if one["employee_number"] == nora.employee_number]
        assert match["leaving_at"].startswith(f"{NEXT_YEAR}-02-26T17:00"), "HR knows that the person leaves"
        facts = await server.post("people", "lookup", body={"packet": PACKET, "wanted": nora.email})
        assert (facts["manager_hr_id"], facts["manager_email"]) == (bea.employee_number, bea.email)

    started = await offboard("start", "--from-csv", str(file), "--skip-bad", "--packet", PACKET, as_="hr")
    assert started.code == 0 and "line 4: has the last day 'bald'" in started.err
    run_id = next(word for word in started.out.split() if word.startswith("r") and word[1:].isalnum() and len(word) > 9)
    shown = await until(offboard, run_id, lambda run: bool(run["steps"]))
    assert shown["person"]["employee_number"] == nora.employee_number and shown["zone"] == "Europe/Berlin"
    assert shown["local_cutoff"].startswith(f"{NEXT_YEAR}-02-26T18:00")
    assert shown["person"]["name"] == f"Zoë {nora.family_name}"

    error = await offboard.refused("start", omar.employee_number, "--urgent", "--yes", "--packet", PACKET, as_="hr")
    assert "line 4" in error and "'bald'" in error, "a row that cannot be read is no unknown person"
    put((bea, "", ""), (nora, "", ""))
    error = await offboard.refused("start", omar.employee_number, "--urgent", "--yes", "--packet", PACKET, as_="hr")
    assert "No one in HR matches" in error


async def test_a_truncated_file_is_refused_with_what_to_do(offboard: Offboard, leaver: NewLeaver, put: Put) -> None:
    people = [await leaver() for _ in range(5)]
    put(*((person, "", "") for person in people))
    small = put((people[0], "", ""))
    error = await offboard.refused(
        "start", people[0].employee_number, "--urgent", "--yes", "--packet", PACKET, as_="hr"
    )
    assert f"{small.name} has 1 people, but an earlier file has" in error and "fewest_people" in error
    small.unlink()


async def test_a_file_that_is_too_old_starts_no_one_anywhere_and_deletes_nothing(
    stack: Stack, offboard: Offboard, leaver: NewLeaver, put: Put
) -> None:
    """Removals of access do not wait for a newer file."""
    nora, bea, omar = await leaver(), await leaver(), await leaver()
    file = put((nora, bea.employee_number, f"{YESTERDAY:%d.%m.%Y}"), (bea, "", ""), (omar, "", ""))
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M}"
    when = ("--cutoff", now, "--zone", "UTC", "--packet", PACKET)
    age(file, days=3)
    cause, remedy = f"{file.name} is 72 hours old", "Export all people again"

    checked = await offboard("systems", "check", "--packet", PACKET, "--json", as_="operator")
    [hr] = [system for system in checked.json["systems"] if system["system"] == "hr"]
    assert checked.code == 1 and not hr["reachable"] and cause in hr["detail"] and remedy in hr["detail"]
    for typed in (("start", nora.employee_number, *when), ("start", nora.employee_number, *when, "--preview")):
        said = " ".join((await offboard.refused(*typed, as_="hr")).split())
        assert cause in said and remedy in said, said
    body = {"person": nora.employee_number, "packet": PACKET, "cutoff": now, "zone": "UTC"}
    async with entering(stack.folder, "hr") as server:
        for path in ("runs", "previews"):
            with pytest.raises(ServerRefused) as refused:
                await server.post(path, body=body)
            assert cause in refused.value.message and refused.value.code == "people_file_old"
    async with served(stack, hr_webhook_secret=SECRET) as url, httpx.AsyncClient(timeout=60) as hr_system:
        content = json.dumps(body).encode()
        answer = await hr_system.post(f"{url}/api/v1/hooks/hr", content=content, headers=reported(content))
        assert answer.status_code >= 400 and cause in answer.text, answer.text
    async with Visitor(stack.url) as browser:
        await browser.sign_in("hr")
        page = await browser.submit("/runs/new/people", {"packet": PACKET, "text": nora.employee_number})
        assert cause in page.text and remedy in page.text
    assert nora.employee_number not in (await offboard.done("runs", as_="hr")).out

    age(file, days=0)
    run_id = (await offboard.done("start", nora.employee_number, *when, as_="hr")).out.split()[1]
    await until(offboard, run_id, lambda run: any(gate["state"] == "open" for gate in run["gates"]))
    age(file, days=3)
    await offboard.done("approve", run_id, "access", as_="it")
    run = await until(offboard, run_id, lambda run: _status(run, "delete_identity") == "retrying")
    assert (_status(run, "disable_identity"), _status(run, "remove_identity_groups")) == ("verified", "verified")
    shown = (await offboard.done("show", run_id, "--json", as_="operator")).json["steps"]
    assert next(step["code"] for step in shown if step["name"] == "delete_identity") == "people_file_old"
    async with Visitor(stack.url) as browser:
        await browser.sign_in("operator")
        assert "File from HR is too old" in (await browser.get(f"/runs/{run_id}?part=plan")).text
    age(file, days=0)
    await until(offboard, run_id, lambda run: run["state"] == "clean")


def age(file: Path, *, days: int) -> None:
    written = (datetime.now(UTC) - timedelta(days=days)).timestamp()
    os.utime(file, (written, written))


async def test_a_packet_cannot_name_a_file_elsewhere(stack: Stack) -> None:
    spec = (
        starter_packet("identity-only")
        .platform.systems["hr"]
        .model_copy(
            update={"connector": "people_csv", "connection": {"path": "/etc/passwd", "columns": "{}", "format": "{}"}}
        )
    )
    with pytest.raises(ActionRequiredError, match="setting_invalid"):
        await stack.connections.to("hr", spec)


async def test_an_account_is_deleted_only_when_the_newest_file_says_that_the_person_left(
    offboard: Offboard, leaver: NewLeaver, put: Put
) -> None:
    nora, bea, omar = await leaver(), await leaver(), await leaver()
    put((nora, bea.employee_number, ""), (bea, "", ""), (omar, "", ""))
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M}"
    await offboard.done("start", nora.employee_number, "--cutoff", now, "--zone", "UTC", "--packet", PACKET, as_="hr")
    listed = (await offboard.done("runs", "--json", as_="hr")).json["runs"]
    (run_id,) = [run["run_id"] for run in listed if run["person"]["employee_number"] == nora.employee_number]
    await until(offboard, run_id, lambda run: any(gate["state"] == "open" for gate in run["gates"]))
    await offboard.done("approve", run_id, "access", as_="it")
    run = await until(offboard, run_id, open_exceptions)
    (problem,) = open_exceptions(run)
    assert (problem["step"], problem["code"]) == ("delete_identity", "employed_again")
    steps = {step["name"]: step["status"] for step in run["steps"]}
    assert (steps["disable_identity"], steps["delete_identity"]) == ("verified", "failed")

    put((nora, bea.employee_number, f"{datetime.now(UTC) - timedelta(days=1):%d.%m.%Y}"), (bea, "", ""), (omar, "", ""))
    await offboard.done("retry", run_id, "delete_identity", "--reason", "HR exported the last day", as_="operator")
    run = await until(offboard, run_id, lambda run: run["state"] in ("clean", "with_exceptions"))
    assert {step["name"]: step["status"] for step in run["steps"]}["delete_identity"] == "verified"


def reported(body: bytes) -> dict[str, str]:
    """As HR's system signs a report."""
    now, delivery = datetime.now(UTC), f"msg_{secrets.token_hex(8)}"
    return {
        "webhook-id": delivery,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(SECRET).sign(delivery, now, body.decode()),
        "content-type": "application/json",
    }


@pytest.mark.parametrize("feed", ["list", "report"])
async def test_a_row_whose_last_day_was_yesterday_ends_access_before_an_approval(
    stack: Stack, offboard: Offboard, leaver: NewLeaver, put: Put, feed: str
) -> None:
    """From HR's file to the system: with the list that HR starts, and with the report of HR's own system."""
    nora, bea, *others = [await leaver() for _ in range(4)]
    yesterday = datetime.now(UTC) - timedelta(days=1)
    stay = [(person, "", "") for person in (bea, *others)]
    file = put((nora, bea.employee_number, f"{yesterday:%d.%m.%Y}"), *stay)
    if feed == "list":
        refused = await offboard("start", "--from-csv", str(file), "--packet", LATE, as_="hr")
        assert refused.code == 1 and "--yes" in refused.err, "an urgent start needs a confirmation"
        await offboard.done("start", "--from-csv", str(file), "--yes", "--packet", LATE, as_="hr")
    else:
        body = json.dumps(
            {
                "person": nora.employee_number,
                "packet": LATE,
                "cutoff": f"{yesterday:%Y-%m-%d}T18:00",
                "zone": "Europe/Berlin",
            }
        ).encode()
        async with served(stack, hr_webhook_secret=SECRET) as url, httpx.AsyncClient(timeout=60) as hr:
            answer = await hr.post(f"{url}/api/v1/hooks/hr", content=body, headers=reported(body))
            assert answer.status_code == 201, answer.text
    listed = (await offboard.done("runs", "--json", as_="auditor")).json["runs"]
    (run_id,) = [run["run_id"] for run in listed if run["person"]["employee_number"] == nora.employee_number]
    run = await until(offboard, run_id, lambda run: run["access_gone_at"] is not None)
    steps = {step["name"]: step["status"] for step in run["steps"]}
    assert run["urgent"] and run["local_cutoff"].startswith(f"{yesterday:%Y-%m-%d}T18:00")
    assert (steps["disable_identity"], steps["remove_identity_groups"]) == ("verified", "verified")
    assert steps["delete_identity"] not in ("verified", "attested") and run["gates"], "this waits for its approval"
    await until(offboard, run_id, lambda run: any(gate["state"] == "open" for gate in run["gates"]))
    await offboard.done("approve", run_id, "access", as_="it")
    run = await until(offboard, run_id, lambda run: _status(run, "delete_identity") == "verified")
    assert not [one for one in open_exceptions(run) if one["step"] == "delete_identity"]


def _status(run: Any, name: str) -> str:
    return next(step["status"] for step in run["steps"] if step["name"] == name)
