"""Every ability of the connector for AWS IAM against the simulator: what worked before is refused after, the read-back
says so, and a repeated attempt changes nothing."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

import pytest
import pytest_asyncio

from connectors.abilities import Account, Effect
from connectors.errors import ActionRequiredError, RefusedError, TryAgainError
from connectors.vendors.aws.iam.permissions import ACTIONS
from tests.connectors.vendors.aws.connected_aws import ConnectedAws, connected_aws
from tests.vendors.aws.account import ALLOW_ALL, AwsUser, policy
from tests.vendors.aws.seeds import READ_ONLY, furnish


@pytest_asyncio.fixture
async def here() -> AsyncIterator[ConnectedAws]:
    async with connected_aws() as connected:
        yield connected


def changes(here: ConnectedAws) -> list[str]:
    return [call.operation for call in here.aws.sent("POST")]


async def test_an_inactive_key_is_refused_and_a_deleted_one_is_gone(here: ConnectedAws) -> None:
    first, second = here.isa.keys
    assert [await here.reads(key) for key in (first, second)] == ["read", "read"]
    assert await here.outcome("deactivate_access_keys") == "not_done"
    detail = await here.do("deactivate_access_keys")
    assert [one["id"] for one in detail["deactivated_access_keys"]] == [first.id, second.id]
    assert [await here.reads(key) for key in (first, second)] == ["InvalidClientTokenId"] * 2
    look = await here.look("deactivate_access_keys")
    assert look.outcome == "done" and len(look.evidence["access_keys"]["inactive"]) == 2
    assert await here.do("deactivate_access_keys") == {"deactivated_access_keys": []}
    assert await here.outcome("delete_access_keys") == "not_done"
    await here.do("delete_access_keys")
    assert here.isa.keys == []
    assert await here.outcome("delete_access_keys") == "done"
    assert await here.reads(here.bo.keys[0]) == "read", "other people keep theirs"


async def test_other_credentials_become_inactive_and_each_sort_needs_its_own_proof(here: ConnectedAws) -> None:
    items = [*here.isa.ssh_keys, *here.isa.service_credentials, *here.isa.certificates]
    assert await here.outcome("deactivate_other_credentials") == "not_done"
    detail = await here.do("deactivate_other_credentials")
    assert [len(found) for found in detail.values()] == [1, 1, 1]
    assert [item.status for item in items] == ["Inactive"] * 3
    assert await here.outcome("deactivate_other_credentials") == "done"
    look = await here.look("deactivate_other_credentials", here.kim)
    assert look.outcome == "done"
    assert {look.evidence[name]["list_proven_by"] for name in ("ssh_keys", "service_credentials")} == {
        "another_account"
    }
    here.isa.service_credentials.clear()
    here.allow(*(one for one in ACTIONS["deactivate_other_credentials"]))
    look = await here.look("deactivate_other_credentials", here.kim)
    assert look.outcome == "unknown" and look.evidence["service_credentials"]["list_proven_by"] == ""
    assert look.evidence["ssh_keys"]["list_proven_by"] == "another_account"
    here.isa.ssh_keys[0].status = "Active"
    assert await here.outcome("deactivate_other_credentials") == "not_done"


async def test_the_console_refuses_a_password_that_was_deleted(here: ConnectedAws) -> None:
    assert here.account.sign_in(here.isa.name, here.isa.password, here.aws.now())
    password = here.isa.password
    assert await here.outcome("remove_console_access") == "not_done"
    detail = await here.do("remove_console_access")
    assert detail["removed"] and detail["before"]["last_used"]
    assert here.account.sign_in(here.isa.name, password, here.aws.now()) is None
    assert await here.outcome("remove_console_access") == "done"
    assert (await here.do("remove_console_access"))["removed"] is False


async def test_sessions_from_before_are_denied_and_keys_and_later_sessions_are_not(here: ConnectedAws) -> None:
    before = here.account.new_session(here.account.arn_of(here.isa), here.aws.now())
    here.aws.advance(minutes=5)
    assert await here.reads(before) == "read"
    detail = await here.do("revoke_sessions")
    assert detail["ended"] == ["sessions"] and detail["not_possible"] == ["access_tokens"]
    assert await here.reads(before) == "AccessDenied"
    here.aws.advance(minutes=5)
    after = here.account.new_session(here.account.arn_of(here.isa), here.aws.now())
    assert [await here.reads(key) for key in (after, here.isa.keys[0])] == ["read", "read"]
    look = await here.look("revoke_sessions")
    assert look.outcome == "done" and look.evidence["denied_before"] == detail["denied_before"]


async def test_a_policy_of_an_earlier_run_does_not_count_as_revoked_sessions(here: ConnectedAws) -> None:
    await here.do("revoke_sessions")
    [name] = [name for name in here.isa.inline if name != "own"]
    text = here.isa.inline[name]
    other = here.effect("revoke_sessions")
    assert (await here.connector.read_back(other)).outcome == "done"
    document = json.loads(text)
    document["Statement"][0]["Sid"] = "OffboardAnotherRun"
    for changed in (document, {**json.loads(text), "Statement": []}):
        here.isa.inline[name] = json.dumps(changed)
        assert await here.outcome("revoke_sessions") == "not_done"
    broad = json.loads(text)
    broad["Statement"].append({"Effect": "Allow", "Action": "*", "Resource": "*"})
    here.isa.inline[name] = json.dumps(broad)
    assert await here.outcome("revoke_sessions") == "not_done"


@pytest.mark.parametrize(
    ("ability", "key", "left"),
    [
        ("delete_ssh_keys", "deleted_ssh_keys", "ssh_keys"),
        ("delete_service_credentials", "deleted_service_credentials", "service_credentials"),
        ("delete_signing_certificates", "deleted_signing_certificates", "certificates"),
    ],
)
async def test_credentials_of_each_sort_are_deleted(here: ConnectedAws, ability: str, key: str, left: str) -> None:
    assert await here.outcome(ability) == "not_done"
    detail = await here.do(ability)
    assert len(detail[key]) == 1 and getattr(here.isa, left) == []
    look = await here.look(ability)
    # No other user has one; the policy of Offboard's own user allows the list.
    assert look.outcome == "done" and look.evidence["list_proven_by"] == "permission"
    furnish(here.aws, here.kim)
    assert (await here.look(ability)).evidence["list_proven_by"] == "another_account"


async def test_groups_are_left_but_for_those_that_are_kept(here: ConnectedAws) -> None:
    assert await here.outcome("remove_from_groups", here.bo) == "not_done"
    detail = await here.do("remove_from_groups", here.bo, keep=["sales"])
    assert [group["name"] for group in detail["left_groups"]] == ["Administrators"]
    assert await here.outcome("remove_from_groups", here.bo, keep=["Sales"]) == "done"
    assert await here.outcome("remove_from_groups", here.bo) == "not_done"
    with pytest.raises(RefusedError, match="group_not_found"):
        await here.do("remove_from_groups", here.bo, groups=["Sales", "Sailing"])
    assert here.account.groups_of(here.bo) == []
    assert await here.outcome("remove_from_groups", here.bo, groups=["Sailing"]) == "unknown"
    assert await here.outcome("remove_from_groups", here.bo, groups=["Sales"]) == "done"


async def test_policies_are_removed_with_their_text_in_the_reply_and_denied_sessions_stay_denied(
    here: ConnectedAws,
) -> None:
    text = here.isa.inline["own"]
    await here.do("revoke_sessions")
    detail = await here.do("remove_policies")
    assert {one["name"]: one.get("document") for one in detail["removed_policies"]} == {
        "ReadOnlyAccess": None,
        "own": text,
    }
    assert here.isa.attached == [] and list(here.isa.inline) == ["OffboardRevokeOlderSessions"]
    look = await here.look("remove_policies")
    assert look.outcome == "done" and look.evidence["boundary"] == here.isa.boundary != ""
    assert await here.outcome("revoke_sessions") == "done"


def restoring(ability: str, user: AwsUser, taken: Iterable[Mapping[str, Any]]) -> Effect:
    return Effect(ability, "run-2/step-1/1", Account(user.id, user.name), {}, taken=tuple(taken))


async def test_a_restore_adds_the_user_to_the_groups_that_a_run_removed_it_from(here: ConnectedAws) -> None:
    gone = here.account.new_group("Gone", here.aws.now())
    gone.members.add(here.bo.name)
    before = {group.name for group in here.account.groups_of(here.bo)}
    recorded = (await here.look("snapshot_access", here.bo)).evidence["groups"]
    detail = await here.do("remove_from_groups", here.bo)
    assert detail["left_groups"] == recorded and here.account.groups_of(here.bo) == []
    del here.account.groups["Gone"]
    sales = here.account.groups.pop("Sales")
    sales.name = "SalesAndMore"
    here.account.groups[sales.name] = sales
    here.account.new_group("Sales", here.aws.now())  # another one, which took the name

    effect = restoring("add_to_groups", here.bo, detail["left_groups"])
    assert (await here.connector.read_back(effect)).outcome == "not_done"
    given = (await here.connector.attempt(effect)).detail
    assert {one["name"] for one in given["joined_groups"]} == {"Administrators", "SalesAndMore"}
    assert [one["name"] for one in given["deleted_groups"]] == ["Gone"]
    look = await here.connector.read_back(effect)
    assert look.outcome == "done" and [one["name"] for one in look.evidence["deleted_groups"]] == ["Gone"]
    now = {group.name for group in here.account.groups_of(here.bo)}
    assert now == before - {"Gone", "Sales"} | {"SalesAndMore"}
    again = (await here.connector.attempt(effect)).detail
    assert again["joined_groups"] == [] and {group.name for group in here.account.groups_of(here.bo)} == now


async def test_a_restore_gives_the_user_the_policies_that_a_run_took(here: ConnectedAws) -> None:
    old = f"arn:aws:iam::{here.account.id}:policy/Old"
    here.account.managed[old] = policy(ALLOW_ALL)
    here.isa.attached.append(old)
    before = [one for one in here.isa.attached if one != old], dict(here.isa.inline)
    await here.do("revoke_sessions")
    denies = here.isa.inline["OffboardRevokeOlderSessions"]
    recorded = (await here.look("snapshot_access")).evidence["policies"]
    taken = (await here.do("remove_policies"))["removed_policies"]
    del here.account.managed[old]
    # Where the reply was lost, the snapshot says what was taken.
    for things in (recorded, taken):
        effect = restoring("add_policies", here.isa, things)
        assert (await here.connector.read_back(effect)).outcome == "not_done"
        given = (await here.connector.attempt(effect)).detail
        assert {one["name"] for one in given["added_policies"]} == {"ReadOnlyAccess", "own"}
        assert [one["name"] for one in given["deleted_policies"]] == ["Old"]
        assert (await here.connector.read_back(effect)).outcome == "done"
        assert (await here.connector.attempt(effect)).detail["added_policies"] == []
        assert (here.isa.attached, here.isa.inline) == (
            before[0],
            before[1] | {"OffboardRevokeOlderSessions": denies},
        ), "older sessions stay denied"
        await here.do("remove_policies")


async def test_an_inline_policy_without_a_recorded_text_is_refused_and_the_others_are_given(here: ConnectedAws) -> None:
    here.allow(*sorted({action for actions in ACTIONS.values() for action in actions} - {"iam:GetUserPolicy"}))
    recorded = (await here.look("snapshot_access")).evidence
    assert recorded["policies"][-1] == {"id": "own", "name": "own"} and "policies" not in recorded["not_shown"]
    here.isa.attached.clear()
    here.isa.inline.clear()
    effect = restoring("add_policies", here.isa, recorded["policies"])
    with pytest.raises(RefusedError, match="policy_not_recorded") as refused:
        await here.connector.attempt(effect)
    assert "Not added: own." in refused.value.detail and "Added: ReadOnlyAccess." in refused.value.detail
    assert (await here.connector.read_back(effect)).outcome == "not_done"


async def test_mfa_devices_go_after_the_password(here: ConnectedAws) -> None:
    here.account.new_device(here.isa, here.aws.now(), virtual=False)
    with pytest.raises(RefusedError, match="console_access_left"):
        await here.do("remove_mfa_devices")
    assert changes(here) == []
    await here.do("remove_console_access")
    detail = await here.do("remove_mfa_devices")
    assert len(detail["removed_mfa_devices"]) == 2 and here.isa.devices == []
    assert here.account.arn("mfa", here.isa.name) not in here.account.virtual_devices
    assert await here.outcome("remove_mfa_devices") == "done"


async def everything(here: ConnectedAws, user: AwsUser) -> None:
    for ability in here.connector.abilities:
        if ability not in ("snapshot_access", "delete_account"):
            await here.do(ability, user)


async def test_a_user_is_deleted_only_when_nothing_is_left(here: ConnectedAws) -> None:
    with pytest.raises(RefusedError, match="account_in_use") as raised:
        await here.do("delete_account")
    assert "console access: password" in raised.value.detail and "groups: Finance" in raised.value.detail
    assert changes(here) == [], "nothing is removed"
    await everything(here, here.isa)
    assert await here.outcome("delete_account") == "not_done"
    assert (await here.do("delete_account"))["already_gone"] is False
    assert here.isa.name not in here.account.users
    assert await here.outcome("delete_account") == "done"
    assert (await here.do("delete_account"))["already_gone"] is True
    assert await here.outcome("remove_console_access") == "unknown", "of no user, nothing is proven"
    with pytest.raises(RefusedError, match="account_gone"):
        await here.do("remove_console_access")


async def test_a_name_that_was_given_to_another_user_is_not_the_account(here: ConnectedAws) -> None:
    effect = here.effect("remove_console_access")
    here.account.rename(here.isa, "isa.berg")
    here.account.new_user("isa.lund", here.aws.now()).password = "of another Isa"
    await here.connector.attempt(effect)
    assert here.isa.password == "" and here.account.users["isa.lund"].password == "of another Isa"
    assert (await here.connector.read_back(effect)).outcome == "done"
    await everything(here, here.isa)
    await here.do("delete_account")
    gone = here.effect("delete_account", AwsUser(here.isa.id, "isa.lund", "/", here.aws.now()))
    assert (await here.connector.read_back(gone)).outcome == "done"
    with pytest.raises(RefusedError, match="account_gone"):
        await here.connector.attempt(effect)


@pytest.mark.parametrize("ability", ["deactivate_access_keys", "delete_account"])
async def test_the_user_that_offboard_signs_in_as_is_never_changed(here: ConnectedAws, ability: str) -> None:
    with pytest.raises(RefusedError, match="own_account"):
        await here.do(ability, here.seed.offboard)
    assert changes(here) == []


async def test_the_snapshot_shows_what_the_user_has(here: ConnectedAws) -> None:
    await here.reads(here.isa.keys[0])
    shown = (await here.look("snapshot_access")).evidence
    assert shown["not_shown"] == [] and shown["admin"] is False and shown["boundary"] == here.isa.boundary
    assert [one["last_service"] for one in shown["access_keys"]] == ["iam", "N/A"]
    assert {"name": "employee_number", "value": "E-1"} in shown["tags"]
    for name in (
        "groups",
        "policies",
        "console_access",
        "mfa_devices",
        "ssh_keys",
        "service_credentials",
        "signing_certificates",
    ):
        assert shown[name], name
    assert (await here.look("snapshot_access", here.bo)).evidence["admin"] is True


async def test_an_empty_list_that_nothing_proves_is_unknown(here: ConnectedAws) -> None:
    """No other user has an entry, and the policy simulator may not be asked."""
    here.isa.ssh_keys.clear()
    here.allow("iam:GetUser", "iam:ListUsers", "iam:ListSSHPublicKeys")
    look = await here.look("delete_ssh_keys")
    assert (look.outcome, look.evidence["list_proven_by"]) == ("unknown", "")
    here.allow("iam:GetUser", "iam:ListUsers", "iam:ListSSHPublicKeys", "iam:SimulatePrincipalPolicy")
    look = await here.look("delete_ssh_keys")
    assert (look.outcome, look.evidence["list_proven_by"]) == ("done", "permission")
    with pytest.raises(ActionRequiredError, match="credential_refused"):
        await here.look("delete_access_keys")


async def test_a_list_that_hides_the_entries_of_everyone_is_no_proof_without_the_permission(here: ConnectedAws) -> None:
    here.allow("iam:GetUser", "iam:ListUsers", "iam:ListAccessKeys")
    here.aws.faults.hide_list("/ListAccessKeys")
    assert await here.outcome("delete_access_keys") == "unknown"


async def test_what_aws_refuses_at_one_entry_does_not_keep_the_others(here: ConnectedAws) -> None:
    here.aws.faults.break_down("POST", "/DeleteAccessKey", status=500)
    with pytest.raises(TryAgainError, match="system_failed"):
        await here.do("delete_access_keys")
    assert len(here.isa.keys) == 2
    await here.do("delete_access_keys")
    assert here.isa.keys == []


async def test_throttling_waits_and_changes_nothing(here: ConnectedAws) -> None:
    here.aws.faults.limit(path="/DeleteLoginProfile")
    with pytest.raises(TryAgainError, match="too_many_requests") as raised:
        await here.do("remove_console_access")
    assert raised.value.happened == "no" and here.isa.password
    here.aws.faults.lose_reply("POST", "/DeleteLoginProfile")
    with pytest.raises(TryAgainError) as lost:
        await here.do("remove_console_access")
    assert lost.value.happened == "unknown"
    assert await here.outcome("remove_console_access") == "done"


async def test_reads_that_are_behind_are_not_done_yet(here: ConnectedAws) -> None:
    """IAM is eventually consistent; the caller reads back again for as long as the ability's time to settle."""
    here.aws.faults.stay_stale("/GetLoginProfile", reads=1)
    await here.do("remove_console_access")
    assert await here.outcome("remove_console_access") == "not_done"
    assert await here.outcome("remove_console_access") == "done"


async def test_every_page_of_a_list_is_read(here: ConnectedAws) -> None:
    here.aws.largest_page = 1
    assert len(await here.find("tag:email", "kim.dahl@corp.example")) == 1
    assert len((await here.do("delete_access_keys"))["deleted_access_keys"]) == 2
    assert await here.outcome("delete_access_keys") == "done"
    assert here.isa.attached == [READ_ONLY]
