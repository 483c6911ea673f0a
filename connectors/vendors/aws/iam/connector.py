"""The kind `aws_iam`: the IAM users of one AWS account.

An IAM user cannot be disabled. Access ends when the console password is deleted, the access keys are inactive, the
other credentials are deleted, and sessions are denied; each is an ability of its own. `delete_account` removes none of
them.
"""

from __future__ import annotations

from datetime import timedelta

from connectors.abilities import Ability
from connectors.acts import Act, ActTable
from connectors.http.connector import HttpKind
from connectors.http.xml import XML
from connectors.vendors.aws.iam.console import look_at_console_access, remove_console_access
from connectors.vendors.aws.iam.credentials import (
    ACCESS_KEYS,
    CERTIFICATES,
    SERVICE_CREDENTIALS,
    SSH_KEYS,
    deactivate,
    delete,
    look_at_deactivated,
    look_at_deleted,
)
from connectors.vendors.aws.iam.deletion import delete_user, look_at_deletion
from connectors.vendors.aws.iam.finding import find, list_users
from connectors.vendors.aws.iam.groups import join_groups, leave_groups, look_at_groups, look_at_joining
from connectors.vendors.aws.iam.mfa import look_at_devices, remove_devices
from connectors.vendors.aws.iam.permissions import check
from connectors.vendors.aws.iam.policies import add_policies, look_at_adding, look_at_policies, remove_policies
from connectors.vendors.aws.iam.sessions import look_at_sessions, revoke_sessions
from connectors.vendors.aws.iam.settings import AwsSettings, auth
from connectors.vendors.aws.iam.setup import SETUP
from connectors.vendors.aws.iam.snapshot import look_at_access
from connectors.vendors.aws.query import DIALECT

_SETTLE_TIME = timedelta(minutes=5)
"""IAM names no limit: "a few minutes"
(docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_disable-perms.html)."""
_POLICIES_LAST = _SETTLE_TIME  # AWS checks policies at each request
_CONSOLE_SESSIONS_LAST = timedelta(hours=12)
_TOKENS_LAST = timedelta(hours=36)  # GetSessionToken and GetFederationToken, at most
_ROLE_SESSIONS_LAST = timedelta(hours=12)  # of roles that the user assumed, at most

