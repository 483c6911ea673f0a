"""What each ability needs of the credential, and a check that names what is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connectors.errors import ActionRequiredError, RefusedError
from connectors.http.connector import CredentialCheck
from connectors.http.requests import Flow
from connectors.vendors.aws.iam.caller import caller
from connectors.vendors.aws.iam.settings import AwsSettings
from connectors.vendors.aws.iam.users import users
from connectors.vendors.aws.policy_simulator import (
    KEY_REFUSED,
    allows,
    denied,
    lacking,
    principal_of,
    summed_up,
    with_remedy,
)

_USER = ("iam:GetUser", "iam:ListUsers")
_POLICIES = ("iam:ListAttachedUserPolicies", "iam:ListUserPolicies")
_MFA = ("iam:ListMFADevices",)
FINDING = (
    *_USER,
    "iam:GetAccountAuthorizationDetails",
    "iam:ListAttachedUserPolicies",
    "iam:ListGroupsForUser",
    "iam:ListAttachedGroupPolicies",
)
CHECKING = ("iam:ListUsers", "iam:SimulatePrincipalPolicy", "iam:GetRole")
ACTIONS: Mapping[str, tuple[str, ...]] = {
    "snapshot_access": (
        *_USER,
        "iam:ListGroupsForUser",
        "iam:ListAttachedGroupPolicies",
        *_POLICIES,
        "iam:GetUserPolicy",
        "iam:GetLoginProfile",
        "iam:ListAccessKeys",
        "iam:GetAccessKeyLastUsed",
        "iam:ListSSHPublicKeys",
        "iam:ListServiceSpecificCredentials",
        "iam:ListSigningCertificates",
        *_MFA,
    ),
    "remove_console_access": (*_USER, "iam:GetLoginProfile", "iam:DeleteLoginProfile"),
    "deactivate_access_keys": (*_USER, "iam:ListAccessKeys", "iam:UpdateAccessKey"),
    "deactivate_other_credentials": (
        *_USER,
        "iam:ListSSHPublicKeys",
        "iam:UpdateSSHPublicKey",
        "iam:ListServiceSpecificCredentials",
        "iam:UpdateServiceSpecificCredential",
        "iam:ListSigningCertificates",
        "iam:UpdateSigningCertificate",
    ),
    "revoke_sessions": (*_USER, "iam:GetUserPolicy", "iam:PutUserPolicy"),
    "remove_from_groups": (*_USER, "iam:ListGroupsForUser", "iam:GetGroup", "iam:RemoveUserFromGroup"),
    "add_to_groups": (
        *_USER, "iam:ListGroupsForUser", "iam:GetGroup", "iam:ListGroups", "iam:AddUserToGroup",
    ),
    "remove_policies": (
        *_USER, *_POLICIES, "iam:GetUserPolicy", "iam:DetachUserPolicy", "iam:DeleteUserPolicy",
    ),
    "add_policies": (*_USER, *_POLICIES, "iam:GetPolicy", "iam:AttachUserPolicy", "iam:PutUserPolicy"),
    "delete_access_keys": (*_USER, "iam:ListAccessKeys", "iam:DeleteAccessKey"),
    "delete_ssh_keys": (*_USER, "iam:ListSSHPublicKeys", "iam:DeleteSSHPublicKey"),
    "delete_service_credentials": (
        *_USER, "iam:ListServiceSpecificCredentials", "iam:DeleteServiceSpecificCredential",
    ),
    "delete_signing_certificates": (*_USER, "iam:ListSigningCertificates", "iam:DeleteSigningCertificate"),
    "remove_mfa_devices": (
        *_USER, "iam:GetLoginProfile", *_MFA, "iam:DeactivateMFADevice", "iam:DeleteVirtualMFADevice",
    ),
    "delete_account": (
        *_USER,
        "iam:GetLoginProfile",
        "iam:ListAccessKeys",
        "iam:ListSSHPublicKeys",
        "iam:ListServiceSpecificCredentials",
        "iam:ListSigningCertificates",
        *_MFA,
        "iam:ListGroupsForUser",
        *_POLICIES,
        "iam:DeleteUserPolicy",
        "iam:DeleteUser",
    ),
}  # fmt: skip
"""The actions that each ability needs, to be allowed by a policy of the credential."""
_ON_ANY = frozenset({"iam:ListUsers", "iam:GetAccountAuthorizationDetails", "iam:ListGroups"})
_ON_GROUPS = frozenset(
    {"iam:GetGroup", "iam:AddUserToGroup", "iam:RemoveUserFromGroup", "iam:ListAttachedGroupPolicies"}
)
_ON_POLICIES = frozenset({"iam:GetPolicy"})
_ON_DEVICES = frozenset({"iam:DeleteVirtualMFADevice"})
"""The resources that IAM checks for an action: users, but for these
(docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html)."""


def may(settings: AwsSettings, actions: Sequence[str], resource: str) -> Flow[bool]:
    """Whether IAM's policy simulator says that the credential has these permissions. False where it may not ask."""
    try:
        principal = yield from principal_of((yield from caller(settings)))
        return (yield from allows(principal, actions, resource))
    except (ActionRequiredError, RefusedError):
        return False


def check(settings: AwsSettings) -> Flow[CredentialCheck]:
    """Whether AWS accepts the access key, the account is the right one, users are listed, and which abilities lack a
    permission."""
    try:
        own = yield from caller(settings)
    except ActionRequiredError as error:
        raise with_remedy(error, KEY_REFUSED) from None
    try:
        yield from users(settings, at_most=1)
    except ActionRequiredError as error:
        remedy = "Allow the user or role of the access key the action iam:ListUsers on all resources."
        raise with_remedy(error, remedy) from None
    said = f"reachable, access key accepted, account {own.account}"
    try:
        principal = yield from principal_of(own)
        prefix = f"arn:{principal.split(':')[1]}:iam::{settings.account_id}"
        refused, uncertain = yield from denied(principal, _by_resource(prefix))
    except (ActionRequiredError, RefusedError):
        return CredentialCheck(
            f"{said}; the permissions are not checked: allow iam:SimulatePrincipalPolicy, and iam:GetRole for a role"
        )
    missing = lacking(refused, {"finding accounts": FINDING, **ACTIONS})
    return CredentialCheck(summed_up(said, missing, uncertain), tuple(missing))


def _by_resource(prefix: str) -> dict[str, list[str]]:
    """Each action once, under an example of the resources that it concerns."""
    found: dict[str, list[str]] = {}
    for action in dict.fromkeys([*FINDING, *(one for actions in ACTIONS.values() for one in actions)]):
        resource = f"{prefix}:user/offboard-check"
        if action in _ON_ANY:
            resource = "*"
        elif action in _ON_GROUPS:
            resource = f"{prefix}:group/offboard-check"
        elif action in _ON_POLICIES:
            resource = f"{prefix}:policy/offboard-check"
        elif action in _ON_DEVICES:
            resource = f"{prefix}:mfa/offboard-check"
        found.setdefault(resource, []).append(action)
    return found
