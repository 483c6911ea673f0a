"""The SCIM connector against two more servers that others wrote: django-scim2 and SCIMMY."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable

import httpx
import pytest

from connectors.abilities import Account, Connector, Effect, Lookup
from connectors.errors import RefusedError
from tests.connectors.protocols.scim_servers import ScimServerProcess, django_site, scimmy

pytestmark = pytest.mark.timeout(180)
Starting = Callable[[], contextlib.AbstractAsyncContextManager[ScimServerProcess]]
EITHER = [
    pytest.param(django_site, marks=pytest.mark.servers("python-django-scim2"), id="django-scim2"),
    pytest.param(scimmy, marks=pytest.mark.servers("node-scimmy"), id="scimmy"),
]
LEAVER, OTHER, ADMIN = "Ida.Storm@corp.example", "bo.berg@corp.example", "eva.ek@corp.example"


async def _step(scim: Connector, ability: str, account: Account) -> tuple[str, str]:
    """What a read-back says before and after the step."""
    effect = Effect(ability, secrets.token_hex(8), account)
    before = (await scim.read_back(effect)).outcome
    await scim.attempt(effect)
    await scim.attempt(effect)
    return before, (await scim.read_back(effect)).outcome


@pytest.mark.parametrize("starting", EITHER)
async def test_an_account_is_found_disabled_and_deleted(starting: Starting) -> None:
    async with starting() as server:
        ids = {name: await server.add_user(name) for name in (LEAVER, OTHER, ADMIN)}
        for number in range(60):  # a page of SCIMMY has 20 entries, one of django-scim2 50
            await server.add_user(f"person{number}@corp.example")
        await server.add_group("admins", [ids[ADMIN]])
        scim = server.connected()
        assert (await scim.check()).reachable
        for lookup in (
            Lookup("userName", LEAVER.lower()),
            Lookup("externalId", f"E-{LEAVER}"),
            Lookup("id", ids[LEAVER]),
        ):
            (account,) = await scim.find_accounts([lookup])
            assert (account.native_id, account.active, account.privileged) == (ids[LEAVER], True, False)
        (admin,) = await scim.find_accounts([Lookup("emails.value", ADMIN)])
        assert (admin.native_id, admin.privileged) == (ids[ADMIN], True)
        assert await scim.find_accounts([Lookup("userName", "none@corp.example")]) == []
        listed = await scim.list_accounts(["userName"], at_most=100, deadline=30.0)
        assert listed is not None
        assert (len(listed.accounts), listed.complete) == (63, True)

        assert await _step(scim, "disable_account", account) == ("not_done", "done")
        assert (await server.client.get(f"/Users/{ids[LEAVER]}")).json()["active"] is False
        assert (await server.client.get(f"/Users/{ids[OTHER]}")).json()["active"] is True
        assert await _step(scim, "delete_account", account) == ("not_done", "done")
        assert (await server.client.get(f"/Users/{ids[LEAVER]}")).status_code == 404
        await scim.aclose()


@pytest.mark.servers("python-django-scim2")
async def test_a_password_that_worked_before_is_refused_after() -> None:
    async with django_site() as site, httpx.AsyncClient(base_url=site.url, trust_env=False) as visitor:
        scim = site.connected()
        signing_in = {"name": LEAVER, "password": "tomato-soup-1"}
        await site.add_user(LEAVER, password=signing_in["password"])
        assert (await visitor.get("/login", params=signing_in)).status_code == 200
        (account,) = await scim.find_accounts([Lookup("userName", LEAVER)])
        await _step(scim, "disable_account", account)
        assert (await visitor.get("/login", params=signing_in)).status_code == 401
        await scim.aclose()


@pytest.mark.servers("node-scimmy")
async def test_scimmy_removes_one_member_also_the_last_one_of_a_group() -> None:
    """Afterwards it refuses the filter over members, since one group has none."""
    async with scimmy() as server:
        ids = [await server.add_user(name) for name in (LEAVER, OTHER)]
        both, alone = await server.add_group("both", ids), await server.add_group("alone", ids[:1])
        scim = server.connected()
        (account,) = await scim.find_accounts([Lookup("userName", LEAVER)])
        assert await _step(scim, "remove_from_groups", account) == ("not_done", "done")
        assert (await server.members(both), await server.members(alone)) == ({ids[1]}, set())
        shown = await scim.read_back(Effect("snapshot_access", "key", Account(ids[1], OTHER)))
        assert [group["name"] for group in shown.evidence["groups"]] == ["both"]
        await scim.aclose()


@pytest.mark.servers("python-django-scim2")
async def test_django_scim2_cannot_remove_one_member_and_the_step_says_so() -> None:
    """It removes members only by a list of values in a `remove`, which by RFC 7644 section 3.5.2.2 empties it."""
    async with django_site() as server:
        ids = [await server.add_user(name) for name in (LEAVER, OTHER)]
        group = await server.add_group("both", ids)
        scim = server.connected()
        (account,) = await scim.find_accounts([Lookup("userName", LEAVER)])
        effect = Effect("remove_from_groups", "key", account)
        with pytest.raises(RefusedError, match="group_cannot_be_left"):
            await scim.attempt(effect)
        assert (await scim.read_back(effect)).outcome == "not_done"
        assert await server.members(group) == set(ids)
        await scim.aclose()
