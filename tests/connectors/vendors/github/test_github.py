"""GitHub: answers that the simulator does not give, such as a 404 of a proxy, a 202, errors of GraphQL, and what
GitHub Enterprise Server does otherwise. Stepped through without a server; each answer is checked against GitHub's
description."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from connectors.abilities import Account, Effect, Lookup
from connectors.errors import ActionRequiredError, RefusedError, TryAgainError
from connectors.recordings import Exchange, replay
from connectors.vendors.github.connector import GITHUB
from connectors.vendors.github.queries import IDENTITIES, TEAM_MEMBERS, TEAMS
from connectors.vendors.github.rights import RIGHTS
from connectors.vendors.github.settings import GitHubSettings, auth
from tests.connectors.vendors.github.github_description import GITHUB_REST

APP = {"organization": "corp", "app_id": "12", "installation_id": "34", "private_key": "-"}
SETTINGS = GitHubSettings.model_validate(APP)
ISA = {"id": 7, "login": "isa-lund", "type": "User"}
BO = {"id": 8, "login": "bo-berg", "type": "User"}
GONE = {"message": "Not Found", "documentation_url": "https://docs.github.com/rest", "status": "404"}
PROXY: dict[str, str] = {"error": "no route"}
OWNERS = {"role": "admin", "per_page": "100"}


def said(message: str) -> dict[str, str]:
    return {"message": message, "documentation_url": "https://docs.github.com/rest", "status": "403"}


def member(user: Any = ISA, role: str = "member", **more: Any) -> dict[str, Any]:
    return {"state": "active", "role": role, "user": user, **more}


def exchange(request: str, status: int, body: Any = None, **more: Any) -> Exchange:
    """`request` is the method and the path. The answer must be one that GitHub describes, except for a proxy's."""
    method, _, path = request.partition(" ")
    asked = {"method": method, "path": path} | {name: more[name] for name in ("params", "json") if name in more}
    answer = {"status": status, "body": body, "headers": more.get("headers", {})}
    if not path.startswith("https:") and body is not PROXY and status != 202:
        GITHUB_REST.check_request(method, path, more.get("params", {}))
        GITHUB_REST.check_answer(method, path, status, body)
    return Exchange.read({"request": asked, "answer": answer}, "https://api.github.com")


def graph(query: str, body: Any, status: int = 200, headers: Any = None, **variables: Any) -> Exchange:
    json = {"query": query, "variables": {"org": "corp", **variables}}
    return exchange("POST https://api.github.com/graphql", status, body, json=json, headers=headers or {})


def effect(ability: str, **parameters: Any) -> Effect:
    return Effect(ability, "run-1/step-1/1", Account("7", "isa-lund"), parameters)


def do(ability: str, *exchanges: Exchange, **parameters: Any) -> Any:
    act = GITHUB.acts.act(ability)
    assert act.do is not None
    return replay(act.do(SETTINGS, effect(ability, **parameters)), exchanges, GITHUB.dialect)


def look(ability: str, *exchanges: Exchange, **parameters: Any) -> Any:
    act = GITHUB.acts.act(ability)
    assert act.look is not None
    return replay(act.look(SETTINGS, effect(ability, **parameters)), exchanges, GITHUB.dialect)


USER = exchange("GET /user/7", 200, ISA)
NO_MEMBER = exchange("GET /orgs/corp/memberships/isa-lund", 404, GONE)
IS_MEMBER = exchange("GET /orgs/corp/memberships/isa-lund", 200, member())
HAS_OWNER = exchange("GET /orgs/corp/members", 200, [BO], params=OWNERS)


def test_a_404_of_a_proxy_is_neither_a_missing_user_nor_a_missing_membership() -> None:
    for exchanges in (
        [exchange("GET /user/7", 404, PROXY)],
        [USER, exchange("GET /orgs/corp/memberships/isa-lund", 404, PROXY)],
        [USER, IS_MEMBER, exchange("DELETE /orgs/corp/memberships/isa-lund", 404, PROXY)],
    ):
        with pytest.raises((ActionRequiredError, RefusedError), match=r"answer_not_understood|account_gone"):
            do("remove_member", *exchanges)
    with pytest.raises(ActionRequiredError, match="answer_not_understood"):
        look("remove_member", exchange("GET /user/7", 404, PROXY))
    assert look("remove_member", exchange("GET /user/7", 404, GONE)).outcome == "unknown"


