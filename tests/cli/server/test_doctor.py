"""`offboard doctor`: which part is down, without a sign-in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from orchestrator.embedded.stack import Stack
from tests.cli.command_line import Offboard


async def test_the_parts_are_listed_and_nothing_is_down(offboard: Offboard) -> None:
    found = await offboard.done("doctor", "--json")
    assert {part["part"]: part["up"] for part in found.json["parts"]} == dict.fromkeys(
        ("ledger", "temporal", "worker", "relay"), True
    )
    assert all(part["since"] for part in found.json["parts"])
    assert "relay" in (await offboard.done("doctor")).out


async def test_a_paused_system_is_named_with_since_when_and_how_it_is_resumed(offboard: Offboard) -> None:
    await offboard.done("hold", "--system", "code", "--reason", "It is being moved.", as_="operator")
    try:
        paused = await named(offboard, lambda systems: "code" in systems)
        assert (paused["code"]["state"], paused["code"]["code"]) == ("paused", None) and paused["code"]["since"]
        shown = (await offboard.done("doctor")).out
        assert "code: changes paused since " in shown and "offboard release --system code" in shown
    finally:
        await offboard.done("release", "--system", "code", as_="operator")
    await named(offboard, lambda systems: "code" not in systems)


async def test_a_system_that_did_not_respond_to_its_check_is_named(offboard: Offboard, stack: Stack) -> None:
    await stack.company.stop("code")
    try:
        await offboard("systems", "check", as_="operator")
        down = await named(offboard, lambda systems: "code" in systems)
        assert down["code"]["state"] == "unreachable" and down["code"]["since"] and down["code"]["code"]
        shown = (await offboard.done("doctor")).out
        assert "code: not reachable since " in shown and "offboard systems check" in shown
    finally:
        await stack.company.restart("code")
    await offboard.done("systems", "check", as_="operator")
    await named(offboard, lambda systems: "code" not in systems)


async def named(offboard: Offboard, so: Callable[[Any], bool]) -> Any:
    """The systems that `doctor` names, by name, as soon as it is so."""
    deadline = asyncio.get_running_loop().time() + 30
    while not so(systems := {one["system"]: one for one in (await offboard.done("doctor", "--json")).json["systems"]}):
        assert asyncio.get_running_loop().time() < deadline, systems
        await asyncio.sleep(0.2)
    return systems


async def test_a_web_process_that_does_not_respond_is_named(offboard: Offboard) -> None:
    found = await offboard("doctor", env={"OFFBOARD_SERVER": "http://127.0.0.1:9"})
    assert found.code == 1 and "127.0.0.1:9" in found.err
