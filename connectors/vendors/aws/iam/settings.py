"""How to reach one AWS account, and with which access key."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from pydantic import Field, SecretStr

from connectors.http.auth import Auth
from connectors.http.aws import AwsSignature
from connectors.http.connector import HttpSettings
from connectors.http.requests import Flow, Outgoing

IAM, STS = "iam", "sts"
"""The services, as signatures name them. A request says in its `scope` which one it is for."""


class AwsSettings(HttpSettings):
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
    access_key_id: str = Field(min_length=1, description="access key ID of the user or role that Offboard signs in as")
    secret_access_key: SecretStr = Field(description="secret access key")
    session_token: SecretStr = Field(default=SecretStr(""), description="session token, for temporary access keys only")


class AwsAuth:
    """Signs each request for the service that it goes to."""

    def __init__(self, settings: AwsSettings) -> None:
        """Raises `ActionRequiredError("library_missing")`."""
        self._by_service = {
            service: AwsSignature(
                access_key_id=settings.access_key_id,
                secret_access_key=settings.secret_access_key.get_secret_value(),
                session_token=settings.session_token.get_secret_value(),
                service=service,
                region=settings.region,
            )
            for service in (IAM, STS)
        }

    def __repr__(self) -> str:
        return "AwsAuth()"

    def headers(self, outgoing: Outgoing, now: float) -> Flow[Mapping[str, str]]:
        return (yield from self._by_service[outgoing.scope].headers(outgoing, now))

    def refused(self, sent: Mapping[str, str]) -> bool:
        return False

    def secrets(self) -> Collection[str]:
        return self._by_service[IAM].secrets()


def auth(settings: AwsSettings) -> Auth:
    return AwsAuth(settings)
