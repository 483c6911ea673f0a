"""Slack: finding accounts, and what the check says of a token."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from connectors.abilities import Account, Effect, Lookup
from connectors.errors import ActionRequiredError, RefusedError
from connectors.vendors.slack.credential import SlackCredential, TokenOwner
from connectors.vendors.slack.users import SlackMember
from tests.connectors.answering_kinds import KINDS, SLACK_USER
from tests.connectors.scripted_server import ReceivedRequest, ScriptedAnswer
from tests.connectors.vendors.slack.connected_slack import ConnectedSlack, connected_slack


@pytest_asyncio.fixture
async def here() -> AsyncIterator[ConnectedSlack]:
    async with connected_slack() as connected:
        yield connected


async def test_an_account_is_found_by_the_attributes_that_people_use(here: ConnectedSlack) -> None:
    here.slack.largest_page = 2
    for heeded in (True, False):
        here.grid.heeds_scim_filters = heeded
        for attribute, value in (
            ("id", here.isa.id),
            ("email", "Isa.Lund@corp.example"),
            ("userName", "isa.lund"),
            ("externalId", "E-1"),
            ("employeeNumber", "e-1"),
        ):
            (found,) = await here.find(attribute, value)
            assert (found.native_id, found.label, found.active) == (here.isa.id, "isa.lund", True)
            assert not found.privileged
    both = [Lookup("email", here.bo.email), Lookup("employeeNumber", "E-9")]
    (bo,) = await here.owner.find_accounts(both)
    assert bo.privileged and bo.attributes == {"email": here.bo.email, "employeeNumber": "E-2"}
    assert await here.find("email", "eva@corp.example") == await here.find("externalId", "E-9") == []
    assert await here.find("id", "U0SIM99999") == await here.find("id", "isa.lund") == await here.find("id", "..") == []
    with pytest.raises(RefusedError, match="unknown_attribute"):
        await here.find("displayName", "Isa Lund")


async def test_a_deactivated_account_is_found_as_such(here: ConnectedSlack) -> None:
    here.grid.deactivate(here.isa)
    web = here.with_scopes("users:read", "users:read.email", "admin.users:read")
    for connector in (here.owner, web, here.bot):
        (found,) = await here.find("email", here.isa.email, connector)
        assert (found.native_id, found.active) == (here.isa.id, False)
        (kim,) = await here.find("email", here.kim.email, connector)
        assert kim.active
    (found,) = await here.find("employeeNumber", "E-1")
    assert found.active is False


async def test_bots_are_no_accounts_and_guests_are(here: ConnectedSlack) -> None:
    bot = here.grid.new_user("robot@corp.example", "Robot", "", here.seed.workspaces[0], is_bot=True)
    guest = here.grid.new_user("gus@other.example", "Gus", "", here.seed.workspaces[0], guest="multi")
    for connector in (here.owner, here.bot):
        assert await here.find("email", bot.email, connector) == await here.find("id", bot.id, connector) == []
        (found,) = await here.find("email", guest.email, connector)
        assert (found.native_id, found.label) == (guest.id, "gus (guest)")
    with pytest.raises(RefusedError, match="not_a_person"):
        await here.do("deactivate_account", bot)
    assert here.effects() == []


ORGANISATION = TokenOwner(team_id="E0CORP", enterprise_id="E0CORP", is_enterprise_install=True)
IN_ORGANISATION = TokenOwner(team_id="T0CORP", enterprise_id="E0CORP")
ALONE = TokenOwner(team_id="T0CORP")


def member(team: str, enterprise: str = "", *teams: str, **shown: Any) -> SlackMember:
    known = {"enterprise_user": {"enterprise_id": enterprise, "teams": list(teams)}} if enterprise else {}
    return SlackMember.model_validate({"id": "U0ISA", "team_id": team, **known, **shown})


@pytest.mark.parametrize(
    ("owner", "shown", "belongs"),
    [
        (ORGANISATION, member("T0CORP", "E0CORP", "T0CORP"), True),
        (ORGANISATION, member("T0CORP", "E0CORP"), True),  # in no workspace
        (ORGANISATION, member("T0OTHER", "E0OTHER", "T0OTHER"), False),
        (ORGANISATION, member("T0OTHER"), False),
        (ORGANISATION, member("T0CORP", "E0CORP", "T0CORP", is_stranger=True), False),
        (IN_ORGANISATION, member("T0HOME", "E0CORP", "T0HOME", "T0CORP"), True),
        (IN_ORGANISATION, member("T0HOME", "E0CORP", "T0HOME"), False),
        (IN_ORGANISATION, member("T0CORP", "E0OTHER", "T0CORP"), False),
        (ALONE, member("T0CORP"), True),
        (ALONE, member("T0OTHER"), False),
        (ALONE, member("T0OTHER", "E0OTHER", "T0OTHER"), False),
        (ALONE, member("T0CORP", is_stranger=True), False),
    ],
)
def test_a_user_of_another_company_or_workspace_is_no_account(
    owner: TokenOwner, shown: SlackMember, belongs: bool
) -> None:
    """Slack shows people of other companies whom Slack Connect lets in. The simulator has none."""
    assert shown.belongs_to(SlackCredential(owner, None)) is belongs


async def test_a_search_that_finds_a_user_of_another_company_finds_no_account() -> None:
    kind = next(one for one in KINDS if one.name == "slack")
    team = "T0VENDOR"

    def answer(asked: ReceivedRequest) -> ScriptedAnswer:
        if asked.path == "/api/users.info":
            return ScriptedAnswer(200, {"ok": True, "user": {**SLACK_USER, "team_id": team}})
        return kind.answers(asked)

    async with kind.connected(answer) as (connector, _):
        assert len(await connector.find_accounts([kind.lookup])) == 1
        team = "T0OTHER"
        assert await connector.find_accounts([kind.lookup]) == []
        with pytest.raises(RefusedError, match="other_company"):
            await connector.attempt(Effect("deactivate_account", "key", Account("7", "isa.lund")))


async def test_without_scim_accounts_are_found_by_mail_address_only(here: ConnectedSlack) -> None:
    (found,) = await here.find("email", here.kim.email, here.bot)
    assert (found.native_id, found.attributes) == (here.kim.id, {"email": here.kim.email})
    assert await here.find("email", "eva@corp.example", here.bot) == []
    for attribute in ("userName", "externalId", "employeeNumber"):
        with pytest.raises(ActionRequiredError, match="rights_missing") as raised:
            await here.find(attribute, "E-1", here.bot)
        assert "admin" in raised.value.detail


async def test_no_account_needs_a_search_that_finds_another(here: ConnectedSlack) -> None:
    narrow = here.with_scopes("users:read", "users:read.email")
    with pytest.raises(ActionRequiredError):
        await here.find("email", "eva@corp.example", narrow)
    here.slack.faults.hide_list("Users")
    for attribute in ("email", "userName", "externalId"):
        with pytest.raises(ActionRequiredError, match=r"search_unproven|answer_not_understood"):
            await here.find(attribute, "E-9")


async def test_a_token_of_another_team_is_refused_everywhere(here: ConnectedSlack) -> None:
    for token, team in ((here.seed.token, here.corp), (here.seed.token, "E0OTHER"), (here.seed.bot, here.place)):
        other = here.connected(token, team_id=team)
        checked = await other.check()
        assert not checked.reachable and checked.code == "other_team" and "team_id" in checked.detail
        for call in (
            other.find_accounts([Lookup("email", here.isa.email)]),
            other.attempt(here.effect("deactivate_account")),
            other.read_back(here.effect("deactivate_account")),
        ):
            with pytest.raises(ActionRequiredError, match="other_team"):
                await call
    assert here.effects() == []


async def test_the_check_says_what_the_token_can_do_and_which_scope_is_missing(here: ConnectedSlack) -> None:
    everything = await here.owner.check()
    assert (everything.reachable, everything.lacking) == (True, ())
    assert f"user token of the organisation {here.place}" in everything.detail
    assert "accounts are deactivated by the SCIM API" in everything.detail
    web = await here.with_scopes("users:read", "users:read.email", "admin.users:read", "admin.users:write").check()
    assert "accounts are deactivated by admin.users.deactivate" in web.detail
    assert not any("deactivate_account" in one for one in web.lacking)
    bot = await here.bot.check()
    assert bot.reachable and f"bot token of the workspace {here.corp}" in bot.detail
    assert "deactivate_account (admin, a user token)" in bot.lacking
    assert "accounts cannot be deactivated" in bot.detail
    workspace = await here.with_scopes("users:read", "users:read.email", "admin", team=here.corp).check()
    assert "deactivate_account (an app that is installed on the organisation)" in workspace.lacking
    blind = await here.with_scopes("users:read").check()
    assert not blind.reachable and blind.code == "rights_missing" and "users:read.email" in blind.detail
    member = here.with_scopes("users:read", "users:read.email", "admin", user=here.kim)
    refused = await member.check()
    assert not refused.reachable and "owner or administrator" in refused.detail
    member = here.with_scopes("users:read", "users:read.email", "admin.users:read", "admin.users:write", user=here.kim)
    refused = await member.check()
    assert refused.reachable and "no administrator" in refused.detail
    assert "deactivate_account (the token of an administrator)" in refused.lacking
    assert "revoke_sessions (the token of an administrator)" in refused.lacking
    assert not any(one.startswith("snapshot_access") for one in refused.lacking)
    assert (await here.connected("xoxp-wrong").check()).code == "credential_refused"


async def test_a_scope_that_is_granted_later_is_seen(here: ConnectedSlack) -> None:
    narrow = here.with_scopes("users:read", "users:read.email")
    with pytest.raises(ActionRequiredError, match="rights_missing"):
        await narrow.attempt(here.effect("deactivate_account"))
    token = next(one for one in here.grid.tokens.values() if one.scopes == ["users:read", "users:read.email"])
    token.scopes.append("admin")
    await narrow.attempt(here.effect("deactivate_account"))
    assert here.effects() == ["deactivated"]
