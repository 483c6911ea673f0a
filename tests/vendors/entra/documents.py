"""The JSON documents in which Graph shows what `directory.py` holds."""

from __future__ import annotations

import uuid
from datetime import datetime

from orchestrator.embedded.vendors.description import VendorDocument
from tests.vendors.entra.directory import (
    EntraAppAssignment,
    EntraApplication,
    EntraConsent,
    EntraGroup,
    EntraMethod,
    EntraRoleAssignment,
    EntraTenant,
    EntraUser,
)

DEFAULT_FIELDS = (
    "businessPhones", "displayName", "givenName", "jobTitle", "mail", "mobilePhone", "officeLocation",
    "preferredLanguage", "surname", "userPrincipalName", "id",
)  # fmt: skip
"""What a user shows without `$select`."""


def time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


ROLE_TEMPLATES = {
    "Global Administrator": "62e90394-69f5-4237-9190-012177145e10",
    "User Administrator": "fe930be7-5e62-47db-91af-98c3a49a38b1",
}
"""The same in every tenant: https://learn.microsoft.com/entra/identity/role-based-access-control/permissions-reference."""


def role_id(name: str) -> str:
    return ROLE_TEMPLATES.get(name) or str(uuid.uuid5(uuid.NAMESPACE_OID, f"role {name}"))


def user(tenant: EntraTenant, one: EntraUser) -> VendorDocument:
    """All fields that a user can have here; `queries.py` selects among them."""
    licences: dict[str, list[str]] = {sku: [] for sku in sorted(one.licences)} | {
        sku: [group.id for group in tenant.groups_of(one.id) if sku in group.licences]
        for sku in sorted({sku for group in tenant.groups_of(one.id) for sku in group.licences})
    }
    return {
        "businessPhones": [],
        "givenName": None,
        "jobTitle": None,
        "mobilePhone": None,
        "officeLocation": None,
        "preferredLanguage": None,
        "surname": None,
        "employeeId": None,
        "department": None,
        "employeeType": None,
        "onPremisesImmutableId": None,
        "onPremisesSamAccountName": None,
        "proxyAddresses": [f"SMTP:{one.fields['mail']}"],
        "otherMails": [],
        "companyName": None,
        "employeeLeaveDateTime": None,
        **one.fields,
        "id": one.id,
        "userType": "Guest" if one.guest else "Member",
        "createdDateTime": time(one.valid_from),
        "deletedDateTime": time(one.deleted) if one.deleted else None,
        "onPremisesSyncEnabled": True if one.synced else None,
        "signInSessionsValidFromDateTime": time(one.valid_from),
        "assignedLicenses": [{"skuId": sku, "disabledPlans": []} for sku in licences],
        "licenseAssignmentStates": [
            {
                "skuId": sku,
                "assignedByGroup": group,
                "state": "Active",
                "error": "None",
                "disabledPlans": [],
                "lastUpdatedDateTime": time(one.valid_from),
            }
            for sku, groups in licences.items()
            for group in ([None] if sku in one.licences else []) + groups
        ],
    }


def group(one: EntraGroup) -> VendorDocument:
    kinds = (["Unified"] if one.unified else []) + (["DynamicMembership"] if one.rule else [])
    rule = f'user.{one.rule[0]} -eq "{one.rule[1]}"' if one.rule else None
    return {
        "@odata.type": "#microsoft.graph.group",
        "id": one.id,
        "displayName": one.name,
        "description": None,
        "createdDateTime": time(one.created),
        "groupTypes": kinds,
        "mailEnabled": one.mail_enabled or one.unified,
        "securityEnabled": not one.unified,
        "membershipRule": rule,
        "membershipRuleProcessingState": "On" if rule else None,
        "onPremisesSyncEnabled": True if one.synced else None,
        "isAssignableToRole": True if one.role_assignable else None,
        "mail": None,
        "mailNickname": one.name,
        "visibility": None,
        "assignedLicenses": [{"skuId": sku, "disabledPlans": []} for sku in sorted(one.licences)],
    }


def directory_role(name: str) -> VendorDocument:
    return {
        "@odata.type": "#microsoft.graph.directoryRole",
        "id": role_id(f"activated {name}"),
        "displayName": name,
        "description": name,
        "roleTemplateId": role_id(name),
        "deletedDateTime": None,
    }


def application(one: EntraApplication) -> VendorDocument:
    return {
        "@odata.type": "#microsoft.graph.application",
        "id": one.id,
        "appId": one.app_id,
        "displayName": one.name,
        "deletedDateTime": None,
    }


def service_principal(one: EntraApplication) -> VendorDocument:
    return {
        "@odata.type": "#microsoft.graph.servicePrincipal",
        "id": one.principal,
        "appId": one.app_id,
        "displayName": one.name,
        "accountEnabled": True,
        "servicePrincipalType": "Application",
        "deletedDateTime": None,
        "appRoles": [],
    }


def graph(tenant: EntraTenant) -> VendorDocument:
    """The service principal of Microsoft Graph. Of its app roles, those that an app of the tenant has."""
    names = sorted({name for app in tenant.applications.values() for name in app.permissions})
    return {
        "@odata.type": "#microsoft.graph.servicePrincipal",
        "id": role_id("Microsoft Graph"),
        "appId": "00000003-0000-0000-c000-000000000000",
        "displayName": "Microsoft Graph",
        "accountEnabled": True,
        "servicePrincipalType": "Application",
        "deletedDateTime": None,
        "appRoles": [
            {
                "id": role_id(name),
                "value": name,
                "displayName": name,
                "isEnabled": True,
                "allowedMemberTypes": ["Application"],
            }
            for name in names
        ],
    }


def permission(app: EntraApplication, name: str) -> VendorDocument:
    """An application permission on Microsoft Graph that the app has."""
    return {
        "id": role_id(f"{app.id} {name}"),
        "deletedDateTime": None,
        "appRoleId": role_id(name),
        "principalId": app.principal,
        "principalType": "ServicePrincipal",
        "principalDisplayName": app.name,
        "resourceDisplayName": "Microsoft Graph",
        "resourceId": role_id("Microsoft Graph"),
    }


def role_assignment(one: EntraRoleAssignment) -> VendorDocument:
    return {
        "id": one.id,
        "principalId": one.principal,
        "roleDefinitionId": role_id(one.role),
        "directoryScopeId": "/",
        "appScopeId": None,
    }


def app_assignment(tenant: EntraTenant, one: EntraAppAssignment) -> VendorDocument:
    app = tenant.applications[one.resource]
    principal = tenant.users.get(one.principal) or tenant.groups[one.principal]
    is_user = isinstance(principal, EntraUser)
    return {
        "id": one.id,
        "deletedDateTime": None,
        "appRoleId": "00000000-0000-0000-0000-000000000000",
        "createdDateTime": time(one.created),
        "principalId": one.principal,
        "principalType": "User" if is_user else "Group",
        "principalDisplayName": principal.fields["displayName"] if isinstance(principal, EntraUser) else principal.name,
        "resourceDisplayName": app.name,
        "resourceId": app.principal,
    }


def consent(one: EntraConsent) -> VendorDocument:
    return {
        "id": one.id,
        "clientId": one.client,
        "consentType": "Principal" if one.principal else "AllPrincipals",
        "principalId": one.principal or None,
        "resourceId": role_id("Microsoft Graph"),
        "scope": one.scope,
    }


def method(one: EntraMethod) -> VendorDocument:
    return {"@odata.type": f"#microsoft.graph.{one.kind}", "id": one.id, **one.fields}
