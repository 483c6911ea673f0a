"""The application permissions that the app needs and has."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from pydantic import Field

from connectors.errors import ActionRequiredError, RefusedError
from connectors.http.connector import CredentialCheck
from connectors.http.flows import Fields
from connectors.http.requests import Flow, Operation
from connectors.vendors.entra.graph import EntraSettings, certificate_warning, listed, quoted
from connectors.vendors.entra.users import LIST_USERS

FIND_PRINCIPALS = Operation("GET", "/servicePrincipals", "servicePrincipals.servicePrincipal.ListServicePrincipal")
LIST_PERMISSIONS = Operation(
    "GET", "/servicePrincipals/{id}/appRoleAssignments", "servicePrincipals.ListAppRoleAssignments"
)
_GRAPH = "00000003-0000-0000-c000-000000000000"  # the appId of Microsoft Graph, in every tenant
READ_USERS = ("User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All")
READ_DIRECTORY = ("Directory.Read.All", "Directory.ReadWrite.All")
_READ_GROUPS = ("GroupMember.Read.All", "GroupMember.ReadWrite.All", "Group.Read.All", "Group.ReadWrite.All")
_READ_ROLES = ("RoleManagement.Read.Directory", "RoleManagement.ReadWrite.Directory")
READ_CONSENTS = (*READ_DIRECTORY, "DelegatedPermissionGrant.ReadWrite.All")
"""By Microsoft's page of the list of all consents (learn.microsoft.com/graph/api/oauth2permissiongrant-list)."""
READ_ELIGIBLE_ROLES = (
    *_READ_ROLES,
    "RoleEligibilitySchedule.Read.Directory",
    "RoleEligibilitySchedule.ReadWrite.Directory",
)
"""By Microsoft's page of the list (rbacapplication-list-roleeligibilityscheduleinstances)."""
PERMISSIONS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "snapshot_access": (
        READ_USERS,
        (*_READ_GROUPS, *READ_DIRECTORY),
        _READ_ROLES,
        READ_DIRECTORY,
        ("UserAuthenticationMethod.Read.All", "UserAuthenticationMethod.ReadWrite.All"),
    ),
    "disable_account": (
        READ_USERS,
        ("User.EnableDisableAccount.All", "User.ReadWrite.All", "Directory.ReadWrite.All"),
    ),
    "enable_account": (
        READ_USERS,
        ("User.EnableDisableAccount.All", "User.ReadWrite.All", "Directory.ReadWrite.All"),
    ),
    "revoke_sessions": (READ_USERS, ("User.RevokeSessions.All",)),
    "remove_from_groups": (
        READ_USERS,
        ("GroupMember.ReadWrite.All", "Group.ReadWrite.All", "Directory.ReadWrite.All"),
    ),
    "add_to_groups": (
        READ_USERS,
        ("GroupMember.ReadWrite.All", "Group.ReadWrite.All", "Directory.ReadWrite.All"),
    ),
    "remove_directory_roles": (READ_USERS, ("RoleManagement.ReadWrite.Directory",)),
    "remove_from_apps": (READ_USERS, ("AppRoleAssignment.ReadWrite.All",)),
    "revoke_grants": (READ_USERS, ("DelegatedPermissionGrant.ReadWrite.All", "Directory.ReadWrite.All")),
    "remove_licenses": (
        READ_USERS,
        ("LicenseAssignment.ReadWrite.All", "User.ReadWrite.All", "Directory.ReadWrite.All"),
    ),
    "remove_authentication_methods": (READ_USERS, ("UserAuthenticationMethod.ReadWrite.All",)),
    "hand_over_reports": (("User.ReadWrite.All", "Directory.ReadWrite.All"),),
    "hand_over_ownership": (
        READ_DIRECTORY,
        ("Group.ReadWrite.All", "Directory.ReadWrite.All"),
        ("Application.ReadWrite.All", "Directory.ReadWrite.All"),
    ),
    "delete_account": (("User.ReadWrite.All",),),
}
"""The application permissions that each ability needs: one of each group. The first is the least."""


class _GrantedPermission(Fields):
    """An application permission of an app, on Graph or on another application."""

    app_id: str | None = Field(default=None, alias="resourceId")
    role: str | None = Field(default=None, alias="appRoleId")


class _AppRole(Fields):
    id: str = ""
    value: str | None = None


class _ServicePrincipal(Fields):
    id: str = Field(min_length=1)
    app_roles: list[_AppRole] = Field(default=[], alias="appRoles")


def may_read(settings: EntraSettings, permissions: Collection[str]) -> Flow[bool]:
    """Whether Graph says that the app has one of the permissions. False where the app cannot read its own."""
    granted = yield from _granted(settings)
    return bool(set(permissions) & set(granted or ()))


def _granted(settings: EntraSettings) -> Flow[list[str] | None]:
    """The application permissions on Graph that the app has; None where it cannot read them."""
    try:
        own = yield from _principal(settings.client_id)
        graph = yield from _principal(_GRAPH)
        if own is None or graph is None:
            return None
        assignments = yield from listed(LIST_PERMISSIONS.request(own.id), _GrantedPermission)
    except (ActionRequiredError, RefusedError) as error:
        if error.code not in ("credential_refused", "refused"):
            raise
        return None
    names = {role.id: role.value for role in graph.app_roles}
    found = {names.get(item.role or "") for item in assignments if item.app_id == graph.id}
    return sorted(name for name in found if name)


def _principal(app_id: str) -> Flow[_ServicePrincipal | None]:
    params = {"$filter": f"appId eq {quoted(app_id)}", "$select": "id,appId,appRoles"}
    found = yield from listed(FIND_PRINCIPALS.request(params=params), _ServicePrincipal)
    return found[0] if found else None


def lacking(granted: Sequence[str]) -> list[str]:
    """The abilities that the permissions do not allow, each with the least permissions that are missing."""
    missing = []
    for ability, groups in PERMISSIONS.items():
        least = [group[0] for group in groups if not set(group) & set(granted)]
        if least:
            missing.append(f"{ability} ({', '.join(least)})")
    return missing


def check_permissions(settings: EntraSettings) -> Flow[CredentialCheck]:
    """Whether users may be read, which abilities the app lacks a permission for, and whether its certificate expires
    soon."""
    warning = certificate_warning(settings)
    try:
        yield LIST_USERS.request(params={"$top": "1", "$select": "id"})
    except ActionRequiredError as error:
        raise ActionRequiredError(
            error.code,
            f"{warning} {error.detail}".lstrip(),
            remedy="Renew the certificate or client secret, or grant the app the application permission User.Read.All "
            "with the consent of an administrator.",
            happened="no",
        ) from None
    granted = yield from _granted(settings)
    if granted is None:
        return CredentialCheck(
            "reachable, credential accepted; the app cannot read its own permissions, so they are not checked: grant "
            "it Application.Read.All",
            warning=warning,
        )
    missing = lacking(granted)
    said = f"reachable, credential accepted, permissions: {', '.join(granted) or 'none'}" + (
        f"; not allowed by them: {'; '.join(missing)}" if missing else ""
    )
    return CredentialCheck(said, tuple(missing), warning)
