"""A leaver's account at the simulators of AWS, as `vendor_accounts.py` has those at other vendors."""

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
from tests.vendors.aws.identity_center.directory import INSTANCE, STORE
from tests.vendors.aws.identity_center.seeds import ISSUER, PRODUCTION, grant, seed_identity_center
from tests.vendors.aws.identity_center.simulator import IdentityCenterSimulator
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


def identity_center_account(aws: IdentityCenterSimulator, web: Web, team: LeaverTeam) -> VendorAccount:
    seed, center, faults = seed_identity_center(aws, team.people), aws.state, aws.faults
    user = seed.user(team.leaver.employee_number)
    grant(aws, seed, user)
    user.external = (ISSUER, "idp-7")
    session = center.take_on(user, PRODUCTION, seed.administrator.arn, aws.now())

    def disturb() -> None:
        faults.limit("POST", "/sso:DeleteAccountAssignment")
        faults.lose_reply("POST", "/sso:DeleteAccountAssignment", after=1)
        faults.break_down("GET", "/sso:DescribeAccountAssignmentDeletionStatus", status=500)
        faults.cut("POST", "/sso:DeleteApplicationAssignment")
        faults.lose_reply("POST", "/sso:DeleteApplicationAssignment")
        faults.limit("GET", "/identitystore:ListGroupMembershipsForMember")
        faults.lose_reply("POST", "/identitystore:DeleteGroupMembership")
        faults.break_down("POST", "/identitystore:DeleteUser")
        faults.lose_reply("POST", "/identitystore:DeleteUser")

    return VendorAccount(
        connection={
            "url": aws.url,
            "sso_url": aws.url,
            "sts_url": aws.url,
            "iam_url": aws.url,
            "region": "eu-central-1",
            "instance_arn": INSTANCE,
            "identity_store_id": STORE,
            "access_key_id": seed.key.id,
        },
        secrets={"secret_access_key": seed.key.secret},
        match=by("employeeNumber", "emails.value"),
        ids=frozenset({user.id, user.name}),
        ours=frozenset(),
        usable={
            "access portal": seen(lambda: center.sign_in(user.name, user.password)),
            "AWS account": seen(lambda: bool(center.roles_of(user))),
            "application": seen(lambda: bool(center.applications_of(user))),
            "session of a role": seen(lambda: center.session_works(session, aws.now())),
        },
        outlasts=frozenset({"session of a role"}),
        is_gone=lambda: (
            user.id not in center.people
            and not center.teams_of(user.id)
            and all(user.id != holder for _, _, holder in [*center.assignments, *center.application_assignments])
        ),
        disturb=disturb,
        noted=frozenset({"groups", "account_assignments", "application_assignments", "emails", "provisioned_by"}),
        parameters={"delete_account": {"also_provisioned": True}},
    )


AWS: MakeAccounts = {
    "aws_iam": (AwsSimulator, aws_account),
    "aws_identity_center": (IdentityCenterSimulator, identity_center_account),
}
