"""The simulator of Google Workspace behaves as Google's documents say. Its description checks every answer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import pytest_asyncio

from orchestrator.embedded.company.people import Employee
from orchestrator.embedded.vendors.simulator import client_of
from tests.vendors.google.credentials import JWT_BEARER
from tests.vendors.google.seeds import LICENCE, SCOPES, GoogleSeed, seed_google, service_assertion
from tests.vendors.google.simulator import GoogleSimulator

PEOPLE = [
    Employee("E-1", "Isa", "Lund", "isa.lund@corp.example", department="Finance", manager_number="E-2"),
    Employee("E-2", "Bo", "Berg", "bo.berg@corp.example", department="Sales", traits=frozenset({"admin"})),
    Employee("E-3", "Kim", "Dahl", "kim.dahl@corp.example", department="Sales", manager_number="E-2"),
]
DIRECTORY = "/admin/directory/v1"
ISA = f"{DIRECTORY}/users/isa.lund@corp.example"
BO = f"{DIRECTORY}/users/bo.berg@corp.example"
CUSTOMER = f"{DIRECTORY}/customer/my_customer"


@dataclass
class GoogleFromOutside:
    """The simulator, its seed, and clients with the service account's token (`api`) and without one (`web`)."""

    google: GoogleSimulator
    seed: GoogleSeed
    api: httpx.AsyncClient
    web: httpx.AsyncClient

    def __post_init__(self) -> None:
        self.isa, self.bo, self.kim = (self.seed.user(number) for number in ("E-1", "E-2", "E-3"))

    async def token(self, *scopes: str, **claims: Any) -> httpx.Response:
        assertion = service_assertion(self.google, self.seed, *scopes, **claims)
        return await self.web.post("/token", data={"grant_type": JWT_BEARER, "assertion": assertion})

    async def refresh(self, number: str) -> httpx.Response:
        value = self.seed.tokens[number]["refresh_token"].value
        form = {"grant_type": "refresh_token", "refresh_token": value, "client_id": self.seed.mobile.id}
        return await self.web.post("/token", data=form)

    async def lives(self, number: str) -> bool:
        query = {"access_token": self.seed.tokens[number]["access_token"].value}
        return (await self.web.post("/oauth2/v2/tokeninfo", params=query)).status_code == 200

    async def list(self, path: str, name: str, **query: str) -> list[Any]:
        """All pages."""
        found: list[Any] = []
        while True:
            body = (await self.api.get(path, params=query)).json()
            found += body.get(name, [])
            if "nextPageToken" not in body:
                return found
            query["pageToken"] = body["nextPageToken"]

    def acting(self, value: str) -> httpx.AsyncClient:
        return client_of(self.google, {"Authorization": f"Bearer {value}"})


@pytest_asyncio.fixture
async def here() -> AsyncIterator[GoogleFromOutside]:
    async with GoogleSimulator().start() as google:
        seed = seed_google(google, PEOPLE)
        token = google.state.new_token("access_token", seed.service, seed.admin, list(SCOPES)).value
        async with client_of(google, {"Authorization": f"Bearer {token}"}) as api, client_of(google) as web:
            yield GoogleFromOutside(google, seed, api, web)


