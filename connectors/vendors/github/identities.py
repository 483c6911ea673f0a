"""Who a user is at the company: what the identity provider (SAML, SCIM) and verified mail addresses say."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from connectors.http.flows import Fields, parse
from connectors.http.requests import Flow
from connectors.vendors.github import queries
from connectors.vendors.github.answers import GitHubLogin
from connectors.vendors.github.settings import GitHubSettings

VERIFIED_EMAIL = "verifiedEmail"
FILTERED = frozenset({"samlNameId", "samlUserName", "scimUserName"})
"""Attributes that GitHub searches itself (`userName`). For the others, and where it finds none, the whole list is read
and compared."""
IDENTITY_ATTRIBUTES = (*sorted(FILTERED), "identityEmail", "employeeNumber")


class IdentifiedUser(Fields):
    id: int | None = Field(default=None, alias="databaseId")
    login: str = ""
    verified_emails: list[str] = Field(default=[], alias="organizationVerifiedDomainEmails")

    def user(self) -> GitHubLogin | None:
        return GitHubLogin(id=self.id, login=self.login) if self.id is not None and self.login else None


class _Email(Fields):
    value: str = ""


class _SamlAttribute(Fields):
    name: str = ""
    value: str = ""


class _Scim(Fields):
    username: str | None = None
    emails: list[_Email] | None = None


class _Saml(_Scim):
    name_id: str | None = Field(default=None, alias="nameId")
    attributes: list[_SamlAttribute] | None = None


class ExternalIdentity(Fields):
    """An external identity. `graph_user` is None until a member has linked it with a GitHub account."""

    graph_user: IdentifiedUser | None = Field(default=None, alias="user")
    saml: _Saml | None = Field(default=None, alias="samlIdentity")
    scim: _Scim | None = Field(default=None, alias="scimIdentity")

    @property
    def user(self) -> GitHubLogin | None:
        return self.graph_user.user() if self.graph_user else None

    def values(self, settings: GitHubSettings) -> Mapping[str, list[str]]:
        """By attribute of `IDENTITY_ATTRIBUTES`, without empty values."""
        saml, scim = self.saml or _Saml(), self.scim or _Scim()
        found: dict[str, list[str | None]] = {
            "samlNameId": [saml.name_id],
            "samlUserName": [saml.username],
            "scimUserName": [scim.username],
            "identityEmail": [email.value for given in (saml.emails, scim.emails) for email in given or ()],
            "employeeNumber": [
                one.value for one in saml.attributes or () if one.name == settings.employee_number_attribute
            ],
        }
        return {name: [value for value in values if value] for name, values in found.items()}


def identities(settings: GitHubSettings, **narrowed: str) -> Flow[list[ExternalIdentity]]:
    """Those of the enterprise's identity provider where the setting names an enterprise, else of the organisation's.
    `narrowed` are the arguments `login` and `userName`."""
    query, pages = queries.IDENTITIES, queries.IDENTITY_PAGES
    if settings.enterprise:
        query, pages = queries.ENTERPRISE_IDENTITIES, queries.ENTERPRISE_IDENTITY_PAGES
    found = yield from queries.every(settings, query, pages, **narrowed)
    return [parse(item, ExternalIdentity) for item in found]


def members(settings: GitHubSettings) -> Flow[list[IdentifiedUser]]:
    """All members, with their verified mail addresses of the organisation's domains."""
    found = yield from queries.every(settings, queries.VERIFIED_EMAILS, queries.MEMBER_PAGES)
    return [parse(item, IdentifiedUser) for item in found]


def verified_emails(settings: GitHubSettings, user: GitHubLogin) -> Flow[list[str]]:
    answer = yield queries.ask(settings, queries.VERIFIED_EMAILS_OF, login=user.login)
    shown = queries.data(answer).get("user")
    found = parse(shown, IdentifiedUser) if shown is not None else IdentifiedUser()
    return found.verified_emails if found.id == user.id else []
