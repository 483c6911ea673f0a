"""The Identity Store and IAM Identity Center as a server, with STS and IAM of the same AWS account beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from orchestrator.embedded.vendors.simulator import Call, Handler, Simulator, VendorRefusal
from tests.vendors.aws import simulator as iam
from tests.vendors.aws.decisions import ALLOWED, decide
from tests.vendors.aws.identity_center import sso, store
from tests.vendors.aws.identity_center.answers import failed, refused
from tests.vendors.aws.identity_center.directory import INSTANCE, IdentityCenter
from tests.vendors.aws.identity_center.model import CenterDescription

TARGETS = {"AWSIdentityStore": "identitystore", "SWBExternalService": "sso"}
ROUTES: Mapping[str, Handler] = {
    "identitystore:ListUsers": store.list_users,
    "identitystore:DescribeUser": store.describe_user,
    "identitystore:GetUserId": store.get_user_id,
    "identitystore:DeleteUser": store.delete_user,
    "identitystore:ListGroupMembershipsForMember": store.list_memberships,
    "identitystore:DescribeGroup": store.describe_group,
    "identitystore:GetGroupId": store.get_group_id,
    "identitystore:DeleteGroupMembership": store.delete_membership,
    "sso:ListInstances": sso.list_instances,
    "sso:ListAccountAssignmentsForPrincipal": sso.list_assignments,
    "sso:DescribePermissionSet": sso.describe_permission_set,
    "sso:ListManagedPoliciesInPermissionSet": sso.list_managed_policies,
    "sso:DeleteAccountAssignment": sso.delete_assignment,
    "sso:DescribeAccountAssignmentDeletionStatus": sso.describe_deletion,
    "sso:ListAccountAssignmentDeletionStatus": sso.list_deletions,
    "sso:ListApplicationAssignmentsForPrincipal": sso.list_application_assignments,
    "sso:DescribeApplication": sso.describe_application,
    "sso:DeleteApplicationAssignment": sso.delete_application_assignment,
}
READS = ("Get", "List", "Describe")
IN_JSON = {
    "MissingAuthenticationToken": "MissingAuthenticationTokenException",
    "InvalidClientTokenId": "UnrecognizedClientException",
    "SignatureDoesNotMatch": "InvalidSignatureException",
}
"""Errors about the credential, which have other names in JSON."""


class IdentityCenterSimulator(iam.AwsSimulator):
    """`state` is the `IdentityCenter`. The path of a call is the service and the action."""

    routes: Mapping[str, Handler] = {**iam.ROUTES, **ROUTES}
    state: IdentityCenter

    def __init__(self) -> None:
        Simulator.__init__(self, CenterDescription.read(), IdentityCenter())  # type: ignore[arg-type]

    def _routed(self, method: str, target: str, headers: Mapping[str, str], body: Any) -> Call:
        service, _, action = headers.get("x-amz-target", "").partition(".")
        if service not in TARGETS:
            return super()._routed(method, target, headers, body)
        operation = f"{TARGETS[service]}:{action}"
        method = "GET" if action.startswith(READS) else "POST"
        known = operation if operation in self.routes else ""
        call = Call(method, f"/{operation}", known, {}, {}, headers, body, largest_page=self.largest_page)
        call.noted["arguments"] = body
        return call

    def identify(self, call: Call) -> iam.AwsPrincipal:
        try:
            return super().identify(call)
        except VendorRefusal as refusal:
            if ":" not in call.operation:
                raise
            error = json.loads(bytes(refusal.response.body))["Error"]
            raise refused(IN_JSON[error["Code"]], error["Message"]) from None

    def permit(self, call: Call) -> None:
        if ":" not in call.operation:
            super().permit(call)
            return
        resource = "*" if call.operation == "sso:ListInstances" else INSTANCE
        if call.operation.startswith("identitystore:"):
            resource = self.state.store_arn()
        if decide(self.state, call.caller.arn, call.operation, resource, call.caller.issued) != ALLOWED:
            said = f"User: {call.caller.arn} is not authorized to perform: {call.operation}"
            raise refused("AccessDeniedException", said)

    def dressed(self, call: Call, response: Response) -> Response:
        if ":" not in call.path:
            return super().dressed(call, response)
        body = json.loads(bytes(response.body))
        if "Error" in body:  # a general failure in IAM's form
            response = failed(*GENERAL[body["Error"]["Code"]])
        response.headers["content-type"] = "application/x-amz-json-1.1"
        return response

    def unknown_path(self, call: Call) -> Response:
        return failed("UnknownOperationException", "") if ":" in call.path else super().unknown_path(call)

    def malformed(self, faults: list[str]) -> Response:
        return failed("ValidationException", f"{len(faults)} validation errors detected")


GENERAL: Mapping[str, tuple[str, str, int]] = {
    "Throttling": ("ThrottlingException", "Rate exceeded", 400),
    "InternalFailure": ("InternalServerException", "Try again later", 500),
    "ServiceUnavailable": ("ServiceUnavailable", "Try again later", 503),
    "ExpiredToken": ("ExpiredTokenException", "The security token included in the request is expired", 400),
}
