"""How users of IAM Identity Center are found and listed, and what the check of a connection says."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from connectors.abilities import Effect, Lookup
from connectors.errors import ActionRequiredError, RefusedError
from connectors.listing import ListsAccounts
from connectors.vendors.aws.identity_center.permissions import ACTIONS, CHECKING, FINDING
from tests.connectors.vendors.aws.connected_identity_center import ConnectedCenter, connected_center
from tests.vendors.aws.identity_center.seeds import ISSUER
from tests.vendors.aws.seeds import new_role

EVERYTHING = {*FINDING, *CHECKING, *(action for actions in ACTIONS.values() for action in actions)}


@pytest_asyncio.fixture
async def here() -> AsyncIterator[ConnectedCenter]:
    async with connected_center() as connected:
        yield connected


async def test_a_user_is_found_by_each_attribute(here: ConnectedCenter) -> None:
    here.isa.external = (ISSUER, "idp-7")
    for attribute, value in {
        "id": here.isa.id,
        "userName": "Isa.Lund",
        "emails.value": "isa.lund@corp.example",
        "employeeNumber": "e-1",
        "externalId": "idp-7",
    }.items():
        [account] = await here.find(attribute, value)
        assert (account.native_id, account.label, account.active) == (here.isa.id, "isa.lund", True), attribute
        assert not account.privileged
    here.bo.enabled = False
    [bo] = await here.find("userName", "bo.berg")
    assert bo.privileged, "by a group"
    assert bo.active is False


async def test_an_account_names_the_identity_provider_that_provisions_it(here: ConnectedCenter) -> None:
    """The preview of a run shows the attributes of the accounts that were found."""
    here.isa.external = (ISSUER, "idp-7")
    [isa] = await here.find("employeeNumber", "E-1")
    [kim] = await here.find("employeeNumber", "E-3")
    assert isa.attributes["provisionedBy"] == ISSUER and "provisionedBy" not in kim.attributes


async def test_an_account_shows_every_attribute_that_was_asked_for(here: ConnectedCenter) -> None:
    lookups = [Lookup("emails.value", here.isa.email), Lookup("employeeNumber", "E-2"), Lookup("id", "")]
    isa, bo = await here.connector.find_accounts(lookups)
    assert (isa.attributes["employeeNumber"], isa.attributes["emails.value"]) == ("E-1", here.isa.email)
    assert (bo.attributes["employeeNumber"], bo.attributes["emails.value"]) == ("E-2", here.bo.email)


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("id", "9067642ac7-12345678-1234-1234-1234-123456789012"),
        ("id", "isa.lund"),
        ("userName", "eva.dahl"),
        ("emails.value", "eva@corp.example"),
        ("employeeNumber", "E-9"),
    ],
)
async def test_no_user_has_the_value(here: ConnectedCenter, attribute: str, value: str) -> None:
    assert await here.find(attribute, value) == []


async def test_what_nothing_proves_is_no_absence(here: ConnectedCenter) -> None:
    with pytest.raises(ActionRequiredError, match="search_unproven"):
        await here.find("externalId", "idp-7")  # no user has one
    with pytest.raises(RefusedError, match="unknown_attribute"):
        await here.find("login", "isa")
    here.aws.faults.hide_list("/identitystore:ListUsers")
    for attribute, value in (("employeeNumber", "E-1"), ("userName", "eva.dahl")):
        with pytest.raises(ActionRequiredError, match="search_unproven"):
            await here.find(attribute, value)


async def test_another_identity_store_is_never_an_absence(here: ConnectedCenter) -> None:
    """AWS answers with the same error as for a user who is not there, but for the type of the resource."""
    elsewhere = here.connected(here.seed.key, identity_store_id="d-0000000000")
    here.aws.state.store_arn = lambda: "*"  # type: ignore[method-assign]  # its policy covers every store
    with pytest.raises(ActionRequiredError, match="answer_not_understood"):
        await here.find("userName", "isa.lund", elsewhere)
    checked = await elsewhere.check()
    assert not checked.reachable and checked.code == "wrong_instance"


async def test_users_are_listed_for_accounts_without_an_owner(here: ConnectedCenter) -> None:
    assert isinstance(here.connector, ListsAccounts)
    found = await here.connector.list_accounts(["employeeNumber", "emails.value"], at_most=50, deadline=10.0)
    assert found is not None and found.complete
    values = {one.account.label: one.values["employeeNumber"] for one in found.accounts}
    assert values == {"isa.lund": ("E-1",), "bo.berg": ("E-2",), "kim.dahl": ("E-3",)}
    cut = await here.connector.list_accounts(["userName"], at_most=2, deadline=10.0)
    assert cut is not None and len(cut.accounts) == 2 and not cut.complete
    with pytest.raises(ActionRequiredError, match="search_unproven"):
        await here.connector.list_accounts(["externalId"], at_most=50, deadline=10.0)


async def test_every_page_of_users_is_read(here: ConnectedCenter) -> None:
    here.aws.largest_page = 1
    assert len(await here.find("employeeNumber", "E-3")) == 1
    assert len([one for one in here.aws.requests if one.path == "/identitystore:ListUsers"]) == 3


async def test_the_check_names_each_action_that_is_missing(here: ConnectedCenter) -> None:
    checked = await here.connector.check()
    assert checked.reachable and checked.lacking == () and here.center.id in checked.detail
    assert "identity provider" not in checked.detail and "does not list" not in checked.detail
    here.allow(*sorted(EVERYTHING - {"sso:DeleteAccountAssignment", "identitystore:DescribeGroup"}))
    assert set((await here.connector.check()).lacking) == {
        "snapshot_access (identitystore:DescribeGroup)",
        "remove_account_assignments (sso:DeleteAccountAssignment)",
        "remove_from_groups (identitystore:DescribeGroup)",
    }
    here.allow("sso:ListInstances", "identitystore:ListUsers")
    checked = await here.connector.check()
    assert checked.reachable and "allow iam:SimulatePrincipalPolicy" in checked.detail
    assert "does not list account assignments for this credential" in checked.detail
    here.allow("sso:ListInstances")
    checked = await here.connector.check()
    assert not checked.reachable and "identitystore:ListUsers" in checked.detail


async def test_the_check_says_that_an_identity_provider_provisions_users(here: ConnectedCenter) -> None:
    here.isa.external = here.kim.external = (ISSUER, "idp-7")
    checked = await here.connector.check()
    assert checked.reachable and "provisions the users (2 of the first 3)" in checked.detail


async def test_the_policy_in_the_documentation_allows_each_ability_and_no_action_too_many(
    here: ConnectedCenter,
) -> None:
    page = (Path(__file__).parents[4] / "docs" / "connectors" / "aws-identity-center.md").read_text()
    text = page.partition("```json")[2].partition("```")[0]
    document = json.loads(text.replace("ssoins-1234567890abcdef", "ssoins-7223a1b2c3d4e5f6"))
    here.seed.offboard.inline["offboard"] = json.dumps(document).replace("d-1234567890", "d-9067642ac7")
    assert (await here.connector.check()).lacking == ()
    [account] = await here.find("employeeNumber", "E-1")
    here.center.deletions_take(0)
    for ability in ACTIONS:
        effect = Effect(ability, "key", account)
        await here.connector.attempt(effect)
        assert (await here.connector.read_back(effect)).outcome == "done", ability
    listed = [action for statement in document["Statement"] for action in statement["Action"]]
    assert sorted(listed) == sorted(EVERYTHING)


async def test_the_actions_of_an_ability_suffice_for_it(here: ConnectedCenter) -> None:
    """In the order in which they can be carried out."""
    here.center.deletions_take(0)
    for ability, actions in ACTIONS.items():
        here.allow(*actions, "iam:SimulatePrincipalPolicy")
        if ability == "snapshot_access":
            assert (await here.look(ability)).evidence["not_shown"] == []
            continue
        await here.do(ability)
        assert await here.outcome(ability) == "done", ability
    assert here.isa.id not in here.center.people


async def test_temporary_credentials_of_a_role_are_accepted_and_checked(here: ConnectedCenter) -> None:
    allowed = sorted(EVERYTHING - {"identitystore:DeleteUser"})
    _, session = new_role(here.aws, "Offboard", {"Effect": "Allow", "Action": allowed, "Resource": "*"})
    checked = await here.connected(session).check()
    assert checked.reachable and checked.lacking == ("delete_account (identitystore:DeleteUser)",)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [({"secret_access_key": "wrong-secret"}, "InvalidSignature"), ({"session_token": "x"}, "UnrecognizedClient")],
)
async def test_a_key_that_aws_refuses_is_named_by_the_check(
    here: ConnectedCenter, wrong: dict[str, str], code: str
) -> None:
    checked = await here.connected(here.seed.key, **wrong).check()
    assert not checked.reachable and checked.code == "credential_refused"
    assert "access_key_id" in checked.detail
    with pytest.raises(ActionRequiredError, match="credential_refused") as raised:
        await here.find("userName", "isa.lund", here.connected(here.seed.key, **wrong))
    assert code in raised.value.detail and "wrong-secret" not in raised.value.detail
