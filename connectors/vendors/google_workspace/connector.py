"""Google Workspace: users, their sessions, tokens, app passwords, backup codes, groups, administrator roles, aliases,
licences, and the data that they own. Admin SDK (directory_v1, datatransfer_v1) and Enterprise License Manager (v1).

Each file of this package lists its requests as operations, each with the method, path, id and least scope of Google's
own discovery documents (PyPI, google-api-python-client). What Google refuses at one group, role, app, alias or licence
is named, and the others are done.
"""

from __future__ import annotations

from datetime import timedelta

from connectors.abilities import Ability
from connectors.acts import Act, ActTable
from connectors.http.connector import HttpKind
from connectors.vendors.google_workspace.access import DelegatedTokens
from connectors.vendors.google_workspace.admin_sdk import DIALECT, SETTLE_TIME, GoogleWorkspaceSettings
from connectors.vendors.google_workspace.aliases import look_at_aliases, remove_aliases
from connectors.vendors.google_workspace.check import check
from connectors.vendors.google_workspace.credentials import (
    delete_app_passwords,
    invalidate_backup_codes,
    look_at_app_passwords,
    look_at_backup_codes,
    look_at_grants,
    revoke_grants,
)
from connectors.vendors.google_workspace.groups import join_groups, leave_groups, look_at_groups, look_at_joining
from connectors.vendors.google_workspace.licenses import look_at_licenses, remove_licenses
from connectors.vendors.google_workspace.ownership import hand_over_ownership, look_at_ownership
from connectors.vendors.google_workspace.roles import add_roles, look_at_added_roles, look_at_roles, remove_roles
from connectors.vendors.google_workspace.search import find_users, list_users
from connectors.vendors.google_workspace.setup import SETUP
from connectors.vendors.google_workspace.snapshot import snapshot
from connectors.vendors.google_workspace.transfers import look_at_transfers, transfer_data
from connectors.vendors.google_workspace.users import (
    delete,
    look_at_deletion,
    look_at_status,
    look_at_unsuspension,
    sign_out,
    suspend,
    unsuspend,
)

_TOKENS_LAST = timedelta(hours=1)
"""Google does not document which acts end access tokens, so they count as accepted until they expire."""

