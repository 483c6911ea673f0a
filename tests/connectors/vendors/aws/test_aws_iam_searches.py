"""How users of an AWS account are found and listed, and what the check of a connection says."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from connectors.abilities import Effect, Lookup
from connectors.errors import ActionRequiredError, RefusedError
from connectors.listing import ListsAccounts
from connectors.vendors.aws.iam.permissions import ACTIONS, CHECKING, FINDING
from tests.connectors.vendors.aws.connected_aws import ConnectedAws, connected_aws
from tests.vendors.aws.seeds import new_role


@pytest_asyncio.fixture
async def here() -> AsyncIterator[ConnectedAws]:
    async with connected_aws() as connected:
        yield connected


async def test_a_user_is_found_by_each_attribute(here: ConnectedAws) -> None:
    arn = here.account.arn_of(here.isa)
    for attribute, value in {
        "id": here.isa.id,
        "userName": "isa.lund",
        "arn": arn,
        "tag:email": "Isa.Lund@corp.example",
        "tag:Employee_Number": "E-1",
    }.items():
        [account] = await here.find(attribute, value)
        assert (account.native_id, account.label, account.active) == (here.isa.id, "isa.lund", None), attribute
        assert account.attributes["arn"] == arn and not account.privileged
    [bo] = await here.find("userName", "bo.berg")
    assert bo.privileged, "by a group"


async def test_an_account_shows_every_attribute_that_was_asked_for(here: ConnectedAws) -> None:
    lookups = [Lookup("id", here.isa.id), Lookup("tag:employee_number", "E-2"), Lookup("tag:email", "")]
    isa, bo = await here.connector.find_accounts(lookups)
    assert (isa.attributes["tag:employee_number"], isa.attributes["tag:email"]) == ("E-1", "isa.lund@corp.example")
    assert bo.attributes["id"] == here.bo.id


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("id", "AIDAAAAAAAAAAAAAAAAAA"),
        ("userName", "eva.dahl"),
        ("userName", "no name/at all"),
        ("arn", "arn:aws:iam::123456789012:user/isa.lund"),
        ("arn", "arn:aws:iam::210987654321:user/people/isa.lund"),
        ("arn", "isa.lund"),
        ("tag:email", "isa.lund@corp"),
    ],
)
async def test_no_user_has_the_value(here: ConnectedAws, attribute: str, value: str) -> None:
    assert await here.find(attribute, value) == []


async def test_what_nothing_proves_is_no_absence(here: ConnectedAws) -> None:
    with pytest.raises(ActionRequiredError, match="search_unproven"):
        await here.find("tag:badge", "7")
    for attribute in ("login", "tag:"):
        with pytest.raises(RefusedError, match="unknown_attribute"):
            await here.find(attribute, "isa")
    here.aws.faults.hide_list("/ListUsers")
    with pytest.raises(ActionRequiredError, match="search_unproven"):
        await here.find("id", here.isa.id)


async def test_a_user_of_another_account_is_never_taken(here: ConnectedAws) -> None:
    here.aws.state.id = "210987654321"
    for attribute, value in (("userName", "isa.lund"), ("tag:email", "isa.lund@corp.example")):
        with pytest.raises(ActionRequiredError, match="answer_not_understood") as raised:
            await here.find(attribute, value)
        assert "account_id" in raised.value.detail
    with pytest.raises(ActionRequiredError, match="answer_not_understood"):
        await here.do("deactivate_access_keys")
    assert here.aws.sent("POST") == []
    checked = await here.connector.check()
    assert not checked.reachable and checked.code == "wrong_account"


async def test_users_are_listed_for_accounts_without_an_owner(here: ConnectedAws) -> None:
    assert isinstance(here.connector, ListsAccounts)
    found = await here.connector.list_accounts(["tag:email", "userName"], at_most=50, deadline=10.0)
    assert found is not None and found.complete
    values = {one.account.label: one.values.get("tag:email") for one in found.accounts}
    assert values == {
        "offboard": None,
        "isa.lund": ("isa.lund@corp.example",),
        "bo.berg": ("bo.berg@corp.example",),
        "kim.dahl": ("kim.dahl@corp.example",),
    }
    cut = await here.connector.list_accounts(["userName"], at_most=2, deadline=10.0)
    assert cut is not None and len(cut.accounts) == 2 and not cut.complete
    with pytest.raises(ActionRequiredError, match="search_unproven"):
        await here.connector.list_accounts(["tag:badge"], at_most=50, deadline=10.0)


async def test_the_check_names_each_action_that_is_missing(here: ConnectedAws) -> None:
    checked = await here.connector.check()
    assert checked.reachable and checked.lacking == () and here.account.id in checked.detail
    everything = {*FINDING, *CHECKING, *(action for actions in ACTIONS.values() for action in actions)}
    here.allow(*sorted(everything - {"iam:DeleteAccessKey", "iam:ListGroupsForUser"}))
    assert set((await here.connector.check()).lacking) == {
        "finding accounts (iam:ListGroupsForUser)",
        "snapshot_access (iam:ListGroupsForUser)",
        "remove_from_groups (iam:ListGroupsForUser)",
        "add_to_groups (iam:ListGroupsForUser)",
        "delete_access_keys (iam:DeleteAccessKey)",
        "delete_account (iam:ListGroupsForUser)",
    }
    here.allow("iam:ListUsers")
    checked = await here.connector.check()
    assert checked.reachable and "iam:SimulatePrincipalPolicy" in checked.detail
    here.allow("iam:GetUser")
    checked = await here.connector.check()
    assert not checked.reachable and "iam:ListUsers" in checked.detail


async def test_the_policy_in_the_documentation_allows_each_ability_and_no_action_too_many(here: ConnectedAws) -> None:
    page = (Path(__file__).parents[4] / "docs" / "connectors" / "aws-iam.md").read_text()
    document = json.loads(page.partition("```json")[2].partition("```")[0])
    here.seed.offboard.inline["offboard"] = json.dumps(document)
    assert (await here.connector.check()).lacking == ()
    [account] = await here.find("tag:email", here.isa.tags["email"])
    for ability in ACTIONS:
        effect = Effect(ability, "key", account)
        await here.connector.attempt(effect)
        assert (await here.connector.read_back(effect)).outcome == "done", ability
    listed = [action for statement in document["Statement"] for action in statement["Action"]]
    assert sorted(listed) == sorted({*FINDING, *CHECKING, *(one for actions in ACTIONS.values() for one in actions)})


async def test_the_actions_of_an_ability_suffice_for_it(here: ConnectedAws) -> None:
    """In the order in which they can be carried out."""
    for ability, actions in ACTIONS.items():
        here.allow(*actions, "iam:SimulatePrincipalPolicy")
        if ability == "snapshot_access":
            assert (await here.look(ability)).evidence["not_shown"] == []
            continue
        await here.do(ability)
        assert await here.outcome(ability) == "done", ability
    assert "isa.lund" not in here.account.users


async def test_temporary_credentials_of_a_role_are_accepted_and_checked(here: ConnectedAws) -> None:
    statement = {"Effect": "Allow", "Action": ["iam:List*", "iam:Get*", "iam:SimulatePrincipalPolicy"], "Resource": "*"}
    _, session = new_role(here.aws, "Offboard", statement)
    connector = here.connected(session)
    checked = await connector.check()
    assert checked.reachable and "remove_console_access (iam:DeleteLoginProfile)" in checked.lacking
    assert not any(one.startswith(("finding", "snapshot")) for one in checked.lacking)
    here.isa.service_credentials.clear()
    look = await connector.read_back(here.effect("delete_service_credentials"))
    assert look.evidence["list_proven_by"] == "permission"


async def test_an_action_that_depends_on_a_condition_is_not_named_as_missing(here: ConnectedAws) -> None:
    everything = {*FINDING, *CHECKING, *(action for actions in ACTIONS.values() for action in actions)}
    here.allow(*sorted(everything - {"iam:DeleteUser"}))
    document = json.loads(here.seed.offboard.inline["offboard"])
    source = {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}
    document["Statement"].append({"Effect": "Allow", "Action": "iam:DeleteUser", "Resource": "*", "Condition": source})
    here.seed.offboard.inline["offboard"] = json.dumps(document)
    checked = await here.connector.check()
    assert checked.lacking == () and "is not checked: iam:DeleteUser" in checked.detail


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"secret_access_key": "wrong-secret"}, "SignatureDoesNotMatch"),
        ({"session_token": "x"}, "InvalidClientTokenId"),
    ],
)
async def test_a_key_that_aws_refuses_is_named_by_the_check(
    here: ConnectedAws, wrong: dict[str, str], code: str
) -> None:
    checked = await here.connected(here.seed.key, **wrong).check()
    assert not checked.reachable and checked.code == "credential_refused"
    assert "access_key_id" in checked.detail
    with pytest.raises(ActionRequiredError, match="credential_refused") as raised:
        await here.find("userName", "isa.lund", here.connected(here.seed.key, **wrong))
    assert code in raised.value.detail and "wrong-secret" not in raised.value.detail
