"""The leaver's own roles in Offboard: every entry point lists them, and the last holder's need another person."""

from __future__ import annotations

import asyncio
import html

from orchestrator.embedded.stack import Stack
from orchestrator.worker import relaying
from tests.cli.command_line import Offboard
from tests.web.access.test_service_owners import OFTEN, safety_owner
from tests.web.access.test_sessions import leaves
from tests.web.conftest import Program, Visit

ROLE = "payroll_clerk"


async def test_a_run_lists_the_leavers_roles_and_the_last_holder_is_an_exception_until_another_person_has_the_role(
    stack: Stack, program: Program, visit: Visit
) -> None:
    hr, (_, number) = await program("hr"), await safety_owner(stack, ROLE)
    run_id = await leaves(stack, number, "2035-01-05T18:00")

    run = (await hr.get(f"/runs/{run_id}")).json()
    [duty] = run["duties"]
    assert (duty["kind"], duty["name"], duty["passes_to"], duty["missing"]) == ("role", ROLE, [], True)
    [alone] = [one for one in run["exceptions"] if one["kind"] == "role_without_holder"]
    assert (alone["code"], alone["due_at"]) == (ROLE, run["cutoff"])
    assert alone["owners"] == ["operator", "safety_owner", "value_owner"]
    page = html.unescape((await (await visit("safety-owner")).get(f"/runs/{run_id}")).text)
    assert "Roles and duties in Offboard" in page and duty["message"] in page
    assert "Role without another holder" in page
    assert "no other person has it" in " ".join(
        (await Offboard(stack.folder).done("show", run_id, as_="it")).out.split()
    )

    await safety_owner(stack, ROLE)
    async with relaying(stack.backend, stack.engine, cadence=OFTEN), asyncio.timeout(60):
        while any(one["state"] == "open" for one in run["exceptions"]):
            await asyncio.sleep(0.1)
            run = (await hr.get(f"/runs/{run_id}")).json()
    [alone] = [one for one in run["exceptions"] if one["kind"] == "role_without_holder"]
    assert alone["disposition"] == "overcome" and not run["duties"][0]["missing"]
