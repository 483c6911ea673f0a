"""GitHub: how accounts are found, and what the credential may and may not do. Against the simulator."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from connectors.abilities import Lookup
from connectors.errors import ActionRequiredError, ConnectorError, RefusedError
from tests.connectors.vendors.github.connected_github import ConnectedGitHub, connected_github


@pytest_asyncio.fixture
async def here() -> AsyncIterator[ConnectedGitHub]:
    async with connected_github() as connected:
        yield connected


@pytest.mark.parametrize(("page", "as_app"), [(0, False), (1, True)])
async def test_accounts_are_found_by_each_attribute(here: ConnectedGitHub, page: int, as_app: bool) -> None:
    here.github.largest_page = page
    connector = here.app if as_app else here.token
    for attribute, value in (
        ("id", str(here.kim.id)),
        ("login", "Kim-Dahl"),
        ("samlNameId", "kim.dahl@corp.example"),
        ("samlUserName", "kim.dahl@corp.example"),
        ("scimUserName", "kim.dahl@corp.example"),
        ("identityEmail", "KIM.Dahl@corp.example"),
        ("employeeNumber", "E-3"),
        ("verifiedEmail", "kim.dahl@corp.example"),
    ):
        [found] = await here.find(attribute, value, connector)
        assert (found.native_id, found.label, found.active) == (str(here.kim.id), "kim-dahl", True), attribute
        assert not found.privileged
        assert found.attributes["login"] == "kim-dahl"
        absent = "999999" if attribute == "id" else "no-such-person"
        assert await here.find(attribute, absent, connector) == [], attribute
    assert await here.find("id", "kim-dahl", connector) == []


async def test_an_account_shows_every_attribute_that_was_asked_for(here: ConnectedGitHub) -> None:
    """Also where another one found it: matching must see that it has another person's number."""
    asked = [Lookup("login", "isa-lund"), Lookup("employeeNumber", "E-9"), Lookup("verifiedEmail", "x@corp.example")]
    [found] = await here.app.find_accounts(asked)
    assert found.attributes["employeeNumber"] == "E-1"
    assert found.attributes["verifiedEmail"] == "isa.lund@corp.example"


async def test_a_value_in_another_case_is_found_and_long_lists_are_read_once(here: ConnectedGitHub) -> None:
    here.github.forget()
    asked = [
        Lookup("samlNameId", "Isa.LUND@corp.example"),
        Lookup("identityEmail", "isa.lund@corp.example"),
        Lookup("employeeNumber", "E-1"),
        Lookup("verifiedEmail", "isa.lund@corp.example"),
        Lookup("verifiedEmail", "isa.old@corp.example"),
    ]
    [found] = await here.app.find_accounts(asked)
    assert found.native_id == str(here.isa.id)
    queries = [call.body["query"].split("(")[0].split()[-1] for call in here.github.sent("POST", "/graphql")]
    lists = [call.body["variables"].keys() for call in here.github.sent("POST", "/graphql")]
    assert queries.count("VerifiedEmails") == 1
    assert lists.count({"org"}) == 2, "all identities, and all members"


async def test_identities_of_the_enterprise_are_found_with_an_owners_token(here: ConnectedGitHub) -> None:
    here.org.enterprise = "corp-inc"
    with pytest.raises(ActionRequiredError, match="search_unproven"):
        await here.find("employeeNumber", "E-1")
    root = here.org.users["root"]
    owner = here.connected(
        token=here.org.new_classic_token(root, "admin:org", "read:enterprise").value, enterprise="corp-inc"
    )
    [found] = await here.find("employeeNumber", "E-1", owner)
    assert found.label == "isa-lund"
    assert await here.find("samlNameId", "eva@corp.example", owner) == []
    blind = here.connected(token=here.seed.token, enterprise="corp-inc")
    with pytest.raises(ActionRequiredError, match="search_unproven"):
        await here.find("employeeNumber", "E-9", blind)
    other = here.connected(token=here.seed.token, enterprise="other-inc")
    with pytest.raises(RefusedError, match="not_found"):
        await here.find("employeeNumber", "E-9", other)


