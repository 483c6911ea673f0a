"""IAM and STS as a server: actions, signatures, policies, and AWS's forms of general failures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response

from orchestrator.embedded.vendors.simulator import Call, Handler, Simulator, read_body
from tests.vendors.aws import access, credentials, users
from tests.vendors.aws.account import AwsAccount
from tests.vendors.aws.decisions import ALLOWED, EXPLICIT, decide
from tests.vendors.aws.description import AwsDescription
from tests.vendors.aws.errors import error, refusal
from tests.vendors.aws.signing import parts_of, signature

ROUTES: Mapping[str, Handler] = {
    "GetCallerIdentity": access.caller_identity,
    "SimulatePrincipalPolicy": access.simulate,
    "GetRole": access.get_role,
    "GetUser": users.get_user,
    "ListUsers": users.list_users,
    "ListUserTags": users.list_tags,
    "DeleteUser": users.delete_user,
    "GetAccountAuthorizationDetails": users.account_details,
    "GetLoginProfile": users.get_login_profile,
    "DeleteLoginProfile": users.delete_login_profile,
    "ListGroupsForUser": access.list_groups,
    "GetGroup": access.get_group,
    "ListGroups": access.all_groups,
    "AddUserToGroup": access.join_group,
    "RemoveUserFromGroup": access.leave_group,
    "ListAttachedGroupPolicies": access.list_group_policies,
    "ListAttachedUserPolicies": access.list_attached,
    "AttachUserPolicy": access.attach,
    "GetPolicy": access.get_policy,
    "DetachUserPolicy": access.detach,
    "ListUserPolicies": access.list_inline,
    "GetUserPolicy": access.get_inline,
    "PutUserPolicy": access.put_inline,
    "DeleteUserPolicy": access.delete_inline,
    "ListAccessKeys": credentials.list_keys,
    "UpdateAccessKey": credentials.update_key,
    "DeleteAccessKey": credentials.delete_key,
    "GetAccessKeyLastUsed": credentials.last_used,
    "ListSSHPublicKeys": credentials.list_ssh_keys,
    "UpdateSSHPublicKey": credentials.update_ssh_key,
    "UpdateServiceSpecificCredential": credentials.update_service_credential,
    "UpdateSigningCertificate": credentials.update_certificate,
    "DeleteSSHPublicKey": credentials.delete_ssh_key,
    "ListServiceSpecificCredentials": credentials.list_service_credentials,
    "DeleteServiceSpecificCredential": credentials.delete_service_credential,
    "ListSigningCertificates": credentials.list_certificates,
    "DeleteSigningCertificate": credentials.delete_certificate,
    "ListMFADevices": credentials.list_devices,
    "DeactivateMFADevice": credentials.deactivate_device,
    "DeleteVirtualMFADevice": credentials.delete_virtual_device,
}
READS = ("Get", "List", "Simulate")
OF_GROUPS = frozenset({"GetGroup", "AddUserToGroup", "RemoveUserFromGroup", "ListAttachedGroupPolicies"})
OF_ANY = frozenset({"ListUsers", "ListGroups", "GetAccountAuthorizationDetails"})


@dataclass(frozen=True)
class AwsPrincipal:
    """`issued` is when temporary credentials were issued, None for an access key."""

    arn: str
    key: str
    issued: datetime | None


class AwsSimulator(Simulator):
    """`state` is the `AwsAccount`. The path of a call is the name of its action, its query has the fields, and its
    method is GET for an action that reads, whichever way it was sent: so faults and tests choose calls."""

    routes = ROUTES
    state: AwsAccount

    def __init__(self) -> None:
        super().__init__(AwsDescription.read(), AwsAccount())  # type: ignore[arg-type]  # the part that is used

    def _call(self, request: Request, body: bytes) -> Call:
        target = request.scope["raw_path"].decode() + f"?{request.url.query}"
        call = self._routed(request.method, target, request.headers, read_body(body, request.headers))
        call.noted["signed"] = (request.method, request.url.query, body)
        return call

    def _routed(self, method: str, target: str, headers: Mapping[str, str], body: Any) -> Call:
        path, _, query = target.partition("?")
        fields = parse_qs(query, keep_blank_values=True) | {name: [value] for name, value in (body or {}).items()}
        action = fields.get("Action", [""])[0]
        operation = action if path in ("", "/") and action in self.routes else ""
        method = "GET" if action.startswith(READS) else "POST"
        call = Call(method, f"/{action}", operation, {}, fields, headers, None, largest_page=self.largest_page)
        call.noted["arguments"] = fields
        return call

    def identify(self, call: Call) -> AwsPrincipal:
        authorization = call.headers.get("authorization", "")
        if not authorization:
            raise refusal(403, "MissingAuthenticationToken", "Request is missing Authentication Token")
        id = parts_of(authorization)["Credential"].partition("/")[0]
        known = [(arn, key) for arn, key in self.state.credentials() if key.id == id and key.status == "Active"]
        if not known or known[0][1].token != call.headers.get("x-amz-security-token", ""):
            raise refusal(403, "InvalidClientTokenId", "The security token included in the request is invalid.")
        arn, key = known[0]
        method, query, body = call.noted["signed"]
        if signature(method, query, call.headers, body, key.secret) != parts_of(authorization)["Signature"]:
            said = "The request signature we calculated does not match the signature you provided."
            raise refusal(403, "SignatureDoesNotMatch", said)
        self.state.used(key.id, self.now())
        return AwsPrincipal(arn, key.id, key.created if key.token else None)

    def permit(self, call: Call) -> None:
        if call.operation == "GetCallerIdentity":
            return  # needs no permission, and is not denied by a policy
        decision = decide(
            self.state, call.caller.arn, f"iam:{call.operation}", self._resource(call), call.caller.issued
        )
        if decision != ALLOWED:
            why = "with an explicit deny in" if decision == EXPLICIT else "because"
            said = f"User: {call.caller.arn} is not authorized to perform: iam:{call.operation} {why} a policy"
            raise refusal(403, "AccessDenied", said)

    def _resource(self, call: Call) -> str:
        """What IAM checks the action for."""
        if call.operation in OF_ANY:
            return "*"
        if call.operation in OF_GROUPS:
            return self.state.arn("group", call.first("GroupName"))
        if call.operation == "GetPolicy":
            return call.first("PolicyArn")
        if call.operation == "DeleteVirtualMFADevice":
            return call.first("SerialNumber")
        if call.operation == "GetRole":
            return self.state.arn("role", call.first("RoleName"))
        if call.operation == "SimulatePrincipalPolicy":
            return call.first("PolicySourceArn")
        user = self.state.users.get(call.first("UserName"))
        return self.state.arn_of(user) if user else self.state.arn("user", call.first("UserName"))

    def dressed(self, call: Call, response: Response) -> Response:
        body = json.loads(bytes(response.body))
        request_id = f"simulated-{len(self.requests)}"
        if response.status_code >= 400:
            said = "".join(f"<{name}>{value}</{name}>" for name, value in body["Error"].items())
            text = f"<ErrorResponse><Error>{said}</Error><RequestId>{request_id}</RequestId></ErrorResponse>"
        else:
            text = self.description.written(call.operation, body, request_id)  # type: ignore[attr-defined]
        headers = {"date": format_datetime(self.now().replace(microsecond=0), usegmt=True)}
        return Response(text, response.status_code, headers, "text/xml")

    def unknown_path(self, call: Call) -> Response:
        return error(400, "InvalidAction", f"Could not find operation {call.first('Action')}")

    def malformed(self, faults: list[str]) -> Response:
        return error(400, "ValidationError", f"{len(faults)} validation errors detected")

    def limited(self) -> Response:
        return error(400, "Throttling", "Rate exceeded")

    def broken(self, status: int) -> Response:
        return error(status, "InternalFailure" if status == 500 else "ServiceUnavailable", "Try again later")

    def expired(self) -> Response:
        return error(403, "ExpiredToken", "The security token included in the request is expired")
