"""The simulator of Entra ID behaves as Microsoft's documents say. Its description checks every answer on the way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any

import httpx
import pytest
import pytest_asyncio
from joserfc import jwt

from orchestrator.embedded.company.people import Employee
from orchestrator.embedded.vendors.keys import private_key
from orchestrator.embedded.vendors.simulator import client_of
from tests.vendors.entra.directory import EntraApplication, EntraUser
from tests.vendors.entra.seeds import E5, VISIO, EntraSeed, seed_entra
from tests.vendors.entra.simulator import EntraSimulator

PEOPLE = [
    Employee("E-1", "Isa", "Lund", "isa.lund@corp.example", department="Finance", manager_number="E-2"),
    Employee("E-2", "Bo", "Berg", "bo.berg@corp.example", department="Sales", traits=frozenset({"admin"})),
    Employee("E-3", "Kim", "Dahl", "kim.dahl@corp.example", department="Sales", manager_number="E-1"),
]
EVENTUAL = {"ConsistencyLevel": "eventual"}


@dataclass
class EntraFromOutside:
    """The simulator, its seed, and clients with the service app's token (`api`) and without a credential (`web`)."""

    entra: EntraSimulator
    seed: EntraSeed
    api: httpx.AsyncClient
    web: httpx.AsyncClient

    def __post_init__(self) -> None:
        self.isa, self.bo, self.kim = (self.seed.user(number) for number in ("E-1", "E-2", "E-3"))

    async def token(self, app: EntraApplication, **form: str) -> httpx.Response:
        return await self.web.post(self.entra.token_url, data={"client_id": app.app_id, **form})

    async def service_token(self, app: EntraApplication, secret: str = "") -> httpx.Response:
        scope = "https://graph.microsoft.com/.default"
        return await self.token(app, grant_type="client_credentials", client_secret=secret or app.secret, scope=scope)

    async def sign_in(self, user: EntraUser) -> httpx.Response:
        return await self.token(self.seed.mobile, grant_type="password", username=user.upn, password=user.password)

    async def refresh(self, number: str) -> httpx.Response:
        value = self.seed.tickets[number]["refresh_token"].value
        return await self.token(self.seed.mobile, grant_type="refresh_token", refresh_token=value)

    async def me(self, number: str) -> int:
        headers = {"Authorization": f"Bearer {self.seed.tickets[number]['access_token'].value}"}
        return (await self.web.get("/v1.0/me", headers=headers)).status_code

    async def list(self, path: str, **query: str) -> list[Any]:
        """All pages."""
        response = await self.api.get(path, params={f"${name}": value for name, value in query.items()})
        found = response.json()["value"]
        while following := response.json().get("@odata.nextLink"):
            response = await self.api.get(following)
            found += response.json()["value"]
        return list(found)


@pytest_asyncio.fixture
async def here() -> AsyncIterator[EntraFromOutside]:
    async with EntraSimulator().start() as entra:
        seed = seed_entra(entra, PEOPLE)
        authorization = {"Authorization": f"Bearer {entra.state.new_ticket('access_token', seed.service).value}"}
        async with client_of(entra, authorization) as api, client_of(entra) as web:
            yield EntraFromOutside(entra, seed, api, web)


