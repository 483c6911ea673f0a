"""A leaver's account at the simulator of AWS, as `vendor_accounts.py` has those at other vendors."""

from __future__ import annotations

from datetime import timedelta

from tests.integration.systems.vendor_accounts import (
    LeaverTeam,
    MakeAccounts,
    ProveAccess,
    VendorAccount,
    Web,
    by,
    seen,
    status,
)
from tests.vendors.aws.account import AccessKey
from tests.vendors.aws.seeds import furnish, seed_aws
from tests.vendors.aws.signing import call
from tests.vendors.aws.simulator import AwsSimulator


def aws_account(aws: AwsSimulator, web: Web, team: LeaverTeam) -> VendorAccount:
    seed, account, faults = seed_aws(aws, team.people), aws.state, aws.faults
    user = seed.user(team.leaver.employee_number)
    furnish(aws, user)
    password, keys = user.password, list(user.keys)
    session = account.new_session(account.arn_of(user), aws.now() - timedelta(minutes=5))
    credentials = {"SSH key": user.ssh_keys[0], "API key": user.service_credentials[0]}

    def works(key: AccessKey) -> ProveAccess:
        return status(200, lambda: call(aws, key, "ListUsers"))

    def disturb() -> None:
        faults.limit("POST", "/DeleteLoginProfile")
        faults.lose_reply("POST", "/DeleteLoginProfile")
        faults.cut("POST", "/UpdateAccessKey")
        faults.lose_reply("POST", "/UpdateSSHPublicKey")
        faults.cut("POST", "/PutUserPolicy")
        faults.break_down("GET", "/ListSigningCertificates", status=500)
        faults.lose_reply("POST", "/RemoveUserFromGroup")
        faults.limit("POST", "/DetachUserPolicy")
        faults.lose_reply("POST", "/DeactivateMFADevice")
        faults.lose_reply("POST", "/DeleteAccessKey")
        faults.break_down("POST", "/DeleteServiceSpecificCredential")
        faults.lose_reply("POST", "/DeleteUser$")

    return VendorAccount(
        connection={
            "url": aws.url,
            "sts_url": aws.url,
            "account_id": account.id,
            "access_key_id": seed.key.id,
        },
        secrets={"secret_access_key": seed.key.secret},
        match=by("tag:employee_number", "tag:email"),
        ids=frozenset({user.id, user.name}),
        ours=frozenset(),
        usable={
            "password": seen(lambda: account.sign_in(user.name, password, aws.now()) is not None),
            "access key": works(keys[0]),
            "second access key": works(keys[1]),
            "session": works(session),
            **{name: seen(lambda one=one: one.status == "Active") for name, one in credentials.items()},  # type: ignore[misc]
        },
        is_gone=lambda: (
            user.name not in account.users and all(user.name not in one.members for one in account.groups.values())
        ),
        disturb=disturb,
        sessions_end=(["sessions"], ["access_tokens"]),
        noted=frozenset(
            {
                "groups",
                "policies",
                "console_access",
                "mfa_devices",
                "access_keys",
                "ssh_keys",
                "service_credentials",
                "signing_certificates",
                "tags",
            }
        ),
    )


AWS: MakeAccounts = {"aws_iam": (AwsSimulator, aws_account)}
