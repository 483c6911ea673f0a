"""A SCIM server that can do little: no filters, no entity tags, two resources a page, whatever is asked for."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from connectors.abilities import Connector, Effect, Lookup
from connectors.exclusion import others_excluded_by
from connectors.registry import connect
from tests.connectors.company_settings import ALLOWED

TOKEN = "token-of-the-modest-server"
NAMES = [f"person{number}@wolkenmuehle.example" for number in range(5)]


@pytest_asyncio.fixture(scope="module", params=["patch", "put"])
async def modest(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[httpx.AsyncClient]:
    offers: dict[str, Any] = {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": {"supported": request.param == "patch"},
        "bulk": {"supported": False, "maxOperations": 0, "maxPayloadSize": 0},
        "filter": {"supported": False, "maxResults": 2},
        "changePassword": {"supported": False},
        "sort": {"supported": False},
        "etag": {"supported": False},
    }
    config: Path = tmp_path_factory.mktemp("modest") / "offers.json"
    config.write_text(json.dumps(offers))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    arguments = ["--port", str(port), "--bearer-token", TOKEN, "--service-provider-config", str(config)]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "scim2_server.testserver.cli",
        *arguments,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/scim+json"}
    try:
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}/v2", headers=headers, trust_env=False
        ) as client:
            async with asyncio.timeout(20):
                while True:
                    assert process.returncode is None
                    try:
                        await client.get("/ServiceProviderConfig")
                        break
                    except httpx.ConnectError:
                        await asyncio.sleep(0.02)
            await _populate(client)
            yield client
    finally:
        process.terminate()
        await process.wait()


async def _populate(client: httpx.AsyncClient) -> None:
    ids = []
    for name in NAMES:
        user = {"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name, "active": True}
        ids.append((await client.post("/Users", content=json.dumps(user))).json()["id"])
    for name, members in (("all", ids), ("first", ids[:1]), ("last", ids[-1:]), ("admin", [ids[1]])):
        group = {
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
            "displayName": name,
            "members": [{"value": member} for member in members],
        }
        assert (await client.post("/Groups", content=json.dumps(group))).status_code == 201


@pytest_asyncio.fixture
async def scim(modest: httpx.AsyncClient) -> AsyncIterator[Connector]:
    url = str(modest.base_url).rstrip("/")
    connector = connect("scim", {"url": url, "token": TOKEN}, allowed_hosts=ALLOWED)
    yield connector
    await connector.aclose()


async def test_the_right_account_is_found_among_pages(scim: Connector) -> None:
    for name in NAMES:
        (account,) = await scim.find_accounts([Lookup("userName", name.upper())])
        assert (account.label, account.privileged) == (name, name == NAMES[1])
    assert await scim.find_accounts([Lookup("userName", NAMES[0][:-1]), Lookup("userName", "")]) == []
    assert (await scim.check()).reachable


async def test_disabled_and_out_of_its_own_groups_only(scim: Connector) -> None:
    (account,) = await scim.find_accounts([Lookup("userName", NAMES[-1])])
    (neighbour,) = await scim.find_accounts([Lookup("userName", NAMES[0])])
    for ability in ("disable_account", "remove_from_groups"):
        effect = Effect(ability, secrets.token_hex(8), account)
        assert (await scim.read_back(effect)).outcome != "done"
        await scim.attempt(effect)
        assert (await scim.read_back(effect)).outcome == "done"
    kept = await scim.read_back(Effect("snapshot_access", "key", neighbour))
    assert kept.evidence["active"] is True
    assert {group["name"] for group in kept.evidence["groups"]} == {"all", "first"}


async def test_two_accounts_that_leave_a_group_at_once_are_both_out_of_it(scim: Connector) -> None:
    """Without PATCH and entity tags, the second one would write the list that it read before the first one left."""
    locks: dict[str, asyncio.Lock] = {}
    leaving = [(await scim.find_accounts([Lookup("userName", name)]))[0] for name in NAMES[2:4]]

    @asynccontextmanager
    async def exclusion(thing: str, at_most: float) -> AsyncIterator[bool]:
        async with locks.setdefault(thing, asyncio.Lock()):
            yield True

    asked = 0

    async def in_turn() -> None:
        """Both are at the same request, as far as the exclusion lets them."""
        nonlocal asked
        asked += 1
        mine = asked
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.5):
                while asked <= mine:
                    await asyncio.sleep(0.005)

    with others_excluded_by(exclusion):
        effects = [Effect("remove_from_groups", secrets.token_hex(8), account) for account in leaving]
        await asyncio.gather(*(scim.attempt(effect, pace=in_turn) for effect in effects))
    for effect in effects:
        assert (await scim.read_back(effect)).outcome == "done"
