"""How a GitHub organisation is connected: a GitHub App, or the token of an owner, with the least rights."""

from __future__ import annotations

from connectors.setup import LeastRights, MatchBy, Setup, SystemCredential
from connectors.vendors.github.rights import RIGHTS

_REPOSITORY = frozenset({"administration"})  # a permission of repositories; all others are of the organisation
_PERMISSION_NOTES = {"snapshot_access": ". What is not granted is named in `not_shown`"}
_SCOPE_NOTES = {"snapshot_access": "; for deploy keys also `repo`"}


def _permissions(ability: str) -> str:
    written = [
        f"{'for deploy keys the repository permission ' if name in _REPOSITORY else ''}`{name}: {level}`"
        for name, level in RIGHTS[ability].permissions.items()
    ]
    return ", ".join(written) + _PERMISSION_NOTES.get(ability, "")


def _scopes(ability: str) -> str:
    scopes = RIGHTS[ability].scopes
    if not scopes:
        return "not possible: GitHub accepts only an app"
    return " or ".join(f"`{scope}`" for scope in scopes) + _SCOPE_NOTES.get(ability, "")


SETUP = Setup(
    "GitHub",
    (
        SystemCredential(
            "GitHub App",
            ("app_id", "installation_id", "private_key"),
            (
                "In the settings of the organisation, under Developer settings, GitHub Apps, create an app that can "
                "be installed on this account only. It needs no webhook. `app_id` is on its page.",
                "Give it the permissions of the abilities that the packet uses.",
                "Generate a private key, and keep the PEM file.",
                "Install the app in the organisation. `installation_id` is the number at the end of the address of the "
                "installation's page.",
            ),
            (
                LeastRights(
                    "permissions of an app or a fine-grained token",
                    "`members: read`",
                    {ability: _permissions(ability) for ability in RIGHTS},
                    checking="`organization_administration: read`, to read which permissions the app has",
                ),
            ),
        ),
        SystemCredential(
            "personal access token of an owner",
            ("token",),
            (
                "As an owner of the organisation who is not a person who may leave, create a personal access token "
                "with an expiry date, and keep it as a file.",
                "If the organisation requires SAML single sign-on, authorise the token for it on the token's page.",
            ),
            (
                LeastRights(
                    "scopes of a classic token",
                    "`read:org`",
                    {ability: _scopes(ability) for ability in RIGHTS},
                    checking="`read:org`",
                ),
            ),
        ),
    ),
    (
        MatchBy("employee_number", "employeeNumber"),
        MatchBy("email", "samlNameId"),
        MatchBy("email", "verifiedEmail"),
    ),
    page="github.md",
)