def test_no_membership_counts_only_where_memberships_are_shown() -> None:
    of_owner = "GET /orgs/corp/memberships/bo-berg"
    shown = look("remove_member", USER, NO_MEMBER, HAS_OWNER, exchange(of_owner, 200, member(BO, "admin")))
    assert (shown.outcome, shown.evidence["memberships_shown"]) == ("done", True)
    assert look("remove_member", USER, NO_MEMBER, HAS_OWNER, exchange(of_owner, 404, GONE)).outcome == "unknown"
    no_owner = exchange("GET /orgs/corp/members", 200, [], params=OWNERS)
    assert look("remove_member", USER, NO_MEMBER, no_owner).outcome == "unknown"


def test_the_state_of_another_user_proves_nothing() -> None:
    for exchanges in (
        [exchange("GET /user/7", 200, BO)],
        [USER, exchange("GET /orgs/corp/memberships/isa-lund", 200, member(BO))],
    ):
        for call in (do, look):
            with pytest.raises(ActionRequiredError, match="answer_not_understood"):
                call("remove_member", *exchanges)


def test_a_change_that_was_only_started_is_said_to_be_so() -> None:
    reply = do("remove_member", USER, IS_MEMBER, exchange("DELETE /orgs/corp/memberships/isa-lund", 202, {}))
    assert (reply["removed"], reply["started"]) == (True, True)
    assert look("remove_member", USER, IS_MEMBER).outcome == "not_done"
    reply = do("remove_member", USER, IS_MEMBER, exchange("DELETE /orgs/corp/memberships/isa-lund", 204))
    assert "started" not in reply


def test_a_membership_by_a_team_of_the_enterprise_stays_and_is_named() -> None:
    stays = member(direct_membership=False, enterprise_teams_providing_indirect_membership=["ent:platform"])
    looked = look("remove_member", USER, exchange("GET /orgs/corp/memberships/isa-lund", 200, stays))
    assert (looked.outcome, looked.evidence["enterprise_teams"]) == ("not_done", ["ent:platform"])


def test_grants_of_others_are_not_revoked_where_the_filter_is_ignored() -> None:
    def grant(number: int, owner: Any) -> dict[str, Any]:
        return {
            "id": number,
            "owner": owner,
            "token_name": "ci",
            "repository_selection": "all",
            "token_expires_at": None,
            "access_granted_at": "2026-11-29T12:00:00Z",
        }

    params = {"owner[]": "isa-lund", "per_page": "100"}
    listed = exchange("GET /orgs/corp/personal-access-tokens", 200, [grant(1, BO), grant(2, ISA)], params=params)
    revoked = exchange("POST /orgs/corp/personal-access-tokens/2", 204, json={"action": "revoke"})
    assert [one["id"] for one in do("revoke_fine_grained_tokens", USER, listed, revoked)["revoked_tokens"]] == ["2"]
    again = exchange("POST /orgs/corp/personal-access-tokens/2", 404, GONE, json={"action": "revoke"})
    assert do("revoke_fine_grained_tokens", USER, listed, again)["revoked_tokens"], "it is not there any more"


def test_an_organisation_without_single_sign_on_has_a_remedy() -> None:
    for call, params in ((do, {"login": "isa-lund", "per_page": "100"}), (look, {"per_page": "100"})):
        absent = exchange("GET /orgs/corp/credential-authorizations", 404, GONE, params=params)
        with pytest.raises(RefusedError, match="not_found") as raised:
            call("remove_sso_authorizations", USER, absent)
        assert "no SAML single sign-on" in raised.value.remedy


def test_no_seat_counts_only_where_seats_may_be_listed() -> None:
    no_seat = exchange("GET /orgs/corp/members/isa-lund/copilot", 404, GONE)
    seats = "GET /orgs/corp/copilot/billing/seats"
    listed = exchange(seats, 200, {"total_seats": 0, "seats": []}, params={"per_page": "20"})
    assert proof(look("cancel_copilot_seat", USER, no_seat, listed)) == ("done", "permission")
    of_bo = {"assignee": BO}
    others = exchange(seats, 200, {"total_seats": 1, "seats": [of_bo]}, params={"per_page": "20"})
    one = "GET /orgs/corp/members/bo-berg/copilot"
    shown, hidden = exchange(one, 200, of_bo), exchange(one, 404, GONE)
    assert proof(look("cancel_copilot_seat", USER, no_seat, others, shown)) == ("done", "another_account")
    assert proof(look("cancel_copilot_seat", USER, no_seat, others, hidden)) == ("unknown", "")
    with pytest.raises(ActionRequiredError, match="credential_refused"):
        look("cancel_copilot_seat", USER, no_seat, exchange(seats, 403, said("no"), params={"per_page": "20"}))


