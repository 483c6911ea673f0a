"""`offboard doctor`: which part is down, without a sign-in."""

from __future__ import annotations

from tests.cli.command_line import Offboard


async def test_the_parts_are_listed_and_nothing_is_down(offboard: Offboard) -> None:
    found = await offboard.done("doctor", "--json")
    assert {part["part"]: part["up"] for part in found.json["parts"]} == dict.fromkeys(
        ("ledger", "temporal", "worker", "relay"), True
    )
    assert all(part["since"] for part in found.json["parts"])
    assert "relay" in (await offboard.done("doctor")).out


async def test_a_web_process_that_does_not_respond_is_named(offboard: Offboard) -> None:
    found = await offboard("doctor", env={"OFFBOARD_SERVER": "http://127.0.0.1:9"})
    assert found.code == 1 and "127.0.0.1:9" in found.err
