"""On the embedded stack a command signs in by name, and out when it ends."""

from __future__ import annotations

from orchestrator.embedded.stack import Stack
from orchestrator.ledger.access.tokens import Tokens
from tests.cli.command_line import Offboard


async def test_a_command_leaves_no_token_that_works_and_no_heap_of_those_that_do_not(
    stack: Stack, offboard: Offboard
) -> None:
    tokens = Tokens(stack.backend.database)
    before = {token.token_id for token in await tokens.made_by("finance")}
    for _ in range(3):
        await offboard.done("runs", "--as", "finance")
        await offboard.refused("show", "nosuch", "--as", "finance")
    new = [token for token in await tokens.made_by("finance") if token.token_id not in before]
    assert len(new) <= 1 and not any(token.works for token in new)
