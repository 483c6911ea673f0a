"""The scopes that each ability needs, and which of them Google grants."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from connectors.errors import ActionRequiredError, RefusedError
from connectors.http.connector import CredentialCheck
from connectors.http.flows import parse
from connectors.http.requests import Flow, Request
from connectors.vendors.google_workspace.admin_sdk import (
    ALIASES,
    GROUP_MEMBERS,
    GROUPS_READ,
    LICENSES,
    ROLES,
    ROLES_READ,
    TRANSFERS,
    USER_SECURITY,
    USERS,
    USERS_READ,
    GoogleWorkspaceSettings,
    pages,
)
from connectors.vendors.google_workspace.aliases import LIST_ALIASES
from connectors.vendors.google_workspace.credentials import LIST_TOKENS
from connectors.vendors.google_workspace.groups import GET_MEMBER, LIST_GROUPS
from connectors.vendors.google_workspace.licenses import LIST_LICENSES
from connectors.vendors.google_workspace.roles import LIST_ROLES
from connectors.vendors.google_workspace.transfers import LIST_APPLICATIONS
from connectors.vendors.google_workspace.users import LIST_USERS, WorkspaceUser

NEEDED: Mapping[str, tuple[str, ...]] = {
    "snapshot_access": (USERS_READ, GROUPS_READ, ROLES_READ, USER_SECURITY, LICENSES),
    "suspend_account": (USERS_READ, USERS),
    "unsuspend_account": (USERS_READ, USERS),
    "revoke_sessions": (USERS_READ, USER_SECURITY),
    "revoke_grants": (USERS_READ, USER_SECURITY),
    "delete_app_passwords": (USERS_READ, USER_SECURITY),
    "invalidate_backup_codes": (USERS_READ, USER_SECURITY),
    "remove_from_groups": (USERS_READ, GROUPS_READ, GROUP_MEMBERS),
    "add_to_groups": (USERS_READ, GROUPS_READ, GROUP_MEMBERS),
    "remove_admin_roles": (USERS_READ, USERS, ROLES_READ, ROLES),
    "add_admin_roles": (USERS_READ, USERS, ROLES_READ, ROLES),
    "remove_aliases": (USERS_READ, ALIASES),
    "transfer_data": (USERS_READ, TRANSFERS),
    "hand_over_ownership": (USERS_READ, GROUPS_READ, GROUP_MEMBERS),
    "remove_licenses": (USERS_READ, LICENSES),
    "delete_account": (USERS_READ, USERS),
}
"""Google's description names each as one of the scopes of an operation of the ability; it is the least of them."""


def check(settings: GoogleWorkspaceSettings) -> Flow[CredentialCheck]:
    """Whether users may be read, and which abilities lack a scope or a privilege. Each scope is tried with a request
    that changes nothing: Google refuses a token with several scopes as a whole, without naming the missing one."""
    users = pages("users").items((yield _first_user(settings)))
    customer = parse(users[0], WorkspaceUser).customer if users else None
    granted = [USERS_READ]
    missing: list[str] = []
    refused: list[str] = []
    for scope, request in _trials(settings, customer or settings.customer).items():
        try:
            yield replace(request, scope=scope, missing_ok=True)
        except (ActionRequiredError, RefusedError) as error:
            (missing if error.code == "rights_missing" else refused).append(scope)
        else:
            granted.append(scope)
    said = f"reachable, credential accepted, scopes granted: {', '.join(map(_short, granted))}"
    if missing:
        said += f"; scopes not granted: {', '.join(missing)}; not allowed without them: {_needing(missing)}"
    if refused:
        said += (
            f"; refused to the administrator, who lacks a privilege, or because the API is not enabled: "
            f"{', '.join(map(_short, refused))}; not allowed without them: {_needing(refused)}"
        )
    lacking = {
        ability: [_short(scope) for scope in needed if scope in (*missing, *refused)]
        for ability, needed in NEEDED.items()
    }
    return CredentialCheck(
        said, tuple(f"{ability} ({', '.join(scopes)})" for ability, scopes in lacking.items() if scopes)
    )


def _first_user(settings: GoogleWorkspaceSettings) -> Request:
    return LIST_USERS.request(params={"customer": settings.customer, "maxResults": "1"})


def _trials(settings: GoogleWorkspaceSettings, customer: str) -> Mapping[str, Request]:
    roles = LIST_ROLES.request(settings.customer, params={"maxResults": "1"})
    products = settings.license_products.split()
    trials = {
        USERS: _first_user(settings),
        USER_SECURITY: LIST_TOKENS.request(settings.admin_email),
        ALIASES: LIST_ALIASES.request(settings.admin_email),
        GROUPS_READ: LIST_GROUPS.request(params={"customer": settings.customer, "maxResults": "1"}),
        # The address of no group: Google answers with a 404 only where the scope is granted.
        GROUP_MEMBERS: GET_MEMBER.request(settings.admin_email, settings.admin_email),
        ROLES_READ: roles,
        ROLES: roles,
        TRANSFERS: LIST_APPLICATIONS.request(),
    }
    if products:
        params = {"customerId": customer, "maxResults": "1"}
        trials[LICENSES] = settings.licensing(LIST_LICENSES.request(products[0], params=params))
    return trials


def _short(scope: str) -> str:
    return scope.rsplit("/", 1)[-1]


def _needing(scopes: Collection[str]) -> str:
    return ", ".join(ability for ability, needed in NEEDED.items() if set(needed) & set(scopes))
