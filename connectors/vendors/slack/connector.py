"""Slack: the users of a workspace or an organisation, their sessions, user groups, groups of the identity provider,
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
from connectors.vendors.slack.idp_groups import leave_idp_groups, look_at_idp_groups
from connectors.vendors.slack.listing import list_users
from connectors.vendors.slack.rights import check
from connectors.vendors.slack.roles import look_at_roles, remove_admin_roles
from connectors.vendors.slack.search import find
from connectors.vendors.slack.sessions import look_at_sessions, revoke_sessions
from connectors.vendors.slack.settings import SlackSettings
from connectors.vendors.slack.setup import SETUP
from connectors.vendors.slack.snapshot import snapshot
from connectors.vendors.slack.user_groups import leave_groups, look_at_groups
from connectors.vendors.slack.users import activate, deactivate, look_at_activation, look_at_deactivation
from connectors.vendors.slack.workspaces import look_at_workspaces, remove_from_workspaces

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
    list_accounts=list_users,
    check=check,
    setup=SETUP,
    dialect=DIALECT,
    acts=ActTable(
        "slack",
        Act(
            Ability(
                "snapshot_access",
                "read",
                "records the account's state, workspaces, sessions, user groups, groups of the identity provider, "
                "roles, managed channels and installed apps, and what it is the only member or manager of",
                reversible="yes",
            ),
            look=snapshot,
        ),
        Act(
            Ability(
                "deactivate_account",
                "change",
                "deactivates the account in the workspace, or in the organisation and all its workspaces: it is signed "
                "out, and tokens that it gave to apps are revoked; bots and webhooks of apps that it installed stay",
                reversible="yes",  # an administrator can activate it again
                cuts_access=True,
                tokens_last=_AT_ONCE,
                ends=("sessions", "access_tokens", "refresh_tokens"),
                settles_within=_SETTLE_TIME,
                undone_by="activate_account",
            ),
            deactivate,
            look_at_deactivation,
        ),
        Act(
            Ability(
                "activate_account",
                "change",
                "activates the account by SCIM; tokens that it gave to apps stay revoked",
                reversible="yes",
                settles_within=_SETTLE_TIME,
                gives_access=True,
            ),
            activate,
            look_at_activation,
        ),
        Act(
            Ability(
                "revoke_sessions",
                "change",
                "ends all web and mobile sessions of the account; needs an organisation",
                reversible="yes",  # an account that may still sign in signs in again
                regained_by_sign_in=True,
                ends=("sessions",),
                cannot_end=("access_tokens", "refresh_tokens"),  # of apps
                settles_within=_SETTLE_TIME,
            ),
            revoke_sessions,
            look_at_sessions,
        ),
        Act(
            Ability(
                "remove_from_user_groups",
                "change",
                "removes the account from all user groups, or from those in `groups`; with `disable_emptied`, a group "
                "without another member is disabled",
                reversible="yes",  # the members before are in the reply
                settles_within=_SETTLE_TIME,
            ),
            leave_groups,
            look_at_groups,
        ),
        Act(
            Ability(
                "remove_from_idp_groups",
                "change",
                "removes the account from all groups of the SCIM API, or from those in `groups`",
                reversible="yes",  # the groups it was in are in the reply and in the snapshot
                settles_within=_SETTLE_TIME,
            ),
            leave_idp_groups,
            look_at_idp_groups,
        ),
        Act(
            Ability(
                "remove_admin_roles",
                "change",
                "removes the assigned roles of the account, and makes an administrator or owner of the organisation or "
                "a workspace a regular member; needs an organisation",
                reversible="yes",  # the roles are in the reply and in the snapshot
                cuts_access=True,
                tokens_last=_AT_ONCE,  # Slack checks the roles at each request
                settles_within=_SETTLE_TIME,
            ),
            remove_admin_roles,
            look_at_roles,
        ),
        Act(
            Ability(
                "remove_from_workspaces",
                "change",
                "removes the account from all workspaces of the organisation, or from those in `workspaces`; its user "
                "groups and channels there are not restored when it is added again",
                reversible="yes",  # an administrator can add it again
                cuts_access=True,
                tokens_last=_AT_ONCE,
                ends=("sessions", "access_tokens", "refresh_tokens"),
                settles_within=_SETTLE_TIME,
            ),
            remove_from_workspaces,
            look_at_workspaces,
        ),
    ),
)
