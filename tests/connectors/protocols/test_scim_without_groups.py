"""A SCIM server that lists no group at all: there is none, or the token may read none."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.abilities import Effect
from tests.connectors.protocols.odd_scim_server import OddServer
from tests.connectors.protocols.test_scim_odd_servers import ACCOUNT, LEAVE


@pytest.mark.parametrize(("own", "outcome"), [({}, "unknown"), ({"groups": None}, "unknown"), ({"groups": []}, "done")])
async def test_an_empty_list_of_groups_counts_only_if_the_user_has_none_either(
    own: dict[str, Any], outcome: str
) -> None:
    server = OddServer()
    server.groups = {}
    server.user |= own
    async with server.connected() as connector:
        assert (await connector.read_back(LEAVE)).outcome == outcome
        snapshot = await connector.read_back(Effect("snapshot_access", "key", ACCOUNT, deadline=10.0))
    assert (snapshot.outcome, snapshot.evidence["members_shown"]) == ("done", outcome == "done")
