"""The kind `aws_identity_center`: the users of one instance of IAM Identity Center of AWS.

The interface cannot disable a user, nor end a session. Access ends with the assignments to accounts and applications,
with the memberships of groups that have some, or with the user.
"""

from __future__ import annotations

from datetime import timedelta

from connectors.abilities import Ability
from connectors.acts import Act, ActTable
from connectors.http.connector import HttpKind
from connectors.vendors.aws.identity_center.account_access import (
    look_at_account_assignments,
    remove_account_assignments,
)
from connectors.vendors.aws.identity_center.applications import (
    look_at_application_assignments,
    remove_application_assignments,
)
from connectors.vendors.aws.identity_center.calls import BODY_FORM, DIALECT, MEDIA_TYPE
from connectors.vendors.aws.identity_center.deletion import delete_user, look_at_deletion
from connectors.vendors.aws.identity_center.finding import KIND, find, list_users
from connectors.vendors.aws.identity_center.groups import leave_groups, look_at_groups
from connectors.vendors.aws.identity_center.permissions import check
from connectors.vendors.aws.identity_center.settings import IdentityCenterSettings, auth
from connectors.vendors.aws.identity_center.setup import SETUP
from connectors.vendors.aws.identity_center.snapshot import look_at_access

_SETTLE_TIME = timedelta(minutes=5)  # AWS names no limit
_DELETION_TIME = timedelta(minutes=15)  # AWS deletes an assignment in its own time, and names no limit
_ROLE_SESSIONS_LAST = timedelta(hours=12)  # as long as the permission set says, at most
_APPLICATION_SESSIONS_LAST = timedelta(hours=1)

AWS_IDENTITY_CENTER = HttpKind(
    KIND,
    IdentityCenterSettings,
    system_class="cloud",
    auth=auth,
    prepare=lambda settings: settings,
    find=find,
    list_accounts=list_users,
    check=check,
    setup=SETUP,
    dialect=DIALECT,
    media_type=MEDIA_TYPE,
    body_form=BODY_FORM,
    acts=ActTable(
        KIND,
        Act(
            Ability(
                "snapshot_access",
                "read",
                "records the status of the user, groups, assignments to AWS accounts with their permission sets and to "
                "applications, the user's own and those by groups, and the identity provider that provisions the user",
                reversible="yes",
            ),
            look=look_at_access,
        ),
        Act(
            Ability(
                "remove_account_assignments",
                "change",
                "deletes the user's own assignments to AWS accounts; what groups give stays, and sessions of roles "
                "last until they expire, for up to 12 hours",
                reversible="yes",  # the accounts and permission sets are in the reply and in the snapshot
                cuts_access=True,
                tokens_last=_ROLE_SESSIONS_LAST,
                cannot_end=("sessions", "access_tokens"),
                settles_within=_DELETION_TIME,
            ),
            remove_account_assignments,
            look_at_account_assignments,
        ),
        Act(
            Ability(
                "remove_application_assignments",
                "change",
                "deletes the user's own assignments to applications; what groups give stays, and so do sessions that "
                "applications keep for themselves",
                reversible="yes",
                cuts_access=True,
                tokens_last=_APPLICATION_SESSIONS_LAST,
                cannot_end=("sessions", "application_sessions"),
                settles_within=_SETTLE_TIME,
            ),
            remove_application_assignments,
            look_at_application_assignments,
        ),
        Act(
            Ability(
                "remove_from_groups",
                "change",
                "removes the user from all groups, or from those in `groups`, except for those in `keep`; an identity "
                "provider that provisions a group can add the user again",
                reversible="yes",  # the groups are in the reply and in the snapshot
                cuts_access=True,
                tokens_last=_ROLE_SESSIONS_LAST,
                cannot_end=("sessions", "access_tokens"),
                settles_within=_SETTLE_TIME,
            ),
            leave_groups,
            look_at_groups,
        ),
        Act(
            Ability(
                "delete_account",
                "change",
                "deletes the user, who cannot sign in any more; refused while the user has assignments, and for a user "
                "whom an identity provider provisions, unless `also_provisioned` is true",
                destroys=True,
                ends_account=True,
                tokens_last=_ROLE_SESSIONS_LAST,
                cannot_end=("access_tokens", "application_sessions"),
                settles_within=_SETTLE_TIME,
            ),
            delete_user,
            look_at_deletion,
        ),
    ),
)
