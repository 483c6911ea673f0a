"""Actions of IAM Identity Center."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from orchestrator.embedded.vendors.simulator import Call, answer
from tests.vendors.aws.identity_center.answers import in_page, refused
from tests.vendors.aws.identity_center.directory import (
    IN_PROGRESS,
    INSTANCE,
    STORE,
    AssignmentDeletion,
    CenterPermissionSet,
    IdentityCenter,
)


def _missing(what: str) -> Exception:
    return refused("ResourceNotFoundException", f"{what} not found.")


def _require_instance(call: Call) -> None:
    if call.body["InstanceArn"] != INSTANCE:
        raise _missing("Instance")


def list_instances(simulator: Any, call: Call) -> Response:
    one = {
        "InstanceArn": INSTANCE,
        "IdentityStoreId": STORE,
        "OwnerAccountId": simulator.state.id,
        "Status": "ACTIVE",
    }
    return in_page(call, "Instances", [one])


def _kind(center: IdentityCenter, holder: str) -> str:
    return "GROUP" if holder in center.teams else "USER"


def list_assignments(simulator: Any, call: Call) -> Response:
    """For a user also what groups give: "accounts that the principal has access to" does not exclude it, and each
    entry names its principal."""
    _require_instance(call)
    center: IdentityCenter = simulator.state
    principal = call.body["PrincipalId"]
    holders = {principal, *(team.id for team in center.teams_of(principal))}
    found = [
        {
            "AccountId": account,
            "PermissionSetArn": arn,
            "PrincipalId": holder,
            "PrincipalType": _kind(center, holder),
        }
        for account, arn, holder in center.assignments
        if holder in holders
    ]
    return in_page(call, "AccountAssignments", found)


def _set(simulator: Any, call: Call) -> CenterPermissionSet:
    _require_instance(call)
    found: CenterPermissionSet | None = simulator.state.permission_sets.get(call.body["PermissionSetArn"])
    if found is None:
        raise _missing("Permission set")
    return found


def describe_permission_set(simulator: Any, call: Call) -> Response:
    found = _set(simulator, call)
    shown = {"Name": found.name, "PermissionSetArn": found.arn, "SessionDuration": f"PT{found.hours}H"}
    return answer({"PermissionSet": shown})


def list_managed_policies(simulator: Any, call: Call) -> Response:
    found = [{"Name": arn.rpartition("/")[2], "Arn": arn} for arn in _set(simulator, call).managed]
    return in_page(call, "AttachedManagedPolicies", found)


def delete_assignment(simulator: Any, call: Call) -> Response:
    """AWS deletes it in its own time."""
    center: IdentityCenter = simulator.state
    assigned = (call.body["TargetId"], _set(simulator, call).arn, call.body["PrincipalId"])
    if assigned not in center.assignments:
        raise _missing("Assignment")
    if center.deleting(assigned):
        raise refused("ConflictException", "There is a conflicting operation in process.")
    return answer({"AccountAssignmentDeletionStatus": _status(center.delete(assigned, simulator.now()))})


def _status(one: AssignmentDeletion) -> dict[str, Any]:
    account, arn, holder = one.assigned
    found: dict[str, Any] = {
        "Status": one.status,
        "RequestId": one.id,
        "TargetId": account,
        "TargetType": "AWS_ACCOUNT",
        "PermissionSetArn": arn,
        "PrincipalType": "USER",
        "PrincipalId": holder,
        "CreatedDate": one.started.timestamp(),
    }
    return found | ({"FailureReason": one.reason} if one.reason else {})


def describe_deletion(simulator: Any, call: Call) -> Response:
    _require_instance(call)
    one: AssignmentDeletion | None = simulator.state.deletions.get(call.body["AccountAssignmentDeletionRequestId"])
    if one is None:
        raise _missing("Request")
    shown = _status(one)
    one.reads -= 1
    simulator.state.proceed(one)
    return answer({"AccountAssignmentDeletionStatus": shown})


def list_deletions(simulator: Any, call: Call) -> Response:
    _require_instance(call)
    wanted = call.body.get("Filter", {}).get("Status", IN_PROGRESS)
    found = [
        {"Status": one.status, "RequestId": one.id, "CreatedDate": one.started.timestamp()}
        for one in simulator.state.deletions.values()
        if one.status == wanted
    ]
    return in_page(call, "AccountAssignmentsDeletionStatus", found)


def list_application_assignments(simulator: Any, call: Call) -> Response:
    _require_instance(call)
    center: IdentityCenter = simulator.state
    found = [
        {"ApplicationArn": arn, "PrincipalId": holder, "PrincipalType": _kind(center, holder)}
        for arn, _, holder in center.application_assignments
        if holder == call.body["PrincipalId"]
    ]
    return in_page(call, "ApplicationAssignments", found)


def describe_application(simulator: Any, call: Call) -> Response:
    arn = call.body["ApplicationArn"]
    if arn not in simulator.state.applications:
        raise _missing("Application")
    return answer({"ApplicationArn": arn, "Name": simulator.state.applications[arn], "Status": "ENABLED"})


def delete_application_assignment(simulator: Any, call: Call) -> Response:
    assigned = (call.body["ApplicationArn"], "", call.body["PrincipalId"])
    if assigned not in simulator.state.application_assignments:
        raise _missing("Assignment")
    simulator.state.application_assignments.remove(assigned)
    return answer({})
