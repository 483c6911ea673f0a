"""The simulator of Okta behaves as Okta's documents say. Its description checks every answer on the way."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import pytest_asyncio

from orchestrator.embedded.company.people import Employee
from orchestrator.embedded.vendors.keys import private_key
from orchestrator.embedded.vendors.okta.organisation import OktaUser
from orchestrator.embedded.vendors.okta.seeds import SERVICE_SCOPES, OktaSeed, client_assertion, seed_okta
from orchestrator.embedded.vendors.okta.sign_in import JWT_BEARER
from orchestrator.embedded.vendors.okta.simulator import OktaSimulator
from orchestrator.embedded.vendors.simulator import client_of

PEOPLE = [
    Employee("E-1", "Isa", "Lund", "isa.lund@corp.example", department="Finance"),
    Employee("E-2", "Bo", "Berg", "bo.berg@corp.example", department="Sales", traits=frozenset({"admin"})),
    Employee("E-3", "Kim", "Dahl", "kim.dahl@corp.example", department="Sales", manager_number="E-2"),
]


@dataclass
class OktaFromOutside:
    """The simulator, its seed, and clients with the API token (`api`) and without a credential (`web`)."""

    okta: OktaSimulator
    seed: OktaSeed
    api: httpx.AsyncClient
    web: httpx.AsyncClient

    def __post_init__(self) -> None:
        self.isa, self.bo, self.kim = (self.seed.user(number) for number in ("E-1", "E-2", "E-3"))

    async def sign_in(self, user: OktaUser) -> httpx.Response:
        return await self.web.post("/api/v1/authn", json={"username": user.login, "password": user.password})

    async def cookie(self, user: OktaUser) -> dict[str, str]:
        """Of a new session."""
        token = (await self.sign_in(user)).json()["sessionToken"]
        opened = await self.web.post("/api/v1/sessions", json={"sessionToken": token})
        return {"Cookie": f"sid={opened.json()['id']}"}

    async def session_status(self, cookie: dict[str, str]) -> int:
        return (await self.web.get("/api/v1/sessions/me", headers=cookie)).status_code

    def tokens(self, user: OktaUser) -> dict[str, str]:
        """By kind."""
        return {one.kind: one.value for one in self.okta.state.tokens.values() if one.user == user.id}

    async def live_tokens(self, user: OktaUser) -> set[str]:
        live = set()
        for kind, token in self.tokens(user).items():
            query = {"client_id": self.seed.mobile.id}
            answered = await self.web.post("/oauth2/v1/introspect", params=query, data={"token": token})
            live |= {kind} if answered.json()["active"] else set()
        return live

    async def refresh(self, user: OktaUser) -> httpx.Response:
        form = {"grant_type": "refresh_token", "client_id": self.seed.mobile.id}
        return await self.web.post(
            "/oauth2/v1/token", data={**form, "refresh_token": self.tokens(user)["refresh_token"]}
        )

    def as_token(self, token: str) -> httpx.AsyncClient:
        return client_of(self.okta, {"Authorization": token})

    async def service_token(self, scope: str, **claims: Any) -> httpx.Response:
        assertion = client_assertion(self.okta, self.seed.service, self.seed.key, **claims)
        form = {"grant_type": "client_credentials", "scope": scope, "client_assertion_type": JWT_BEARER}
        return await self.web.post("/oauth2/v1/token", data={**form, "client_assertion": assertion})


@pytest_asyncio.fixture
async def here() -> AsyncIterator[OktaFromOutside]:
    async with OktaSimulator().start() as okta:
        seed = seed_okta(okta, PEOPLE)
        authorization = {"Authorization": f"SSWS {seed.api_token}"}
        async with client_of(okta, authorization) as api, client_of(okta) as web:
            yield OktaFromOutside(okta, seed, api, web)


def code(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["errorCode"]


async def all_pages(api: httpx.AsyncClient, path: str) -> list[Any]:
    """Follows the links."""
    found, address = [], path
    while address:
        response = await api.get(address)
        found += response.json()
        address = response.links.get("next", {}).get("url", "")
    return found


async def test_it_starts_fast() -> None:
    private_key()
    started = time.process_time()
    async with OktaSimulator().start() as okta:
        seed_okta(okta, PEOPLE)
    assert time.process_time() - started < 0.3


@pytest.mark.parametrize("ends_sessions", [True, False])
async def test_a_suspended_user_cannot_sign_in_and_tokens_live_on(here: OktaFromOutside, ends_sessions: bool) -> None:
    here.okta.state.suspension_ends_sessions = ends_sessions
    cookie = await here.cookie(here.isa)
    assert await here.session_status(cookie) == 200
    assert (await here.api.post(f"/api/v1/users/{here.isa.id}/lifecycle/suspend")).status_code == 200
    assert code(await here.sign_in(here.isa)) == (401, "E0000004")
    assert await here.session_status(cookie) == (404 if ends_sessions else 200)
    assert (await here.api.delete(f"/api/v1/users/{here.isa.id}/sessions")).status_code == 204
    assert await here.session_status(cookie) == 404
    assert await here.live_tokens(here.isa) == {"access_token"}
    assert (await here.refresh(here.isa)).json()["error"] == "invalid_grant"
    assert code(await here.api.post(f"/api/v1/users/{here.isa.id}/lifecycle/suspend")) == (400, "E0000001")
    assert (await here.api.post(f"/api/v1/users/{here.isa.id}/lifecycle/unsuspend")).status_code == 200
    assert code(await here.api.post(f"/api/v1/users/{here.isa.id}/lifecycle/unsuspend")) == (400, "E0000001")
    assert (await here.sign_in(here.isa)).status_code == 200
    assert (await here.refresh(here.isa)).status_code == 200


async def test_tokens_end_with_the_sessions_only_on_request(here: OktaFromOutside) -> None:
    await here.api.delete(f"/api/v1/users/{here.isa.id}/sessions")
    assert await here.live_tokens(here.isa) == {"access_token", "refresh_token"}
    await here.api.delete(f"/api/v1/users/{here.isa.id}/sessions", params={"oauthTokens": "true"})
    assert await here.live_tokens(here.isa) == set()


async def test_an_access_token_outlives_its_refresh_token_for_an_hour(here: OktaFromOutside) -> None:
    own = f"/api/v1/users/{here.isa.id}/clients/{here.seed.mobile.id}/tokens"
    assert [one["status"] for one in (await here.api.get(own)).json()] == ["ACTIVE"]
    assert (await here.api.delete(own)).status_code == 204
    assert (await here.api.get(own)).json() == []
    assert await here.live_tokens(here.isa) == {"access_token"}
    here.okta.advance(hours=1)
    assert await here.live_tokens(here.isa) == set()


async def test_deactivating_ends_sign_in_sessions_assignments_and_api_tokens(here: OktaFromOutside) -> None:
    token = next(one.value for one in here.okta.state.api_tokens.values() if one.user == here.bo.id)
    here.okta.state.apps[here.seed.apps["Payroll"].id].users.add(here.bo.id)
    cookie = await here.cookie(here.bo)
    async with here.as_token(f"SSWS {token}") as theirs:
        assert (await theirs.get("/api/v1/users/me")).json()["id"] == here.bo.id
        assert (await here.api.post(f"/api/v1/users/{here.bo.id}/lifecycle/deactivate")).status_code == 200
        assert code(await theirs.get("/api/v1/users/me")) == (401, "E0000011")
    assert (await here.sign_in(here.bo)).status_code == 401
    assert await here.session_status(cookie) == 404
    assert (await here.api.get(f"/api/v1/users/{here.bo.id}/appLinks")).json() == []
    assert {one["profile"]["name"] for one in (await here.api.get(f"/api/v1/users/{here.bo.id}/groups")).json()} >= {
        "Everyone", "help-desk", "Domain Users",
    }  # fmt: skip
    assert code(await here.api.post(f"/api/v1/users/{here.bo.id}/lifecycle/deactivate")) == (403, "E0000038")
    assert code(await here.api.delete(f"/api/v1/users/{here.bo.id}/factors/{_factor(here, here.bo)}")) == (
        403,
        "E0000038",
    )


async def test_the_first_delete_deactivates_and_the_second_deletes(here: OktaFromOutside) -> None:
    path = f"/api/v1/users/{here.kim.id}"
    assert (await here.api.delete(path)).status_code == 204
    assert (await here.api.get(path)).json()["status"] == "DEPROVISIONED"
    assert (await here.api.delete(path)).status_code == 204
    assert code(await here.api.get(path)) == (404, "E0000007")
    assert code(await here.api.delete(path)) == (404, "E0000007")


async def test_an_asynchronous_deactivation_shows_the_old_status_for_a_while(here: OktaFromOutside) -> None:
    path = f"/api/v1/users/{here.kim.id}"
    await here.api.post(f"{path}/lifecycle/deactivate", headers={"Prefer": "respond-async"})
    shown = (await here.api.get(path)).json()
    assert (shown["status"], shown["transitioningToStatus"]) == ("ACTIVE", "DEPROVISIONED")
    assert (await here.api.get(path)).json()["status"] == "DEPROVISIONED"


async def test_lists_leave_out_deactivated_users_and_searches_do_not(here: OktaFromOutside) -> None:
    await here.api.post(f"/api/v1/users/{here.isa.id}/lifecycle/deactivate")

    async def logins(**query: str) -> list[str]:
        return [one["profile"]["login"] for one in (await here.api.get("/api/v1/users", params=query)).json()]

    assert here.isa.login not in await logins()
    assert await logins(q="isa") == []
    assert await logins(search='profile.employeeNumber eq "e-1"') == [here.isa.login]
    assert await logins(search='(profile.department eq "Sales" and status eq "ACTIVE") or id eq "x"') == [
        here.bo.login,
        here.kim.login,
    ]
    assert await logins(search='profile.login sw "KIM" and profile.managerId pr') == [here.kim.login]
    assert await logins(filter=f'profile.login eq "{here.isa.login}"') == [here.isa.login]
    assert await logins(filter=f'profile.login eq "{here.isa.login.upper()}"') == []
    for query in ({"filter": 'profile.employeeNumber eq "E-1"'}, {"filter": 'profile.login sw "isa"'},
                  {"search": 'status ne "ACTIVE"'}, {"search": "status eq"}):  # fmt: skip
        assert code(await here.api.get("/api/v1/users", params=query)) == (400, "E0000031")
    for id in (here.kim.id, "kim.dahl@corp.example", "KIM.DAHL"):
        assert (await here.api.get(f"/api/v1/users/{id}")).json()["id"] == here.kim.id


async def test_pages_are_named_by_links(here: OktaFromOutside) -> None:
    users = await all_pages(here.api, "/api/v1/users?limit=2")
    assert [one["id"] for one in users] == [one.id for one in here.okta.state.users.values()]
    assert len(here.okta.sent("GET", "/users$")) == 2
    here.okta.largest_page = 1
    members = await all_pages(here.api, f"/api/v1/groups/{here.okta.state.everyone.id}/users")
    assert len(members) == len(users)
    assert code(await here.api.get("/api/v1/users", params={"limit": "0"})) == (400, "E0000001")


async def test_only_own_groups_lose_members(here: OktaFromOutside) -> None:
    groups = here.seed.groups

    async def remove(id: str) -> httpx.Response:
        return await here.api.delete(f"/api/v1/groups/{id}/users/{here.bo.id}")

    assert (await remove(groups["help-desk"].id)).status_code == 204
    assert here.bo.id not in groups["help-desk"].members
    assert code(await remove(groups["Domain Users"].id)) == (403, "E0000006")
    assert code(await remove(here.okta.state.everyone.id)) == (403, "E0000006")
    added = await here.api.put(f"/api/v1/groups/{here.okta.state.everyone.id}/users/{here.bo.id}")
    assert code(added) == (501, "E0000060")


async def test_a_rule_leaves_a_removed_member_out_unless_it_puts_them_back(here: OktaFromOutside) -> None:
    sales = here.seed.groups["department-sales"]
    path = f"/api/v1/groups/{sales.id}/users/{here.kim.id}"
    await here.api.delete(path)
    assert here.kim.id not in sales.members
    rules = (await here.api.get("/api/v1/groups/rules")).json()
    rule = next(one for one in rules if sales.id in one["actions"]["assignUserToGroups"]["groupIds"])
    assert rule["conditions"]["people"]["users"]["exclude"] == [here.kim.id]
    stubborn = here.okta.state.new_rule("All of Sales", "department", "Sales", sales, puts_back=True)
    assert here.kim.id in sales.members
    assert (await here.api.delete(path)).status_code == 204
    assert here.kim.id in sales.members
    await here.api.post(f"/api/v1/groups/rules/{stubborn.id}/lifecycle/deactivate")
    await here.api.delete(path)
    assert here.kim.id not in sales.members


async def test_an_assignment_by_a_group_is_not_removed_from_the_user(here: OktaFromOutside) -> None:
    wiki, payroll = here.seed.apps["Wiki"], here.seed.apps["Payroll"]
    mine = await here.api.get(
        "/api/v1/apps", params={"filter": f'user.id eq "{here.isa.id}"', "expand": f"user/{here.isa.id}"}
    )
    assert {one["label"]: one["_embedded"]["user"]["scope"] for one in mine.json()} == {
        "Wiki": "GROUP",
        "Payroll": "USER",
    }
    assert (await here.api.delete(f"/api/v1/apps/{payroll.id}/users/{here.isa.id}")).status_code == 204
    assert code(await here.api.get(f"/api/v1/apps/{payroll.id}/users/{here.isa.id}")) == (404, "E0000007")
    refused = await here.api.delete(f"/api/v1/apps/{wiki.id}/users/{here.isa.id}")
    assert code(refused) == (403, "E0000046")
    assert [one["label"] for one in (await here.api.get(f"/api/v1/users/{here.isa.id}/appLinks")).json()] == ["Wiki"]
    everyone = here.seed.groups["everyone"]
    assert [one["id"] for one in (await here.api.get(f"/api/v1/apps/{wiki.id}/groups")).json()] == [everyone.id]
    await here.api.delete(f"/api/v1/groups/{everyone.id}/users/{here.isa.id}")
    assert (await here.api.get(f"/api/v1/users/{here.isa.id}/appLinks")).json() == []


async def test_factors_roles_grants_and_devices(here: OktaFromOutside) -> None:
    bo = f"/api/v1/users/{here.bo.id}"
    factors = (await here.api.get(f"{bo}/factors")).json()
    assert {one["factorType"] for one in factors} == {"push", "webauthn"}
    assert (await here.api.delete(f"{bo}/factors/{_factor(here, here.bo)}")).status_code == 204
    assert [one["factorType"] for one in (await here.api.get(f"{bo}/factors")).json()] == ["webauthn"]
    assert (await here.api.post(f"{bo}/lifecycle/reset_factors")).status_code == 200
    assert (await here.api.get(f"{bo}/factors")).json() == []
    roles = {one["assignmentType"]: one for one in (await here.api.get(f"{bo}/roles")).json()}
    assert {kind: one["type"] for kind, one in roles.items()} == {"USER": "ORG_ADMIN", "GROUP": "HELP_DESK_ADMIN"}
    assert (await here.api.delete(f"{bo}/roles/{roles['USER']['id']}")).status_code == 204
    assert code(await here.api.delete(f"{bo}/roles/{roles['GROUP']['id']}")) == (404, "E0000007")
    assert (await here.api.delete(f"{bo}/grants")).status_code == 204
    assert (await here.api.get(f"{bo}/grants")).json() == []
    assert [one["client_id"] for one in (await here.api.get(f"{bo}/clients")).json()] == [here.seed.mobile.id]
    owned = [one for one in (await here.api.get("/api/v1/api-tokens")).json() if one["userId"] == here.bo.id]
    assert (await here.api.delete(f"/api/v1/api-tokens/{owned[0]['id']}")).status_code == 204
    assert [one["device"]["status"] for one in (await here.api.get(f"{bo}/devices")).json()] == ["ACTIVE"]
    with_roles = (await here.api.get("/api/v1/iam/assignees/users")).json()["value"]
    assert here.bo.id in {one["id"] for one in with_roles}


async def test_a_credential_is_held_to_its_permissions(here: OktaFromOutside) -> None:
    helper = here.okta.state.new_user("helper@corp.example")
    here.okta.state.new_role("HELP_DESK_ADMIN", helper)
    async with here.as_token(f"SSWS {here.okta.state.new_api_token(helper, 'x').value}") as helping:
        assert (await helping.get("/api/v1/users")).status_code == 200
        assert (await helping.post(f"/api/v1/users/{here.isa.id}/lifecycle/reset_factors")).status_code == 200
        assert code(await helping.post(f"/api/v1/users/{here.isa.id}/lifecycle/suspend")) == (403, "E0000006")
        assert code(await helping.post(f"/api/v1/users/{here.bo.id}/lifecycle/reset_factors")) == (403, "E0000006")
        assert code(await helping.get("/api/v1/api-tokens")) == (403, "E0000006")
    async with here.as_token("SSWS wrong") as wrong:
        assert code(await wrong.get("/api/v1/users")) == (401, "E0000011")
    assert code(await here.web.get("/api/v1/users")) == (401, "E0000004")


async def test_a_service_app_needs_its_key_its_scope_and_a_role(here: OktaFromOutside) -> None:
    issued = await here.service_token("okta.users.read okta.users.manage")
    assert issued.json()["expires_in"] == 3600
    async with here.as_token(f"Bearer {issued.json()['access_token']}") as service:
        assert (await service.post(f"/api/v1/users/{here.isa.id}/lifecycle/suspend")).status_code == 200
        narrow = await service.get("/api/v1/groups")
        assert code(narrow) == (403, "E0000006")
        assert 'error="insufficient_scope"' in narrow.headers["www-authenticate"]
        here.okta.state.roles = {
            id: one for id, one in here.okta.state.roles.items() if one.assignee != here.seed.service.id
        }
        assert code(await service.get("/api/v1/users")) == (403, "E0000006")
        here.okta.advance(hours=1)
        old = await service.get("/api/v1/users")
        assert old.status_code == 401
        assert 'error="invalid_token"' in old.headers["www-authenticate"]
    now = int(here.okta.now().timestamp())
    claims: dict[str, Any]
    for claims in ({"aud": here.okta.url}, {"exp": now - 1}, {"exp": now + 7200}, {"iss": "x"}):
        refused = await here.service_token("okta.users.read", **claims)
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    here.okta.state.clients[here.seed.service.id].scopes.remove("okta.apps.manage")
    assert (await here.service_token("okta.apps.manage", exp=now + 60)).json()["error"] == "invalid_scope"
    assert (await here.service_token("", exp=now + 60)).json()["error"] == "invalid_scope"


async def test_faults_have_oktas_forms(here: OktaFromOutside) -> None:
    suspend = f"/api/v1/users/{here.isa.id}/lifecycle/suspend"
    here.okta.faults.limit("POST", "/lifecycle/")
    limited = await here.api.post(suspend)
    assert code(limited) == (429, "E0000047")
    assert limited.headers["x-rate-limit-remaining"] == "0"
    assert 0 < int(limited.headers["x-rate-limit-reset"]) - here.okta.now().timestamp() <= 60
    assert here.isa.status == "ACTIVE"
    here.okta.faults.break_down(status=500)
    assert code(await here.api.get("/api/v1/users/me")) == (500, "E0000009")
    here.okta.faults.expire()
    assert code(await here.api.get("/api/v1/users/me")) == (401, "E0000011")
    here.okta.faults.cut("POST")
    with pytest.raises(httpx.RemoteProtocolError):
        await here.api.post(suspend)
    assert here.isa.status == "ACTIVE"
    here.okta.faults.lose_reply("POST", "suspend")
    with pytest.raises(httpx.RemoteProtocolError):
        await here.api.post(suspend)
    assert here.isa.status == "SUSPENDED"
    here.okta.faults.slow_down(0.3, path="/users/")
    with pytest.raises(httpx.ReadTimeout):
        await here.api.get(f"/api/v1/users/{here.isa.id}", timeout=0.1)
    here.okta.faults.stay_stale(r"/api/v1/users$", reads=1)
    await here.api.post(f"/api/v1/users/{here.isa.id}/lifecycle/unsuspend")
    found = {"search": 'profile.employeeNumber eq "E-1"'}
    shown = [(await here.api.get("/api/v1/users", params=found)).json()[0]["status"] for _ in range(2)]
    assert shown == ["SUSPENDED", "ACTIVE"]
    assert here.okta.faults.struck == 6


async def test_the_limit_of_a_minute_is_kept(here: OktaFromOutside) -> None:
    here.okta.requests_per_minute = 2
    answers = [await here.api.get("/api/v1/users/me") for _ in range(3)]
    assert [one.status_code for one in answers] == [200, 200, 429]
    assert [one.headers["x-rate-limit-remaining"] for one in answers] == ["1", "0", "0"]
    here.okta.advance(minutes=1)
    assert (await here.api.get("/api/v1/users/me")).status_code == 200


async def test_a_request_that_okta_does_not_describe_is_a_violation(here: OktaFromOutside) -> None:
    users = "/api/v1/users"
    assert code(await here.api.get(users, params={"employeeNumber": "E-1"})) == (400, "E0000001")
    assert code(await here.api.post(f"{users}/{here.isa.id}", json={"profil": {}})) == (400, "E0000001")
    assert code(await here.api.get("/api/v1/people")) == (404, "E0000022")
    assert [one.partition(": ")[2].partition(":")[2].strip() for one in here.okta.violations] == [
        "the query parameter employeeNumber is not described",
        "body: $.profil is not described",
    ]
    here.okta.violations.clear()


async def test_the_whole_company_can_be_seeded() -> None:
    async with OktaSimulator().start() as okta:
        seed = seed_okta(okta)
        assert {one.profile["employeeNumber"] for one in seed.users.values()} == set(seed.users)
        async with client_of(okta, {"Authorization": f"SSWS {seed.api_token}"}) as api:
            for path in (
                "/api/v1/users",
                "/api/v1/groups",
                "/api/v1/groups/rules",
                "/api/v1/apps",
                "/api/v1/api-tokens",
            ):
                assert (await api.get(path)).status_code == 200
        assert set(SERVICE_SCOPES) == set(seed.service.scopes)


def _factor(here: OktaFromOutside, user: OktaUser) -> str:
    return next(one.id for one in here.okta.state.factors.values() if one.user == user.id)
