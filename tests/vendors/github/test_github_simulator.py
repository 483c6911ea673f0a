"""The simulator of GitHub behaves as GitHub's documents say. Its description checks every answer on the way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import pytest_asyncio

from orchestrator.embedded.company.people import Employee
from orchestrator.embedded.vendors.github.seeds import GitHubSeed, app_jwt, seed_github
from orchestrator.embedded.vendors.github.simulator import GitHubSimulator
from orchestrator.embedded.vendors.simulator import client_of

PEOPLE = [
    Employee("E-1", "Isa", "Lund", "isa.lund@corp.example", department="Finance"),
    Employee("E-2", "Bo", "Berg", "bo.berg@corp.example", department="Sales", traits=frozenset({"admin"})),
    Employee("E-3", "Kim", "Dahl", "kim.dahl@corp.example", department="Sales"),
]


@dataclass
class GitHubFromOutside:
    """The simulator, its seed, and clients with an installation token (`app`) and an owner's token (`owner`)."""

    github: GitHubSimulator
    seed: GitHubSeed
    app: httpx.AsyncClient
    owner: httpx.AsyncClient

    def __post_init__(self) -> None:
        self.isa, self.bo, self.kim = (self.seed.user(number) for number in ("E-1", "E-2", "E-3"))

    def with_token(self, value: str) -> httpx.AsyncClient:
        return client_of(self.github, {"Authorization": f"Bearer {value}"})

    async def reaches(self, value: str, repository: str = "billing") -> httpx.Response:
        """With a person's own token."""
        async with self.with_token(value) as theirs:
            return await theirs.get(f"/repos/corp/{repository}")

    async def list(self, path: str, **query: str) -> list[Any]:
        response = await self.app.get(path, params=query)
        found = list(response.json())
        while following := response.links.get("next"):
            response = await self.app.get(following["url"])
            found += response.json()
        return found


@pytest_asyncio.fixture
async def here() -> AsyncIterator[GitHubFromOutside]:
    async with GitHubSimulator().start() as github:
        seed = seed_github(github, PEOPLE)
        installed = github.state.new_installation_token(seed.app).value
        async with (
            client_of(github, {"Authorization": f"Bearer {installed}"}) as app,
            client_of(github, {"Authorization": f"token {seed.token}"}) as owner,
        ):
            yield GitHubFromOutside(github, seed, app, owner)


def logins(found: list[Any]) -> set[str]:
    return {one["login"] for one in found}


async def test_a_removed_member_loses_teams_repositories_and_the_seat(here: GitHubFromOutside) -> None:
    classic, fine = here.seed.tokens["E-1"].value, here.seed.fine_grained["E-1"].value
    for token in (classic, fine):
        assert (await here.reaches(token)).status_code == 200
        assert (await here.reaches(token, "handbook")).status_code == 200
    assert (await here.app.get("/orgs/corp/members/isa-lund")).status_code == 204
    assert (await here.app.delete("/orgs/corp/members/isa-lund")).status_code == 204
    for token in (classic, fine):
        assert (await here.reaches(token)).status_code == 404
        assert (await here.reaches(token, "handbook")).status_code == 404
    async with here.with_token(classic) as theirs:
        assert (await theirs.get("/user/memberships/orgs/corp")).status_code == 404
        assert (await theirs.get("/user")).json()["login"] == "isa-lund"
    assert (await here.app.get("/orgs/corp/memberships/isa-lund")).status_code == 404
    assert (await here.app.get("/orgs/corp/teams/finance/memberships/isa-lund")).status_code == 404
    assert (await here.app.get("/orgs/corp/members/isa-lund/copilot")).status_code == 404
    assert (await here.app.delete("/orgs/corp/members/isa-lund")).status_code == 404


async def test_a_member_of_the_organization_is_no_outside_collaborator(here: GitHubFromOutside) -> None:
    guest = here.github.state.new_user("guest")
    here.github.state.repositories["billing"].collaborators["guest"] = "push"
    token = here.github.state.new_classic_token(guest, "repo").value
    assert logins(await here.list("/orgs/corp/outside_collaborators")) == {"guest"}
    assert (await here.reaches(token)).status_code == 200
    refused = await here.app.delete("/orgs/corp/outside_collaborators/isa-lund")
    assert refused.status_code == 422
    assert (await here.app.delete("/orgs/corp/outside_collaborators/guest")).status_code == 204
    assert (await here.reaches(token)).status_code == 404
    direct = await here.list("/repos/corp/billing/collaborators", affiliation="direct")
    assert logins(direct) == {"isa-lund", "bo-berg", "kim-dahl"}
    assert {one["role_name"] for one in direct} == {"write", "admin"}
    assert (await here.app.delete("/repos/corp/billing/collaborators/kim-dahl")).status_code == 204
    assert (await here.reaches(here.seed.tokens["E-3"].value)).status_code == 404


