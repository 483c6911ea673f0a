"""How Google Workspace is connected: a service account that acts for an administrator, with the least rights."""

from __future__ import annotations

from connectors.setup import LeastRights, MatchBy, Setup, SystemCredential, names
from connectors.vendors.google_workspace.admin_sdk import USERS, USERS_READ
from connectors.vendors.google_workspace.check import NEEDED

_PRIVILEGES = {
    "snapshot_access": "Users: read; Groups: read; User Security Management; License Management: read; super "
    "administrator for roles",
    "suspend_account": "Users: suspend",
    "unsuspend_account": "Users: suspend",
    "revoke_sessions": "User Security Management",
    "revoke_grants": "User Security Management",
    "delete_app_passwords": "User Security Management",
    "invalidate_backup_codes": "User Security Management",
    "remove_from_groups": "Groups: update",
    "add_to_groups": "Groups: update",
    "remove_admin_roles": "super administrator",
    "add_admin_roles": "super administrator",
    "remove_aliases": "Users: add and remove aliases",
    "transfer_data": "Data Transfer",
    "hand_over_ownership": "Groups: update",
    "remove_licenses": "License Management",
    "delete_account": "Users: delete",
}


def _scopes(ability: str) -> str:
    scopes = [scope.rsplit("/", 1)[-1] for scope in NEEDED[ability]]
    if ability in ("remove_admin_roles", "add_admin_roles"):  # only for super administrators
        scopes.remove(USERS.rsplit("/", 1)[-1])
        return f"{names(scopes)}; for super administrators also {names([USERS.rsplit('/', 1)[-1]])}"
    return names(scopes) + (". What is not granted is named in `not_shown`" if ability == "snapshot_access" else "")


SETUP = Setup(
    "Google Workspace",
    (
        SystemCredential(
            "service account with domain-wide delegation",
            (),
            (
                "In a Google Cloud project, enable the Admin SDK API and the Enterprise License Manager API, and make "
                "a service account and a key for it.",
                "In the Admin console, as a super administrator: Security, Access and data control, API controls, "
                "Manage domain-wide delegation. Add the client ID of the service account with the scopes below. Each "
                "scope begins with `https://www.googleapis.com/auth/`.",
                "Set `private_key` to the content of the key's JSON file, or to the private key as PEM together with "
                "`service_account_email`.",
                "Set `admin_email` to the primary address of an administrator with the privileges below. Do not use "
                "the account of a person who may leave: Offboard refuses to change this account (`own_administrator`).",
            ),
            (
                LeastRights(
                    "scopes", names([USERS_READ.rsplit("/", 1)[-1]]), {ability: _scopes(ability) for ability in NEEDED}
                ),
                LeastRights("privileges of the administrator", "Users: read", _PRIVILEGES),
            ),
        ),
    ),
    (MatchBy("employee_number", "externalId"), MatchBy("email", "email")),
    page="google-workspace.md",
)