async def test_the_mail_address_of_a_public_profile_finds_no_one(here: ConnectedGitHub) -> None:
    here.isa.verified_emails, here.org.identities = [], here.org.identities[1:]
    assert len(here.org.identities) == 2
    assert here.isa.email == "isa.lund@corp.example"
    for attribute in ("verifiedEmail", "identityEmail", "samlNameId"):
        assert await here.find(attribute, here.isa.email) == []
    with pytest.raises(RefusedError, match="unknown_attribute"):
        await here.find("email", here.isa.email)


async def test_only_users_of_the_organisation_are_accounts(here: ConnectedGitHub) -> None:
    stranger = here.org.new_user("stranger")
    assert await here.find("login", "stranger") == []
    here.org.repositories["billing"].collaborators["stranger"] = "push"
    [outside] = await here.find("login", "stranger")
    assert (outside.label, outside.active) == ("stranger (outside collaborator)", True)
    del here.org.repositories["billing"].collaborators["stranger"]
    here.org.invite(stranger)
    [invited] = await here.find("id", str(stranger.id))
    assert (invited.label, invited.active) == ("stranger (invited)", None)


async def test_what_an_account_is_alone_in_is_in_its_label(here: ConnectedGitHub) -> None:
    [bo] = await here.find("login", "bo-berg")
    assert (bo.privileged, bo.label) == (True, "bo-berg")
    here.org.members["root"] = "member"
    here.org.teams["sales"].members["bo-berg"] = "maintainer"
    [bo] = await here.find("login", "bo-berg")
    assert bo.label == "bo-berg (only owner; only maintainer of sales)"
    here.org.teams["sales"].members["kim-dahl"] = "maintainer"
    [bo] = await here.find("login", "bo-berg")
    assert bo.label == "bo-berg (only owner)"


async def test_no_account_is_not_taken_from_an_organisation_that_shows_no_identities(here: ConnectedGitHub) -> None:
    here.org.provider = False
    with pytest.raises(ActionRequiredError, match="search_unproven"):
        await here.find("samlNameId", "eva@corp.example")
    weak = here.org.new_classic_token(here.isa, "read:org")
    connector = here.connected(token=weak.value)  # of a member, to whom GitHub shows no identities
    here.org.provider = True
    with pytest.raises(ActionRequiredError, match="search_unproven"):
        await here.find("employeeNumber", "E-9", connector)


# The credential.


async def test_the_check_names_what_the_credential_may_not_do(here: ConnectedGitHub) -> None:
    checked = await here.app.check()
    assert checked.reachable and "not allowed" not in checked.detail
    del here.seed.app.permissions["organization_personal_access_tokens"]
    here.seed.app.permissions["members"] = "read"
    missing = (await here.app.check()).detail.partition("not allowed by them: ")[2]
    assert "revoke_fine_grained_tokens (organization_personal_access_tokens: write)" in missing
    assert "remove_member (members: write)" in missing and "cancel_copilot_seat" not in missing

    checked = await here.token.check()
    assert checked.reachable and "scopes: admin:org, repo" in checked.detail
    assert "not allowed by them: revoke_fine_grained_tokens (a GitHub App)" in checked.detail
    reader = here.connected(token=here.org.new_classic_token(here.org.users["root"], "read:org").value)
    assert "remove_member (admin:org)" in (await reader.check()).detail
    member = here.connected(token=here.seed.tokens["E-1"].value)
    assert "rights_missing" in (await member.check()).detail
    wrong = here.connected(token="ghp_wrong-token")
    refused = await wrong.check()
    assert not refused.reachable and "credential_refused" in refused.detail and "ghp_wrong" not in refused.detail


async def test_a_404_for_a_missing_scope_is_not_a_missing_thing(here: ConnectedGitHub) -> None:
    """GitHub answers both with a 404."""
    blind = here.connected(token=here.org.new_classic_token(here.org.users["root"], "repo").value)
    for call in (blind.read_back(here.effect("remove_member")), blind.find_accounts([Lookup("login", "isa-lund")])):
        with pytest.raises(ActionRequiredError, match="credential_refused"):
            await call
    with pytest.raises(ActionRequiredError, match="credential_refused"):
        await blind.find_accounts([Lookup("samlNameId", "isa.lund@corp.example")])


