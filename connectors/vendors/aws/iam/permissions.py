"""What each ability needs of the credential, and a check that names what is missing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import Field

from connectors.errors import ActionRequiredError, RefusedError
from connectors.http.connector import CredentialCheck
from connectors.http.flows import Fields, parse
from connectors.http.requests import Flow
from connectors.vendors.aws.iam.caller import AwsCaller, caller
from connectors.vendors.aws.iam.query import Items, ask, listed, numbered, reading
from connectors.vendors.aws.iam.settings import AwsSettings
from connectors.vendors.aws.iam.users import users

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
    "remove_policies": (
        *_USER, *_POLICIES, "iam:GetUserPolicy", "iam:DetachUserPolicy", "iam:DeleteUserPolicy",
    ),
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
_ON_ANY = frozenset({"iam:ListUsers", "iam:GetAccountAuthorizationDetails"})
_ON_GROUPS = frozenset({"iam:GetGroup", "iam:RemoveUserFromGroup", "iam:ListAttachedGroupPolicies"})
_ON_DEVICES = frozenset({"iam:DeleteVirtualMFADevice"})
"""The resources that IAM checks for an action: users, but for these
(docs.aws.amazon.com/service-authorization/latest/reference/list_awsidentityandaccessmanagementiam.html)."""
_ROLE = re.compile(r"arn:[\w-]+:sts::\d{12}:assumed-role/([^/]+)/.+")


class _IamRole(Fields):
    arn: str = Field(alias="Arn", min_length=1)


class _RoleResult(Fields):
    role: _IamRole = Field(alias="Role")


class _Decision(Fields):
    action: str = Field(alias="EvalActionName")
    decision: str = Field(alias="EvalDecision")
    unknown: Items[str] = Field(default=[], alias="MissingContextValues")


def _principal(own: AwsCaller) -> Flow[str]:
    """The ARN of the user or role whose policies apply. Only GetRole knows the path of a role."""
    role = _ROLE.fullmatch(own.arn)
    if role is None:
        return own.arn
    found = yield from ask(reading("GetRole", RoleName=role[1]), _RoleResult)
    return own.arn if found is None else found.role.arn


def _decisions(principal: str, actions: Sequence[str], resource: str) -> Flow[list[_Decision]]:
    fields = {**numbered("ActionNames", actions), **numbered("ResourceArns", [resource])}
    request = reading("SimulatePrincipalPolicy", fields, PolicySourceArn=principal)
    return [parse(item, _Decision) for item in (yield from listed(request, "EvaluationResults"))]


def may(settings: AwsSettings, actions: Sequence[str], resource: str) -> Flow[bool]:
    """Whether IAM's policy simulator says that the credential has these permissions. False where it may not ask."""
    try:
        principal = yield from _principal((yield from caller(settings)))
        found = yield from _decisions(principal, actions, resource)
    except (ActionRequiredError, RefusedError):
        return False
    allowed = {one.action for one in found if one.decision == "allowed"}
    return set(actions) <= allowed


def check(settings: AwsSettings) -> Flow[CredentialCheck]:
    """Whether AWS accepts the access key, the account is the right one, users are listed, and which abilities lack a
    permission."""
    try:
        own = yield from caller(settings)
    except ActionRequiredError as error:
        raise _with_remedy(
            error,
            "Check access_key_id and secret_access_key, that the key is active, that session_token belongs to it if it "
            "is a temporary one, and the clock of this machine.",
        ) from None
    try:
        yield from users(settings, at_most=1)
    except ActionRequiredError as error:
        remedy = "Allow the user or role of the access key the action iam:ListUsers on all resources."
        raise _with_remedy(error, remedy) from None
    said = f"reachable, access key accepted, account {own.account}"
    try:
        denied, uncertain = yield from _denied(settings, (yield from _principal(own)))
    except (ActionRequiredError, RefusedError):
        return CredentialCheck(
            f"{said}; the permissions are not checked: allow iam:SimulatePrincipalPolicy, and iam:GetRole for a role"
        )
    lacking = _lacking(denied)
    if uncertain:
        said += f"; depends on conditions of a policy, and is not checked: {', '.join(sorted(uncertain))}"
    if lacking:
        said += f"; not allowed by the policies: {'; '.join(lacking)}"
    return CredentialCheck(said, tuple(lacking))


def _with_remedy(error: ActionRequiredError, remedy: str) -> ActionRequiredError:
    """The remedy for a credential that is refused; other errors have their own."""
    if error.code != "credential_refused":
        return error
    return ActionRequiredError(error.code, error.detail, remedy=remedy, happened="no")


def _denied(settings: AwsSettings, principal: str) -> Flow[tuple[set[str], set[str]]]:
    """The actions that are denied, and those that depend on what the simulator is not given."""
    partition = principal.split(":")[1]
    denied: set[str] = set()
    uncertain: set[str] = set()
    for resource, actions in _by_resource(f"arn:{partition}:iam::{settings.account_id}").items():
        found = {one.action: one for one in (yield from _decisions(principal, actions, resource))}
        for action in actions:
            one = found.get(action)
            if one is None or (one.decision != "allowed" and one.unknown):
                uncertain.add(action)
            elif one.decision != "allowed":
                denied.add(action)
    return denied, uncertain


def _by_resource(prefix: str) -> dict[str, list[str]]:
    """Each action once, under an example of the resources that it concerns."""
    found: dict[str, list[str]] = {}
    for action in dict.fromkeys([*FINDING, *(one for actions in ACTIONS.values() for one in actions)]):
        resource = f"{prefix}:user/offboard-check"
        if action in _ON_ANY:
            resource = "*"
        elif action in _ON_GROUPS:
            resource = f"{prefix}:group/offboard-check"
        elif action in _ON_DEVICES:
            resource = f"{prefix}:mfa/offboard-check"
        found.setdefault(resource, []).append(action)
    return found


def _lacking(denied: Iterable[str]) -> list[str]:
    needed: Mapping[str, Any] = {"finding accounts": FINDING, **ACTIONS}
    missing = {name: [action for action in actions if action in denied] for name, actions in needed.items()}
    return [f"{name} ({', '.join(actions)})" for name, actions in missing.items() if actions]
