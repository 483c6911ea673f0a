"""How to reach one Slack workspace or organisation, and with which token."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

from pydantic import Field, SecretStr

from connectors.http.connector import HttpSettings
from connectors.http.requests import Request


class SlackSettings(HttpSettings):
    """One workspace; or, on Slack's Enterprise plans, one organisation with its workspaces."""

    url: str = Field(default="https://slack.com", description="address of the Web API, without /api")
    scim_url: str = Field(default="https://api.slack.com", description="address of the SCIM API, without /scim")
    team_id: str = Field(
        pattern=r"^[TE][A-Z0-9]+$",
        description="ID of the workspace, such as T0123ABCD; or of the organisation, such as E0123ABCD, if the app is "
        "installed on it. A token of another one is refused",
    )
    token: SecretStr = Field(description="user token (xoxp-…) of an owner or administrator, or bot token (xoxb-…)")

    def scim(self, request: Request) -> Request:
        """The request at the address of the SCIM API."""
        path = "/".join(quote(segment, safe="") for segment in request.path)
        return replace(request, path=(), url=f"{self.scim_url.rstrip('/')}/{path}")
