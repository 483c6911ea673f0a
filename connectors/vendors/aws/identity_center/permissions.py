"""What each ability needs of the credential, and a check that names what is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import Field

from connectors.errors import ActionRequiredError, RefusedError
from connectors.http.connector import SAMPLE_SIZE, CredentialCheck
from connectors.http.flows import Fields, parse
from connectors.http.requests import Flow
from connectors.vendors.aws.caller import identity
from connectors.vendors.aws.identity_center.assignments import direct
from connectors.vendors.aws.identity_center.calls import listed, to_sso
from connectors.vendors.aws.identity_center.settings import IdentityCenterSettings
from connectors.vendors.aws.identity_center.users import DirectoryUser, users
from connectors.vendors.aws.policy_simulator import (
    KEY_REFUSED,
    denied,
    lacking,
    principal_of,
    summed_up,
    with_remedy,
)

LIST_INSTANCES = "sso:ListInstances"
_USER = ("identitystore:DescribeUser", "identitystore:ListUsers")
_GROUPS = ("identitystore:ListGroupMembershipsForMember", "identitystore:DescribeGroup")
_ASSIGNMENTS = "sso:ListAccountAssignmentsForPrincipal"
_APPLICATIONS = "sso:ListApplicationAssignmentsForPrincipal"
FINDING = (
    *_USER,
    "identitystore:GetUserId",
    "identitystore:ListGroupMembershipsForMember",
    _ASSIGNMENTS,
    "sso:ListManagedPoliciesInPermissionSet",
)
CHECKING = (
    LIST_INSTANCES, "identitystore:ListUsers", _ASSIGNMENTS, "iam:SimulatePrincipalPolicy", "iam:GetRole",
)  # fmt: skip
ACTIONS: Mapping[str, tuple[str, ...]] = {
    "snapshot_access": (
        *_USER,
        *_GROUPS,
        _ASSIGNMENTS,
        "sso:DescribePermissionSet",
        "sso:ListManagedPoliciesInPermissionSet",
        _APPLICATIONS,
        "sso:DescribeApplication",
    ),
    "remove_account_assignments": (
        *_USER,
        _ASSIGNMENTS,
        "sso:DescribePermissionSet",
        "sso:DeleteAccountAssignment",
        "sso:DescribeAccountAssignmentDeletionStatus",
        "sso:ListAccountAssignmentDeletionStatus",
    ),
    "remove_application_assignments": (
        *_USER, _APPLICATIONS, "sso:DescribeApplication", "sso:DeleteApplicationAssignment",
    ),
    "remove_from_groups": (
        *_USER, *_GROUPS, "identitystore:GetGroupId", "identitystore:DeleteGroupMembership",
    ),
    "delete_account": (*_USER, _ASSIGNMENTS, _APPLICATIONS, "identitystore:DeleteUser"),
}  # fmt: skip
"""The actions that each ability needs, to be allowed by a policy of the credential."""


class _Instance(Fields):
    arn: str = Field(default="", alias="InstanceArn")
    store: str = Field(default="", alias="IdentityStoreId")


def store_arn(settings: IdentityCenterSettings, account: str) -> str:
    """`account` is the AWS account of the instance."""
    partition = settings.instance_arn.split(":")[1]
    return f"arn:{partition}:identitystore::{account}:identitystore/{settings.identity_store_id}"


def check(settings: IdentityCenterSettings) -> Flow[CredentialCheck]:
    """Whether AWS accepts the access key, shows the instance and its users, which abilities lack a permission, and
    whether an identity provider provisions the users."""
    try:
        own = yield from identity(settings.sts_url)
    except ActionRequiredError as error:
        raise with_remedy(error, KEY_REFUSED) from None
    try:
        yield from _require_instance(settings)
        some = yield from users(settings, at_most=int(SAMPLE_SIZE))
    except ActionRequiredError as error:
        remedy = (
            "Allow the user or role of the access key the actions sso:ListInstances and identitystore:ListUsers, in "
            "the AWS account that owns the instance."
        )
        raise with_remedy(error, remedy) from None
    said = f"reachable, access key accepted, account {own.account}{_provisioned(some)}"
    if some and not (yield from _shows_assignments(settings, some[0])):
        said += (
            "; AWS does not list account assignments for this credential: it lists them only in the management "
            "account of the organization, with sso:ListAccountAssignmentsForPrincipal"
        )
    try:
        principal = yield from principal_of(own, settings.iam_url)
        resources = _by_resource(settings, own.account)
        refused, uncertain = yield from denied(principal, resources, settings.iam_url)
    except (ActionRequiredError, RefusedError):
        return CredentialCheck(
            f"{said}; the permissions are not checked: allow iam:SimulatePrincipalPolicy, and iam:GetRole for a role"
        )
    missing = lacking(refused, {"finding accounts": FINDING, **ACTIONS})
    return CredentialCheck(summed_up(said, missing, uncertain), tuple(missing))


def _require_instance(settings: IdentityCenterSettings) -> Flow[None]:
    """Raises `ActionRequiredError("wrong_instance")`."""
    items = yield from listed(to_sso(settings, "ListInstances"), "Instances", required=False)
    found = {one.arn: one.store for one in (parse(item, _Instance) for item in items)}
    if found.get(settings.instance_arn) != settings.identity_store_id:
        raise ActionRequiredError(
            "wrong_instance",
            "AWS shows no instance with instance_arn and identity_store_id in this region to the credential.",
            remedy="Compare both, and the region, with the page Settings of IAM Identity Center, and create the access "
            "key in the AWS account that owns the instance.",
            happened="no",
        )


def _provisioned(some: Sequence[DirectoryUser]) -> str:
    count = sum(bool(user.provisioned_by) for user in some)
    if not count:
        return ""
    return (
        f"; an identity provider provisions the users ({count} of the first {len(some)}): it creates users that are "
        "deleted here again, so delete_account refuses them, and their accounts are ended there"
    )


def _shows_assignments(settings: IdentityCenterSettings, user: DirectoryUser) -> Flow[bool]:
    try:
        yield from direct(settings, user.id)
    except (ActionRequiredError, RefusedError):
        return False
    return True


def _by_resource(settings: IdentityCenterSettings, account: str) -> dict[str, list[str]]:
    """Each action once, under the resource that it concerns."""
    found: dict[str, list[str]] = {}
    for action in dict.fromkeys([LIST_INSTANCES, *FINDING, *(one for actions in ACTIONS.values() for one in actions)]):
        resource = store_arn(settings, account) if action.startswith("identitystore:") else settings.instance_arn
        found.setdefault("*" if action == LIST_INSTANCES else resource, []).append(action)
    return found
