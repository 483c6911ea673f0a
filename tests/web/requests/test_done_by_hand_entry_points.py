"""A step that failed and that a person did by hand, at each entry point: the system is read first, HR confirms it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest_asyncio

from orchestrator.embedded.company.company import Company
from orchestrator.embedded.stack import Stack, put_in_production
from tests.web.api.running import PAST, Leavers, start, until
from tests.web.requests.entry_points import (
    ENTRY_POINTS,
    RunCommand,
    SignInAs,
    accept,
    packet_of,
    text_of,
)

PACKET = "identity-by-hand"
EVIDENCE = "Disabled in the console."


@pytest_asyncio.fixture(scope="module", autouse=True)
async def packets(stack: Stack) -> None:
    actors = (await stack.services.runs.organisation()).actors
    packet = packet_of(PACKET, ("disable_identity",), gate=None)
    await put_in_production(stack.services, packet, actors["value-owner"], actors["safety-owner"])


def done_by_hand(run_id: str, step: Any, evidence: str = EVIDENCE) -> RunCommand:
    at = f"/runs/{run_id}"
    return RunCommand(
        f"{at}/steps/{step['step_id']}/done-by-hand",
        {"evidence": evidence},
        f"{at}/done-by-hand",
        {"back": at, "step": step["step_id"], "evidence": evidence},
        ("exceptions", "done", run_id, step["step_id"], "--evidence", evidence),
    )


async def disabled_by_hand(company: Company, user_name: str) -> None:
    """An administrator disables the sign-in account."""
    url, token = company.connections["IDENTITY_URL"], company.connections["IDENTITY_TOKEN"]
    async with httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {token}"}) as client:
        found = await client.get("/Users", params={"filter": f'userName eq "{user_name}"'})
        [user] = found.json()["Resources"]
        patch = {
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "replace", "path": "active", "value": False}],
        }
        answer = await client.patch(f"/Users/{user['id']}", json=patch)
        assert answer.is_success, answer.text


def removal(run: Any) -> Any:
    return next((one for one in run["steps"] if one["name"] == "disable_identity"), {"status": ""})


def opened(run: Any, kind: str) -> list[str]:
    return [one["exception_id"] for one in run["exceptions"] if one["kind"] == kind and one["state"] == "open"]


async def test_a_step_done_by_hand_is_read_attested_and_confirmed_by_hr(
    stack: Stack, sign_in: SignInAs, leaver: Leavers
) -> None:
    hr, it, operator = await sign_in("hr"), await sign_in("it"), await sign_in("operator")
    people = [await leaver() for _ in ENTRY_POINTS]
    await stack.company.break_("identity", "expired", method="PATCH")
    try:
        runs = [await start(hr.api, one, packet=PACKET, cutoff=PAST) for one in people]
        for run_id in runs:
            await until(hr.api, run_id, lambda run: bool(opened(run, "step_failed")))
    finally:
        await stack.company.clear_faults("identity")
    for at, person, run_id in zip(ENTRY_POINTS, people, runs, strict=True):
        step = removal((await hr.api.get(f"/runs/{run_id}")).json())
        shown = await operator.page.get(f"/runs/{run_id}")
        assert (
            "Report as done by hand" in shown.text
            and "Report as done by hand" not in (await it.page.get(f"/runs/{run_id}")).text
        )
        if at == ENTRY_POINTS[0]:
            await it.refused(done_by_hand(run_id, step), 403, "role_missing", "Only an operator can do this", "role")
            blank = done_by_hand(run_id, step, " ​ ")
            assert (await operator.api.post(blank.path, json=blank.body)).status_code == 422
        # The account is still enabled: the system contradicts the report.
        await operator.does(at, done_by_hand(run_id, step))
        run = await until(hr.api, run_id, lambda run: removal(run)["code"] == "not_done")
        assert removal(run)["status"] == "failed" and opened(run, "step_failed") and not opened(run, "done_by_hand")

        await disabled_by_hand(stack.company, person.email)
        await operator.does(at, done_by_hand(run_id, step))
        run = await until(hr.api, run_id, lambda run: bool(opened(run, "done_by_hand")))
        assert removal(run)["status"] == "attested" and not opened(run, "step_failed")
        [failed] = [one for one in run["exceptions"] if one["kind"] == "step_failed"]
        assert (failed["disposition"], failed["by"], failed["reason"]) == ("done_by_hand", "operator", EVIDENCE)
        shown_text = text_of(await hr.page.get(f"/runs/{run_id}"))
        assert "Done by hand, not confirmed" in shown_text and "Step reported as done by hand" in shown_text
        assert "in effect" in shown_text, "what the system showed"
        [exception_id] = opened(run, "done_by_hand")
        await operator.refused_at(at, accept(run_id, exception_id), 403)
        await hr.does(at, accept(run_id, exception_id))
        run = await until(hr.api, run_id, lambda run: run["state"] == "clean")
        assert run["outcomes"] == [{"place": "identity", "outcome": "attested"}], "attested, never verified"
