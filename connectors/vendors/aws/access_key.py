"""Signing in to AWS: an access key, with which each request is signed for the service that it goes to."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from pydantic import Field, SecretStr

from connectors.http.aws import AwsSignature
from connectors.http.connector import HttpSettings
from connectors.http.requests import Flow, Outgoing

IAM, STS = "iam", "sts"
"""Services, as signatures name them. A request says in its `scope` which one it is for."""


class AccessKeySettings(HttpSettings):
    access_key_id: str = Field(min_length=1, description="access key ID of the user or role that Offboard signs in as")
    secret_access_key: SecretStr = Field(description="secret access key")
    session_token: SecretStr = Field(default=SecretStr(""), description="session token, for temporary access keys only")


class AwsAuth:
    def __init__(self, settings: AccessKeySettings, regions: Mapping[str, str]) -> None:
        """`regions` has the region of each service that requests go to. Raises
        `ActionRequiredError("library_missing")`."""
        self._by_service = {
            service: AwsSignature(
                access_key_id=settings.access_key_id,
                secret_access_key=settings.secret_access_key.get_secret_value(),
                session_token=settings.session_token.get_secret_value(),
                service=service,
                region=region,
            )
            for service, region in regions.items()
        }

    def __repr__(self) -> str:
        return "AwsAuth()"

    def headers(self, outgoing: Outgoing, now: float) -> Flow[Mapping[str, str]]:
        return (yield from self._by_service[outgoing.scope].headers(outgoing, now))

    def refused(self, sent: Mapping[str, str]) -> bool:
        return False

    def secrets(self) -> Collection[str]:
        return next(iter(self._by_service.values())).secrets()