AWS_IAM = HttpKind(
    "aws_iam",
    AwsSettings,
    system_class="cloud",
    auth=auth,
    prepare=lambda settings: settings,
    find=find,
    list_accounts=list_users,
    check=check,
    setup=SETUP,
    dialect=DIALECT,
    media_type="text/xml",
    body_form=XML,
    acts=ActTable(
        "aws_iam",
        Act(
            Ability(
                "snapshot_access",
                "read",
                "records groups, policies, console access, MFA devices, access keys with their last use, SSH keys, "
                "service-specific credentials, signing certificates and tags of the user",
                reversible="yes",
            ),
            look=look_at_access,
        ),
        Act(
            Ability(
                "remove_console_access",
                "change",
                "deletes the user's password for the console; open sessions last for up to 12 hours, unless "
                "revoke_sessions ends them",
                reversible="yes",  # an administrator can set a new password
                cuts_access=True,
                tokens_last=_CONSOLE_SESSIONS_LAST,
                settles_within=_SETTLE_TIME,
            ),
            remove_console_access,
            look_at_console_access,
        ),
        Act(
            Ability(
                "deactivate_access_keys",
                "change",
                "makes all access keys of the user inactive; temporary credentials that were made with them last for "
                "up to 36 hours, unless revoke_sessions ends them",
                reversible="yes",
                cuts_access=True,
                tokens_last=_TOKENS_LAST,
                settles_within=_SETTLE_TIME,
            ),
            deactivate(ACCESS_KEYS),
            look_at_deactivated(ACCESS_KEYS),
        ),
        Act(
            Ability(
                "deactivate_other_credentials",
                "change",
                "makes the user's SSH keys for CodeCommit, service-specific credentials (such as Git passwords and API "
                "keys of Bedrock) and signing certificates inactive",
                reversible="yes",
                cuts_access=True,
                tokens_last=_POLICIES_LAST,
                settles_within=_SETTLE_TIME,
            ),
            deactivate(SSH_KEYS, SERVICE_CREDENTIALS, CERTIFICATES),
            look_at_deactivated(SSH_KEYS, SERVICE_CREDENTIALS, CERTIFICATES),
        ),
        Act(
            Ability(
                "revoke_sessions",
                "change",
                "denies everything to the user's temporary credentials from before this moment, with an inline policy; "
                "sessions of roles that the user assumed last until they expire, for up to 12 hours",
                reversible="yes",  # the policy can be deleted
                cuts_access=True,
                tokens_last=_ROLE_SESSIONS_LAST,
                regained_by_sign_in=True,
                ends=("sessions",),
                cannot_end=("access_tokens",),
                settles_within=_SETTLE_TIME,
            ),
            revoke_sessions,
            look_at_sessions,
        ),
        Act(
            Ability(
                "remove_from_groups",
                "change",
                "removes the user from all groups, or from those in `groups`, except for those in `keep`",
                reversible="yes",  # the groups are in the reply and in the snapshot
                cuts_access=True,
                tokens_last=_POLICIES_LAST,
                settles_within=_SETTLE_TIME,
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
                "adds the user to the groups from which a run removed it",
                reversible="yes",
                settles_within=_SETTLE_TIME,
                gives_access=True,
            ),
            join_groups,
            look_at_joining,
        ),
        Act(
            Ability(
                "remove_policies",
                "change",
                "detaches the managed policies of the user and deletes its inline policies; the permissions boundary "
                "stays, since it only limits",
                reversible="yes",  # the policies, with the text of inline ones, are in the reply and in the snapshot
                cuts_access=True,
                tokens_last=_POLICIES_LAST,
                settles_within=_SETTLE_TIME,
                undone_by="add_policies",
                taken_as="removed_policies",
                recorded_as="policies",
            ),
            remove_policies,
            look_at_policies,
        ),
        Act(
            Ability(
                "add_policies",
                "change",
                "attaches the managed policies that a run detached, and puts the inline policies that it deleted, with "
                "the text that it recorded",
                reversible="yes",
                settles_within=_SETTLE_TIME,
                gives_access=True,
            ),
            add_policies,
            look_at_adding,
        ),
        Act(
            Ability(
                "delete_access_keys",
                "change",
                "deletes all access keys of the user; what uses one stops, and needs a new key",
                destroys=True,
                settles_within=_SETTLE_TIME,
            ),
            delete(ACCESS_KEYS),
            look_at_deleted(ACCESS_KEYS),
        ),
        Act(
            Ability(
                "delete_ssh_keys",
                "change",
                "deletes the user's SSH public keys for CodeCommit",
                destroys_nothing_because="the person has the key, which can be uploaded again",
                settles_within=_SETTLE_TIME,
            ),
            delete(SSH_KEYS),
            look_at_deleted(SSH_KEYS),
        ),
        Act(
            Ability(
                "delete_service_credentials",
                "change",
                "deletes the user's service-specific credentials; what uses one stops, and needs a new one",
                destroys=True,
                settles_within=_SETTLE_TIME,
            ),
            delete(SERVICE_CREDENTIALS),
            look_at_deleted(SERVICE_CREDENTIALS),
        ),
        Act(
            Ability(
                "delete_signing_certificates",
                "change",
                "deletes the user's X.509 signing certificates",
                destroys_nothing_because="the person has the certificate, which can be uploaded again",
                settles_within=_SETTLE_TIME,
            ),
            delete(CERTIFICATES),
            look_at_deleted(CERTIFICATES),
        ),
        Act(
            Ability(
                "remove_mfa_devices",
                "change",
                "removes the user's MFA devices, and deletes virtual ones; refused while the user has a password for "
                "the console",
                destroys_nothing_because="a device has no data, and a new one can be registered",
                settles_within=_SETTLE_TIME,
            ),
            remove_devices,
            look_at_devices,
        ),
        Act(
            Ability(
                "delete_account",
                "change",
                "deletes the user; refused while it has groups, policies, a password, MFA devices or credentials",
                destroys=True,
                ends_account=True,
                tokens_last=_ROLE_SESSIONS_LAST,
                settles_within=_SETTLE_TIME,
            ),
            delete_user,
            look_at_deletion,
        ),
    ),
)
