"""Slack: the users of a workspace or an organization, their sessions, user groups, groups of the identity provider,
roles and apps.

Requests go to the Web API (docs.slack.dev/reference/methods) and, on Business+ and Enterprise plans, to the SCIM API
(docs.slack.dev/reference/scim-api).
"""

from __future__ import annotations

from datetime import timedelta

from connectors.abilities import Ability
from connectors.acts import Act, ActTable
from connectors.http.auth import Auth, BearerToken
from connectors.http.connector import HttpKind
from connectors.vendors.slack.answers import DIALECT
from connectors.vendors.slack.credential import SlackAccess
from connectors.vendors.slack.rights import check
from connectors.vendors.slack.search import find
from connectors.vendors.slack.settings import SlackSettings
from connectors.vendors.slack.setup import SETUP
from connectors.vendors.slack.snapshot import snapshot
from connectors.vendors.slack.users import deactivate, look_at_deactivation

_AT_ONCE = timedelta(0)
_SETTLE_TIME = timedelta(minutes=1)


def _auth(settings: SlackSettings) -> Auth:
    return BearerToken(settings.token.get_secret_value())


SLACK = HttpKind(
    "slack",
    SlackSettings,
    system_class="chat",
    auth=_auth,
    prepare=SlackAccess,
    find=find,
    check=check,
    setup=SETUP,
    dialect=DIALECT,
    acts=ActTable(
        "slack",
        Act(
            Ability(
                "snapshot_access",
                "read",
                "records the account's state, whether it is a guest or an administrator, and its workspaces",
                reversible="yes",
            ),
            look=snapshot,
        ),
        Act(
            Ability(
                "deactivate_account",
                "change",
                "deactivates the account in the workspace, or in the organization and all its workspaces: it is signed "
                "out, and tokens that it gave to apps are revoked; bots and webhooks of apps that it installed go on",
                reversible="yes",  # an administrator can activate it again
                cuts_access=True,
                tokens_last=_AT_ONCE,
                ends=("sessions", "access_tokens", "refresh_tokens"),
                settles_within=_SETTLE_TIME,
            ),
            deactivate,
            look_at_deactivation,
        ),
    ),
)