async def test_a_membership_is_also_an_invitation(here: GitHubFromOutside) -> None:
    invited = here.github.state.new_user("invited")
    invitation = here.github.state.invite(invited)
    assert logins(await here.list("/orgs/corp/invitations")) == {"invited"}
    assert (await here.app.get("/orgs/corp/memberships/invited")).json()["state"] == "pending"
    assert (await here.app.delete("/orgs/corp/memberships/invited")).status_code == 204
    assert (await here.app.delete(f"/orgs/corp/invitations/{invitation.id}")).status_code == 404
    shown = (await here.app.get("/orgs/corp/memberships/bo-berg")).json()
    assert (shown["state"], shown["role"]) == ("active", "admin")


async def test_the_last_owner_stays(here: GitHubFromOutside) -> None:
    assert logins(await here.list("/orgs/corp/members", role="admin")) == {"root", "bo-berg"}
    assert (await here.app.delete("/orgs/corp/members/bo-berg")).status_code == 204
    assert (await here.app.delete("/orgs/corp/members/root")).status_code == 403


async def test_a_synced_team_refuses_changes(here: GitHubFromOutside) -> None:
    assert {one["slug"] for one in await here.list("/orgs/corp/teams")} == {"synced", "finance", "sales"}
    assert (await here.app.delete("/orgs/corp/teams/sales/memberships/kim-dahl")).status_code == 204
    assert logins(await here.list("/orgs/corp/teams/sales/members")) == {"bo-berg"}
    assert (await here.app.delete("/orgs/corp/teams/synced/memberships/kim-dahl")).status_code == 403


async def test_tokens_are_revoked_in_the_organization_only(here: GitHubFromOutside) -> None:
    granted = await here.list("/orgs/corp/personal-access-tokens", **{"owner[]": "isa-lund"})
    assert [one["owner"]["login"] for one in granted] == ["isa-lund"]
    path = f"/orgs/corp/personal-access-tokens/{granted[0]['id']}"
    assert (await here.reaches(here.seed.fine_grained["E-1"].value)).status_code == 200
    assert (await here.app.post(path, json={"action": "revoke"})).status_code == 204
    assert (await here.reaches(here.seed.fine_grained["E-1"].value)).status_code == 404
    assert (await here.app.post(path, json={"action": "revoke"})).status_code == 404
    ids = [one["id"] for one in await here.list("/orgs/corp/personal-access-tokens")]
    both = await here.app.post("/orgs/corp/personal-access-tokens", json={"action": "revoke", "pat_ids": ids})
    assert both.status_code == 202
    assert await here.list("/orgs/corp/personal-access-tokens") == []
    not_for_people = await here.owner.get("/orgs/corp/personal-access-tokens")
    assert not_for_people.json()["message"] == "Resource not accessible by personal access token"

    here.github.state.saml = True
    classic = here.seed.tokens["E-1"].value
    assert (await here.reaches(classic)).status_code == 200
    (credential,) = await here.list("/orgs/corp/credential-authorizations", login="isa-lund")
    gone = await here.app.delete(f"/orgs/corp/credential-authorizations/{credential['credential_id']}")
    assert gone.status_code == 204
    refused = await here.reaches(classic)
    assert refused.status_code == 403
    assert refused.headers["x-github-sso"].startswith("required; url=")


async def test_a_cancelled_seat_works_until_the_period_ends(here: GitHubFromOutside) -> None:
    seats = "/orgs/corp/copilot/billing/selected_users"
    cancelled = await here.app.request("DELETE", seats, json={"selected_usernames": ["isa-lund"]})
    assert cancelled.json() == {"seats_cancelled": 1}
    assert (await here.app.get("/orgs/corp/members/isa-lund/copilot")).json()["pending_cancellation_date"]
    here.github.state.new_seat(here.kim, "sales")
    by_team = await here.app.request("DELETE", seats, json={"selected_usernames": ["kim-dahl"]})
    assert by_team.status_code == 422
    assert (await here.app.get("/orgs/corp/members/kim-dahl/copilot")).json()["assigning_team"]["slug"] == "sales"


