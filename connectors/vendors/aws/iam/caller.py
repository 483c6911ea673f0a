"""Who Offboard signs in as, and in which AWS account."""

from __future__ import annotations

from pydantic import Field

from connectors.errors import ActionRequiredError
from connectors.http.flows import Fields, unexpected
from connectors.http.requests import Flow
from connectors.vendors.aws.iam.query import ask, asking_sts
from connectors.vendors.aws.iam.settings import AwsSettings


class AwsCaller(Fields):
    """`id` is the ID of the user; of a role it is followed by the name of the session."""

    account: str = Field(alias="Account")
    arn: str = Field(alias="Arn", min_length=1)
    id: str = Field(alias="UserId")


def caller(settings: AwsSettings) -> Flow[AwsCaller]:
    """Raises `ActionRequiredError("wrong_account")`."""
    found = yield from ask(asking_sts(settings.sts_url, "GetCallerIdentity"), AwsCaller)
    if found is None:
        unexpected("AWS does not say who the credential belongs to.")
    if found.account != settings.account_id:
        raise ActionRequiredError(
            "wrong_account",
            "The access key belongs to another AWS account than account_id in the settings.",
            remedy="Correct account_id, or create the access key in that account.",
            happened="no",
        )
    return found
