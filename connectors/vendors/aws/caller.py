"""Who Offboard signs in as at AWS."""

from __future__ import annotations

from pydantic import Field

from connectors.http.flows import Fields, unexpected
from connectors.http.requests import Flow
from connectors.vendors.aws.query import ask, asking_sts


class AwsCaller(Fields):
    """`id` is the ID of the user; of a role it is followed by the name of the session."""

    account: str = Field(alias="Account")
    arn: str = Field(alias="Arn", min_length=1)
    id: str = Field(alias="UserId")


def identity(sts_url: str) -> Flow[AwsCaller]:
    found = yield from ask(asking_sts(sts_url, "GetCallerIdentity"), AwsCaller)
    if found is None:
        unexpected("AWS does not say who the credential belongs to.")
    return found
