"""Ends the assignments of a user to AWS accounts. AWS deletes an assignment in its own time, and says how far it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from connectors.abilities import Effect, ReadBack
from connectors.errors import RefusedError
from connectors.http.flows import Fields, parse, unexpected
from connectors.http.requests import Flow
from connectors.read_backs import seen
from connectors.removals import Removals
from connectors.vendors.aws.identity_center.assignments import AccountAssignment, direct, shown
from connectors.vendors.aws.identity_center.calls import ask, changing, listed, of_instance
from connectors.vendors.aws.identity_center.evidence import none_on_list
from connectors.vendors.aws.identity_center.settings import IdentityCenterSettings
from connectors.vendors.aws.identity_center.users import DirectoryUser, user_to_change, with_user

_REMOVED = "removed_account_assignments"
_IN_PROGRESS, _FAILED, _SUCCEEDED = "IN_PROGRESS", "FAILED", "SUCCEEDED"


class _Deletion(Fields):
    """A request to delete an assignment, as far as AWS is."""

    status: str = Field(alias="Status")
    request: str = Field(default="", alias="RequestId")
    reason: str | None = Field(default="", alias="FailureReason")
    account: str = Field(default="", alias="TargetId")
    principal: str = Field(default="", alias="PrincipalId")

    def shown(self) -> dict[str, str]:
        return {
            "id": self.request,
            "name": self.account,
            "status": self.status,
            "reason": self.reason or "",
        }


class _DeletionResult(Fields):
    """AWS's description lets a response be without the status."""

    deletion: _Deletion = Field(default=_Deletion(Status=_IN_PROGRESS), alias="AccountAssignmentDeletionStatus")


class _Request(Fields):
    id: str = Field(alias="RequestId", min_length=1)


def remove_account_assignments(settings: IdentityCenterSettings, effect: Effect) -> Flow[Mapping[str, Any]]:
    """What groups give is not removed. The reply has the request of each deletion."""
    user = yield from user_to_change(settings, effect)
    own = yield from direct(settings, user.id)
    removals = Removals(_REMOVED)
    for one, item in zip(own, (yield from shown(settings, own)), strict=True):
        with removals.removing(item):
            deletion = yield from _delete(settings, one)
            item |= {"request": deletion.request, "status": deletion.status} if deletion else {"status": _SUCCEEDED}
            if deletion is not None and deletion.status == _FAILED:
                raise RefusedError(
                    "assignment_not_deleted",
                    f"AWS could not delete the assignment: {deletion.reason or 'no reason given'}.",
                    remedy="Repair what AWS names in the AWS account, then retry the step.",
                    happened="no",
                )
    return removals.reply("unknown")


def _delete(settings: IdentityCenterSettings, one: AccountAssignment) -> Flow[_Deletion | None]:
    """None where the assignment is not there any more."""
    request = of_instance(
        settings,
        "DeleteAccountAssignment",
        TargetId=one.account,
        TargetType="AWS_ACCOUNT",
        PermissionSetArn=one.permission_set,
        PrincipalType="USER",
        PrincipalId=one.principal,
    )
    result = yield from ask(changing(request), _DeletionResult)
    return None if result is None else result.deletion


@with_user
def look_at_account_assignments(
    settings: IdentityCenterSettings, user: DirectoryUser, effect: Effect
) -> Flow[ReadBack]:
    """Not done while AWS is still deleting an assignment of the user, or where it failed to."""
    left = yield from shown(settings, (yield from direct(settings, user.id)))
    deletions = yield from _deletions(settings, user, effect)
    unfinished = [one.shown() for one in deletions if one.status != _SUCCEEDED]
    evidence = {**user.evidence(), "account_assignments": left, "unfinished": unfinished}
    if unfinished:
        return seen(False, evidence)
    return (
        yield from none_on_list(
            settings,
            user,
            effect,
            left,
            evidence,
            removed=_REMOVED,
            query=direct,
            action="sso:ListAccountAssignmentsForPrincipal",
        )
    )


def _deletions(settings: IdentityCenterSettings, user: DirectoryUser, effect: Effect) -> Flow[list[_Deletion]]:
    """How far the deletions of the user's assignments are."""
    found = []
    for id in (yield from _requests(settings, effect)):
        request = of_instance(
            settings, "DescribeAccountAssignmentDeletionStatus", AccountAssignmentDeletionRequestId=id
        )
        result = yield from ask(request, _DeletionResult)
        if result is None:
            continue  # AWS does not know the request any more
        if result.deletion.request != id:
            unexpected("The response shows another request than the one that was asked about.")
        if result.deletion.principal == user.id:
            found.append(result.deletion)
    return found


def _requests(settings: IdentityCenterSettings, effect: Effect) -> Flow[list[str]]:
    """Those that the attempt just before made; if they are not known, those of the instance that are in progress."""
    removed = effect.replied.get(_REMOVED)
    if isinstance(removed, list):
        known = [one.get("request", "") for one in removed if one.get("status") != _SUCCEEDED]
        if all(known):
            return known
    pending = of_instance(settings, "ListAccountAssignmentDeletionStatus", Filter={"Status": _IN_PROGRESS})
    items = yield from listed(pending, "AccountAssignmentsDeletionStatus", required=False)
    return [parse(item, _Request).id for item in items]
