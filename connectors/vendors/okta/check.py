"""Whether the credential is accepted, and what it may do."""

from __future__ import annotations

from connectors.errors import ActionRequiredError, RefusedError
from connectors.http.connector import CredentialCheck
from connectors.http.flows import ask
from connectors.http.requests import Flow
from connectors.vendors.okta.organisation import SCOPES_NEEDED, OktaSettings
from connectors.vendors.okta.roles import roles_of
from connectors.vendors.okta.users import GET_USER, LIST_USERS, UserRecord

_READ_USERS = "okta.users.read"
"""It lets an app read any user's profile and credentials (developer.okta.com/docs/api/oauth2, "Scopes and supported
endpoints"). Okta's description names it for the list of a user's grants."""
_SUPER_ADMIN = "SUPER_ADMIN"
"""It can perform all tasks of an administrator (help.okta.com, "Standard administrator roles and permissions")."""
_ADMIN_ROLES = frozenset({"SUPER_ADMIN", "ORG_ADMIN", "USER_ADMIN", "CUSTOM"})
_ROLES_NEEDED = {
    "remove_from_apps": ("APP_ADMIN", "ORG_ADMIN"),
    "remove_admin_roles": (_SUPER_ADMIN,),
    "revoke_api_tokens": (_SUPER_ADMIN,),
}
"""By ability, the standard roles of which one is needed; a super administrator may do all. What a custom role permits
is not read."""


def reads_every_user(settings: OktaSettings) -> Flow[bool]:
    """Whether Okta says that the credential may read what belongs to any user: by a scope, with which Okta issues a
    token to a service app only if it is granted; or by the role of the API token's administrator."""
    if settings.client_id:
        return _READ_USERS in settings.scopes.split()
    try:
        me = yield from ask(GET_USER.request("me"), UserRecord)
        return any(role.type == _SUPER_ADMIN for role in (yield from roles_of(me.id)))
    except (ActionRequiredError, RefusedError):
        return False


def check_credential(settings: OktaSettings) -> Flow[CredentialCheck]:
    """Whether users may be read; and of an API token, whether its administrator has a role that may change them."""
    try:
        yield LIST_USERS.request(params={"limit": "1"})
    except ActionRequiredError as error:
        raise ActionRequiredError(
            error.code,
            error.detail,
            remedy=f"Grant the service app the scopes {' and '.join(settings.scopes.split())}, and renew its key."
            if settings.client_id
            else "Renew the API token, and grant its administrator a role that can read and manage users.",
            happened="no",
        ) from None
    if settings.client_id:  # Okta issues a token only where every scope that it names is granted
        lacking = [
            f"{ability} ({missing})" for ability in SCOPES_NEEDED if (missing := settings.lacks_scope_for(ability))
        ]
        return _checked(f"scopes granted: {settings.scopes}", lacking)
    me = yield from ask(GET_USER.request("me"), UserRecord)
    try:
        roles = {role.type for role in (yield from roles_of(me.id))}
    except ActionRequiredError:
        return CredentialCheck(
            "reachable, credential accepted; Okta does not show the roles of the token's administrator"
        )
    if not roles & _ADMIN_ROLES:
        raise ActionRequiredError(
            "rights_missing",
            f"The roles of the token's administrator are: {', '.join(sorted(roles)) or 'none'}.",
            remedy="Grant the token's administrator the role of group administrator (USER_ADMIN), or a custom role "
            "that "
            "can manage users, their sessions, groups and factors.",
            happened="no",
        )
    lacking = (
        []
        if roles & {_SUPER_ADMIN, "CUSTOM"}
        else [f"{ability} ({needed[0]})" for ability, needed in _ROLES_NEEDED.items() if not roles & set(needed)]
    )
    return _checked(f"roles: {', '.join(sorted(roles))}", lacking)


def _checked(rights: str, lacking: list[str]) -> CredentialCheck:
    not_allowed = f"; not allowed by them: {', '.join(lacking)}" if lacking else ""
    return CredentialCheck(f"reachable, credential accepted, {rights}{not_allowed}", tuple(lacking))
