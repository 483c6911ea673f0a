"""How an instance of IAM Identity Center is connected: an access key with the least permissions."""

from __future__ import annotations

from connectors.setup import LeastRights, MatchBy, Setup, SystemCredential, names
from connectors.vendors.aws.identity_center.permissions import ACTIONS, CHECKING, FINDING

_NOTES = {"snapshot_access": ". What is not allowed is named in `not_shown`"}

SETUP = Setup(
    "AWS IAM Identity Center",
    (
        SystemCredential(
            "access key of an IAM user in the management account",
            (),
            (
                "In the management account of the organization, create an IAM user for Offboard, without access to the "
                "console. It must not be the user of a person. AWS lists account assignments only for this account.",
                "Attach a policy with the actions of the abilities that the packet uses. The page of this connector "
                "has one for all of them.",
                "Create an access key for the user, and keep the secret access key as a file. Replace it from time to "
                "time: IAM keys do not expire.",
                "`instance_arn`, `identity_store_id` and `region` are on the page Settings of IAM Identity Center.",
            ),
            (
                LeastRights(
                    "actions that a policy allows",
                    names(FINDING),
                    {ability: names(actions) + _NOTES.get(ability, "") for ability, actions in ACTIONS.items()},
                    checking=names(CHECKING),
                ),
            ),
        ),
    ),
    (
        MatchBy("employee_number", "employeeNumber"),
        MatchBy("email", "emails.value"),
        MatchBy("email", "userName", "weak"),
    ),
    page="aws-identity-center.md",
)
