"""The JSON documents in which Okta shows what `organisation.py` holds."""

from __future__ import annotations

from datetime import datetime

from orchestrator.embedded.vendors.description import VendorDocument
from orchestrator.embedded.vendors.okta.organisation import (
    OktaApiToken,
    OktaApp,
    OktaClient,
    OktaDevice,
    OktaFactor,
    OktaGrant,
    OktaGroup,
    OktaOrganisation,
    OktaRole,
    OktaRule,
    OktaSession,
    OktaToken,
    OktaUser,
)

ROLE_LABELS = {
    "SUPER_ADMIN": "Super Administrator", "ORG_ADMIN": "Organization Administrator",
    "USER_ADMIN": "Group Administrator", "APP_ADMIN": "Application Administrator",
    "HELP_DESK_ADMIN": "Help Desk Administrator",
    "READ_ONLY_ADMIN": "Read-Only Administrator", "API_ACCESS_MANAGEMENT_ADMIN": "API Access Management Administrator",
    "GROUP_MEMBERSHIP_ADMIN": "Group Membership Administrator", "REPORT_ADMIN": "Report Administrator",
}  # fmt: skip


def time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"


def user(url: str, one: OktaUser) -> VendorDocument:
    changed = time(one.changed or one.created)
    active = None if one.status in ("STAGED", "PROVISIONED") else time(one.created)
    provider = (
        {"type": "ACTIVE_DIRECTORY", "name": "corp.example"} if one.mastered_by else {"type": "OKTA", "name": "OKTA"}
    )
    links: VendorDocument = {"self": {"href": f"{url}/api/v1/users/{one.id}"}}
    for act, statuses in (
        ("suspend", ("ACTIVE",)),
        ("unsuspend", ("SUSPENDED",)),
        ("activate", ("STAGED", "DEPROVISIONED")),
        ("deactivate", ("ACTIVE", "SUSPENDED", "PROVISIONED", "STAGED", "LOCKED_OUT", "RECOVERY", "PASSWORD_EXPIRED")),
    ):
        if one.status in statuses:
            links[act] = {"href": f"{url}/api/v1/users/{one.id}/lifecycle/{act}", "method": "POST"}
    transition = {"transitioningToStatus": "DEPROVISIONED"} if one.deactivates_after else {}
    return {
        "id": one.id,
        "status": one.status,
        **transition,
        "created": time(one.created),
        "activated": active,
        "statusChanged": changed,
        "lastLogin": None,
        "lastUpdated": changed,
        "passwordChanged": active,
        "type": {"id": "oty0000000simulated0"},
        "profile": {"secondEmail": None, "mobilePhone": None, **one.profile},
        "credentials": {"password": {}, "provider": provider},
        "_links": links,
    }


def group(url: str, one: OktaGroup) -> VendorDocument:
    imported = one.type == "APP_GROUP"
    kind = "okta:windows_security_principal" if imported else "okta:user_group"
    profile: VendorDocument = {"name": one.name, "description": ""}
    links: VendorDocument = {
        "users": {"href": f"{url}/api/v1/groups/{one.id}/users"},
        "apps": {"href": f"{url}/api/v1/groups/{one.id}/apps"},
    }
    if imported:
        profile["dn"] = f"CN={one.name},OU=Groups,DC=corp,DC=example"
        links["source"] = {"href": f"{url}/api/v1/apps/{one.app}"}
    created = time(one.created)
    return {
        "id": one.id,
        "created": created,
        "lastUpdated": created,
        "lastMembershipUpdated": created,
        "objectClass": [kind],
        "type": one.type,
        "profile": profile,
        "_links": links,
    }


def rule(one: OktaRule) -> VendorDocument:
    expression = f'user.{one.attribute}=="{one.value}"'
    return {
        "type": "group_rule",
        "id": one.id,
        "name": one.name,
        "status": one.status,
        "created": time(one.created),
        "lastUpdated": time(one.created),
        "conditions": {
            "people": {"users": {"exclude": list(one.excluded)}, "groups": {"exclude": []}},
            "expression": {"value": expression, "type": "urn:okta:expression:1.0"},
        },
        "actions": {"assignUserToGroups": {"groupIds": list(one.groups)}},
    }


def app(url: str, one: OktaApp) -> VendorDocument:
    return {
        "id": one.id,
        "name": one.name,
        "label": one.label,
        "status": one.status,
        "created": time(one.created),
        "lastUpdated": time(one.created),
        "features": [],
        "signOnMode": "SAML_2_0",
        "_links": {
            "users": {"href": f"{url}/api/v1/apps/{one.id}/users"},
            "groups": {"href": f"{url}/api/v1/apps/{one.id}/groups"},
        },
    }


def app_user(url: str, org: OktaOrganisation, one: OktaApp, of: OktaUser) -> VendorDocument:
    return {
        "id": of.id,
        "scope": org.assignment(one, of),
        "status": "ACTIVE",
        "syncState": "DISABLED",
        "created": time(one.created),
        "lastUpdated": time(one.created),
        "statusChanged": time(one.created),
        "passwordChanged": None,
        "externalId": None,
        "credentials": {"userName": of.login},
        "profile": {},
        "_links": {
            "app": {"href": f"{url}/api/v1/apps/{one.id}"},
            "user": {"href": f"{url}/api/v1/users/{of.id}"},
        },
    }


