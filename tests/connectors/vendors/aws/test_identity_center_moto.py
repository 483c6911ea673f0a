"""The connector for IAM Identity Center against moto, a server that others wrote. AWS's own library prepares the
instance, and shows what is left afterwards.

moto has neither applications nor the policy simulator, and no status, extension or external identifier of a user; it
deletes an assignment at once, and lists no deletions. Its own IDs of identity stores do not have the form of AWS's."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from connectors.abilities import Account, Effect, Lookup
from connectors.errors import ActionRequiredError
from connectors.registry import connect
from tests.connectors.vendors.aws.moto_account import moto_account

pytestmark = [pytest.mark.servers("moto_server"), pytest.mark.timeout(180)]
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
PRODUCTION = "210987654321"


def new_person(store: Any, id: str, name: str) -> str:
    given, family = name.split(".")
    user = store.create_user(
        IdentityStoreId=id,
        UserName=name,
        DisplayName=name,
        Name={"GivenName": given, "FamilyName": family},
        Emails=[{"Value": f"{name}@corp.example", "Primary": True}],
    )
    return str(user["UserId"])


async def test_what_a_user_can_reach_is_found_and_removed() -> None:
    async with moto_account() as moto:
        own = moto.new_user("offboard")["Key"]
        key = own["AccessKeyId"], own["SecretAccessKey"]
        store, sso = moto.as_key(*key, "identitystore"), moto.as_key(*key, "sso-admin")
        [instance] = sso.list_instances()["Instances"]
        arn, store_id = instance["InstanceArn"], "d-1234567890"
        isa, bo = (new_person(store, store_id, name) for name in ("isa.lund", "bo.berg"))
        teams = [
            store.create_group(IdentityStoreId=store_id, DisplayName=name)["GroupId"] for name in ("Finance", "Sales")
        ]
        for team, user in zip(teams * 2, (isa, isa, bo, bo), strict=True):
            store.create_group_membership(IdentityStoreId=store_id, GroupId=team, MemberId={"UserId": user})
        admin = sso.create_permission_set(InstanceArn=arn, Name="Admin", SessionDuration="PT4H")["PermissionSet"]
        admin_arn = admin["PermissionSetArn"]
        sso.attach_managed_policy_to_permission_set(
            InstanceArn=arn, PermissionSetArn=admin_arn, ManagedPolicyArn=ADMINISTRATOR
        )
        for user in (isa, bo):
            sso.create_account_assignment(
                InstanceArn=arn,
                TargetId=PRODUCTION,
                TargetType="AWS_ACCOUNT",
                PermissionSetArn=admin_arn,
                PrincipalType="USER",
                PrincipalId=user,
            )
        await moto.check_access()
        settings = {
            "url": moto.url,
            "sso_url": moto.url,
            "sts_url": moto.url,
            "iam_url": moto.url,
            "region": "us-east-1",
            "instance_arn": arn,
            "identity_store_id": store_id,
            "access_key_id": key[0],
            "secret_access_key": key[1],
        }
        connector = connect("aws_identity_center", settings, allowed_hosts=["127.0.0.1"])

        for attribute, value in {"userName": "isa.lund", "emails.value": "isa.lund@corp.example", "id": isa}.items():
            [account] = await connector.find_accounts([Lookup(attribute, value)])
            assert account.native_id == isa and account.privileged, attribute
        assert await connector.find_accounts([Lookup("userName", "eva.dahl")]) == []
        requested: dict[str, list[str]] = {"removed_account_assignments": []}
        for ability in ("remove_account_assignments", "remove_from_groups"):
            effect = Effect(ability, "run-1/step-1/1", Account(isa, "isa.lund"))
            assert (await connector.read_back(replace(effect, replied=requested))).outcome == "not_done", ability
            replied = (await connector.attempt(effect)).detail
            assert (await connector.read_back(replace(effect, replied=replied))).outcome == "done", ability
        for user, left in ((isa, 0), (bo, 1)):
            listed = await asyncio.to_thread(
                sso.list_account_assignments_for_principal, InstanceArn=arn, PrincipalId=user, PrincipalType="USER"
            )
            assert len(listed["AccountAssignments"]) == left
        await asyncio.to_thread(store.delete_user, IdentityStoreId=store_id, UserId=isa)
        deletion = Effect("delete_account", "key", Account(isa, "isa.lund"))
        assert (await connector.read_back(deletion)).outcome == "done"
        await connector.aclose()

        wrong = connect("aws_identity_center", settings | {"secret_access_key": "another"}, allowed_hosts=["127.0.0.1"])
        with pytest.raises(ActionRequiredError, match="credential_refused"):
            await wrong.find_accounts([Lookup("userName", "bo.berg")])
        await wrong.aclose()
