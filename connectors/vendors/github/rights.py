"""What each ability needs of the credential, and a check that names what is missing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from connectors.errors import ActionRequiredError, RefusedError
from connectors.http.connector import CredentialCheck
from connectors.http.flows import parse
from connectors.http.requests import Flow
from connectors.vendors.github.answers import OrgMembership, held_scopes, require_own, with_included
from connectors.vendors.github.operations import LIST_MEMBERS, OWN_MEMBERSHIP
from connectors.vendors.github.settings import GitHubSettings
from connectors.vendors.github.snapshot import installations


@dataclass(frozen=True, slots=True)
class Rights:
    """`permissions` of a GitHub App or a fine-grained token, each with `read` or `write`. `scopes` of a classic token:
    one of them suffices; none where GitHub takes only an app."""

    permissions: Mapping[str, str]
    scopes: tuple[str, ...]

    def lacking_permissions(self, granted: Mapping[str, str]) -> list[str]:
        return [
            f"{name}: {level}"
            for name, level in self.permissions.items()
            if granted.get(name) not in (level, "write", "admin")
        ]

    def lacking_scope(self, held: Collection[str]) -> str:
        if not self.scopes:
            return "a GitHub App"
        return "" if with_included(set(held)) & set(self.scopes) else self.scopes[0]


_MEMBERS = Rights({"members": "write"}, ("admin:org",))
RIGHTS: Mapping[str, Rights] = {
    "snapshot_access": Rights(
        {
            "members": "read",
            "organization_administration": "read",
            "organization_personal_access_tokens": "read",
            "organization_copilot_seat_management": "read",
            "administration": "read",
        },
        ("admin:org",),
    ),
    "remove_member": _MEMBERS,
    "remove_outside_collaborations": _MEMBERS,
    "remove_from_teams": _MEMBERS,
    "cancel_invitations": _MEMBERS,
    "revoke_fine_grained_tokens": Rights({"organization_personal_access_tokens": "write"}, ()),
    "remove_sso_authorizations": Rights({"organization_administration": "write"}, ("admin:org",)),
    "cancel_copilot_seat": Rights(
        {"organization_copilot_seat_management": "write"}, ("manage_billing:copilot", "admin:org")
    ),
}
"""By ability. An app always needs `members: read` besides, to find accounts."""


_FOR_AN_APP = (
    "Check app_id, installation_id and private_key, and that the app is installed in the organisation with the "
    "permission members: read."
)
_FOR_AN_OWNER = (
    "Renew the token as an owner of the organisation. If the organisation requires SAML single sign-on, authorise the "
    "token for it on the token's page."
)


def check(settings: GitHubSettings) -> Flow[CredentialCheck]:
    """Whether GitHub answers and accepts the credential, and which abilities it lacks a right for."""
    try:
        yield LIST_MEMBERS.request(settings.organization, params={"per_page": "1"})
    except ActionRequiredError as error:
        raise ActionRequiredError(
            error.code, error.detail, remedy=_FOR_AN_APP if settings.as_app else _FOR_AN_OWNER, happened="no"
        ) from None
    said, lacking = yield from (_check_app(settings) if settings.as_app else _check_token(settings))
    named = f"; not allowed by them: {'; '.join(lacking)}" if lacking else ""
    return CredentialCheck(f"reachable, credential accepted{said}{named}", tuple(lacking))


def _check_app(settings: GitHubSettings) -> Flow[tuple[str, list[str]]]:
    """What to say, and the abilities that lack a permission."""
    try:
        found = yield from installations(settings)
    except (ActionRequiredError, RefusedError) as error:
        if error.code not in ("credential_refused", "not_found"):
            raise
        return "; the app cannot read its own permissions: grant it organization_administration: read", []
    own = next((one for one in found if str(one.id) == settings.installation_id), None)
    if own is None:
        return "; the app cannot read its own permissions: its installation is not one of the organisation's", []
    granted = ", ".join(f"{name}: {level}" for name, level in sorted(own.permissions.items())) or "none"
    return f", permissions: {granted}", _named(
        {ability: rights.lacking_permissions(own.permissions) for ability, rights in RIGHTS.items()}
    )


def _check_token(settings: GitHubSettings) -> Flow[tuple[str, list[str]]]:
    answer = yield OWN_MEMBERSHIP.request(settings.organization, missing_ok=True)
    require_own(answer)
    if answer.missing or not parse(answer.body, OrgMembership).is_owner:
        raise ActionRequiredError(
            "rights_missing",
            "The token's user is not an owner of the organisation.",
            remedy="Create the token as an owner of the organisation, or connect with a GitHub App.",
            happened="no",
        )
    scopes = held_scopes(answer)
    if scopes is None:
        said = ", token of an owner; the permissions of a fine-grained token cannot be read and are not checked"
        return said, _named({"revoke_fine_grained_tokens": ["a GitHub App"]})
    lacking = {ability: rights.lacking_scope(scopes) for ability, rights in RIGHTS.items()}
    return f", token of an owner, scopes: {', '.join(sorted(scopes)) or 'none'}", _named(
        {ability: [scope] if scope else [] for ability, scope in lacking.items()}
    )


def _named(lacking: Mapping[str, Collection[str]]) -> list[str]:
    return [f"{ability} ({', '.join(rights)})" for ability, rights in lacking.items() if rights]
