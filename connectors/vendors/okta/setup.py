"""How Okta is connected: a service app, or an API token, with the least rights."""

from __future__ import annotations

from connectors.setup import LeastRights, MatchBy, Setup, SystemCredential, names
from connectors.vendors.okta.organisation import SCOPES_NEEDED

_SCOPES = {ability: names(scopes.split()) for ability, scopes in SCOPES_NEEDED.items()}
_SCOPES["snapshot_access"] += "; what more it may read is in the snapshot"
_ROLE = "group administrator (`USER_ADMIN`), or a custom role that can manage users, sessions, factors and memberships"
_ROLES = {
    "remove_from_apps": "also application administrator (`APP_ADMIN`)",
    "remove_admin_roles": "super administrator (`SUPER_ADMIN`)",
    "revoke_api_tokens": "super administrator (`SUPER_ADMIN`)",
}

SETUP = Setup(
    "Okta",
    (
        SystemCredential(
            "service app with a private key",
            ("client_id", "private_key", "key_id"),
            (
                "In Okta's Admin Console, create an app integration of the type API Services.",
                "Set its client authentication to public key / private key, add a public key, and keep the private key "
                "as a file. `client_id` and `key_id` are on this page. Turn off the requirement of DPoP.",
                "Grant the app the scopes of the abilities that the packet uses, under Okta API Scopes. If they are "
                "more than the default of the setting `scopes`, list all of them there.",
                "Assign the app an administrator role that can manage users, their sessions, factors and group "
                "memberships, under Admin roles.",
            ),
            (
                LeastRights(
                    "scopes",
                    f"{names(['okta.users.read'])}; with `okta.roles.read`, administrators are shown as privileged",
                    _SCOPES,
                ),
            ),
        ),
        SystemCredential(
            "API token",
            ("token",),
            (
                "Sign in to Okta's Admin Console as an administrator with the role below, who is not a person who may "
                "leave: the token stops with the account.",
                "Create a token under Security, API, Tokens, and keep it as a file.",
            ),
            (LeastRights("role of the token's administrator", _ROLE, _ROLES),),
        ),
    ),
    (MatchBy("employee_number", "employeeNumber"), MatchBy("email", "login")),
    page="okta.md",
)
