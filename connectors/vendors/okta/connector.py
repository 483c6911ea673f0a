"""Okta workforce identity: users, their sessions, groups, factors, applications, administrator roles and API tokens.
Okta management API 2026.06.

Each file of this package lists its requests as operations, each with the method, path and operation id of Okta's own
description (github.com/okta/okta-management-openapi-spec). In Okta an account is suspended, then deactivated, then
deleted: `delete_account` deletes a deactivated account only, since Okta answers the deletion of any other with a
deactivation.
"""

from __future__ import annotations

from datetime import timedelta

from connectors.abilities import Ability
from connectors.acts import Act, ActTable
from connectors.http.connector import HttpKind
from connectors.http.dialect import Dialect
from connectors.vendors.okta.api_tokens import look_at_api_tokens, revoke_api_tokens
from connectors.vendors.okta.applications import look_at_apps, look_at_grants, remove_from_apps, revoke_grants
from connectors.vendors.okta.check import check_credential
from connectors.vendors.okta.factors import look_at_factors, reset_factors
from connectors.vendors.okta.groups import join_groups, leave_groups, look_at_groups, look_at_joining
from connectors.vendors.okta.organisation import SETTLE_TIME, TOKENS_LAST, OktaSettings, auth_of, error_code
from connectors.vendors.okta.roles import look_at_admin_roles, remove_admin_roles
from connectors.vendors.okta.search import find_users, list_users
from connectors.vendors.okta.setup import SETUP
from connectors.vendors.okta.snapshot import snapshot
from connectors.vendors.okta.users import (
    deactivate,
    delete,
    look_at_deactivation,
    look_at_deletion,
    look_at_suspension,
    look_at_unsuspension,
    revoke_sessions,
    suspend,
    unsuspend,
)

OKTA = HttpKind(
    "okta",
    OktaSettings,
    system_class="identity_provider",
    auth=auth_of,
    prepare=lambda settings: settings,
    find=find_users,
    list_accounts=list_users,
    check=check_credential,
    setup=SETUP,
    dialect=Dialect(code=error_code, failed_success=lambda body: bool(error_code(body))),
    acts=ActTable(
        "okta",
        Act(
            Ability(
                "snapshot_access",
                "read",
                "records the account's status, groups, factors, grants, applications, administrator roles, API tokens",
                reversible="yes",
            ),
            look=snapshot,
        ),
        Act(
            Ability(
                "suspend_account",
                "change",
                "suspends the account, so that it cannot sign in; groups and applications are kept",
                reversible="yes",
                cuts_access=True,
                tokens_last=TOKENS_LAST,
                undone_by="unsuspend_account",
            ),
            suspend,
            look_at_suspension,
        ),
        Act(
            Ability(
                "unsuspend_account",
                "change",
                "lifts the suspension of the account",
                reversible="yes",
                gives_access=True,
            ),
            unsuspend,
            look_at_unsuspension,
        ),
        Act(
            Ability(
                "revoke_sessions",
                "change",
                "ends every session and revokes OAuth tokens and remembered devices",
                read_back=False,  # Okta lists neither sessions nor tokens of a user
                reversible="yes",  # an account that may still sign in signs in again
                cuts_access=True,
                tokens_last=TOKENS_LAST,
                regained_by_sign_in=True,
                ends=("sessions", "refresh_tokens"),
                cannot_end=("application_sessions",),
            ),
            revoke_sessions,
        ),
        Act(
            Ability(
                "remove_from_groups",
                "change",
                "removes the account from all Okta groups, or from those in `groups`",
                reversible="yes",  # the groups it was in are in the reply and in the snapshot
                cuts_access=True,
                tokens_last=TOKENS_LAST,  # a token can list the groups
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
                gives_access=True,
            ),
            join_groups,
            look_at_joining,
        ),
        Act(
            Ability(
                "reset_factors",
                "change",
                "removes every enrolled factor of the account",
                destroys_nothing_because="the person can enrol another factor",
            ),
            reset_factors,
            look_at_factors,
        ),
        Act(
            Ability(
                "remove_admin_roles",
                "change",
                "removes the account's own administrator roles; a role by a group ends when the account leaves it",
                reversible="yes",  # the roles are in the reply and in the snapshot
                cuts_access=True,
                tokens_last=timedelta(0),  # Okta checks the roles at each request
            ),
            remove_admin_roles,
            look_at_admin_roles,
        ),
        Act(
            Ability(
                "revoke_api_tokens",
                "change",
                "revokes the API tokens that the account created; what uses them stops",
                cuts_access=True,
                tokens_last=timedelta(0),
                destroys_nothing_because="a token has no data; what used it can get a new one",
            ),
            revoke_api_tokens,
            look_at_api_tokens,
        ),
        Act(
            Ability(
                "revoke_grants",
                "change",
                "revokes the consents that the account gave to applications",
                destroys_nothing_because="the person can consent again",
            ),
            revoke_grants,
            look_at_grants,
        ),
        Act(
            Ability(
                "remove_from_apps",
                "change",
                "removes the account's own assignments to applications; one by a group ends when the account leaves it",
                destroys=True,  # the app profile; a provisioned application may delete the account
                settles_within=SETTLE_TIME,
            ),
            remove_from_apps,
            look_at_apps,
        ),
        Act(
            Ability(
                # Suspending is what cuts access; this ends the account, usually some time later.
                "deactivate_account",
                "change",
                "deactivates the account; applications deprovision it, and may delete its data",
                destroys=True,
                settles_within=SETTLE_TIME,
                ends_account=True,
                tokens_last=TOKENS_LAST,
            ),
            deactivate,
            look_at_deactivation,
        ),
        Act(
            Ability(
                "delete_account",
                "change",
                "deletes a deactivated account permanently",
                destroys=True,
                settles_within=SETTLE_TIME,
                ends_account=True,
                tokens_last=TOKENS_LAST,
            ),
            delete,
            look_at_deletion,
        ),
    ),
)
