"""HR announces a leaving in its own system and takes it back there: a run that enters nothing there deletes nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest_asyncio

from orchestrator.domain.packet.packet import WORKFLOW_FILE
from orchestrator.domain.packet.packet_files import parse_packet, starter_packet
from orchestrator.embedded.company.people import Employee
from orchestrator.embedded.stack import Stack, put_in_production
from tests.cli.command_line import NewLeaver, Offboard, open_exceptions, until
from tests.web.visitor import Visitor

PACKET = "deleting-leaver"
DELETING = b"""
  - name: delete_identity
    title: Delete the sign-in account
    system: identity
    ability: delete_account
    needs: [remove_identity_groups]
    at: cutoff
    gate: access
"""
Records = Callable[[Employee, datetime], Awaitable[None]]


@pytest_asyncio.fixture
async def record(stack: Stack) -> Records:
    """Enters a leaving in HR's own system, as HR does. The packet has no step on that system."""
    files = dict(starter_packet("identity-only").files)
    files[WORKFLOW_FILE] = files[WORKFLOW_FILE].replace(b"name: identity-only", f"name: {PACKET}".encode()) + DELETING
    actors = (await stack.services.runs.organisation()).actors
    await put_in_production(stack.services, parse_packet(files), actors["value-owner"], actors["safety-owner"])

    async def enter(person: Employee, at: datetime) -> None:
        token = {"Authorization": f"Bearer {stack.company.connections['HR_TOKEN']}"}
        async with httpx.AsyncClient(base_url=stack.company.connections["HR_URL"], headers=token) as hr:
            found = (await hr.get("/people", params={"identifier": person.employee_number})).json()["people"]
            entered = await hr.post(f"/people/{found[0]['id']}/leaving", json={"at": at.isoformat()})
            assert entered.status_code == 200, entered.text

    return enter


async def test_a_leaving_that_hr_took_back_deletes_nothing(
    stack: Stack, offboard: Offboard, leaver: NewLeaver, record: Records
) -> None:
    announced, unannounced = await leaver(), await leaver()
    now = datetime.now(UTC)
    await record(announced, now - timedelta(minutes=5))
    runs = {}
    for person in (announced, unannounced):
        cutoff = ("--cutoff", f"{now:%Y-%m-%dT%H:%M}", "--zone", "UTC", "--packet", PACKET)
        started = (await offboard.done("start", person.employee_number, *cutoff, as_="hr")).out
        runs[person] = started.split()[1]
    run = await until(offboard, runs[announced], lambda run: any(gate["state"] == "open" for gate in run["gates"]))
    [requested] = [
        event
        for event in (await offboard.done("show", run["run_id"], "--events", "--json", as_="hr")).json["events"]
        if event["type"] == "RunRequested"
    ]
    assert datetime.fromisoformat(requested["data"]["hr_leaving_at"]) == now - timedelta(minutes=5)

    await record(announced, now + timedelta(days=400))
    await offboard.done("approve", runs[announced], "access", as_="it")
    run = await until(offboard, runs[announced], open_exceptions)
    [problem] = open_exceptions(run)
    assert (problem["step"], problem["code"]) == ("delete_identity", "employed_again")
    steps = {step["name"]: step["status"] for step in run["steps"]}
    assert (steps["disable_identity"], steps["delete_identity"]) == ("verified", "failed")
    async with Visitor(stack.url) as browser:
        await browser.sign_in("hr")
        page = (await browser.get(f"/runs/{runs[announced]}")).text
    shown = " ".join((await offboard.done("show", runs[announced], as_="hr")).out.split())
    assert "Employed again according to HR" in page and "mployed again according to HR" in shown
    # Another attempt is stopped by HR's record again.
    await offboard.done("retry", runs[announced], "delete_identity", "--reason", "To be sure", as_="operator")
    await until(offboard, runs[announced], lambda run: not open_exceptions(run) or _attempts(run) == 2)
    run = await until(offboard, runs[announced], open_exceptions)
    [problem] = open_exceptions(run)
    assert (problem["step"], problem["code"], _attempts(run)) == ("delete_identity", "employed_again", 2)

    # HR had no leaving of this person, so there is none to take back.
    await until(offboard, runs[unannounced], lambda run: any(gate["state"] == "open" for gate in run["gates"]))
    await offboard.done("approve", runs[unannounced], "access", as_="it")
    await until(offboard, runs[unannounced], lambda run: run["state"] == "clean")

    await record(announced, now - timedelta(minutes=5))
    await offboard.done("retry", runs[announced], "delete_identity", "--reason", "HR corrected it", as_="operator")
    await until(offboard, runs[announced], lambda run: run["state"] == "clean")


def _attempts(run: Any) -> int:
    return int(next(step["attempt"] for step in run["steps"] if step["name"] == "delete_identity"))
