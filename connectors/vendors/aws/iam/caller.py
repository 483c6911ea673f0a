"""Who Offboard signs in as, and in which AWS account."""

from __future__ import annotations

from connectors.errors import ActionRequiredError
from connectors.http.requests import Flow
from connectors.vendors.aws.caller import AwsCaller, identity
from connectors.vendors.aws.iam.settings import AwsSettings


def caller(settings: AwsSettings) -> Flow[AwsCaller]:
    """Raises `ActionRequiredError("wrong_account")`."""
    found = yield from identity(settings.sts_url)
    if found.account != settings.account_id:
        raise ActionRequiredError(
            "wrong_account",
            "The access key belongs to another AWS account than account_id in the settings.",
            remedy="Correct account_id, or create the access key in that account.",
            happened="no",
        )
    return found
