"""A cancelled run names the changes that stay, and HR's own record if it still has the leaving, at each entry point."""

from __future__ import annotations

from datetime import datetime

import httpx
import pytest_asyncio

from orchestrator.domain.exceptions.exceptions import RULES
from orchestrator.embedded.company.people import Employee
from orchestrator.embedded.stack import Stack, put_in_production
from tests.web.api.running import FUTURE, Leavers, planned, start, until
from tests.web.requests.entry_points import ENTRY_POINTS, SignInAs, accept, cancel, packet_of, text_of

PACKET = "code-removal-cancelled"


@pytest_asyncio.fixture(scope="module", autouse=True)
async def packets(stack: Stack) -> None:
    actors = (await stack.services.runs.organisation()).actors
    # With a task, so that the run stays open once the account is suspended.
    packet = packet_of(PACKET, ("snapshot_code", "suspend_code", "collect_equipment"))
    await put_in_production(stack.services, packet, actors["value-owner"], actors["safety-owner"])


async def test_a_cancelled_run_names_the_changes_that_stay(sign_in: SignInAs, leaver: Leavers) -> None:
    hr = await sign_in("hr")
    run_id = await start(hr.api, await leaver(), packet=PACKET, cutoff=None, urgent=True)
    run = await until(hr.api, run_id, lambda run: any(step["changed"] for step in run["steps"]))
    assert [step["name"] for step in run["steps"] if step["changed"]] == ["suspend_code"], "a search changes nothing"
    await until(
        hr.api, run_id, lambda run: any(step["changed"] and step["status"] == "verified" for step in run["steps"])
    )
    shown = text_of(await hr.page.get(f"/runs/{run_id}"))
    assert "These changes stay." in shown
    assert "Suspend the code hosting account (Code hosting): Can be undone" in shown
    code, said = await hr.typed("end", run_id, "--reason", "They stay.")
    assert code == 0 and "is cancelled. These changes stay. An exception opens for each of their systems:" in said
    assert "Suspend the code hosting account (code): can be undone" in said
    ended = (await hr.api.get(f"/runs/{run_id}")).json()
    assert ended["state"] == "ended"
    left = [(one["kind"], one["system"]) for one in ended["exceptions"] if one["state"] == "open"]
    assert ("left_behind", "code") in left


async def leaving_recorded(stack: Stack, person: Employee) -> None:
    """HR enters the leaving in its own system. The packet has no step there."""
    token = {"Authorization": f"Bearer {stack.company.connections['HR_TOKEN']}"}
    async with httpx.AsyncClient(base_url=stack.company.connections["HR_URL"], headers=token) as hr:
        [found] = (await hr.get("/people", params={"identifier": person.employee_number})).json()["people"]
        at = datetime.fromisoformat(f"{FUTURE}+01:00").isoformat()
        assert (await hr.post(f"/people/{found['id']}/leaving", json={"at": at})).status_code == 200


async def test_hr_is_asked_about_the_leaving_that_its_own_record_still_has(
    stack: Stack, sign_in: SignInAs, leaver: Leavers
) -> None:
    """The run is cancelled at one entry point, each of them shows the exception, and HR accepts it there."""
    hr, operator = await sign_in("hr"), await sign_in("operator")
    meaning, about = RULES["left_behind"].meaning, "x-left_behind-hr"
    for at in ENTRY_POINTS:
        person = await leaver()
        await leaving_recorded(stack, person)
        run_id = await start(hr.api, person, packet=PACKET, cutoff=FUTURE)
        await until(hr.api, run_id, planned)
        await hr.does(at, cancel(run_id))
        run = (await hr.api.get(f"/runs/{run_id}")).json()
        assert run["state"] == "ended"
        [left] = [one for one in run["exceptions"] if one["state"] == "open"]
        assert (left["exception_id"], left["kind"], left["system"]) == (about, "left_behind", "hr")
        assert left["owners"] == ["requester"], "of the HR system, and not of the owner of exceptions"
        page = text_of(await hr.page.get(f"/runs/{run_id}"))
        _, listed = await hr.typed("exceptions", "--run", run_id)
        _, shown = await hr.typed("exceptions", "show", run_id, about)
        assert "remove the leaving date there" in page and meaning in page
        assert "Changes remain after cancellation" in listed and about in listed
        assert "remove the leaving date there" in shown and meaning in shown
        assert f"offboard exceptions accept {run_id} {about} --reason" in shown
        in_inbox = (await hr.api.get("/inbox", params={"limit": 200})).json()["items"]
        assert (run_id, about) in {(one["run_id"], one["id"]) for one in in_inbox}
        await operator.refused_at(at, accept(run_id, about), 403, "Only a requester")
        await hr.does(at, accept(run_id, about))
        closed = (await hr.api.get(f"/runs/{run_id}")).json()["exceptions"]
        assert [(one["exception_id"], one["disposition"], one["by"]) for one in closed] == [(about, "accepted", "hr")]


async def test_nothing_is_asked_of_hr_if_its_own_record_has_no_leaving(sign_in: SignInAs, leaver: Leavers) -> None:
    hr = await sign_in("hr")
    run_id = await start(hr.api, await leaver(), packet=PACKET, cutoff=FUTURE)
    await until(hr.api, run_id, planned)
    await hr.does("api", cancel(run_id))
    assert (await hr.api.get(f"/runs/{run_id}")).json()["exceptions"] == []
