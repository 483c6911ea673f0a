"""The kind `github`: one organisation, its members, and what they can reach.

Requests are in `operations.py` (REST) and `queries.py` (GraphQL). What GitHub refuses at one team, invitation, token or
authorisation is named, and the others are done.
"""

from __future__ import annotations

from datetime import timedelta

from connectors.abilities import Ability
from connectors.acts import Act, ActTable
from connectors.http.connector import HttpKind
from connectors.vendors.github import credentials, membership, snapshot
from connectors.vendors.github.answers import DIALECT
from connectors.vendors.github.finding import find
from connectors.vendors.github.listing import list_users
from connectors.vendors.github.rights import check
from connectors.vendors.github.settings import HEADERS, GitHubSettings, auth
from connectors.vendors.github.setup import SETUP

_RESTORED_FOR = timedelta(days=89)  # three months, in the shortest case
_SETTLE_TIME = timedelta(minutes=1)  # permissions, teams and forks are updated after the answer

_AT_ONCE = timedelta(0)  # GitHub checks at each request what the user of a token may reach

GITHUB = HttpKind(
    "github",
    GitHubSettings,
    system_class="code_host",
    auth=auth,
    prepare=lambda settings: settings,
    find=find,
    list_accounts=list_users,
    check=check,
    setup=SETUP,
    dialect=DIALECT,
    headers=HEADERS,
    acts=ActTable(
        "github",
        Act(
            Ability(
                "snapshot_access",
                "read",
                "records the membership, outside collaboration, teams, invitations, tokens, keys, Copilot seat and "
                "identities of the account, and what it is the only owner or maintainer of",
                reversible="yes",
            ),
            look=snapshot.look_at_access,
        ),
        Act(
            Ability(
                "remove_member",
                "change",
                "removes the account from the organisation, its teams and its repositories, or cancels its invitation; "
                "an owner can reinstate it for three months, with its teams and private forks",
                reversible="limited",
                reversible_for=_RESTORED_FOR,
                cuts_access=True,
                tokens_last=_AT_ONCE,
                settles_within=_SETTLE_TIME,
            ),
            membership.remove_member,
            membership.look_at_member,
        ),
        Act(
            Ability(
                "remove_outside_collaborations",
                "change",
                "removes an outside collaborator from all repositories of the organisation; an owner can reinstate the "
                "account for three months",
                reversible="limited",
                reversible_for=_RESTORED_FOR,
                cuts_access=True,
                tokens_last=_AT_ONCE,
                settles_within=_SETTLE_TIME,
            ),
            membership.remove_collaborations,
            membership.look_at_collaborations,
        ),
        Act(
            Ability(
                "remove_from_teams",
                "change",
                "removes the account from all teams of the organisation; GitHub deletes its private forks of "
                "repositories that it cannot reach otherwise",
                destroys=True,
                settles_within=_SETTLE_TIME,
            ),
            membership.leave_teams,
            membership.look_at_teams,
        ),
        Act(
            Ability(
                "cancel_invitations",
                "change",
                "cancels pending invitations to the organisation: those of the account and of the mail addresses in "
                "`emails`",
                reversible="yes",  # an owner can invite again
                needs_account=False,
                settles_within=_SETTLE_TIME,
            ),
            membership.cancel_invitations,
            membership.look_at_invitations,
        ),
        Act(
            Ability(
                "revoke_fine_grained_tokens",
                "change",
                "revokes the access of the account's fine-grained tokens to the organisation; needs a GitHub App",
                cuts_access=True,
                tokens_last=_AT_ONCE,
                ends=("access_tokens",),
                destroys_nothing_because="the person can request access for a token again",
                settles_within=_SETTLE_TIME,
            ),
            credentials.revoke_tokens,
            credentials.look_at_tokens,
        ),
        Act(
            Ability(
                "remove_sso_authorizations",
                "change",
                "removes the authorisations of the account's tokens and SSH keys for SAML single sign-on",
                cuts_access=True,
                tokens_last=_AT_ONCE,
                destroys_nothing_because="the person can authorise a credential again while they can sign in",
                settles_within=_SETTLE_TIME,
            ),
            credentials.remove_authorizations,
            credentials.look_at_authorizations,
        ),
        Act(
            Ability(
                "cancel_copilot_seat",
                "change",
                "cancels the account's Copilot seat; it works until the end of the billing period",
                reversible="yes",  # an owner can assign the seat again
                settles_within=_SETTLE_TIME,
            ),
            credentials.cancel_seat,
            credentials.look_at_seat,
        ),
    ),
)