GOOGLE_WORKSPACE = HttpKind(
    "google_workspace",
    GoogleWorkspaceSettings,
    system_class="identity_provider",
    auth=DelegatedTokens,
    prepare=lambda settings: settings,
    find=find_users,
    list_accounts=list_users,
    check=check,
    setup=SETUP,
    dialect=DIALECT,
    acts=ActTable(
        "google_workspace",
        Act(
            Ability(
                "snapshot_access",
                "read",
                "records the account's status, organizational unit, 2-step verification, aliases, groups, "
                "administrator roles, tokens of apps, app passwords, number of backup codes, and licences",
                reversible="yes",
            ),
            look=snapshot,
        ),
        Act(
            Ability(
                "suspend_account",
                "change",
                "suspends the account, so that it cannot sign in; new mail and invitations are blocked",
                reversible="yes",
                cuts_access=True,
                tokens_last=_TOKENS_LAST,
                settles_within=SETTLE_TIME,
                undone_by="unsuspend_account",
            ),
            suspend,
            look_at_status,
        ),
        Act(
            Ability(
                "unsuspend_account",
                "change",
                "lifts the suspension of the account",
                reversible="yes",
                settles_within=SETTLE_TIME,
                gives_access=True,
            ),
            unsuspend,
            look_at_unsuspension,
        ),
        Act(
            Ability(
                "revoke_sessions",
                "change",
                "signs the account out of all web and device sessions; tokens of apps stay valid",
                read_back=False,  # Google lists no sessions
                reversible="yes",  # an account that may still sign in signs in again
                cuts_access=True,
                tokens_last=_TOKENS_LAST,
                regained_by_sign_in=True,
                ends=("sessions",),
                cannot_end=("application_sessions",),
            ),
            sign_out,
        ),
        Act(
            Ability(
                "revoke_grants",
                "change",
                "deletes the tokens of every app that the account gave access to",
                destroys_nothing_because="the person can give an app access again",
                settles_within=SETTLE_TIME,
            ),
            revoke_grants,
            look_at_grants,
        ),
        Act(
            Ability(
                "delete_app_passwords",
                "change",
                "deletes the account's app passwords, with which apps sign in without 2-step verification",
                destroys_nothing_because="the person can make another app password",
                settles_within=SETTLE_TIME,
            ),
            delete_app_passwords,
            look_at_app_passwords,
        ),
        Act(
            Ability(
                "invalidate_backup_codes",
                "change",
                "invalidates the account's backup verification codes",
                destroys_nothing_because="the person can get other codes",
                settles_within=SETTLE_TIME,
            ),
            invalidate_backup_codes,
            look_at_backup_codes,
        ),
        Act(
            Ability(
                "remove_from_groups",
                "change",
                "removes the account from all groups that it is a direct member of, or from those in `groups`, except "
                "for those in `keep`",
                reversible="yes",  # the groups it was in are in the reply and in the snapshot
                cuts_access=True,
                tokens_last=_TOKENS_LAST,
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
                "adds the account to the groups from which a run removed it, with its former role in each",
                reversible="yes",
                settles_within=SETTLE_TIME,
                gives_access=True,
            ),
            join_groups,
            look_at_joining,
        ),
        Act(
            Ability(
                "remove_admin_roles",
                "change",
                "removes the account's own administrator roles, super administrator included; a role by a group ends "
                "when the account leaves it",
                reversible="yes",  # the roles are in the reply and in the snapshot
                cuts_access=True,
                tokens_last=_TOKENS_LAST,
                settles_within=SETTLE_TIME,
                undone_by="add_admin_roles",
                taken_as="removed_roles",
                recorded_as="removable_roles",
            ),
            remove_roles,
            look_at_roles,
        ),
        Act(
            Ability(
                "add_admin_roles",
                "change",
                "assigns the administrator roles that a run removed, super administrator included",
                reversible="yes",
                settles_within=SETTLE_TIME,
                gives_access=True,
            ),
            add_roles,
            look_at_added_roles,
        ),
        Act(
            Ability(
                "remove_aliases",
                "change",
                "removes the account's aliases, except for those in `keep`; mail to them is returned to its sender",
                reversible="yes",  # an alias can be given again, also to another account
                destroys=True,  # mail that others still need does not arrive
                settles_within=SETTLE_TIME,
            ),
            remove_aliases,
            look_at_aliases,
        ),
        Act(
            Ability(
                "transfer_data",
                "change",
                "makes the account's manager, or the account `to_account` (an ID) or `to_email`, the owner of its "
                "files in Drive and its future events in Calendar; the step is tried again until Google has completed "
                "it",
                hands_over=True,  # no time to settle: a transfer takes up to days, and the next attempt waits for it
            ),
            transfer_data,
            look_at_transfers,
        ),
        Act(
            Ability(
                "hand_over_ownership",
                "change",
                "makes the account's manager, or the account `to_account` (an ID) or `to_email`, an owner of the "
                "groups that the account owns, and then the account an ordinary member",
                reversible="yes",  # the reply names the groups
                hands_over=True,
                settles_within=SETTLE_TIME,
            ),
            hand_over_ownership,
            look_at_ownership,
        ),
        Act(
            Ability(
                "remove_licenses",
                "change",
                "removes the account's licences of the products in the setting license_products; the account loses "
                "these services",
                destroys=True,
                settles_within=SETTLE_TIME,
            ),
            remove_licenses,
            look_at_licenses,
        ),
        Act(
            Ability(
                "delete_account",
                "change",
                "deletes the account with its data; an administrator can restore it for 20 days",
                reversible="limited",
                reversible_for=timedelta(days=20),
                ends_account=True,
                tokens_last=_TOKENS_LAST,
                destroys=True,
                settles_within=SETTLE_TIME,
            ),
            delete,
            look_at_deletion,
        ),
    ),
)