def code(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


def reason(response: httpx.Response) -> int:
    """The number of the AADSTS code."""
    return int(response.json()["error_codes"][0])


async def test_ended_sessions_leave_access_tokens_until_they_expire(here: EntraFromOutside) -> None:
    assert (await here.refresh("E-1")).status_code == 200
    here.entra.advance(seconds=1)
    ended = await here.api.post(f"/v1.0/users/{here.isa.upn}/revokeSignInSessions")
    assert (ended.status_code, ended.json()["value"]) == (200, True)
    shown = await here.api.get(f"/v1.0/users/{here.isa.id}", params={"$select": "id,signInSessionsValidFromDateTime"})
    assert shown.json()["signInSessionsValidFromDateTime"] == f"{here.isa.valid_from:%Y-%m-%dT%H:%M:%SZ}"
    assert reason(await here.refresh("E-1")) == 50173
    assert await here.me("E-1") == 200
    assert (await here.sign_in(here.isa)).status_code == 200
    here.entra.advance(minutes=76)
    assert await here.me("E-1") == 401


async def test_refresh_tokens_may_live_for_some_minutes_after_the_sessions_ended(here: EntraFromOutside) -> None:
    here.entra.state.revocation_delay = timedelta(minutes=3)
    here.entra.advance(seconds=1)
    await here.api.post(f"/v1.0/users/{here.isa.id}/revokeSignInSessions")
    assert (await here.refresh("E-1")).status_code == 200
    here.entra.advance(minutes=3)
    assert reason(await here.refresh("E-1")) == 50173


async def test_a_disabled_user_cannot_sign_in_and_their_access_token_lives_on(here: EntraFromOutside) -> None:
    path = f"/v1.0/users/{here.isa.id}"
    assert (await here.api.patch(path, json={"accountEnabled": False})).status_code == 204
    assert reason(await here.sign_in(here.isa)) == 50057
    assert reason(await here.refresh("E-1")) == 50057
    assert await here.me("E-1") == 200
    shown = (await here.api.get(path)).json()
    assert "accountEnabled" not in shown
    assert (await here.api.get(path, params={"$select": "accountEnabled"})).json()["accountEnabled"] is False
    assert (await here.api.patch(path, json={"accountEnabled": True})).status_code == 204
    assert (await here.sign_in(here.isa)).status_code == 200


async def test_a_synced_user_is_changed_in_active_directory_only(here: EntraFromOutside) -> None:
    synced = here.entra.state.new_user("synced@corp.example", synced=True)
    refused = await here.api.patch(f"/v1.0/users/{synced.id}", json={"accountEnabled": False})
    assert code(refused) == (400, "Request_BadRequest")
    assert "on-premises mastered" in refused.json()["error"]["message"]
    assert (await here.api.post(f"/v1.0/users/{synced.id}/revokeSignInSessions")).status_code == 200


async def test_users_are_found_by_filter_and_advanced_filters_need_their_header(here: EntraFromOutside) -> None:
    async def names(text: str) -> list[str]:
        return [one["userPrincipalName"] for one in await here.list("/v1.0/users", filter=text)]

    assert await names("employeeId eq 'e-1'") == [here.isa.upn]
    assert await names("startsWith(userPrincipalName,'KIM') and accountEnabled eq true") == [here.kim.upn]
    assert await names("employeeId in ('E-1','E-3')") == [here.isa.upn, here.kim.upn]
    assert await names("(department eq 'Sales' or department eq 'IT') and displayName eq 'Bo Berg'") == [here.bo.upn]
    assert await names("proxyAddresses/any(x:x eq 'smtp:isa.lund@corp.example')") == [here.isa.upn]
    for text in ("accountEnabled ne true", "endsWith(mail,'example')", "city eq 'Berlin'", "not startsWith(mail,'a')"):
        assert code(await here.api.get("/v1.0/users", params={"$filter": text})) == (400, "Request_UnsupportedQuery")
    query = {"$filter": "department ne 'Sales'", "$count": "true"}
    found = (await here.api.get("/v1.0/users", params=query, headers=EVENTUAL)).json()
    assert (found["@odata.count"], [one["displayName"] for one in found["value"]]) == (1, ["Isa Lund"])
    assert code(await here.api.get("/v1.0/users", params={"$filter": "department eq"})) == (400, "BadRequest")


async def test_pages_are_named_by_next_links(here: EntraFromOutside) -> None:
    for number in range(4):
        here.entra.state.new_user(f"more-{number}@corp.example")
    assert len(await here.list("/v1.0/users", top="2", select="id")) == 7
    assert len(here.entra.sent("GET", "/users$")) == 4
    here.entra.largest_page = 5
    assert len(await here.list("/v1.0/users")) == 7
    assert len(here.entra.sent("GET", "/users$")) == 6
    assert code(await here.api.get("/v1.0/users", params={"$top": "1000"})) == (400, "Request_UnsupportedQuery")


async def test_memberships_are_direct_or_all_and_include_directory_roles(here: EntraFromOutside) -> None:
    def named(found: list[Any]) -> set[str]:
        return {one["displayName"] for one in found}

    path = f"/v1.0/users/{here.bo.id}"
    direct = named(await here.list(f"{path}/memberOf"))
    assert {"everyone", "All of Sales", "Domain Users", "Licensed", "User Administrator"} <= direct
    assert named(await here.list(f"{path}/transitiveMemberOf")) - direct == {"Everything"}
    groups = named(await here.list(f"{path}/memberOf/microsoft.graph.group"))
    assert groups == direct - {"User Administrator"}


async def test_only_assigned_groups_lose_members(here: EntraFromOutside) -> None:
    groups = here.seed.groups

    async def remove(name: str, member: str = here.isa.id) -> httpx.Response:
        return await here.api.delete(f"/v1.0/groups/{groups[name].id}/members/{member}/$ref")

    assert (await remove("Licensed")).status_code == 204
    assert code(await remove("Licensed")) == (404, "Request_ResourceNotFound")
    assert code(await remove("All of Finance")) == (403, "Authorization_RequestDenied")
    assert code(await remove("Domain Users")) == (400, "Request_BadRequest")
    mail_list = here.entra.state.new_group("list", here.isa, mail_enabled=True)
    refused = await here.api.delete(f"/v1.0/groups/{mail_list.id}/members/{here.isa.id}/$ref")
    assert code(refused) == (400, "Request_BadRequest")
    await here.api.patch(f"/v1.0/users/{here.isa.id}", json={"department": "Sales"})
    assert here.isa.id not in groups["All of Finance"].members
    assert here.isa.id in groups["All of Sales"].members


async def test_a_request_without_ref_deletes_the_member_itself(here: EntraFromOutside) -> None:
    group = here.seed.groups["Licensed"]
    assert (await here.api.delete(f"/v1.0/groups/{group.id}/members/{here.isa.id}")).status_code == 204
    assert code(await here.api.get(f"/v1.0/users/{here.isa.id}")) == (404, "Request_ResourceNotFound")


async def test_owners_are_replaced_and_the_last_one_stays(here: EntraFromOutside) -> None:
    group = here.seed.groups["everyone"]
    path = f"/v1.0/groups/{group.id}/owners"
    assert [one["id"] for one in await here.list(path)] == [here.bo.id]
    owned = await here.list(f"/v1.0/users/{here.bo.id}/ownedObjects")
    assert {one["@odata.type"] for one in owned} == {"#microsoft.graph.group"}
    assert code(await here.api.delete(f"{path}/{here.bo.id}/$ref")) == (400, "Request_BadRequest")
    reference = {"@odata.id": f"https://graph.microsoft.com/v1.0/directoryObjects/{here.kim.id}"}
    assert (await here.api.post(f"{path}/$ref", json=reference)).status_code == 204
    assert code(await here.api.post(f"{path}/$ref", json=reference)) == (400, "Request_BadRequest")
    assert (await here.api.delete(f"{path}/{here.bo.id}/$ref")).status_code == 204
    app = here.entra.state.new_application("Script", owners=(here.bo,))
    assert {
        one["@odata.type"].rpartition(".")[2]
        for one in await here.list(f"/v1.0/users/{here.bo.id}/ownedObjects")
        if one["displayName"] == "Script"
    } == {"application", "servicePrincipal"}
    assert (await here.api.delete(f"/v1.0/applications/{app.id}/owners/{here.bo.id}/$ref")).status_code == 204


async def test_managers_and_reports(here: EntraFromOutside) -> None:
    assert (await here.api.get(f"/v1.0/users/{here.isa.id}/manager")).json()["id"] == here.bo.id
    assert code(await here.api.get(f"/v1.0/users/{here.bo.id}/manager")) == (404, "Request_ResourceNotFound")
    assert [one["id"] for one in await here.list(f"/v1.0/users/{here.isa.id}/directReports")] == [here.kim.id]
    reference = {"@odata.id": f"https://graph.microsoft.com/v1.0/users/{here.bo.id}"}
    assert (await here.api.put(f"/v1.0/users/{here.kim.id}/manager/$ref", json=reference)).status_code == 204
    assert await here.list(f"/v1.0/users/{here.isa.id}/directReports") == []


async def test_roles_assignments_consents_licences_and_methods(here: EntraFromOutside) -> None:
    roles = "/v1.0/roleManagement/directory/roleAssignments"
    bo, isa = f"/v1.0/users/{here.bo.id}", f"/v1.0/users/{here.isa.id}"
    (role,) = await here.list(roles, filter=f"principalId eq '{here.bo.id}'", expand="roleDefinition")
    assert role["roleDefinition"]["displayName"] == "User Administrator"
    assert (await here.api.delete(f"{roles}/{role['id']}")).status_code == 204
    assert await here.list(roles, filter=f"principalId eq '{here.bo.id}'") == []

    by_kind = {one["principalType"]: one for one in await here.list(f"{isa}/appRoleAssignments")}
    assert {kind: one["resourceDisplayName"] for kind, one in by_kind.items()} == {"User": "Expenses", "Group": "Wiki"}
    assert (await here.api.delete(f"{isa}/appRoleAssignments/{by_kind['User']['id']}")).status_code == 204
    inherited = await here.api.delete(f"{isa}/appRoleAssignments/{by_kind['Group']['id']}")
    assert code(inherited) == (404, "Request_ResourceNotFound")

    (consent,) = await here.list(f"{isa}/oauth2PermissionGrants")
    assert (await here.api.delete(f"/v1.0/oauth2PermissionGrants/{consent['id']}")).status_code == 204
    assert await here.list(f"{isa}/oauth2PermissionGrants") == []

    remove = {"addLicenses": [], "removeLicenses": [VISIO]}
    assert (await here.api.post(f"{isa}/assignLicense", json=remove)).status_code == 200
    assert [one["skuId"] for one in await here.list(f"{isa}/licenseDetails")] == [E5]
    inherited = await here.api.post(f"{isa}/assignLicense", json={"addLicenses": [], "removeLicenses": [E5]})
    assert "inherited from a group" in inherited.json()["error"]["message"]

    kinds = {
        one["@odata.type"].rpartition(".")[2]: one["id"] for one in await here.list(f"{bo}/authentication/methods")
    }
    assert set(kinds) == {"passwordAuthenticationMethod", "phoneAuthenticationMethod", "fido2AuthenticationMethod"}
    phone = f"{bo}/authentication/phoneMethods/{kinds['phoneAuthenticationMethod']}"
    assert (await here.api.delete(phone)).status_code == 204
    assert await here.list(f"{bo}/authentication/phoneMethods") == []
    assert len(await here.list(f"{bo}/authentication/fido2Methods")) == 1


async def test_a_deleted_user_can_be_restored_until_they_are_purged(here: EntraFromOutside) -> None:
    path = f"/v1.0/users/{here.kim.id}"
    assert (await here.api.delete(path)).status_code == 204
    assert code(await here.api.get(path)) == (404, "Request_ResourceNotFound")
    assert reason(await here.sign_in(here.kim)) == 50034
    assert [one["id"] for one in await here.list("/v1.0/directory/deletedItems/microsoft.graph.user")] == [here.kim.id]
    assert (await here.api.post(f"/v1.0/directory/deletedItems/{here.kim.id}/restore")).status_code == 200
    assert (await here.sign_in(here.kim)).status_code == 200
    await here.api.delete(path)
    assert (await here.api.delete(f"/v1.0/directory/deletedItems/{here.kim.id}")).status_code == 204
    assert code(await here.api.get(f"/v1.0/directory/deletedItems/{here.kim.id}")) == (404, "Request_ResourceNotFound")


async def test_an_app_is_held_to_its_permissions(here: EntraFromOutside) -> None:
    assert code(await here.web.get("/v1.0/users")) == (401, "InvalidAuthenticationToken")
    assert reason(await here.service_token(here.seed.service, "wrong")) == 7000215
    weak = here.entra.state.new_application("Weak", "User.ReadWrite.All")
    token = (await here.service_token(weak)).json()["access_token"]
    async with client_of(here.entra, {"Authorization": f"Bearer {token}"}) as weakly:
        assert (await weakly.patch(f"/v1.0/users/{here.isa.id}", json={"accountEnabled": False})).status_code == 204
        admin = await weakly.patch(f"/v1.0/users/{here.bo.id}", json={"accountEnabled": False})
        assert code(admin) == (403, "Authorization_RequestDenied")
        ended = await weakly.post(f"/v1.0/users/{here.isa.id}/revokeSignInSessions")
        assert code(ended) == (403, "Authorization_RequestDenied")
        assert code(await weakly.get("/v1.0/groups")) == (403, "Authorization_RequestDenied")
        here.entra.advance(hours=2)
        assert code(await weakly.get("/v1.0/users")) == (401, "InvalidAuthenticationToken")


async def test_an_app_may_sign_with_its_certificate(here: EntraFromOutside) -> None:
    app, key = here.seed.service, private_key()
    app.key = key.as_dict(private=False) | {"x5t#S256": "thumbprint"}
    now = int(here.entra.now().timestamp())
    good = {"iss": app.app_id, "sub": app.app_id, "aud": here.entra.token_url, "exp": now + 300}
    numbers = count()

    async def issued(thumbprint: str = "thumbprint", **changed: Any) -> httpx.Response:
        header, claims = {"alg": "PS256", "x5t#S256": thumbprint}, {**good, "jti": str(next(numbers)), **changed}
        signed = jwt.encode(header, claims, key, algorithms=["PS256"])
        return await here.token(
            app,
            grant_type="client_credentials",
            scope="https://graph.microsoft.com/.default",
            client_assertion_type="urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            client_assertion=signed,
        )

    assert (await issued()).json()["token_type"] == "Bearer"
    assert reason(await issued(aud="https://other.example")) == 700023
    assert reason(await issued(exp=now - 1)) == 700024
    assert reason(await issued(nbf=now + 100)) == 700024
    assert reason(await issued("another")) == 700027
    assert (await issued(jti="once")).status_code == 200
    assert reason(await issued(jti="once")) == 50013
    app.key = None
    assert reason(await issued()) == 700027


async def test_faults_have_graphs_forms(here: EntraFromOutside) -> None:
    path = f"/v1.0/users/{here.isa.id}"
    here.entra.faults.limit("PATCH")
    limited = await here.api.patch(path, json={"accountEnabled": False})
    assert code(limited) == (429, "TooManyRequests")
    assert limited.headers["retry-after"] == "2"
    here.entra.faults.break_down(status=503, times=2)
    assert [code(await here.api.get(path)) for _ in range(2)] == [(503, "ServiceUnavailable")] * 2
    here.entra.faults.expire()
    assert code(await here.api.get(path)) == (401, "InvalidAuthenticationToken")
    here.entra.faults.lose_reply("PATCH")
    with pytest.raises(httpx.RemoteProtocolError):
        await here.api.patch(path, json={"accountEnabled": False})
    assert here.isa.enabled is False
    here.entra.faults.stay_stale("/users", reads=2)
    await here.api.patch(path, json={"accountEnabled": True})
    shown = [(await here.api.get(path, params={"$select": "accountEnabled"})).json() for _ in range(3)]
    assert [one["accountEnabled"] for one in shown] == [False, False, True]


async def test_a_batch_is_answered_with_200_whatever_happened_to_each(here: EntraFromOutside) -> None:
    isa, kim = f"/users/{here.isa.id}", f"/users/{here.kim.id}"
    json_body = {"headers": {"Content-Type": "application/json"}, "body": {"accountEnabled": False}}
    wanted: list[dict[str, Any]] = [
        {"id": "1", "method": "PATCH", "url": isa, **json_body},
        {"id": "2", "method": "GET", "url": f"{isa}?$select=accountEnabled", "dependsOn": ["1"]},
        {"id": "3", "method": "PATCH", "url": kim, **json_body},
        {"id": "4", "method": "POST", "url": f"{kim}/revokeSignInSessions", "dependsOn": ["3"]},
        {"id": "5", "method": "GET", "url": "/users/none"},
    ]
    here.entra.faults.limit("PATCH", here.kim.id)
    response = await here.api.post("/v1.0/$batch", json={"requests": wanted})
    assert response.status_code == 200
    answers = {one["id"]: one for one in response.json()["responses"]}
    assert {id: one["status"] for id, one in answers.items()} == {"1": 204, "2": 200, "3": 429, "4": 424, "5": 404}
    assert answers["3"]["headers"]["Retry-After"] == "2"
    assert answers["2"]["body"]["accountEnabled"] is False
    assert (here.isa.enabled, here.kim.enabled) == (False, True)
    many = [{"id": str(number), "method": "GET", "url": isa} for number in range(21)]
    assert code(await here.api.post("/v1.0/$batch", json={"requests": many})) == (400, "BadRequest")


async def test_a_request_that_graph_does_not_describe_is_a_violation(here: EntraFromOutside) -> None:
    assert code(await here.api.get("/v1.0/users", params={"$select": "employeeNumber"})) == (400, "BadRequest")
    assert code(await here.api.patch(f"/v1.0/users/{here.isa.id}", json={"enabled": False})) == (400, "BadRequest")
    assert len(here.entra.violations) == 2
    here.entra.violations.clear()


async def test_the_whole_company_can_be_seeded_in_entra() -> None:
    async with EntraSimulator().start() as entra:
        seed = seed_entra(entra)
        assert all(one.fields["employeeId"] == number for number, one in seed.users.items())