async def test_a_token_without_single_sign_on_has_a_remedy(here: ConnectedGitHub) -> None:
    here.org.saml = True
    root = here.org.users["root"]
    token = here.connected(token=here.org.new_classic_token(root, "admin:org", authorized=False).value)
    checked = await token.check()
    assert not checked.reachable and "authorise the token" in checked.detail
    here.seed.app.permissions.clear()
    assert "members: read" in (await here.app.check()).detail


async def test_a_fine_grained_token_of_an_owner_can_do_all_but_what_needs_an_app(here: ConnectedGitHub) -> None:
    root = here.org.users["root"]
    granted = here.org.new_fine_grained_token(root, members="write", organization_administration="write")
    token = here.connected(token=granted.value)
    checked = await token.check()
    assert "cannot be read" in checked.detail and "revoke_fine_grained_tokens (a GitHub App)" in checked.detail
    [found] = await here.find("employeeNumber", "E-1", token)
    assert (await token.attempt(here.effect("remove_member"))).detail["removed"] is True
    assert (await token.read_back(here.effect("remove_member"))).outcome == "done"
    assert found.native_id == str(here.isa.id) and "isa-lund" not in here.org.members
    with pytest.raises(ActionRequiredError, match="credential_refused"):
        await token.attempt(here.effect("cancel_copilot_seat", here.kim))


@pytest.mark.parametrize(
    ("ability", "permission"),
    [
        ("remove_member", "members"),
        ("remove_from_teams", "members"),
        ("cancel_invitations", "members"),
        ("revoke_fine_grained_tokens", "organization_personal_access_tokens"),
        ("remove_sso_authorizations", "organization_administration"),
        ("cancel_copilot_seat", "organization_copilot_seat_management"),
    ],
)
async def test_a_missing_permission_needs_a_person(here: ConnectedGitHub, ability: str, permission: str) -> None:
    here.org.invite(here.isa)
    here.seed.app.permissions[permission] = "read"
    with pytest.raises(ActionRequiredError, match="credential_refused"):
        await here.do(ability)


async def test_an_installation_token_that_expired_is_renewed(here: ConnectedGitHub) -> None:
    assert (await here.app.check()).reachable
    assert (await here.app.check()).reachable
    assert len(here.github.sent("POST", "/access_tokens")) == 1
    [issued] = [token for token in here.org.tokens.values() if token.kind == "installation"]
    issued.expires = here.github.now()
    assert (await here.do("remove_member"))["removed"] is True, "the 401 of an expired token renews it"
    assert len(here.github.sent("POST", "/access_tokens")) == 2


@pytest.mark.parametrize("ahead", [-50, 50])
async def test_clocks_may_differ_by_most_of_a_minute(here: ConnectedGitHub, ahead: int) -> None:
    here.github.advance(seconds=ahead)
    assert (await here.app.check()).reachable


async def test_each_request_names_the_version_of_the_interface(here: ConnectedGitHub) -> None:
    await here.find("employeeNumber", "E-1")
    await here.do("remove_member")
    assert {call.headers.get("x-github-api-version") for call in here.github.requests} == {"2022-11-28"}
    assert {call.headers.get("accept") for call in here.github.requests} == {"application/vnd.github+json"}
    assert all("effect-key" not in call.headers for call in here.github.requests)


async def test_no_credential_is_in_an_error_or_a_log_line(
    here: ConnectedGitHub, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    errors: list[ConnectorError] = []
    for connector in (here.app, here.token):
        here.github.faults.break_down("DELETE")
        here.github.faults.expire("GET", "/memberships/", times=2, after=1)
        for _ in range(3):
            try:
                await connector.attempt(here.effect("remove_member"))
            except ConnectorError as error:
                errors.append(error)
    assert errors
    said = caplog.text + "".join(f"{one!r} {one.detail} {one.remedy}" for one in errors) + repr(here.app)
    tokens = [token.value for token in here.org.tokens.values()]
    assert not [token for token in tokens if token in said]
    assert "eyJ" not in said and "PRIVATE" not in said
