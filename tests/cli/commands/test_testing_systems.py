"""`offboard systems test`: a worker tests a system of the packet, with the same result as on the page."""

from __future__ import annotations

from orchestrator.embedded.stack import Stack
from tests.cli.command_line import NewLeaver, Offboard


async def test_a_system_is_tested_from_the_terminal(stack: Stack, offboard: Offboard, leaver: NewLeaver) -> None:
    person = await leaver()
    tested = await offboard("systems", "test", "code", "--person", person.email, as_="operator")
    assert tested.code == 0, tested.out + tested.err
    assert "✓ Credential" in tested.out and "matched by" in tested.out
    assert "Those with * change something" in tested.out and "  * " in tested.out
    assert max(map(len, tested.out.splitlines())) <= 80
    document = (await offboard("systems", "test", "code", "--json", as_="operator")).json
    assert document["ok"] and {one["part"] for one in document["parts"]} >= {"tcp", "credential", "permissions"}
    refused = await offboard("systems", "test", "code", as_="auditor")
    assert refused.code == 1 and "operator" in refused.err.lower()
