"""Settings of the pages and the API: address, sign-in, and roles from claims.

Read from the environment by entry points only, like all settings.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlsplit

from orchestrator.settings import LOOPBACK, PREFIX, SettingMissing, SettingWrong, given_value, webhook_hosts

MIN_SECRET_CHARACTERS = 24


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """An OpenID provider and what its claims mean here. `roles` maps a value of `roles_claim` to roles of ours;
    values that are not named there give nothing. `person_claim` holds what HR knows a person by: an employee number or
    a mail address. `mail_is_verified` is what to make of an address of which the provider does not say
    (`email_verified`): by default nothing, since it may be another person's."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    roles_claim: str = "groups"
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    person_claim: str = "email"
    step_up_acr: tuple[str, ...] = ()
    mail_is_verified: bool = False


@dataclass(frozen=True, slots=True)
class WebSettings:
    """`public_url` is where browsers find the pages, without a slash at its end. Without `oidc` sign-in is possible
    only on the embedded installation."""

    public_url: str
    host: str = "127.0.0.1"
    port: int = 8080
    oidc: OidcSettings | None = None
    session_lasts: timedelta = timedelta(hours=8)
    session_idle: timedelta = timedelta(hours=1)
    step_up_within: timedelta = timedelta(minutes=5)
    hr_webhook_secret: str | None = field(default=None, repr=False)
    bamboohr_webhook_key: str | None = field(default=None, repr=False)
    webhook_hosts: tuple[str, ...] = ()

    @property
    def secure(self) -> bool:
        """Whether browsers come over TLS, so that cookies may be kept to it."""
        return self.public_url.startswith("https://")

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> WebSettings:
        """Raises `SettingMissing`, `SettingWrong`, or `OSError` naming a file that cannot be read."""

        def get(name: str) -> str | None:
            return given_value(environment, name)

        public_url = (get("PUBLIC_URL") or "").rstrip("/")
        if not public_url:
            raise SettingMissing(f"{PREFIX}PUBLIC_URL", "the address of the web pages: https://offboard.example.com")
        parts = urlsplit(public_url)
        local = parts.hostname in LOOPBACK
        if parts.scheme not in ("https", "http") or not parts.hostname or parts.path or parts.query:
            raise SettingWrong(f"{PREFIX}PUBLIC_URL", "https://HOST or https://HOST:PORT, without a path")
        if parts.scheme == "http" and not local:
            raise SettingWrong(f"{PREFIX}PUBLIC_URL", "https; http only for this machine's own address")
        return cls(
            public_url=public_url,
            host=get("WEB_HOST") or "127.0.0.1",
            port=_number("WEB_PORT", get("WEB_PORT") or "8080"),
            oidc=_oidc(get),
            session_lasts=timedelta(minutes=_number("SESSION_MINUTES", get("SESSION_MINUTES") or "480")),
            session_idle=timedelta(minutes=_number("SESSION_IDLE_MINUTES", get("SESSION_IDLE_MINUTES") or "60")),
            step_up_within=timedelta(seconds=_number("STEP_UP_SECONDS", get("STEP_UP_SECONDS") or "300")),
            hr_webhook_secret=_hook_secret(get("HR_WEBHOOK_SECRET")),
            bamboohr_webhook_key=_bamboohr_key(get("BAMBOOHR_WEBHOOK_KEY")),
            webhook_hosts=webhook_hosts(get("WEBHOOK_HOSTS") or ""),
        )


def _oidc(get: Callable[[str], str | None]) -> OidcSettings | None:
    issuer = get("OIDC_ISSUER")
    if not issuer:
        return None
    parts = urlsplit(issuer)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise SettingWrong(f"{PREFIX}OIDC_ISSUER", "an https address, as in the provider's discovery document")
    client_id, client_secret = get("OIDC_CLIENT_ID"), get("OIDC_CLIENT_SECRET")
    if not client_id:
        raise SettingMissing(
            f"{PREFIX}OIDC_CLIENT_ID", "the ID of the client that is registered for Offboard at the provider"
        )
    if not client_secret:
        raise SettingMissing(f"{PREFIX}OIDC_CLIENT_SECRET", "the secret of the client")
    roles = _roles(get("OIDC_ROLES") or "")
    if not roles:
        raise SettingMissing(f"{PREFIX}OIDC_ROLES", "the roles of each group: hr-partners=requester;it=it_approver")
    scopes = tuple((get("OIDC_SCOPES") or "openid profile email").split())
    return OidcSettings(
        issuer=issuer.rstrip("/") if parts.path in ("", "/") else issuer,
        client_id=client_id,
        client_secret=client_secret,
        scopes=scopes if "openid" in scopes else ("openid", *scopes),
        roles_claim=get("OIDC_ROLES_CLAIM") or "groups",
        roles=roles,
        person_claim=get("OIDC_PERSON_CLAIM") or "email",
        step_up_acr=tuple((get("OIDC_STEP_UP_ACR") or "").split()),
        mail_is_verified=_yes("OIDC_MAIL_IS_VERIFIED", get("OIDC_MAIL_IS_VERIFIED") or "no"),
    )


def _hook_secret(written: str | None) -> str | None:
    """As it is, if it is hard to guess. Standard Webhooks requires 24 bytes at least."""
    if written is None:
        return None
    try:
        marked = written.startswith("whsec_")
        key = base64.b64decode(written.removeprefix("whsec_"), validate=True) if marked else written.encode()
    except binascii.Error:
        key = b""
    if len(key) < MIN_SECRET_CHARACTERS:
        raise SettingWrong(
            f"{PREFIX}HR_WEBHOOK_SECRET", f"whsec_ and at least {MIN_SECRET_CHARACTERS} random bytes in base64"
        )
    return written


def _bamboohr_key(written: str | None) -> str | None:
    if written is not None and len(written) < MIN_SECRET_CHARACTERS:
        raise SettingWrong(f"{PREFIX}BAMBOOHR_WEBHOOK_KEY", "the private key that BambooHR showed with the webhook")
    return written


def _roles(written: str) -> dict[str, tuple[str, ...]]:
    """`group=role,role;group=role`. A group's name may hold anything but `=` and `;`."""
    found: dict[str, tuple[str, ...]] = {}
    for part in filter(None, (part.strip() for part in written.replace("\n", ";").split(";"))):
        group, equals, roles = part.partition("=")
        given = tuple(role.strip() for role in roles.split(",") if role.strip())
        if not equals or not group.strip() or not given:
            raise SettingWrong(f"{PREFIX}OIDC_ROLES", "GROUP=ROLE,ROLE;GROUP=ROLE")
        found[group.strip()] = (*found.get(group.strip(), ()), *given)
    return found


def _yes(name: str, written: str) -> bool:
    if written.lower() not in ("yes", "true", "no", "false"):
        raise SettingWrong(f"{PREFIX}{name}", "yes or no")
    return written.lower() in ("yes", "true")


def _number(name: str, written: str) -> int:
    if not written.isdigit() or int(written) < 1:
        raise SettingWrong(f"{PREFIX}{name}", "a whole number above zero")
    return int(written)
