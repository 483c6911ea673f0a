"""Who calls Okta's management API, and what the credential permits.

An SSWS token has the permissions of the administrator who made it. An access token of a service app has the scopes that
it was issued with, and of these only what the admin roles of the app permit:
https://developer.okta.com/docs/guides/implement-oauth-for-okta-serviceapp/main/. What each role permits is a summary of
https://help.okta.com/en-us/content/topics/security/administrators-admin-comparison.htm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.embedded.vendors.okta.errors import denied, error
from orchestrator.embedded.vendors.okta.organisation import OktaUser
from orchestrator.embedded.vendors.simulator import Call, VendorRefusal

if TYPE_CHECKING:
    from orchestrator.embedded.vendors.okta.simulator import OktaSimulator

MANAGED = ("users", "groups", "apps", "sessions", "devices")
READ = (*MANAGED, "roles", "apiTokens")
SCOPES_OF_ROLES: dict[str, frozenset[str]] = {
    "SUPER_ADMIN": frozenset(f"okta.{area}.{act}" for area in READ for act in ("read", "manage")),
    "ORG_ADMIN": frozenset(
        [f"okta.{area}.{act}" for area in MANAGED for act in ("read", "manage")]
        + ["okta.roles.read", "okta.apiTokens.read"]
    ),
    "USER_ADMIN": frozenset(
        f"okta.{area}.{act}" for area in ("users", "groups", "sessions") for act in ("read", "manage")
    ),
    "APP_ADMIN": frozenset(["okta.apps.read", "okta.apps.manage", "okta.users.read", "okta.groups.read"]),
    "HELP_DESK_ADMIN": frozenset(["okta.users.read", "okta.groups.read"]),
    "GROUP_MEMBERSHIP_ADMIN": frozenset(["okta.users.read", "okta.groups.read", "okta.groups.manage"]),
    "READ_ONLY_ADMIN": frozenset(f"okta.{area}.read" for area in READ),
    "REPORT_ADMIN": frozenset(),
    "API_ACCESS_MANAGEMENT_ADMIN": frozenset(["okta.users.read", "okta.groups.read", "okta.apps.read"]),
}
HELP_DESK_MAY = frozenset(
    {
        "POST /api/v1/users/{id}/lifecycle/reset_factors", "DELETE /api/v1/users/{id}/factors/{factor}",
        "DELETE /api/v1/users/{id}/sessions", "POST /api/v1/users/{id}/lifecycle/unlock",
    }
)  # fmt: skip


@dataclass
class OktaCaller:
    """`scopes` are those of an access token; None for an SSWS token, which has none."""

    user: OktaUser | None
    roles: list[str]
    scopes: list[str] | None = None
    api_token: str = ""


def caller(okta: OktaSimulator, call: Call) -> OktaCaller:
    """From the header Authorization; raises Okta's 401."""
    scheme, _, value = call.headers.get("authorization", "").partition(" ")
    org = okta.state
    if scheme == "SSWS":
        for token in org.api_tokens.values():
            owner = org.users.get(token.user)
            if token.value == value and owner is not None and owner.status == "ACTIVE":
                return OktaCaller(owner, [role.type for role, _ in org.roles_of(owner)], None, token.id)
        raise VendorRefusal(error(401, "E0000011", "Invalid token provided"))
    if scheme == "Bearer":
        access = org.tokens.get(value)
        if access is None or access.kind != "access_token" or not org.live(access):
            raise VendorRefusal(okta.expired())
        user = org.users.get(access.user)
        if user is not None:
            return OktaCaller(user, [role.type for role, _ in org.roles_of(user)], access.scopes)
        return OktaCaller(
            None, [one.type for one in org.roles.values() if one.assignee == access.client], access.scopes
        )
    raise VendorRefusal(error(401, "E0000004", "Authentication failed"))


def permit(okta: OktaSimulator, call: Call) -> None:
    """Raises Okta's 403 unless scopes and roles permit the operation."""
    if call.operation in okta.open_operations:
        return
    needed = okta.description.scopes(call.operation)
    who: OktaCaller = call.caller
    if who.scopes is not None and not set(needed) <= set(who.scopes):
        refusal = denied()
        refusal.response.headers["www-authenticate"] = (
            f'Bearer authorization_uri="{okta.url}/oauth2/v1/authorize", realm="{okta.url}", '
            f'scope="{" ".join(needed)}", error="insufficient_scope", error_description="The access token provided '
            f'does not contain the required scopes.", resource="{call.path}"'
        )
        raise refusal
    permitted = {scope for role in who.roles for scope in SCOPES_OF_ROLES[role]}
    if not set(needed) <= permitted and not ("HELP_DESK_ADMIN" in who.roles and call.operation in HELP_DESK_MAY):
        raise denied()


def protect_administrators(okta: OktaSimulator, call: Call, target: OktaUser) -> None:
    """Only a super administrator changes a super administrator; those who manage users or help them change no
    administrator at all."""
    theirs = {role.type for role, _ in okta.state.roles_of(target)}
    mine = set(call.caller.roles)
    if theirs and "SUPER_ADMIN" not in mine and ("SUPER_ADMIN" in theirs or "ORG_ADMIN" not in mine):
        raise denied()
