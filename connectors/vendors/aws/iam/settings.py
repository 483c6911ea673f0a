"""How to reach one AWS account, and with which access key."""

from __future__ import annotations

from pydantic import Field

from connectors.http.auth import Auth
from connectors.vendors.aws.access_key import IAM, STS, AccessKeySettings, AwsAuth


class AwsSettings(AccessKeySettings):
    """One account. IAM is global: each partition of AWS has one address for it."""

    url: str = Field(
        default="https://iam.amazonaws.com",
        description="address of IAM; in GovCloud https://iam.us-gov.amazonaws.com, in China "
        "https://iam.cn-north-1.amazonaws.com.cn",
    )
    sts_url: str = Field(
        default="https://sts.amazonaws.com",
        description="address of the security token service, such as https://sts.us-gov-west-1.amazonaws.com",
    )
    region: str = Field(
        default="us-east-1",
        min_length=1,
        description="region that signatures name: us-east-1, in GovCloud us-gov-west-1, in China cn-north-1",
    )
    account_id: str = Field(pattern=r"^\d{12}$", description="ID of the AWS account, 12 digits")


def auth(settings: AwsSettings) -> Auth:
    return AwsAuth(settings, {IAM: settings.region, STS: settings.region})
