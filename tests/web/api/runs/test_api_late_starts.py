"""A start with a cutoff in the past, over the API: it is urgent, and needs a recent sign-in."""

from __future__ import annotations

from datetime import timedelta

import httpx

from orchestrator.domain.packet.packet_files import starter_packet
from orchestrator.embedded.smaller_packet import without_systems
from orchestrator.embedded.stack import Stack, put_in_production
from tests.ledger.small_office import renamed
from tests.web.api.running import PAST, Leavers, refused, served, wanted
from tests.web.conftest import Program


async def test_a_late_start_needs_a_recent_sign_in_and_keeps_its_cutoff(
    stack: Stack, program: Program, leaver: Leavers
) -> None:
    packet = renamed(without_systems(starter_packet("standard-leaver"), stack.company.missing), "late-leaver")
    known = (await stack.services.runs.organisation()).actors
    await put_in_production(stack.services, packet, known["value-owner"], known["safety-owner"])
    hr, person = await program("hr"), await leaver()
    assert (await hr.get(f"/packets/{packet.name}")).json()["late_after"] == 900
    asked = wanted(person, packet=packet.name, cutoff=PAST)
    preview = (await hr.post("/previews", json=asked)).json()
    assert preview["urgent"] and preview["local_cutoff"].startswith(PAST)
    assert any(step["before_gates"] for step in preview["steps"])
    async with (
        served(stack, step_up_within=timedelta(0)) as url,
        httpx.AsyncClient(base_url=f"{url}/api/v1", headers=hr.headers, timeout=90) as old,
    ):
        problem = refused(await old.post("/runs", json=asked), 403, "step_up_needed")
        assert "in the past" in problem["detail"] and "minutes" in problem["remedy"]
    started = await hr.post("/runs", json=asked)
    assert started.status_code == 201, started.text
    run = (await hr.get(f"/runs/{started.json()['run_id']}")).json()
    assert run["urgent"] and run["local_cutoff"].startswith(PAST)