async def test_an_app_signs_for_installation_tokens_of_an_hour(here: GitHubFromOutside) -> None:
    async def issued(signed: str) -> httpx.Response:
        async with here.with_token(signed) as signing:
            return await signing.post(f"/app/installations/{here.seed.app.installation}/access_tokens")

    good = await issued(app_jwt(here.seed.app, here.seed.key))
    assert (good.status_code, good.json()["permissions"]["members"]) == (201, "write")
    async with here.with_token(good.json()["token"]) as installed:
        assert (await installed.get("/orgs/corp/members")).status_code == 200
        assert (await installed.get("/user")).status_code == 403
        here.github.advance(hours=1)
        assert (await installed.get("/orgs/corp/members")).json()["message"] == "Bad credentials"
    assert (await issued(app_jwt(here.seed.app, here.seed.key, seconds=3600 + 1200))).status_code == 401
    assert (await issued(app_jwt(here.seed.app, here.seed.key, seconds=-1))).status_code == 401
    assert (await issued(app_jwt(here.seed.app, here.seed.key, issuer="1"))).status_code == 401
    shown = (await here.owner.get("/orgs/corp/installations")).json()
    assert [one["app_slug"] for one in shown["installations"]] == ["offboarding"]


async def test_a_credential_of_github_is_held_to_its_permissions(here: GitHubFromOutside) -> None:
    async with here.with_token(here.seed.tokens["E-1"].value) as member:
        listed = await member.get("/orgs/corp/members")
        assert listed.status_code == 200
        assert (listed.headers["x-oauth-scopes"], listed.headers["x-accepted-oauth-scopes"]) == (
            "repo, read:org",
            "read:org",
        )
        assert (await member.delete("/orgs/corp/members/kim-dahl")).status_code == 403
    weak = here.github.state.new_app("weak", {}, members="read")
    async with here.with_token(here.github.state.new_installation_token(weak).value) as weakly:
        assert (await weakly.get("/orgs/corp/members")).status_code == 200
        refused = await weakly.delete("/orgs/corp/members/kim-dahl")
        assert (refused.status_code, refused.json()["message"]) == (403, "Resource not accessible by integration")
        assert (await weakly.get("/orgs/corp/installations")).status_code == 403
    async with client_of(here.github) as nameless, here.with_token("wrong") as wrong:
        assert (await nameless.get("/orgs/corp/members")).status_code == 401
        assert (await wrong.get("/orgs/corp/members")).json()["message"] == "Bad credentials"
    assert (await here.app.get("/orgs/other/members")).status_code == 404
    assert "kim-dahl" in here.github.state.members


async def test_pages_have_links_and_a_size_of_at_most_a_hundred(here: GitHubFromOutside) -> None:
    for number in range(120):
        here.github.state.new_user(f"more-{number}", "member")
    assert len(await here.list("/orgs/corp/members")) == 124
    assert len(here.github.sent("GET", "/members")) == 5
    first = await here.app.get("/orgs/corp/members", params={"per_page": "100"})
    assert len(first.json()) == 100
    assert "page=2" in first.links["last"]["url"]
    here.github.largest_page = 50
    assert len(await here.list("/orgs/corp/members", per_page="100")) == 124


async def test_faults_have_githubs_forms(here: GitHubFromOutside) -> None:
    path = "/orgs/corp/members/isa-lund"
    here.github.faults.limit_as_forbidden("DELETE")
    secondary = await here.app.delete(path)
    assert (secondary.status_code, secondary.headers["retry-after"]) == (403, "60")
    assert "secondary rate limit" in secondary.json()["message"]
    here.github.faults.limit("DELETE")
    primary = await here.app.delete(path)
    assert (primary.status_code, primary.headers["x-ratelimit-remaining"]) == (429, "0")
    assert int(primary.headers["x-ratelimit-reset"]) > here.github.now().timestamp()
    here.github.faults.break_down(status=502)
    assert (await here.app.get(path)).status_code == 502
    here.github.faults.expire()
    assert (await here.app.get(path)).json()["message"] == "Bad credentials"
    assert "isa-lund" in here.github.state.members
    here.github.faults.lose_reply("DELETE")
    with pytest.raises(httpx.RemoteProtocolError):
        await here.app.delete(path)
    assert "isa-lund" not in here.github.state.members
    here.github.requests_per_hour = 0
    assert (await here.app.get(path)).status_code == 429


async def test_a_request_that_github_does_not_describe_is_a_violation(here: GitHubFromOutside) -> None:
    assert (await here.app.get("/orgs/corp/members", params={"state": "all"})).status_code == 422
    assert (await here.app.get("/orgs/corp/people")).status_code == 404
    assert len(here.github.violations) == 1
    here.github.violations.clear()


async def test_keys_and_profiles_are_public(here: GitHubFromOutside) -> None:
    assert len(await here.list("/users/isa-lund/keys")) == 1
    assert (await here.app.get("/users/Isa-Lund")).json()["email"] == "isa.lund@corp.example"
    assert (await here.app.get("/users/no-such-user")).status_code == 404


async def test_the_whole_company_can_be_seeded_in_github() -> None:
    async with GitHubSimulator().start() as github:
        seed = seed_github(github)
        assert {one.login for one in seed.users.values()} <= github.state.members.keys()
