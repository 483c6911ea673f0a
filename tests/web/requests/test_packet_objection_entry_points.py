"""An owner objects to a version at each entry point: it does not go forward until its author withdraws the objection;
a signature that waits is in the inbox of the page, of the API and at the terminal."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator import commands
from orchestrator.domain.packet.packet_files import starter_names
from orchestrator.embedded.stack import Stack
from tests.web.api.running import refused
from tests.web.requests.entry_points import ENTRY_POINTS, SignInAs, packet_of, text_of

WHY = "The runbook names no team."


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
async def test_an_objection_holds_a_version_until_it_is_withdrawn(
    stack: Stack, sign_in: SignInAs, entry_point: str
) -> None:
    packet = packet_of(f"objected-{entry_point}", ("disable_identity",))
    actors = (await stack.services.runs.organisation()).actors
    value, safety = await sign_in("value-owner"), await sign_in("safety-owner")
    await commands.adopt_packet(stack.services, actors["value-owner"], packet, starter_names())
    at, name = f"/packets/{packet.name}/versions/{packet.version}", packet.name

    waiting = {"packet": name, "version": packet.version, "title": packet.workflow.title, "phase": "shadow"}
    assert waiting | {"owner": "safety"} in (await safety.api.get("/inbox")).json()["to_sign"]
    _, shown = await safety.typed("inbox")
    assert f"Packet {name} {packet.version[:12]} waits for your signature as safety owner for dry run." in shown
    for owner in (value, safety):
        assert (await owner.api.post(f"{at}/signatures", json={})).status_code == 200
    assert waiting | {"owner": "safety"} not in (await safety.api.get("/inbox")).json()["to_sign"]

    async def says(reason: str) -> tuple[bool, str]:
        if entry_point == "page":
            answer = await safety.page.submit(f"{at}/object", {"reason": reason})
            return answer.status_code == 200, text_of(answer)
        if entry_point == "api":
            answer = await safety.api.post(f"{at}/objections", json={"reason": reason})
            return answer.status_code == 200, answer.text
        code, said = await safety.typed("packet", "object", name, "--reason", reason)
        return code == 0, said

    async def withdraws(who: Any) -> tuple[bool, str]:
        if entry_point == "page":
            answer = await who.page.submit(f"{at}/withdraw-objection", {"objection": "objection-1"})
            return answer.status_code == 200, text_of(answer)
        if entry_point == "api":
            answer = await who.api.post(f"{at}/objections/objection-1/withdrawal")
            return answer.status_code == 200, answer.text
        code, said = await who.typed("packet", "object", name, "--withdraw", "objection-1")
        return code == 0, said

    done, said = await says(" ")
    assert not done and "An objection needs a reason" in said
    done, said = await says(WHY)
    assert done, said
    done, said = await says(WHY)
    assert not done and "You already object" in said
    problem = refused(await value.api.post(f"{at}/moves", json={"phase": "shadow"}), 409, "objection_open")
    assert "safety-owner objects to it" in problem["detail"]
    shown = text_of(await value.page.get(f"{at}?part=owners"))
    assert WHY in shown and "does not go to a later phase" in shown
    assert (await value.page.submit(f"{at}/move", {"phase": "shadow"})).status_code == 409

    done, said = await withdraws(value)
    assert not done and "can withdraw this objection" in said
    done, said = await withdraws(safety)
    assert done, said
    [objection] = (await value.api.get(at)).json()["objections"]
    assert (objection["by"], objection["reason"], objection["state"]) == ("safety-owner", WHY, "withdrawn")
    assert (await value.api.post(f"{at}/moves", json={"phase": "shadow"})).status_code == 200
