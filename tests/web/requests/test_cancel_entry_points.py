"""A cancelled run names the changes that stay, at each entry point."""

from __future__ import annotations

import pytest_asyncio

from orchestrator.embedded.stack import Stack, put_in_production
from tests.web.api.running import Leavers, start, until
from tests.web.requests.entry_points import SignInAs, packet_of, text_of

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
