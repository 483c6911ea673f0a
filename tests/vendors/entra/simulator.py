"""Entra ID as Microsoft Graph v1.0 shows it: routes with the permissions that each needs, and Graph's forms of general
failures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.responses import Response

from orchestrator.embedded.vendors.description import Description
from orchestrator.embedded.vendors.simulator import Call, Handler, Simulator
from tests.vendors.entra import access, batches, groups, permissions, sign_in, users
from tests.vendors.entra.directory import EntraTenant
from tests.vendors.entra.errors import error

USER = "/v1.0/users/{id}"
GROUP = "/v1.0/groups/{group}"
METHODS = f"{USER}/authentication"
DELETED = "/v1.0/directory/deletedItems"
KINDS = ("phone", "email", "microsoftAuthenticator", "fido2", "softwareOath", "windowsHelloForBusiness",
         "temporaryAccessPass")  # fmt: skip
P = permissions

TABLE: Mapping[str, tuple[Handler, tuple[str, ...]]] = {
    "GET /v1.0/users": (users.list_users, P.READ_USERS),
    f"GET {USER}": (users.get_user, P.READ_USERS),
    f"PATCH {USER}": (users.update_user, P.WRITE_USERS),
    f"DELETE {USER}": (users.delete_user, P.RESTORE),
    f"POST {USER}/revokeSignInSessions": (users.end_sessions, ("User.RevokeSessions.All",)),
    f"GET {USER}/manager": (users.get_manager, P.READ_USERS),
    f"PUT {USER}/manager/$ref": (users.set_manager, P.WRITE_USERS),
    f"GET {USER}/directReports": (users.list_reports, P.READ_USERS),
    f"GET {USER}/ownedObjects": (users.list_owned, P.READ_USERS),
    f"GET {USER}/memberOf": (groups.list_memberships, P.READ_DIRECTORY + P.READ_USERS),
    f"GET {USER}/transitiveMemberOf": (groups.list_all_memberships, P.READ_DIRECTORY + P.READ_USERS),
    f"GET {USER}/memberOf/microsoft.graph.group": (groups.list_group_memberships, P.READ_GROUPS + P.READ_USERS),
    f"GET {USER}/transitiveMemberOf/microsoft.graph.group": (
        groups.list_group_memberships, P.READ_GROUPS + P.READ_USERS,
    ),
    f"GET {USER}/appRoleAssignments": (access.list_app_assignments, P.READ_APPS),
    f"DELETE {USER}/appRoleAssignments/{{assignment}}": (
        access.remove_app_assignment, ("AppRoleAssignment.ReadWrite.All",),
    ),
    f"GET {USER}/oauth2PermissionGrants": (
        access.list_consents, ("DelegatedPermissionGrant.ReadWrite.All", *P.READ_DIRECTORY),
    ),
    "GET /v1.0/oauth2PermissionGrants": (
        access.list_all_consents, ("DelegatedPermissionGrant.ReadWrite.All", *P.READ_DIRECTORY),
    ),
    "DELETE /v1.0/oauth2PermissionGrants/{consent}": (
        access.remove_consent, ("DelegatedPermissionGrant.ReadWrite.All", "Directory.ReadWrite.All"),
    ),
    f"POST {USER}/assignLicense": (
        access.assign_licences, ("LicenseAssignment.ReadWrite.All", *P.WRITE_USERS),
    ),
    f"GET {USER}/licenseDetails": (access.list_licences, ("LicenseAssignment.Read.All", *P.READ_USERS)),
    f"GET {METHODS}/methods": (access.list_methods, P.READ_METHODS),
    **{f"GET {METHODS}/{kind}Methods": (access.list_methods_of_kind, P.READ_METHODS) for kind in KINDS},
    **{
        f"DELETE {METHODS}/{kind}Methods/{{method}}": (access.remove_method, P.READ_METHODS[1:]) for kind in KINDS
    },
    f"GET {DELETED}/microsoft.graph.user": (users.list_deleted, P.READ_USERS),
    f"GET {DELETED}/{{id}}": (users.get_deleted, P.READ_USERS),
    f"POST {DELETED}/{{id}}/restore": (users.restore, P.RESTORE),
    f"DELETE {DELETED}/{{id}}": (users.purge, P.RESTORE),
    "GET /v1.0/groups": (groups.list_groups, P.READ_GROUPS),
    f"GET {GROUP}": (groups.get_group, P.READ_GROUPS),
    f"GET {GROUP}/members": (groups.list_members, P.READ_GROUPS),
    f"POST {GROUP}/members/$ref": (groups.add_member, P.WRITE_MEMBERS),
    f"DELETE {GROUP}/members/{{member}}/$ref": (groups.remove_member, P.WRITE_MEMBERS),
    f"DELETE {GROUP}/members/{{member}}": (groups.delete_member, P.WRITE_MEMBERS),
    f"GET {GROUP}/owners": (groups.list_owners, P.READ_GROUPS),
    f"POST {GROUP}/owners/$ref": (groups.add_owner, P.WRITE_GROUPS),
    f"DELETE {GROUP}/owners/{{owner}}/$ref": (groups.remove_owner, P.WRITE_GROUPS),
    "POST /v1.0/applications/{app}/owners/$ref": (groups.add_app_owner, P.WRITE_APPS),
    "DELETE /v1.0/applications/{app}/owners/{owner}/$ref": (groups.remove_app_owner, P.WRITE_APPS),
    "POST /v1.0/servicePrincipals/{app}/owners/$ref": (groups.add_app_owner, P.WRITE_APPS),
    "DELETE /v1.0/servicePrincipals/{app}/owners/{owner}/$ref": (groups.remove_app_owner, P.WRITE_APPS),
    "GET /v1.0/servicePrincipals": (access.list_service_principals, P.READ_APPS),
    "GET /v1.0/servicePrincipals/{app}/appRoleAssignments": (access.list_permissions, P.READ_APPS),
    "GET /v1.0/roleManagement/directory/roleAssignments": (access.list_role_assignments, P.READ_ROLES),
    "DELETE /v1.0/roleManagement/directory/roleAssignments/{assignment}": (
        access.remove_role_assignment, P.WRITE_ROLES,
    ),
    "GET /v1.0/me": (users.me, ()),
    "POST /v1.0/$batch": (batches.run_batch, ()),
    "POST /{tenant}/oauth2/v2.0/token": (sign_in.issue_token, ()),
}  # fmt: skip
ROUTES: Mapping[str, Handler] = {name: handler for name, (handler, _) in TABLE.items()}
BATCH = "POST /v1.0/$batch"
TOKEN = "POST /{tenant}/oauth2/v2.0/token"
UNDESCRIBED = {
    TOKEN: "https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow",
    BATCH: "https://learn.microsoft.com/graph/json-batching",
    f"DELETE {GROUP}/members/{{member}}": "https://learn.microsoft.com/graph/api/group-delete-members",
}
MISTAKEN = {r"error\.innerError is not described$": "https://learn.microsoft.com/graph/errors spells it so"}
OPERATIONS = sorted(ROUTES.keys() - UNDESCRIBED.keys())
TYPES = tuple(
    f"microsoft.graph.{name}" for name in (
        "user", "group", "directoryRole", "application", "servicePrincipal", "passwordAuthenticationMethod",
        *(f"{kind}AuthenticationMethod" for kind in KINDS),
    )
)  # fmt: skip
"""Types that an answer names in `@odata.type`."""


class EntraSimulator(Simulator):
    """`state` is the `EntraTenant`. `tenant_id`, the token endpoint and Graph are all under `url`."""

    routes = ROUTES
    undescribed = UNDESCRIBED
    undescribed_fields = dict.fromkeys(OPERATIONS, frozenset({"$skiptoken"}))
    mistaken = MISTAKEN
    state: EntraTenant

    def __init__(self) -> None:
        super().__init__(Description.of(Path(__file__).parent), None)
        self.state = EntraTenant(self.now)

    @property
    def token_url(self) -> str:
        return f"{self.url}/{self.state.id}/oauth2/v2.0/token"

    def identify(self, call: Call) -> Any:
        return None if call.operation == TOKEN else permissions.caller(self, call)

    def permit(self, call: Call) -> None:
        if call.operation not in (TOKEN, BATCH):
            permissions.permit(TABLE[call.operation][1], call)

    def dressed(self, call: Call, response: Response) -> Response:
        response.headers["request-id"] = f"00000000-0000-0000-0000-{len(self.requests):012}"
        return response

    def unknown_path(self, call: Call) -> Response:
        return error(400, "BadRequest", f"Resource not found for the segment '{call.path.rsplit('/', 1)[-1]}'.")

    def malformed(self, faults: list[str]) -> Response:
        return error(400, "BadRequest", "; ".join(faults))

    def limited(self) -> Response:
        """https://learn.microsoft.com/graph/throttling."""
        return error(429, "TooManyRequests", "Too many requests.", headers={"Retry-After": "2"})

    def broken(self, status: int) -> Response:
        code = {503: "ServiceUnavailable", 504: "GatewayTimeout"}.get(status, "InternalServerError")
        return error(status, code, "The service is not available.")

    def expired(self) -> Response:
        return error(401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.")
