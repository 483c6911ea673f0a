"""How to reach one GitHub organisation, and with which credential."""

from __future__ import annotations

from pydantic import Field, SecretStr

from connectors.errors import ActionRequiredError
from connectors.http.auth import Auth, BearerToken
from connectors.http.connector import HttpSettings
from connectors.http.tokens import GitHubApp, SigningKey

HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
"""On each request (docs.github.com/en/rest/about-the-rest-api/api-versions)."""
_SERVER_PATH = "/api/v3"  # of GitHub Enterprise Server; its GraphQL is at /api/graphql


class GitHubSettings(HttpSettings):
    """One organisation: with a personal access token, or as an installation of a GitHub App."""

    url: str = Field(
        default="https://api.github.com",
        description="address of GitHub's API; https://HOST/api/v3 for GitHub Enterprise Server",
    )
    organization: str = Field(min_length=1, description="login of the organisation, as in github.com/LOGIN")
    token: SecretStr = Field(
        default=SecretStr(""),
        description="personal access token of an owner; or set app_id, installation_id and private_key",
    )
    app_id: str = Field(default="", description="app ID or client ID of a GitHub App, instead of a token")
    installation_id: str = Field(default="", description="ID of the app's installation in the organisation")
    private_key: SecretStr = Field(default=SecretStr(""), description="private key of the GitHub App, as PEM")
    enterprise: str = Field(
        default="",
        description="slug of the enterprise, if its identity provider serves the organisation; needs the classic token "
        "of an enterprise owner",
    )
    employee_number_attribute: str = Field(
        default="employeeNumber", description="name of the SAML attribute that has the employee number"
    )

    deploy_key_requests: int = Field(
        default=20,
        ge=0,
        description="how many requests a snapshot may send to find deploy keys: one for each 100 repositories, and one "
        "for each repository with deploy keys",
    )

    @property
    def as_app(self) -> bool:
        return bool(self.app_id)

    @property
    def graphql_url(self) -> str:
        base = self.url.rstrip("/")
        return f"{base.removesuffix('/v3') if base.endswith(_SERVER_PATH) else base}/graphql"


def auth(settings: GitHubSettings) -> Auth:
    """Raises `ActionRequiredError`: setting_missing, setting_invalid."""
    token, key = settings.token.get_secret_value(), settings.private_key.get_secret_value()
    if settings.as_app and not token and settings.installation_id and key:
        return GitHubApp(
            settings.url, app_id=settings.app_id, installation_id=settings.installation_id, key=SigningKey(key)
        )
    if token and not (settings.as_app or settings.installation_id or key):
        return BearerToken(token)
    raise ActionRequiredError(
        "setting_invalid" if token else "setting_missing",
        "GitHub needs either token, or app_id, installation_id and private_key.",
        remedy="Set the token of an owner, or the three settings of a GitHub App.",
        happened="no",
    )