def app_link(url: str, one: OktaApp, of: OktaUser) -> VendorDocument:
    return {
        "id": f"{one.id}-{of.id}",
        "label": one.label,
        "linkUrl": f"{url}/home/{one.name}/{one.id}",
        "hidden": False,
        "logoUrl": f"{url}/logo.png",
        "appName": one.name,
        "appInstanceId": one.id,
        "appAssignmentId": f"0ua{of.id[3:]}",
        "credentialsSetup": False,
        "sortOrder": 0,
    }


def app_group(url: str, one: OktaApp, id: str, priority: int) -> VendorDocument:
    return {
        "id": id,
        "lastUpdated": time(one.created),
        "priority": priority,
        "profile": {},
        "_links": {"app": {"href": f"{url}/api/v1/apps/{one.id}"}, "group": {"href": f"{url}/api/v1/groups/{id}"}},
    }


def factor(url: str, one: OktaFactor) -> VendorDocument:
    return {
        "id": one.id,
        "factorType": one.type,
        "provider": one.provider,
        "vendorName": one.provider,
        "status": "ACTIVE",
        "created": time(one.created),
        "lastUpdated": time(one.created),
        "profile": dict(one.profile),
        "_links": {
            "self": {
                "href": f"{url}/api/v1/users/{one.user}/factors/{one.id}",
                "hints": {"allow": ["GET", "DELETE"]},
            },
        },
    }


def role(url: str, one: OktaRole, assigned: str) -> VendorDocument:
    kind = {"USER": "users", "GROUP": "groups"}.get(assigned)
    href = f"{url}/api/v1/{kind}/{one.assignee}" if kind else f"{url}/oauth2/v1/clients/{one.assignee}"
    return {
        "id": one.id,
        "label": ROLE_LABELS[one.type],
        "type": one.type,
        "status": "ACTIVE",
        "created": time(one.created),
        "lastUpdated": time(one.created),
        "assignmentType": assigned,
        "_links": {"assignee": {"href": href}},
    }


def grant(url: str, one: OktaGrant) -> VendorDocument:
    return {
        "id": one.id,
        "status": "ACTIVE",
        "created": time(one.created),
        "lastUpdated": time(one.created),
        "createdBy": {"id": one.user, "type": "User"},
        "issuer": url,
        "clientId": one.client,
        "userId": one.user,
        "scopeId": one.scope,
        "source": "END_USER",
        "_links": {
            "self": {"href": f"{url}/api/v1/users/{one.user}/grants/{one.id}"},
            "user": {"href": f"{url}/api/v1/users/{one.user}"},
            "client": {"href": f"{url}/oauth2/v1/clients/{one.client}"},
        },
    }


def client(url: str, one: OktaClient, of: OktaUser) -> VendorDocument:
    own = f"{url}/api/v1/users/{of.id}/clients/{one.id}"
    return {
        "client_id": one.id,
        "client_name": one.label,
        "_links": {"grants": {"href": f"{own}/grants"}, "tokens": {"href": f"{own}/tokens"}},
    }


def refresh_token(url: str, one: OktaToken) -> VendorDocument:
    own = f"{url}/api/v1/users/{one.user}/clients/{one.client}/tokens/{one.id}"
    return {
        "id": one.id,
        "status": "ACTIVE",
        "created": time(one.created),
        "lastUpdated": time(one.created),
        "expiresAt": time(one.expires),
        "issuer": url,
        "clientId": one.client,
        "userId": one.user,
        "scopes": list(one.scopes),
        "_links": {"self": {"href": own}},
    }


def session(url: str, org: OktaOrganisation, one: OktaSession) -> VendorDocument:
    return {
        "id": one.id,
        "userId": one.user,
        "login": org.users[one.user].login,
        "createdAt": time(one.created),
        "expiresAt": time(one.expires),
        "status": "ACTIVE",
        "lastPasswordVerification": time(one.created),
        "lastFactorVerification": None,
        "amr": ["pwd"],
        "idp": {"id": "00o000000simulated00", "type": "OKTA"},
    }


def api_token(url: str, one: OktaApiToken) -> VendorDocument:
    return {
        "id": one.id,
        "name": one.name,
        "userId": one.user,
        "clientName": "Okta API",
        "tokenWindow": "P30D",
        "network": {"connection": "ANYWHERE"},
        "created": time(one.created),
        "lastUpdated": time(one.created),
        "_link": {"self": {"href": f"{url}/api/v1/api-tokens/{one.id}"}},
    }


def device(url: str, one: OktaDevice) -> VendorDocument:
    return {
        "created": time(one.created),
        "deviceUserId": f"oud{one.id[3:]}",
        "device": {
            "id": one.id,
            "status": one.status,
            "created": time(one.created),
            "lastUpdated": time(one.created),
            "profile": {"displayName": one.name, "platform": "MACOS", "registered": True},
            "resourceType": "UDDevice",
            "resourceId": one.id,
            "resourceDisplayName": {"value": one.name, "sensitive": False},
            "_links": {"self": {"href": f"{url}/api/v1/devices/{one.id}"}},
        },
    }
