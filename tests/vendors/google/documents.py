"""The JSON documents in which Google shows what `workspace.py` holds."""

from __future__ import annotations

from datetime import datetime

from orchestrator.embedded.vendors.description import VendorDocument
from tests.vendors.google.workspace import (
    GoogleDevice,
    GoogleGroup,
    GoogleRoleAssignment,
    GoogleTransfer,
    GoogleUser,
    GoogleWorkspace,
)


def time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"


def user(workspace: GoogleWorkspace, one: GoogleUser) -> VendorDocument:
    emails: list[VendorDocument] = [
        {"address": one.email, "primary": True},
        *({"address": alias} for alias in one.aliases),
    ]
    direct = workspace.assignments_of(one, indirect=False)
    shown: VendorDocument = {
        "kind": "admin#directory#user",
        "id": one.id,
        "etag": f'"{one.id}"',
        "primaryEmail": one.email,
        "name": {"givenName": "", "familyName": "", "fullName": one.email},
        "archived": False,
        **one.fields,
        "emails": emails,
        "aliases": list(one.aliases),
        "suspended": one.suspended,
        "isAdmin": one.is_admin,
        "isDelegatedAdmin": bool(direct),
        "agreedToTerms": True,
        "changePasswordAtNextLogin": False,
        "ipWhitelisted": False,
        "isMailboxSetup": True,
        "isEnrolledIn2Sv": True,
        "isEnforcedIn2Sv": True,
        "includeInGlobalAddressList": True,
        "orgUnitPath": "/",
        "customerId": workspace.customer,
        "creationTime": time(one.created),
        "lastLoginTime": time(one.created),
    }
    if one.suspended:
        shown["suspensionReason"] = "ADMIN"
    if one.deleted:
        shown["deletionTime"] = time(one.deleted)
    return shown


def group(one: GoogleGroup) -> VendorDocument:
    return {
        "kind": "admin#directory#group",
        "id": one.id,
        "etag": f'"{one.id}"',
        "email": one.email,
        "name": one.name,
        "description": "",
        "directMembersCount": str(len(one.members)),
        "adminCreated": True,
    }


def member(workspace: GoogleWorkspace, id: str, role: str) -> VendorDocument:
    user = workspace.users.get(id)
    email = user.email if user else workspace.groups[id].email
    status = "SUSPENDED" if user and user.suspended else "ACTIVE"
    return {
        "kind": "admin#directory#member",
        "id": id,
        "etag": f'"{id}"',
        "email": email,
        "role": role,
        "type": "USER" if user else "GROUP",
        "status": status,
    }


def role_assignment(one: GoogleRoleAssignment, workspace: GoogleWorkspace) -> VendorDocument:
    return {
        "kind": "admin#directory#roleAssignment",
        "etag": f'"{one.id}"',
        "roleAssignmentId": one.id,
        "roleId": one.role,
        "assignedTo": one.assignee,
        "assigneeType": "user" if one.assignee in workspace.users else "group",
        "scopeType": "CUSTOMER",
    }


def transfer(one: GoogleTransfer) -> VendorDocument:
    status = "inProgress" if one.reads else "completed"
    return {
        "kind": "admin#datatransfer#DataTransfer",
        "etag": f'"{one.id}"',
        "id": one.id,
        "oldOwnerUserId": one.old_owner,
        "newOwnerUserId": one.new_owner,
        "requestTime": time(one.requested),
        "overallTransferStatusCode": status,
        "applicationDataTransfers": [{**each, "applicationTransferStatus": status} for each in one.applications],
    }


def device(workspace: GoogleWorkspace, one: GoogleDevice) -> VendorDocument:
    owner = workspace.users[one.user]
    return {
        "kind": "admin#directory#mobiledevice",
        "resourceId": one.id,
        "deviceId": f"device-{one.id}",
        "etag": f'"{one.id}"',
        "email": [owner.email],
        "name": [owner.email],
        "model": one.model,
        "status": one.status,
        "type": "IOS_SYNC",
        "os": "iOS 19",
    }
