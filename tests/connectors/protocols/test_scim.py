"""What is particular to SCIM: servers without PATCH, entity tags, pages, and a 404 that proves something."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio

from connectors.abilities import Account, Connector, Effect, Lookup
from connectors.errors import ActionRequiredError, TryAgainError
from connectors.http.requests import Answer
from connectors.protocols.scim import SCIM
from connectors.protocols.scim_server import ScimServer
from connectors.registry import connect
from orchestrator.embedded.company.company import Company
from orchestrator.embedded.company.people import Employee
from tests.conftest import Hire
from tests.connectors.company_settings import ALLOWED, connect_to, settings_for
from tests.connectors.contract import STRONG_KEY, the_account
from tests.connectors.raw_servers import forwarded_to, http_answer, listening

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
LEAVER = Employee("N-1", "Ansgar", "Quidde", "ansgar.quidde@wolkenmuehle.example", department="Storehouse")
STAYING = Employee("N-2", "Berta", "Quidde", "berta.quidde@wolkenmuehle.example", department="Storehouse")


@pytest_asyncio.fixture(scope="module")
async def plain_company(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Company]:
    """An identity provider that announces and serves no PATCH."""
    folder: Path = tmp_path_factory.mktemp("plain-company")
    async with Company.start(folder, [LEAVER, STAYING], scim_patch=False) as company:
        yield company


@pytest_asyncio.fixture
async def plain(plain_company: Company) -> AsyncIterator[Connector]:
    connector = connect_to(plain_company, "scim")
    yield connector
    await connector.aclose()
    await plain_company.clear_faults()


@contextlib.asynccontextmanager
async def door(company: Company) -> AsyncIterator[httpx.AsyncClient]:
    """The identity provider as another client sees it."""
    settings = settings_for(company, "scim")
    headers = {"Authorization": f"Bearer {settings['token']}", "Content-Type": "application/scim+json"}
    async with httpx.AsyncClient(base_url=settings["url"], headers=headers, trust_env=False) as client:
        yield client


async def test_without_patch_the_fetched_document_is_put_back(plain: Connector, plain_company: Company) -> None:
    account = await the_account(plain, LEAVER)
    async with door(plain_company) as client:
        before = (await client.get(f"/Users/{account.native_id}")).json()
    for ability in ("disable_account", "remove_from_groups"):
        effect = Effect(ability, secrets.token_hex(8), account)
        assert (await plain.read_back(effect)).outcome == "not_done"
        known = len(await plain_company.effects("identity"))
        await plain.attempt(effect)
        assert (await plain.read_back(effect)).outcome == "done"
        done = (await plain_company.effects("identity"))[known:]
        assert done
        assert all(entry["action"].startswith("PUT") for entry in done)
    async with door(plain_company) as client:
        after = (await client.get(f"/Users/{account.native_id}")).json()
        groups = (await client.get("/Groups")).json()["Resources"]
    # Nothing but the one change, extensions included; the others are still in their groups.
    assert after["active"] is False
    assert {**before, "active": None, "meta": None} == {**after, "active": None, "meta": None}
    assert before[ENTERPRISE]["department"] == "Storehouse"
    staying = (await the_account(plain, STAYING)).native_id
    assert all([member["value"] for member in group["members"]] == [staying] for group in groups)


async def test_a_change_in_between_is_not_overwritten(plain: Connector, plain_company: Company) -> None:
    account = await the_account(plain, STAYING)
    put_seen, let_go = asyncio.Event(), asyncio.Event()

    async def hold_puts(data: bytes) -> None:
        if data.startswith(b"PUT "):
            put_seen.set()
            await let_go.wait()

    port_behind = urlsplit(plain_company.connections["IDENTITY_URL"]).port
    assert port_behind is not None
    async with listening(forwarded_to(port_behind, hold_puts)) as port, door(plain_company) as client:
        slow = connect_to(plain_company, "scim", url=f"http://127.0.0.1:{port}/v2")
        attempt = asyncio.create_task(slow.attempt(Effect("disable_account", secrets.token_hex(8), account)))
        await asyncio.wait_for(put_seen.wait(), 10)
        document = (await client.get(f"/Users/{account.native_id}")).json() | {"title": "Storekeeper"}
        put = await client.put(f"/Users/{account.native_id}", content=json.dumps(document))
        assert put.status_code == 200
        let_go.set()
        with pytest.raises(TryAgainError, match="changed_meanwhile") as raised:
            await attempt
        assert raised.value.happened == "no"
        now = (await client.get(f"/Users/{account.native_id}")).json()
        await slow.aclose()
    assert (now["title"], now["active"]) == ("Storekeeper", True)


async def test_every_page_is_read(company: Company, connectors: dict[str, Connector], hire: Hire) -> None:
    people = await hire(130, department="Ropewalk")
    lookup = Lookup(f"{ENTERPRISE}:department", "Ropewalk")
    found = await connectors["scim"].find_accounts([lookup])
    assert {account.label for account in found} == {person.email for person in people}


async def test_a_privileged_account_is_shown(connectors: dict[str, Connector], hire: Hire) -> None:
    (admin,), (other,) = await hire(traits=["admin"]), await hire()
    assert (await the_account(connectors["scim"], admin)).privileged
    assert not (await the_account(connectors["scim"], other)).privileged


async def test_only_named_groups_are_left(connectors: dict[str, Connector], hire: Hire) -> None:
    scim = connectors["scim"]
    (admin,) = await hire(traits=["admin"])
    account = await the_account(scim, admin)
    effect = Effect("remove_from_groups", secrets.token_hex(8), account, {"groups": ["global-admins"]})
    reply = await scim.attempt(effect)
    assert [group["name"] for group in reply.detail["left_groups"]] == ["global-admins"]
    assert (await scim.read_back(effect)).outcome == "done"
    snapshot = await scim.read_back(Effect("snapshot_access", "key", account))
    assert {group["name"] for group in snapshot.evidence["groups"]} == {"everyone", "department-engineering"}


async def test_a_second_delete_is_done_and_a_disable_then_says_gone(
    connectors: dict[str, Connector], hire: Hire
) -> None:
    scim = connectors["scim"]
    (person,) = await hire()
    account = await the_account(scim, person)
    await scim.attempt(Effect("delete_account", "first", account))
    again = Effect("delete_account", "second", account)
    assert (await scim.attempt(again)).detail["already_gone"]
    assert (await scim.read_back(again)).outcome == "done"
    assert await scim.find_accounts([STRONG_KEY["scim"](person)]) == []
    assert (await scim.read_back(Effect("disable_account", "third", account))).outcome == "unknown"


def test_a_list_that_holds_no_resources_is_not_understood() -> None:
    flow = SCIM.find(ScimServer([]), [Lookup("userName", "isa")])
    next(flow)
    flow.send(Answer(404))
    with pytest.raises(ActionRequiredError, match="answer_not_understood"):
        flow.send(Answer(200, {"totalResults": 1, "Resources": ["isa"]}))


@pytest.mark.parametrize("meta", [None, "W/1", {}, {"version": 1}])
def test_a_resource_without_the_entity_tag_that_was_promised_is_not_put_back(meta: object) -> None:
    do = SCIM.acts.act("disable_account").do
    assert do is not None
    flow = do(ScimServer([]), Effect("disable_account", "key", Account("7", "isa")))
    next(flow)
    flow.send(Answer(200, {"patch": {"supported": False}, "etag": {"supported": True}}))
    with pytest.raises(ActionRequiredError, match="answer_not_understood"):
        flow.send(Answer(200, {"id": "7", "meta": meta}))


async def test_a_404_of_someone_else_proves_no_deletion() -> None:
    """Such as a gateway's, or that of a wrong base address."""
    page = http_answer("404 Not Found", b"<html>no such page", "Content-Type: text/html")
    async with listening(page) as port:
        settings = {"url": f"http://127.0.0.1:{port}/v2", "token": "t"}
        scim = connect("scim", settings, allowed_hosts=ALLOWED)
        effect = Effect("delete_account", "key", Account("4711", "somebody"))
        with pytest.raises(ActionRequiredError, match="answer_not_understood"):
            await scim.attempt(effect)
        assert (await scim.read_back(effect)).outcome == "unknown"
        await scim.aclose()
