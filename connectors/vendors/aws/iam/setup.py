"""How the IAM users of an AWS account are connected: an access key with the least permissions."""

from __future__ import annotations

from connectors.setup import LeastRights, MatchBy, Setup, SystemCredential, names
from connectors.vendors.aws.iam.permissions import ACTIONS, CHECKING, FINDING

_NOTES = {"snapshot_access": ". What is not allowed is named in `not_shown`"}

SETUP = Setup(
    "AWS IAM",
    (
        SystemCredential(
            "access key of an IAM user",
            (),
            (
                "In the AWS account, create an IAM user for Offboard, without access to the console. It must not be "
                "the user of a person.",
                "Attach a policy with the actions of the abilities that the packet uses. The page of this connector "
                "has one for all of them.",
                "Create an access key for the user, and keep the secret access key as a file. Replace it from time to "
                "time: IAM keys do not expire.",
                "`account_id` is the number of the account, 12 digits.",
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
        MatchBy("employee_number", "tag:employee_number"),
        MatchBy("email", "tag:email"),
        MatchBy("email", "userName", "weak"),
    ),
    page="aws-iam.md",
)
