"""How to reach one instance of IAM Identity Center, and with which access key."""

from __future__ import annotations

from pydantic import Field

from connectors.http.auth import Auth
from connectors.vendors.aws.access_key import IAM, STS, AccessKeySettings, AwsAuth

STORE, SSO = "identitystore", "sso"
"""The services of Identity Center, as signatures name them."""


class IdentityCenterSettings(AccessKeySettings):
    """One instance. It has one directory of users, and is in one region."""

    url: str = Field(
        description="address of the Identity Store in the region of the instance, such as "
        "https://identitystore.eu-central-1.amazonaws.com"
    )
    sso_url: str = Field(
        description="address of IAM Identity Center in the same region, such as https://sso.eu-central-1.amazonaws.com"
    )
    sts_url: str = Field(
        description="address of the security token service in the same region, such as "
        "https://sts.eu-central-1.amazonaws.com"
    )
    region: str = Field(min_length=1, description="region of the instance, such as eu-central-1")
    instance_arn: str = Field(
        pattern=r"^arn:[\w-]+:sso:::instance/(sso)?ins-[a-zA-Z0-9.-]{16}$", description="ARN of the instance"
    )
    identity_store_id: str = Field(
        pattern=r"^(d-[0-9a-f]{10}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$",
        description="ID of its Identity Store, such as d-1234567890",
    )
    iam_url: str = Field(
        default="https://iam.amazonaws.com",
        description="address of IAM, whose policy simulator says which permissions the credential has",
    )
    iam_region: str = Field(default="us-east-1", min_length=1, description="region that signatures for IAM name")


def auth(settings: IdentityCenterSettings) -> Auth:
    region = settings.region
    return AwsAuth(settings, {STORE: region, SSO: region, STS: region, IAM: settings.iam_region})