def test_an_empty_list_shown_to_someone_who_is_no_owner_proves_nothing() -> None:
    settings = GitHubSettings.model_validate({"organization": "corp", "token": "t0ken"})
    nothing = exchange("GET /orgs/corp/credential-authorizations", 200, [], params={"per_page": "100"})
    for role, outcome in (("member", "unknown"), ("admin", "done")):
        own = exchange("GET /user/memberships/orgs/corp", 200, member(BO, role))
        look_at = GITHUB.acts.act("remove_sso_authorizations").look
        assert look_at is not None
        flow = look_at(settings, effect("remove_sso_authorizations"))
        assert replay(flow, [USER, nothing, own], GITHUB.dialect).outcome == outcome


def test_teams_that_are_not_shown_to_someone_who_is_no_owner_are_not_left() -> None:
    """Secret teams are shown to owners and to their members."""
    settings = GitHubSettings.model_validate({"organization": "corp", "token": "t0ken"})
    page = {"pageInfo": {"hasNextPage": False, "endCursor": None}, "nodes": []}
    nothing = graph(TEAMS, {"data": {"organization": {"teams": page}}}, login="isa-lund")
    no_members = graph(TEAM_MEMBERS, {"data": {"organization": {"teams": {"nodes": []}}}})
    owner = exchange("GET /orgs/corp/memberships/bo-berg", 200, member(BO, "admin"))
    look_at = GITHUB.acts.act("remove_from_teams").look
    assert look_at is not None
    for role, outcome, more in (("member", "unknown", []), ("admin", "done", [no_members, HAS_OWNER, owner])):
        own = exchange("GET /user/memberships/orgs/corp", 200, member(BO, role))
        flow = look_at(settings, effect("remove_from_teams"))
        assert replay(flow, [USER, nothing, own, *more], GITHUB.dialect).outcome == outcome


def proof(found: Any) -> tuple[str, str]:
    return found.outcome, found.evidence["list_proven_by"]


# Limits and missing rights.


SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."


@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.parametrize("headers", [{}, {"X-RateLimit-Remaining": "4990", "X-RateLimit-Reset": "in 40 minutes"}])
def test_a_secondary_limit_without_a_time_waits_a_minute(status: int, headers: dict[str, str]) -> None:
    """docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api"""
    sent = {name: value.replace("in 40 minutes", str(int(time.time()) + 2400)) for name, value in headers.items()}
    limited = exchange("DELETE /orgs/corp/memberships/isa-lund", status, said(SECONDARY), headers=sent)
    with pytest.raises(TryAgainError, match="too_many_requests") as raised:
        do("remove_member", USER, IS_MEMBER, limited)
    assert (raised.value.retry_after, raised.value.happened) == (60, "no")


def test_another_403_needs_a_person() -> None:
    sent = {"X-RateLimit-Remaining": "4990", "X-RateLimit-Reset": "1764460800"}
    denied = said("Resource not accessible by integration")
    refused = exchange("DELETE /orgs/corp/memberships/isa-lund", 403, denied, headers=sent)
    with pytest.raises(ActionRequiredError, match="credential_refused"):
        do("remove_member", USER, IS_MEMBER, refused)


def failed(*errors: dict[str, str]) -> dict[str, Any]:
    return {"data": None, "errors": list(errors)}


NO_SCOPE = "Your token has not been granted the required scopes to execute this query."


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        (failed({"type": "RATE_LIMITED", "message": "API rate limit exceeded"}), TryAgainError, "too_many_requests"),
        (failed({"message": SECONDARY}), TryAgainError, "too_many_requests"),
        (
            failed({"type": "FORBIDDEN", "message": "Resource not accessible"}),
            ActionRequiredError,
            "credential_refused",
        ),
        (failed({"type": "INSUFFICIENT_SCOPES", "message": "no"}), ActionRequiredError, "credential_refused"),
        (failed({"message": NO_SCOPE}), ActionRequiredError, "credential_refused"),
        (failed({"type": "NOT_FOUND", "message": "Could not resolve"}), RefusedError, "not_found"),
        (failed({"message": "Something went wrong while executing your query."}), RefusedError, "error_in_answer"),
        (
            {"data": {"organization": None}, "errors": [{"type": "OTHER", "message": "?"}]},
            RefusedError,
            "error_in_answer",
        ),
        ({"data": None}, ActionRequiredError, "answer_not_understood"),
        ({"data": {"organization": None}}, ActionRequiredError, "answer_not_understood"),
        ({"data": {"organization": {"teams": None}}}, ActionRequiredError, "answer_not_understood"),
        ({"data": {"organization": {"teams": {"nodes": []}}}}, ActionRequiredError, "answer_not_understood"),
        (
            {"data": {"organization": {"teams": {"nodes": [], "pageInfo": {"hasNextPage": True, "endCursor": None}}}}},
            ActionRequiredError,
            "answer_not_understood",
        ),
    ],
)
def test_an_error_of_graphql_is_never_an_empty_list(body: Any, kind: type[Exception], code: str) -> None:
    with pytest.raises(kind, match=code):
        look("remove_from_teams", USER, graph(TEAMS, body, login="isa-lund"))


