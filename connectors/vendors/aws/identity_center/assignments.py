"""The AWS accounts that a user or a group is assigned to, each with a permission set.

With the assignment the user can take on a role in the account. Its sessions are independent of the assignment: they
last as long as the permission set says, at most 12 hours
(docs.aws.amazon.com/singlesignon/latest/userguide/authconcept.html).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from connectors.errors import ActionRequiredError, RefusedError
from connectors.http.flows import Fields, parse
from connectors.http.requests import Flow
from connectors.vendors.aws.identity_center.calls import ask, listed, of_instance
from connectors.vendors.aws.identity_center.memberships import group_ids
from connectors.vendors.aws.identity_center.settings import IdentityCenterSettings

PrincipalType = Literal["USER", "GROUP"]
_ADMINISTRATORS = ("AdministratorAccess", "IAMFullAccess")


class AccountAssignment(Fields):
    account: str = Field(alias="AccountId", min_length=1)
    permission_set: str = Field(alias="PermissionSetArn", min_length=1)
    principal: str = Field(alias="PrincipalId", min_length=1)
    principal_type: str = Field(alias="PrincipalType")

    @property
    def id(self) -> str:
        return f"{self.account}/{self.permission_set.rpartition('/')[2]}"


class PermissionSet(Fields):
    """`session_duration` is that of a role's session, as in ISO 8601."""

    arn: str = Field(alias="PermissionSetArn")
    name: str = Field(alias="Name")
    session_duration: str | None = Field(default="", alias="SessionDuration")


class _PermissionSetResult(Fields):
    found: PermissionSet = Field(alias="PermissionSet")


class _Policy(Fields):
    arn: str = Field(alias="Arn")


def assignments(
    settings: IdentityCenterSettings, principal: str, principal_type: PrincipalType
) -> Flow[list[AccountAssignment]]:
    """Those of the principal itself. AWS does not say whether it lists for a user also what groups give them."""
    request = of_instance(
        settings, "ListAccountAssignmentsForPrincipal", PrincipalId=principal, PrincipalType=principal_type
    )
    found = yield from listed(request, "AccountAssignments", required=False)
    every = [parse(item, AccountAssignment) for item in found]
    return [one for one in every if (one.principal, one.principal_type) == (principal, principal_type)]


def direct(settings: IdentityCenterSettings, user: str) -> Flow[list[AccountAssignment]]:
    """Of the user with this ID."""
    return (yield from assignments(settings, user, "USER"))


def permission_set(settings: IdentityCenterSettings, arn: str) -> Flow[PermissionSet | None]:
    request = of_instance(settings, "DescribePermissionSet", PermissionSetArn=arn)
    result = yield from ask(request, _PermissionSetResult)
    return None if result is None else result.found


def shown(settings: IdentityCenterSettings, found: Sequence[AccountAssignment]) -> Flow[list[dict[str, Any]]]:
    """With the names of the permission sets. A permission set that cannot be read is shown by its ID."""
    known: dict[str, PermissionSet | None] = {}
    for one in found:
        if one.permission_set not in known:
            try:
                known[one.permission_set] = yield from permission_set(settings, one.permission_set)
            except (ActionRequiredError, RefusedError):
                known[one.permission_set] = None
    return [_shown(one, known) for one in found]


def _shown(one: AccountAssignment, known: Mapping[str, PermissionSet | None]) -> dict[str, Any]:
    permissions = known[one.permission_set]
    name = permissions.name if permissions else one.permission_set.rpartition("/")[2]
    return {
        "id": one.id,
        "name": f"{name} in {one.account}",
        "account": one.account,
        "permission_set": name,
        "session_duration": (permissions.session_duration or "") if permissions else "",
    }


def is_administrator(settings: IdentityCenterSettings, user: str) -> Flow[bool]:
    """By AWS's own policies in permission sets that the user has, directly or by a group; other policies can give as
    much."""
    found = yield from direct(settings, user)
    for group in (yield from group_ids(settings, user)):
        found += yield from assignments(settings, group, "GROUP")
    for arn in dict.fromkeys(one.permission_set for one in found):
        request = of_instance(settings, "ListManagedPoliciesInPermissionSet", PermissionSetArn=arn)
        policies = [
            parse(item, _Policy) for item in (yield from listed(request, "AttachedManagedPolicies", required=False))
        ]
        if any(policy.arn.endswith(f":iam::aws:policy/{name}") for policy in policies for name in _ADMINISTRATORS):
            return True
    return False
