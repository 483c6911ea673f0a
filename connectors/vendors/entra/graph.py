"""What all requests to Microsoft Graph share: where the tenant is, pages, errors, and the objects of its directory."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, TypeVar

from pydantic import Field, SecretStr

from connectors.account_set import comparable
from connectors.errors import ActionRequiredError
from connectors.http.auth import Auth
from connectors.http.certificates import ClientCertificate
from connectors.http.connector import HttpSettings
from connectors.http.dialect import Dialect, Verdict
from connectors.http.flows import Fields, all_pages, parse
from connectors.http.pages import NextUrl
from connectors.http.requests import Answer, Flow, Request
from connectors.http.tokens import ClientCredentials, PrivateKeyJwt, SigningKey

_NOT_FOUND = "Request_ResourceNotFound"
SETTLE_TIME = timedelta(minutes=2)  # replicas of the directory answer with the old state for a while
PAGES = NextUrl(items_at=("value",), next_at=("@odata.nextLink",))
TYPE = "#microsoft.graph."
SAMPLE_OF_OTHERS = "100"
"""Entries of a list that names other accounts with reports or owned objects."""


class EntraSettings(HttpSettings):
    """How to reach one tenant: as an app registration with a certificate, or with a client secret."""

    url: str = Field(default="https://graph.microsoft.com/v1.0", description="address of Microsoft Graph")
    login_url: str = Field(
        default="https://login.microsoftonline.com", description="address of the sign-in service that issues tokens"
    )
    tenant: str = Field(min_length=1, description="ID of the tenant (directory), or one of its domains")
    client_id: str = Field(min_length=1, description="application (client) ID of the app registration")
    client_secret: SecretStr = Field(default=SecretStr(""), description="value of the app registration's client secret")
    certificate: str = Field(default="", description="the app registration's certificate, as PEM")
    private_key: SecretStr = Field(
        default=SecretStr(""), description="the private key of the certificate, as PEM without a password"
    )
    scope: str = Field(
        default="https://graph.microsoft.com/.default", description="scope of the token; another one in national clouds"
    )

    def reference(self, kind: str, native_id: str) -> Mapping[str, str]:
        """The body of a request that refers to another object of the directory."""
        return {"@odata.id": f"{self.url.rstrip('/')}/{kind}/{native_id}"}


class DirectoryObject(Fields):
    """A group, role, application, user or another object of the directory. Graph shows no more than the id and the
    type of what the app may not read."""

    id: str = Field(min_length=1)
    type: str = Field(default="", alias="@odata.type")
    name: str | None = Field(default=None, alias="displayName")
    group_types: list[str] | None = Field(default=None, alias="groupTypes")
    mail_enabled: bool | None = Field(default=None, alias="mailEnabled")
    synced: bool | None = Field(default=None, alias="onPremisesSyncEnabled")
    role_template: str | None = Field(default=None, alias="roleTemplateId")

    def is_a(self, kind: str) -> bool:
        return self.type == TYPE + kind

    def is_named(self, name: str) -> bool:
        return self.id == name or comparable(self.name or "") == comparable(name)

    @property
    def kept_because(self) -> str:
        """Why Graph cannot remove a member from this group; empty where it can."""
        types = self.group_types or []
        if "DynamicMembership" in types:
            return "a rule decides who is a member"
        if self.synced:
            return "it is synchronised from the directory on premises; remove the account there"
        if self.mail_enabled and "Unified" not in types:
            return "it is a mail group that only Exchange changes"
        return ""

    def shown(self) -> dict[str, str]:
        return {"id": self.id, "name": self.name or self.id, "type": self.type.removeprefix(TYPE)}

    def group(self) -> dict[str, str]:
        return self.shown() | ({"kept_because": self.kept_because} if self.kept_because else {})


def auth_of(settings: EntraSettings) -> Auth:
    """The form of the assertion: learn.microsoft.com/entra/identity-platform/certificate-credentials."""
    url = f"{settings.login_url.rstrip('/')}/{settings.tenant}/oauth2/v2.0/token"
    secret, key = settings.client_secret.get_secret_value(), settings.private_key.get_secret_value()
    if secret and not (settings.certificate or key):
        return ClientCredentials(
            url, client_id=settings.client_id, client_secret=secret, scope=settings.scope, secret_in_form=True
        )
    if settings.certificate and key and not secret:
        certificate = ClientCertificate(settings.certificate)
        certificate.require_key(key)
        signing_key = SigningKey(key, algorithm="PS256", thumbprint=certificate.thumbprint)
        return PrivateKeyJwt(
            url, client_id=settings.client_id, key=signing_key, scope=settings.scope, client_id_in_form=True
        )
    raise ActionRequiredError(
        "setting_missing",
        "Entra needs either certificate and private_key, or a client_secret.",
        remedy="Set one of the two, not both.",
        happened="no",
    )


def certificate_warning(settings: EntraSettings) -> str:
    """That the certificate expires soon or has expired. When a client secret expires is not known here."""
    return ClientCertificate(settings.certificate).warning() if settings.certificate else ""


def _error_code(body: Any) -> str:
    error = body.get("error") if isinstance(body, dict) else None
    return str(error.get("code") or "") if isinstance(error, dict) else ""


def is_gone(answer: Answer) -> bool:
    """Whether a 404 is Graph's own, and not that of a server in front of it."""
    return _error_code(answer.body) == _NOT_FOUND


def quoted(value: str) -> str:
    """A text in a condition of `$filter`, with its quotes doubled (OData 4.01, URL conventions, section 5.1.1.14.1)."""
    doubled = value.replace("'", "''")
    return f"'{doubled}'"


_Shape = TypeVar("_Shape", bound=Fields)


def listed(request: Request, shape: type[_Shape]) -> Flow[list[_Shape]]:
    return [parse(item, shape) for item in (yield from all_pages(request, PAGES))]


DIALECT = Dialect(
    code=_error_code,
    failed_success=lambda body: bool(_error_code(body)),
    verdicts={
        (409, "Directory_ConcurrencyViolation"): Verdict.RETRY,  # learn.microsoft.com/graph/errors
        (400, "AadPremiumLicenseRequired"): Verdict.MISSING,  # the tenant has no eligible roles
    },
)