def test_a_user_without_a_profile_is_no_missing_scope() -> None:
    """For profiles GitHub names a scope that it does not need (docs.github.com, scopes for OAuth apps)."""
    headers = {"X-OAuth-Scopes": "admin:org, repo", "X-Accepted-OAuth-Scopes": "user"}
    assert look("remove_member", exchange("GET /user/7", 404, GONE, headers=headers)).outcome == "unknown"
    headers = {"X-OAuth-Scopes": "repo:status", "X-Accepted-OAuth-Scopes": "admin:org, read:org, repo, user, write:org"}
    hidden = exchange("GET /orgs/corp/memberships/isa-lund", 404, GONE, headers=headers)
    with pytest.raises(ActionRequiredError, match="credential_refused"):
        look("remove_member", USER, hidden)


def test_an_identity_that_no_member_has_linked_is_no_account() -> None:
    def listed(*nodes: Any) -> Any:
        found = {"nodes": list(nodes), "pageInfo": {"hasNextPage": False, "endCursor": None}}
        return {"data": {"organization": {"samlIdentityProvider": {"externalIdentities": found}}}}

    saml = {"nameId": "isa@corp.example", "username": None, "emails": None, "attributes": []}
    unlinked = {"user": None, "samlIdentity": saml, "scimIdentity": None}
    linked = {**unlinked, "user": {"databaseId": 8, "login": "bo-berg"}, "samlIdentity": {**saml, "nameId": "bo@x"}}
    exchanges: Sequence[Exchange] = [
        graph(IDENTITIES, listed(unlinked), userName="isa@corp.example"),
        graph(IDENTITIES, listed(unlinked, linked)),
    ]
    flow = GITHUB.find(SETTINGS, [Lookup("samlNameId", "isa@corp.example")])
    assert replay(flow, exchanges, GITHUB.dialect) == []


# Settings.


@pytest.mark.parametrize(
    ("url", "graphql"),
    [
        ("https://api.github.com", "https://api.github.com/graphql"),
        ("https://api.corp.ghe.com/", "https://api.corp.ghe.com/graphql"),
        ("https://git.corp.example/api/v3", "https://git.corp.example/api/graphql"),
        ("https://git.corp.example/api/v3/", "https://git.corp.example/api/graphql"),
    ],
)
def test_graphql_has_an_address_of_its_own_on_a_server(url: str, graphql: str) -> None:
    assert GitHubSettings.model_validate({**APP, "url": url}).graphql_url == graphql


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"app_id": "12"},
        {"app_id": "12", "installation_id": "34"},
        {"token": "t", "app_id": "12"},
        {"token": "t", "private_key": "k"},
        {"private_key": "k", "installation_id": "34"},
    ],
)
def test_a_token_or_an_app_is_needed_and_not_both(settings: dict[str, str]) -> None:
    with pytest.raises(ActionRequiredError, match=r"setting_(missing|invalid)"):
        auth(GitHubSettings.model_validate({"organization": "corp", **settings}))


def test_the_documentation_has_the_rights_of_each_ability() -> None:
    assert RIGHTS.keys() == GITHUB.acts.abilities.keys()
    page = (Path(__file__).parents[4] / "docs" / "connectors" / "github.md").read_text()
    rows = page.partition("## The credential")[2].partition("## Abilities")[0].splitlines()
    for ability, needed in RIGHTS.items():
        [row] = [line for line in rows if line.startswith(f"| `{ability}` |")]
        assert all(f"`{name}: {level}`" in row for name, level in needed.permissions.items()), ability
        assert all(f"`{scope}`" in row for scope in needed.scopes), ability


def test_the_example_of_the_documentation_can_be_connected() -> None:
    page = (Path(__file__).parents[4] / "docs" / "connectors" / "github.md").read_text()
    system = yaml.safe_load(page.split("```yaml")[1].split("```")[0])["systems"]["github"]
    assert system["connector"] == "github" and system["hosts"] == ["api.github.com"]
    assert GitHubSettings.model_validate(system["connection"]).as_app
    for key in system["match"]:
        flow = GITHUB.find(SETTINGS, [Lookup(key["attribute"], "x")])
        assert next(flow).url == "https://api.github.com/graphql"
    step = yaml.safe_load(page.split("```yaml")[2].split("```")[0])[0]
    assert not GITHUB.acts.abilities[step["ability"]].needs_account
