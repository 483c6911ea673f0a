"""The checklist of a new installation: done by facts, the same on its page, over the API and in the terminal."""

from __future__ import annotations

import asyncio
import html
from typing import Any

import httpx

from orchestrator.embedded.stack import Stack
from tests.cli.command_line import Offboard
from tests.web.api.running import PACKET, Leavers, start
from tests.web.conftest import Program, Visit


async def steps_of(client: httpx.AsyncClient) -> dict[str, Any]:
    answer = await client.get("/checklist")
    assert answer.status_code == 200, answer.text
    return {step["step"]: step for step in answer.json()["steps"]}


async def test_steps_are_done_by_what_happened(stack: Stack, program: Program, visit: Visit, leaver: Leavers) -> None:
    operator = await program("operator")
    assert (await operator.post("/systems/check", json={"packet": PACKET})).status_code == 200
    found = await steps_of(operator)
    assert list(found) == ["sign_in", "hr", "system", "mail", "packet"]
    assert found["hr"]["done"] and found["system"]["done"] and found["packet"]["done"] and found["sign_in"]["done"]
    assert found["hr"]["since"] and found["hr"]["test"] == "POST /api/v1/systems/hr/test"
    assert (found["hr"]["system"], found["hr"]["packet"]) == ("hr", PACKET)
    assert all(bool(step["next"]) != step["done"] for step in found.values()), "an open step says what is next"
    await start(await program("hr"), await leaver())
    for _ in range(300):
        if (found := await steps_of(operator))["mail"]["done"]:
            break
        await asyncio.sleep(0.1)
    assert found["mail"]["done"], "an approval was mailed"
    assert found["mail"]["test"] == "", "no request tests the mail server"
    assert found["sign_in"]["page"] == "", "an operator cannot open People and access"
    assert (await steps_of(await program("safety-owner")))["sign_in"]["page"] == "/staff"
    text = html.unescape((await (await visit("operator")).get("/checklist")).text)
    assert "5 of 5 steps are done" in text and "Open the page" in text
    assert 'href="/staff"' not in text and "select “Test” at the system" in text
    assert "offboard" not in text.partition("<main")[2].partition("</main")[0], "a browser has no commands"
    assert not any("offboard" in step["next"] + step["test"] for step in found.values())
    typed = await Offboard(stack.folder)("checklist", as_="operator")
    assert typed.code == 0 and "✓ Packet" in typed.out and "Test: offboard whoami" in typed.out
    assert f"offboard systems test hr --packet {PACKET}" in " ".join(typed.out.split())
    assert max(map(len, typed.out.splitlines())) <= 80
