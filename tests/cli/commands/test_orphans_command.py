"""`systems orphans`: accounts of a system that no person owns."""

from __future__ import annotations

from tests.cli.command_line import Offboard


async def test_accounts_without_an_owner_are_listed(offboard: Offboard) -> None:
    found = (await offboard.done("systems", "orphans", "identity", "--json", as_="auditor")).json
    assert found["complete"] and found["counts"]["owned"] > 0 and found["code"] == ""
    said = (await offboard.done("systems", "orphans", "identity", as_="auditor")).out
    assert "Owned by a person who works here" in said and "the complete list" in said
    refused = await offboard("systems", "orphans", "cards", as_="auditor")
    assert refused.code == 1 and "does not list accounts" in refused.out