def code(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["errors"][0]["reason"]


async def test_a_suspended_user_gets_no_new_token_and_loses_sessions(here: GoogleFromOutside) -> None:
    assert (await here.refresh("E-1")).status_code == 200
    assert (await here.api.patch(ISA, json={"suspended": True})).json()["suspensionReason"] == "ADMIN"
    assert here.isa.sessions == 0
    assert (await here.refresh("E-1")).json()["error"] == "invalid_grant"
    assert await here.lives("E-1")
    here.google.advance(hours=1)
    assert not await here.lives("E-1")
    here.google.advance(hours=-1)
    assert (await here.api.put(ISA, json={"suspended": False})).status_code == 200
    assert (await here.refresh("E-1")).status_code == 200


async def test_signing_out_leaves_tokens_of_apps_and_removing_these_ends_them(here: GoogleFromOutside) -> None:
    assert (await here.api.post(f"{ISA}/signOut")).status_code == 204
    assert here.isa.sessions == 0
    assert (await here.refresh("E-1")).status_code == 200
    (token,) = await here.list(f"{ISA}/tokens", "items")
    assert token["displayText"] == "Mail on a phone"
    assert (await here.api.delete(f"{ISA}/tokens/{token['clientId']}")).status_code == 204
    assert not await here.lives("E-1")
    assert (await here.refresh("E-1")).json()["error"] == "invalid_grant"
    assert code(await here.api.delete(f"{ISA}/tokens/{token['clientId']}")) == (404, "notFound")
    assert await here.list(f"{ISA}/tokens", "items") == []


async def test_app_passwords_and_backup_codes(here: GoogleFromOutside) -> None:
    assert [one["codeId"] for one in await here.list(f"{ISA}/asps", "items")] == [1]
    assert (await here.api.delete(f"{ISA}/asps/1")).status_code == 204
    assert await here.list(f"{ISA}/asps", "items") == []
    assert len(await here.list(f"{ISA}/verificationCodes", "items")) == 10
    assert (await here.api.post(f"{ISA}/verificationCodes/invalidate")).status_code == 204
    assert await here.list(f"{ISA}/verificationCodes", "items") == []


async def test_users_are_found_by_query_and_listed_in_pages(here: GoogleFromOutside) -> None:
    async def emails(query: str) -> list[str]:
        found = await here.list(f"{DIRECTORY}/users", "users", customer="my_customer", query=query)
        return [one["primaryEmail"] for one in found]

    assert await emails("externalId=E-1") == [here.isa.email]
    assert await emails("email:kim.*") == [here.kim.email]
    assert await emails("email=e-3@corp.example") == [here.kim.email]
    assert await emails("familyName='Dahl' isSuspended=false") == [here.kim.email]
    assert await emails(f"directManager={here.bo.email}") == [here.isa.email, here.kim.email]
    query = {"customer": "my_customer", "query": "shoeSize=42"}
    assert code(await here.api.get(f"{DIRECTORY}/users", params=query)) == (400, "invalid")
    assert code(await here.api.get(f"{DIRECTORY}/users")) == (400, "badRequest")
    assert len(await here.list(f"{DIRECTORY}/users", "users", customer="my_customer", maxResults="3")) == 4
    here.google.largest_page = 1
    assert len(await here.list(f"{DIRECTORY}/users", "users", customer="my_customer")) == 4
    for key in (here.isa.id, "e-1@corp.example", "ISA.LUND@corp.example"):
        assert (await here.api.get(f"{DIRECTORY}/users/{key}")).json()["id"] == here.isa.id
    assert code(await here.api.get(f"{DIRECTORY}/users/none@corp.example")) == (404, "notFound")


async def test_groups_members_and_owners(here: GoogleFromOutside) -> None:
    names = [one["name"] for one in await here.list(f"{DIRECTORY}/groups", "groups", userKey=here.bo.email)]
    assert names == ["everyone", "department-sales", "global-admins"]
    members = f"{DIRECTORY}/groups/everyone@corp.example/members"
    assert [one["email"] for one in await here.list(members, "members", roles="OWNER")] == [here.bo.email]
    made = await here.api.patch(f"{members}/{here.kim.email}", json={"role": "OWNER"})
    assert made.json()["role"] == "OWNER"
    assert (await here.api.delete(f"{members}/{here.bo.email}")).status_code == 204
    assert code(await here.api.delete(f"{members}/{here.bo.email}")) == (404, "notFound")
    assert code(await here.api.post(members, json={"email": here.kim.email})) == (409, "duplicate")
    assert (await here.api.post(members, json={"email": here.bo.email})).json()["role"] == "MEMBER"


async def test_roles_direct_and_by_a_group(here: GoogleFromOutside) -> None:
    here.google.state.assign_role("3", here.seed.groups["everyone"])
    path = f"{CUSTOMER}/roleassignments"
    direct = await here.list(path, "items", userKey=here.bo.email)
    assert [(one["roleId"], one["assigneeType"]) for one in direct] == [("2", "user")]
    both = await here.list(path, "items", userKey=here.bo.email, includeIndirectRoleAssignments="true")
    assert [one["assigneeType"] for one in both] == ["user", "group"]
    assert (await here.api.delete(f"{path}/{direct[0]['roleAssignmentId']}")).status_code == 204
    assert await here.list(path, "items", userKey=here.bo.email) == []
    again = {"roleId": "2", "assignedTo": here.bo.id, "scopeType": "CUSTOMER"}
    assert (await here.api.post(path, json=again)).json()["assigneeType"] == "user"
    assert code(await here.api.post(path, json=again)) == (409, "duplicate")
    assert code(await here.api.post(path, json=again | {"roleId": "99"})) == (404, "notFound")
    assert {one["roleName"] for one in await here.list(f"{CUSTOMER}/roles", "items")} >= {"_SEED_ADMIN_ROLE"}
    here.bo.is_admin = True
    assert (await here.api.post(f"{BO}/makeAdmin", json={"status": False})).status_code == 204
    assert not here.bo.is_admin


async def test_a_transfer_goes_on_after_the_answer(here: GoogleFromOutside) -> None:
    apps = await here.list("/admin/datatransfer/v1/applications", "applications")
    drive = next(one["id"] for one in apps if one["name"] == "Drive and Docs")
    wanted = [
        {
            "applicationId": drive,
            "applicationTransferParams": [{"key": "PRIVACY_LEVEL", "value": ["PRIVATE", "SHARED"]}],
        }
    ]
    body = {"oldOwnerUserId": here.isa.id, "newOwnerUserId": here.bo.id, "applicationDataTransfers": wanted}
    started = (await here.api.post("/admin/datatransfer/v1/transfers", json=body)).json()
    assert started["overallTransferStatusCode"] == "inProgress"
    assert code(await here.api.post("/admin/datatransfer/v1/transfers", json=body)) == (409, "conflict")
    path = f"/admin/datatransfer/v1/transfers/{started['id']}"
    states = [(await here.api.get(path)).json()["overallTransferStatusCode"] for _ in range(2)]
    assert states == ["inProgress", "completed"]
    found = await here.list("/admin/datatransfer/v1/transfers", "dataTransfers", oldOwnerUserId=here.isa.id)
    assert [one["id"] for one in found] == [started["id"]]


async def test_licences_aliases_and_devices(here: GoogleFromOutside) -> None:
    product, sku = LICENCE
    path = f"/apps/licensing/v1/product/{product}"
    assert len(await here.list(f"{path}/users", "items", customerId="corp.example")) == 3
    assert (await here.api.delete(f"{path}/sku/{sku}/user/{here.isa.email}")).status_code == 200
    assert code(await here.api.delete(f"{path}/sku/{sku}/user/{here.isa.email}")) == (404, "notFound")
    assert [one["alias"] for one in await here.list(f"{ISA}/aliases", "aliases")] == ["e-1@corp.example"]
    assert (await here.api.delete(f"{ISA}/aliases/e-1@corp.example")).status_code == 204
    assert code(await here.api.get(f"{DIRECTORY}/users/e-1@corp.example")) == (404, "notFound")
    (phone,) = await here.list(f"{CUSTOMER}/devices/mobile", "mobiledevices", query=f"email:{here.isa.email}")
    wiped = await here.api.post(
        f"{CUSTOMER}/devices/mobile/{phone['resourceId']}/action", json={"action": "admin_account_wipe"}
    )
    assert wiped.status_code == 204
    assert here.google.state.devices[phone["resourceId"]].status == "ACCOUNT_WIPING"


async def test_a_deleted_user_can_be_restored_for_twenty_days(here: GoogleFromOutside) -> None:
    assert (await here.api.delete(ISA)).status_code == 204
    assert code(await here.api.get(ISA)) == (404, "notFound")
    assert (await here.refresh("E-1")).json()["error"] == "invalid_grant"
    deleted = await here.list(f"{DIRECTORY}/users", "users", customer="my_customer", showDeleted="true")
    assert [one["id"] for one in deleted] == [here.isa.id]
    undelete = f"{DIRECTORY}/users/{here.isa.id}/undelete"
    assert (await here.api.post(undelete, json={"orgUnitPath": "/"})).status_code == 204
    assert (await here.api.get(ISA)).status_code == 200
    assert here.google.state.groups_of(here.isa.id) == []
    await here.api.delete(ISA)
    assert here.isa.deleted is not None
    here.isa.deleted = here.isa.deleted.replace(year=2020)
    assert code(await here.api.post(undelete, json={"orgUnitPath": "/"})) == (404, "notFound")


async def test_a_service_account_needs_delegation_scopes_and_an_administrator(here: GoogleFromOutside) -> None:
    issued = await here.token(SCOPES[0])
    assert issued.json()["expires_in"] == 3599
    async with here.acting(issued.json()["access_token"]) as narrow:
        assert (await narrow.get(ISA)).status_code == 200
        assert code(await narrow.post(f"{ISA}/signOut")) == (403, "insufficientPermissions")
        here.google.advance(hours=1)
        assert code(await narrow.get(ISA)) == (401, "authError")
        here.google.advance(hours=-1)
    assert (await here.token("https://mail.google.com/")).json()["error"] == "unauthorized_client"
    assert (await here.token(sub="none@corp.example")).json()["error"] == "invalid_grant"
    assert (await here.token(exp=1)).json()["error"] == "invalid_grant"
    assert (await here.token(iss="other@project.iam.gserviceaccount.com")).json()["error"] == "invalid_grant"
    assert code(await here.web.get(ISA)) == (401, "authError")
    delegated = (await here.token(sub=here.bo.email)).json()["access_token"]
    async with here.acting(delegated) as helping:
        assert (await helping.patch(ISA, json={"suspended": True})).status_code == 200
        assert code(await helping.get(f"{CUSTOMER}/roleassignments")) == (403, "forbidden")
        refused = await helping.patch(f"{DIRECTORY}/users/{here.seed.admin.email}", json={"suspended": True})
        assert code(refused) == (403, "forbidden")
    ordinary = (await here.token(sub=here.kim.email)).json()["access_token"]
    async with here.acting(ordinary) as person:
        assert code(await person.get(ISA)) == (403, "forbidden")


async def test_faults_have_googles_forms(here: GoogleFromOutside) -> None:
    suspend = {"suspended": True}
    here.google.faults.limit_as_forbidden("PATCH")
    assert code(await here.api.patch(ISA, json=suspend)) == (403, "quotaExceeded")
    here.google.faults.limit("PATCH")
    assert code(await here.api.patch(ISA, json=suspend)) == (429, "rateLimitExceeded")
    here.google.faults.break_down(status=503)
    assert code(await here.api.get(ISA)) == (503, "backendError")
    here.google.faults.expire()
    assert code(await here.api.get(ISA)) == (401, "authError")
    assert not here.isa.suspended
    here.google.faults.lose_reply("PATCH")
    with pytest.raises(httpx.RemoteProtocolError):
        await here.api.patch(ISA, json=suspend)
    assert here.isa.suspended
    here.google.faults.stay_stale("/users/", reads=1)
    await here.api.patch(ISA, json={"suspended": False})
    assert [(await here.api.get(ISA)).json()["suspended"] for _ in range(2)] == [True, False]


async def test_a_request_that_google_does_not_describe_is_a_violation(here: GoogleFromOutside) -> None:
    assert code(await here.api.get(ISA, params={"view": "full"})) == (400, "invalid")
    assert code(await here.api.patch(ISA, json={"suspend": True})) == (400, "invalid")
    assert (await here.api.get(f"{DIRECTORY}/people")).status_code == 404
    assert len(here.google.violations) == 2
    here.google.violations.clear()


async def test_the_whole_company_can_be_seeded_in_google() -> None:
    async with GoogleSimulator().start() as google:
        assert set(seed_google(google).users) == {
            one.fields["externalIds"][0]["value"] for one in google.state.users.values() if one.fields
        }
