"""AWS Signature Version 4, by the signer of AWS's own library (the extra `aws`: `pip install offboard[aws]`)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from connectors.errors import ActionRequiredError
from connectors.http.requests import Flow, Outgoing

_SIGNED = ("Authorization", "X-Amz-Date", "X-Amz-Security-Token")


class AwsSignature:
    """Signs each request with an access key (docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html).

    `service` and `region` are those of the endpoint, such as `iam` and `us-east-1`; `session_token` belongs to
    temporary keys."""

    def __init__(
        self, *, access_key_id: str, secret_access_key: str, service: str, region: str, session_token: str = ""
    ) -> None:
        """Raises `ActionRequiredError("library_missing")` where the extra `aws` is not installed."""
        try:
            from botocore.auth import SigV4Auth
            from botocore.credentials import Credentials
        except ImportError:
            raise ActionRequiredError(
                "library_missing",
                "The library botocore, which signs requests to AWS, is not installed.",
                remedy="Install the extra `aws`: pip install offboard[aws].",
                happened="no",
            ) from None
        self._secrets = [secret for secret in (secret_access_key, session_token) if secret]
        credentials = Credentials(access_key_id, secret_access_key, session_token or None)
        self._signer: Any = SigV4Auth(credentials, service, region)

    def __repr__(self) -> str:
        return "AwsSignature()"

    def headers(self, outgoing: Outgoing, now: float) -> Flow[Mapping[str, str]]:
        from botocore.awsrequest import AWSRequest

        request = AWSRequest(
            method=outgoing.method, url=str(outgoing.url), data=outgoing.content, headers=dict(outgoing.headers)
        )
        self._signer.add_auth(request)  # uses the library's clock, and adds a header with its date
        return {name: request.headers[name] for name in _SIGNED if name in request.headers}
        yield  # makes this a generator, which sends nothing

    def refused(self, sent: Mapping[str, str]) -> bool:
        return False

    def secrets(self) -> Collection[str]:
        return self._secrets
