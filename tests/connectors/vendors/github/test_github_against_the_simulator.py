"""The connector for GitHub against the simulator in `embedded/vendors/github`, over the wire. The REST interface of the
simulator was written from GitHub's documents by an author who did not see the connector; its GraphQL interface answers
a cut of GitHub's public schema, and was written with the connector. Leaving the simulator fails if one request or
answer is not in GitHub's description or schema."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from connectors.abilities import Effect, Pace, ReadBack
from connectors.errors import ActionRequiredError, RefusedError, TryAgainError
from orchestrator.embedded.vendors.simulator import client_of
from tests.connectors.vendors.github.connected_github import ConnectedGitHub, connected_github


@pytest_asyncio.fixture
async def here() -> AsyncIterator[ConnectedGitHub]:
    async with connected_github() as connected:
        yield connected


async def test_a_removed_member_loses_what_the_organisation_gave(here: ConnectedGitHub) -> None:
    tokens = (here.seed.tokens["E-1"], here.seed.fine_grained["E-1"])
    assert [await here.reads(token) for token in tokens] == [200, 200]
    assert await here.outcome("remove_member") == "not_done"
    reply = await here.do("remove_member")
    assert (reply["removed"], reply["before"]) == (True, {"membership": "active", "role": "member"})
    assert [await here.reads(token) for token in tokens] == [404, 404]
    assert "isa-lund" not in here.org.members
    looked = await here.look("remove_member")
    assert (looked.outcome, looked.evidence["membership"]) == ("done", "none")
    assert (await here.do("remove_member"))["removed"] is False, "a repeat changes nothing"
    assert len(here.github.sent("DELETE")) == 1
    assert await here.outcome("remove_from_teams") == "done"
    async with client_of(here.github, {"Authorization": f"Bearer {tokens[0].value}"}) as theirs:
        assert (await theirs.get("/user")).status_code == 200, "a classic token itself lives on"


async def test_an_invited_user_is_removed_like_a_member(here: ConnectedGitHub) -> None:
    invited = here.org.new_user("invited")
    here.org.invite(invited)
    assert await here.outcome("remove_member", invited) == "not_done"
    assert (await here.do("remove_member", invited))["before"]["membership"] == "pending"
    assert await here.outcome("remove_member", invited) == "done"
    assert here.org.invitations == {}


async def test_a_renamed_user_is_the_same_account(here: ConnectedGitHub) -> None:
    here.org.users["isa-new"] = here.org.users.pop("isa-lund")
    here.isa.login = "isa-new"
    here.org.members["isa-new"] = here.org.members.pop("isa-lund")
    taken = here.org.new_user("isa-lund", "member")
    await here.do("remove_member")
    assert "isa-new" not in here.org.members and taken.login in here.org.members


async def test_the_only_owner_is_named_before_anything_is_sent(here: ConnectedGitHub) -> None:
    here.org.members["root"] = "member"
    with pytest.raises(RefusedError, match="last_owner") as raised:
        await here.do("remove_member", here.bo)
    assert "another member an owner" in raised.value.remedy
    assert here.github.sent("DELETE") == []


async def test_the_owner_to_whom_the_token_belongs_is_not_removed(here: ConnectedGitHub) -> None:
    own = here.org.users["root"]
    assert here.org.members["root"] == "admin"
    with pytest.raises(RefusedError, match="own_account") as raised:
        await here.token.attempt(here.effect("remove_member", own))
    assert "GitHub App" in raised.value.remedy and here.github.sent("DELETE") == []
    for other in (here.bo, here.isa):
        assert (await here.token.attempt(here.effect("remove_member", other))).detail["removed"] is True


async def test_an_outside_collaborator_leaves_every_repository(here: ConnectedGitHub) -> None:
    guest = here.org.new_user("guest")
    token = here.org.new_classic_token(guest, "repo")
    for repository in here.org.repositories.values():
        repository.collaborators["guest"] = "push"
    assert await here.reads(token) == 200
    assert await here.outcome("remove_outside_collaborations", guest) == "not_done"
    assert (await here.do("remove_outside_collaborations", guest))["removed"] is True
    assert [await here.reads(token, name) for name in ("billing", "handbook")] == [404, 404]
    assert await here.outcome("remove_outside_collaborations", guest) == "done"
    assert (await here.do("remove_outside_collaborations"))["removed"] is False, "a member is none"
    assert await here.outcome("remove_outside_collaborations") == "done"


async def test_teams_are_left_and_one_that_is_synchronised_is_named(here: ConnectedGitHub) -> None:
    assert await here.outcome("remove_from_teams") == "not_done"
    with pytest.raises(ActionRequiredError) as raised:
        await here.do("remove_from_teams")
    assert "Not removed from: synced." in raised.value.detail and "Removed from: finance." in raised.value.detail
    looked = await here.look("remove_from_teams")
    assert (looked.outcome, [team["name"] for team in looked.evidence["teams"]]) == ("not_done", ["synced"])
    here.org.teams["synced"].synced = False
    assert [team["name"] for team in (await here.do("remove_from_teams"))["left_teams"]] == ["synced"]
    assert await here.outcome("remove_from_teams") == "done"
    assert "kim-dahl" in here.org.teams["sales"].members


async def test_invitations_are_cancelled_also_those_of_a_mail_address(here: ConnectedGitHub) -> None:
    invited = here.org.new_user("invited", email="invited@home.example")
    here.org.invite(invited)
    here.org.invite_address("Isa.Lund@corp.example")
    other = here.org.invite_address("eva@corp.example")
    here.github.largest_page = 1
    assert await here.outcome("cancel_invitations", invited) == "not_done"
    assert len((await here.do("cancel_invitations", invited))["cancelled_invitations"]) == 1
    nobody = Effect("cancel_invitations", "key", None, {"emails": ["isa.lund@corp.example"]})
    assert (await here.app.read_back(nobody)).outcome == "not_done"
    assert len((await here.app.attempt(nobody)).detail["cancelled_invitations"]) == 1
    assert (await here.app.read_back(nobody)).outcome == "done"
    assert list(here.org.invitations) == [other.id]
    one = Effect("cancel_invitations", "key", None, {"emails": "eva@corp.example"})
    assert (await here.app.read_back(one)).outcome == "not_done"
    for emails, code in ((None, "missing"), ("", "missing"), ([""], "missing"), (7, "invalid"), ([7], "invalid")):
        parameters = {} if emails is None else {"emails": emails}
        with pytest.raises(RefusedError, match=f"parameter_{code}"):
            await here.app.attempt(Effect("cancel_invitations", "key", None, parameters))


async def test_fine_grained_tokens_lose_the_organisation(here: ConnectedGitHub) -> None:
    token = here.seed.fine_grained["E-1"]
    assert (await here.reads(token), await here.outcome("revoke_fine_grained_tokens")) == (200, "not_done")
    assert len((await here.do("revoke_fine_grained_tokens"))["revoked_tokens"]) == 1
    assert (await here.reads(token), await here.outcome("revoke_fine_grained_tokens")) == (404, "done")
    assert await here.reads(here.seed.fine_grained["E-3"]) == 200
    with pytest.raises(ActionRequiredError, match="rights_missing") as raised:
        await here.token.attempt(here.effect("revoke_fine_grained_tokens"))
    assert "GitHub App" in raised.value.remedy


async def test_authorisations_for_single_sign_on_end(here: ConnectedGitHub) -> None:
    here.org.saml = True
    token = here.seed.tokens["E-1"]
    assert (await here.reads(token), await here.outcome("remove_sso_authorizations")) == (200, "not_done")
    reply = await here.do("remove_sso_authorizations")
    assert [one["name"].rpartition(" ")[0] for one in reply["removed_authorizations"]] == ["personal access token"]
    assert (await here.reads(token), await here.outcome("remove_sso_authorizations")) == (403, "done")
    assert await here.reads(here.seed.tokens["E-3"]) == 200


async def test_a_seat_is_cancelled_for_the_end_of_the_period(here: ConnectedGitHub) -> None:
    assert await here.outcome("cancel_copilot_seat") == "not_done"
    for cancelled in (True, False):
        assert (await here.do("cancel_copilot_seat"))["cancelled"] == cancelled
    looked = await here.look("cancel_copilot_seat")
    assert (looked.outcome, looked.evidence["seat"]["ends_on"]) == ("done", "2031-01-01")
    here.org.new_seat(here.kim, "sales")
    with pytest.raises(RefusedError, match="seat_by_team") as raised:
        await here.do("cancel_copilot_seat", here.kim)
    assert "team sales" in raised.value.detail
    del here.org.seats["kim-dahl"]
    assert await here.outcome("cancel_copilot_seat", here.kim) == "done"


async def test_a_snapshot_shows_what_the_account_reaches_and_is_alone_in(here: ConnectedGitHub) -> None:
    here.org.members["root"] = "member"
    here.org.teams["sales"].members["bo-berg"] = "maintainer"
    here.org.new_deploy_key(here.org.repositories["billing"], here.bo, "deploy")
    here.org.new_deploy_key(here.org.repositories["billing"], here.kim, "other")
    for page in (0, 1):
        here.github.largest_page = page
        evidence = (await here.look("snapshot_access", here.bo)).evidence
        assert (evidence["membership"], evidence["role"], evidence["admin"]) == ("active", "admin", True)
        assert [one["name"] for one in evidence["alone"]] == ["owner of the organisation", "maintainer of sales"]
        assert {team["name"] for team in evidence["teams"]} == {"sales", "synced"}
        assert [key["name"] for key in evidence["deploy_keys"]] == ["billing: deploy"]
        sections = ("fine_grained_tokens", "sso_authorizations", "copilot", "ssh_keys", "identities", "verified_emails")
        assert [len(evidence[name]) for name in sections] == [1] * 6
        assert [one["name"] for one in evidence["installations_of_the_organisation"]] == ["offboarding"]
        assert (evidence["invitations"], evidence["not_shown"]) == ([], [])
    for number in range(20):
        here.org.new_deploy_key(here.org.new_repository(f"more-{number}"), here.bo, "deploy")
    assert (await here.look("snapshot_access", here.bo)).evidence["not_shown"] == ["deploy_keys"]
    more = here.connected(
        token=here.org.new_classic_token(here.bo, "admin:org", "repo").value, deploy_key_requests="22"
    )
    assert len((await more.read_back(here.effect("snapshot_access", here.bo))).evidence["deploy_keys"]) == 21
    without = here.connected(token=here.seed.token, deploy_key_requests="0")
    here.github.forget()
    assert "deploy_keys" in (await without.read_back(here.effect("snapshot_access", here.bo))).evidence["not_shown"]
    assert here.github.sent("GET", "/keys") == here.github.sent("GET", "/users/bo-berg/keys")
    here.org.members["root"] = "admin"
    with_token = (await here.token.read_back(here.effect("snapshot_access", here.bo))).evidence
    assert with_token["not_shown"] == ["fine_grained_tokens", "deploy_keys"]


async def test_a_user_without_an_account_any_more_is_no_evidence(here: ConnectedGitHub) -> None:
    del here.org.users["isa-lund"]
    for ability in ("remove_member", "remove_from_teams", "revoke_fine_grained_tokens", "cancel_copilot_seat"):
        assert await here.outcome(ability) == "unknown"
        with pytest.raises(RefusedError, match="account_gone"):
            await here.do(ability)


# Limits and faults.


async def test_limits_of_both_kinds_say_when_to_come_back(here: ConnectedGitHub) -> None:
    here.github.faults.limit_as_forbidden("DELETE")
    with pytest.raises(TryAgainError, match="too_many_requests") as secondary:
        await here.do("remove_member")
    assert (secondary.value.retry_after, secondary.value.happened) == (60, "no")
    here.github.faults.limit("DELETE")
    with pytest.raises(TryAgainError, match="too_many_requests") as primary:
        await here.do("remove_member")
    assert 0 < (primary.value.retry_after or 0) <= 3600
    here.github.faults.limit_as_forbidden("DELETE", "/teams/", after=1)
    here.org.teams["synced"].synced = False
    with pytest.raises(TryAgainError) as between:
        await here.do("remove_from_teams")
    assert between.value.happened == "unknown", "one team was left before"
    assert len((await here.do("remove_from_teams"))["left_teams"]) == 1


async def test_a_token_that_ends_between_two_changes_repeats_neither(here: ConnectedGitHub) -> None:
    here.org.teams["synced"].synced = False
    here.github.faults.expire("DELETE", after=1)
    assert len((await here.do("remove_from_teams"))["left_teams"]) == 2
    assert len(here.github.sent("POST", "/access_tokens")) == 2
    assert len(here.github.sent("DELETE")) == 3, "the one with the ended token was sent again"


async def test_an_empty_list_counts_only_for_an_owner(here: ConnectedGitHub) -> None:
    here.org.tokens = {value: one for value, one in here.org.tokens.items() if one.login == "root"}
    for ability in ("cancel_invitations", "remove_sso_authorizations"):
        assert (await here.token.read_back(here.effect(ability))).outcome == "done"
    here.org.members["root"] = "member"
    for ability in ("cancel_invitations", "remove_sso_authorizations"):
        with pytest.raises(ActionRequiredError, match="credential_refused"):
            await here.token.read_back(here.effect(ability))


@pytest.mark.parametrize(
    "ability", ["revoke_fine_grained_tokens", "remove_sso_authorizations", "remove_from_teams", "cancel_copilot_seat"]
)
async def test_an_empty_list_counts_if_others_have_some_or_github_shows_all(
    here: ConnectedGitHub, ability: str
) -> None:
    new = here.org.new_user("new-one")
    assert proof(await here.look(ability, new)) == ("done", "another_account")
    here.org.tokens = {value: one for value, one in here.org.tokens.items() if one.kind == "installation"}
    here.org.seats.clear()
    for team in here.org.teams.values():
        team.members.clear()
    assert proof(await here.look(ability, new)) == ("done", "permission"), "GitHub shows an app with the right all"


async def test_a_list_that_shows_nothing_of_members_of_teams_is_no_evidence(here: ConnectedGitHub) -> None:
    """GitHub names members of teams, and by the filter shows teams of none of them."""
    here.github.faults.hide_list("/graphql/teams$")
    assert (await here.look("remove_from_teams")).outcome == "unknown"


def proof(found: ReadBack) -> tuple[str, str]:
    return found.outcome, str(found.evidence["list_proven_by"])


async def test_a_lost_reply_leaves_the_outcome_to_the_read_back(here: ConnectedGitHub) -> None:
    here.github.faults.lose_reply("DELETE")
    with pytest.raises(TryAgainError) as lost:
        await here.do("remove_member")
    assert lost.value.happened == "unknown"
    assert await here.outcome("remove_member") == "done"
    here.github.faults.break_down("POST", "/personal-access-tokens", status=502)
    with pytest.raises(TryAgainError) as broken:
        await here.do("revoke_fine_grained_tokens", here.kim)
    assert broken.value.happened == "unknown"
    assert await here.outcome("revoke_fine_grained_tokens", here.kim) == "not_done"


async def test_a_state_that_is_still_the_old_one_is_not_done(here: ConnectedGitHub) -> None:
    await here.app.check()  # the request for a token changes the simulator too
    here.github.faults.stay_stale("/memberships/")
    await here.do("remove_member")
    assert await here.outcome("remove_member") == "not_done"
    assert await here.outcome("remove_member") == "done"


async def test_each_request_waits_for_the_pace(here: ConnectedGitHub) -> None:
    paced = 0

    async def pace() -> None:
        nonlocal paced
        paced += 1

    waiting: Pace = pace
    await here.app.attempt(here.effect("remove_member"), pace=waiting)
    assert paced == len(here.github.requests)
