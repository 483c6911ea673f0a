"""The connector for AWS IAM against moto, a server that others wrote. AWS's own library prepares the account, and
proves with a person's own access key what works before and is refused after.

moto has neither service-specific credentials nor the policy simulator, and lets inactive keys in."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import botocore.exceptions
import pytest

from connectors.abilities import Account, Connector, Effect, Lookup
from connectors.errors import ActionRequiredError
from tests.connectors.vendors.aws.moto_account import PASSWORD, moto_account
from tests.vendors.aws.account import ALLOW_ALL, policy

pytestmark = [pytest.mark.servers("moto_server"), pytest.mark.timeout(180)]
IN_ORDER = (
    "remove_console_access", "deactivate_access_keys", "remove_from_groups", "remove_mfa_devices", "delete_ssh_keys",
    "revoke_sessions", "remove_policies", "delete_access_keys",
)  # fmt: skip

RESTORED = {
    "remove_from_groups": ("add_to_groups", "left_groups"),
    "remove_policies": ("add_policies", "removed_policies"),
}


async def restored(
    connector: Connector, inverse: tuple[str, str], user_id: str, name: str, replied: Mapping[str, Any]
) -> None:
    ability, key = inverse
    effect = Effect(ability, f"run-2/{ability}/1", Account(user_id, name), taken=tuple(replied[key]))
    assert (await connector.read_back(effect)).outcome == "not_done", ability
    await connector.attempt(effect)
    assert (await connector.read_back(effect)).outcome == "done", ability


async def test_what_a_user_has_is_found_removed_and_refused() -> None:
    async with moto_account() as moto:
        isa = moto.new_user("isa.lund", email="isa.lund@corp.example")
        moto.new_user("bo.berg", email="bo.berg@corp.example")
        own = moto.new_user("offboard")["Key"]
        iam, name = moto.iam, "isa.lund"
        iam.create_login_profile(UserName=name, Password=PASSWORD)
        iam.create_group(GroupName="Finance")
        iam.add_user_to_group(GroupName="Finance", UserName=name)
        device = iam.create_virtual_mfa_device(VirtualMFADeviceName=name)["VirtualMFADevice"]["SerialNumber"]
        codes = {"AuthenticationCode1": "123456", "AuthenticationCode2": "654321"}
        iam.enable_mfa_device(UserName=name, SerialNumber=device, **codes)
        iam.upload_ssh_public_key(UserName=name, SSHPublicKeyBody="ssh-rsa AAAAB3NzaC1yc2E")
        managed = iam.create_policy(PolicyName="All", PolicyDocument=json.dumps(policy(ALLOW_ALL)))["Policy"]["Arn"]
        iam.attach_user_policy(UserName=name, PolicyArn=managed)
        await moto.check_access()
        connector = moto.connected(own)
        theirs = moto.as_key(isa["Key"]["AccessKeyId"], isa["Key"]["SecretAccessKey"])
        admin = moto.as_key(own["AccessKeyId"], own["SecretAccessKey"])

        for attribute, value in {"tag:email": "isa.lund@corp.example", "userName": name, "arn": isa["Arn"]}.items():
            [account] = await connector.find_accounts([Lookup(attribute, value)])
            assert account.native_id == isa["UserId"]
        assert await connector.find_accounts([Lookup("tag:email", "eva@corp.example")]) == []
        assert len((await asyncio.to_thread(theirs.list_users))["Users"]) == 3, "the key works before"
        for ability in IN_ORDER:
            effect = Effect(ability, "run-1/step-1/1", Account(isa["UserId"], name))
            assert (await connector.read_back(effect)).outcome == "not_done", ability
            replied = (await connector.attempt(effect)).detail
            look = await connector.read_back(Effect(ability, effect.effect_key, effect.account, replied=replied))
            assert look.outcome == "done", ability
            if ability == "deactivate_access_keys":
                [key] = (await asyncio.to_thread(admin.list_access_keys, UserName=name))["AccessKeyMetadata"]
                assert key["Status"] == "Inactive"
            if inverse := RESTORED.get(ability):
                await restored(connector, inverse, isa["UserId"], name, replied)
                assert (await connector.read_back(effect)).outcome == "not_done", ability
                await connector.attempt(effect)
        with pytest.raises(botocore.exceptions.ClientError, match="InvalidClientTokenId"):
            await asyncio.to_thread(theirs.list_users)
        left = (await asyncio.to_thread(admin.list_user_policies, UserName=name))["PolicyNames"]
        assert left == ["OffboardRevokeOlderSessions"]
        await asyncio.to_thread(admin.delete_user_policy, UserName=name, PolicyName=left[0])
        await asyncio.to_thread(admin.delete_user, UserName=name)  # refused if anything were left
        deletion = Effect("delete_account", "key", Account(isa["UserId"], name))
        assert (await connector.read_back(deletion)).outcome == "done"
        await connector.aclose()

        wrong = moto.connected(own | {"SecretAccessKey": "another"})
        with pytest.raises(ActionRequiredError, match="credential_refused"):
            await wrong.find_accounts([Lookup("userName", "bo.berg")])
        await wrong.aclose()
