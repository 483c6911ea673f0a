"""How Slack is connected: an app with a user token of an administrator, or with a bot token, with the least scopes."""

from __future__ import annotations

from connectors.setup import LeastRights, MatchBy, Setup, SystemCredential, names
from connectors.vendors.slack.credential import RIGHTS, SHOWN_WITH


def _scopes(ability: str) -> str:
    said = "; or ".join(rights.text() for rights in RIGHTS[ability])
    if ability != "snapshot_access":
        return said
    more = sorted({scope for rights in SHOWN_WITH.values() for scope in rights.scopes})
    return f"{said}; for more of it {names(more)}. What is not granted is named in `not_shown`"


SETUP = Setup(
    "Slack",
    (
        SystemCredential(
            "user token of an owner or administrator",
            ("token",),
            (
                "Sign in at api.slack.com/apps as an owner or administrator who is not a person who may leave: the "
                "token stops with the account. In an organisation (Enterprise plans) this must be an organisation "
                "owner.",
                "Create an app from scratch. Under OAuth & Permissions, add the scopes of the abilities that the "
                "packet uses as user token scopes. Do not turn on token rotation.",
                "For an organisation, opt in to organisation-wide installation under Org Level Apps, and install the "
                "app on the organisation. Otherwise, install it in the workspace.",
                "Keep the User OAuth Token (`xoxp-…`) as a file. `team_id` is the ID of the organisation (`E…`) or of "
                "the workspace (`T…`), as in the address of Slack in a browser.",
            ),
            (
                LeastRights(
                    "scopes",
                    "`users:read`, `users:read.email`; by `userName`, `externalId` and `employeeNumber` also `admin`; "
                    "deactivated accounts of an organisation also `admin.users:read`",
                    {ability: _scopes(ability) for ability in RIGHTS},
                    checking="`users:read`, `users:read.email`",
                ),
            ),
        ),
        SystemCredential(
            "bot token",
            ("token",),
            (
                "On plans without SCIM, and where Offboard is not to deactivate accounts: add the scopes as bot token "
                "scopes, install the app in the workspace, and keep the Bot User OAuth Token (`xoxb-…`). Slack takes "
                "no bot token for scopes that begin with `admin`.",
            ),
        ),
    ),
    (MatchBy("email", "email"), MatchBy("employee_number", "employeeNumber")),
    page="slack.md",
)
