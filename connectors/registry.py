"""All kinds of connectors: their abilities and settings, and a function that makes a connector."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, SecretStr, ValidationError

from connectors.abilities import Ability, Connector, SystemClass
from connectors.boundary.boundary import checked
from connectors.errors import ActionRequiredError, ConnectorError
from connectors.http.connector import MAY_BE_EMPTY
from connectors.network.reach import Endpoint
from connectors.packages import ConnectorKind, is_named, load, over_http
from connectors.people_csv.connector import ACTS, KIND, PeopleCsvSettings, make_people_csv
from connectors.people_csv.setup import SETUP as PEOPLE_CSV_SETUP
from connectors.protocols import ldap, ldap_settings
from connectors.protocols.scim import SCIM
from connectors.protocols.setups import LDAP_SETUP, MAIL_SETUP
from connectors.reference import mail
from connectors.reference.cards import CARDS
from connectors.reference.code_hosting import CODE_HOSTING
from connectors.reference.hr import HR, HrConnector, HrSettings
from connectors.setup import Setup
from connectors.vendors.active_directory import connector as active_directory
from connectors.vendors.active_directory.settings import ActiveDirectorySettings
from connectors.vendors.active_directory.setup import SETUP as ACTIVE_DIRECTORY_SETUP
from connectors.vendors.aws.iam.connector import AWS_IAM
from connectors.vendors.aws.identity_center.connector import AWS_IDENTITY_CENTER
from connectors.vendors.bamboohr.company import BambooHrSettings
from connectors.vendors.bamboohr.connector import BAMBOOHR, BambooHrConnector
from connectors.vendors.entra.connector import ENTRA
from connectors.vendors.github.connector import GITHUB
from connectors.vendors.google_workspace.connector import GOOGLE_WORKSPACE
from connectors.vendors.okta.connector import OKTA
from connectors.vendors.postgresql import connector as postgresql
from connectors.vendors.postgresql.settings import PostgresqlSettings
from connectors.vendors.postgresql.setup import SETUP as POSTGRESQL_SETUP
from connectors.vendors.slack.connector import SLACK

SettingsT = TypeVar("SettingsT", bound=BaseModel)
EntryT = TypeVar("EntryT", covariant=True)


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a connector. A secret comes from the environment or a file, never from a packet."""

    name: str
    secret: bool
    required: bool
    summary: str


def _ldap(settings: ldap_settings.LdapSettings, allowed_hosts: Collection[str]) -> Connector:
    return ldap.LdapConnector(settings, allowed_hosts=allowed_hosts)


def _active_directory(settings: ActiveDirectorySettings, allowed_hosts: Collection[str]) -> Connector:
    return active_directory.ActiveDirectoryConnector(settings, allowed_hosts=allowed_hosts)


def _hr(settings: HrSettings, allowed_hosts: Collection[str]) -> Connector:
    return HrConnector(settings, allowed_hosts=allowed_hosts)


def _bamboohr(settings: BambooHrSettings, allowed_hosts: Collection[str]) -> Connector:
    return BambooHrConnector(settings, allowed_hosts=allowed_hosts)


def _mail(settings: mail.MailSettings, allowed_hosts: Collection[str]) -> Connector:
    return mail.MailConnector(settings, allowed_hosts=allowed_hosts)


def _mail_endpoint(settings: mail.MailSettings) -> Endpoint:
    return Endpoint(settings.smtp_host, settings.smtp_port, settings.smtp_security == "tls", settings.ca_file)


def _postgresql_endpoint(settings: PostgresqlSettings) -> Endpoint | None:
    """TLS begins within the protocol. A Unix socket is no way over a network."""
    return None if settings.host.startswith("/") else Endpoint(settings.host, settings.port, tls=False)


_KINDS: Mapping[str, ConnectorKind[Any]] = {
    "scim": over_http(SCIM),
    "ldap": ConnectorKind(ldap_settings.LdapSettings, _ldap, ldap.ACTS, system_class="directory", setup=LDAP_SETUP),
    "active_directory": ConnectorKind(
        ActiveDirectorySettings,
        _active_directory,
        active_directory.ACTS,
        system_class="directory",
        setup=ACTIVE_DIRECTORY_SETUP,
    ),
    "hr": ConnectorKind(HrSettings, _hr, HR.acts, is_people_source=True, system_class="hr", lists_accounts=False),
    KIND: ConnectorKind(
        PeopleCsvSettings,
        make_people_csv,
        ACTS,
        is_people_source=True,
        local_path="path",
        system_class="hr",
        setup=PEOPLE_CSV_SETUP,
        lists_accounts=False,
    ),
    BAMBOOHR.name: ConnectorKind(
        BambooHrSettings,
        _bamboohr,
        BAMBOOHR.acts,
        is_people_source=True,
        system_class="hr",
        setup=BAMBOOHR.setup,
        lists_accounts=False,
    ),
    "code_hosting": over_http(CODE_HOSTING),
    "cards": over_http(CARDS),
    "okta": over_http(OKTA),
    "entra": over_http(ENTRA),
    "github": over_http(GITHUB),
    "google_workspace": over_http(GOOGLE_WORKSPACE),
    "slack": over_http(SLACK),
    "aws_iam": over_http(AWS_IAM),
    "aws_identity_center": over_http(AWS_IDENTITY_CENTER),
    postgresql.KIND: ConnectorKind(
        PostgresqlSettings,
        postgresql.make_postgresql,
        postgresql.ACTS,
        system_class="database",
        setup=POSTGRESQL_SETUP,
        endpoint=_postgresql_endpoint,
    ),
    "mail": ConnectorKind(
        mail.MailSettings,
        _mail,
        mail.ACTS,
        system_class="mail",
        setup=MAIL_SETUP,
        endpoint=_mail_endpoint,
        lists_accounts=False,
    ),
}

REFERENCE_KINDS = frozenset({"hr", "code_hosting", "cards"})
"""Kinds whose interface only the embedded company speaks. `mail` is not one of them: it also sends mail over SMTP."""

HR_KINDS = frozenset(name for name, kind in _KINDS.items() if kind.is_people_source)
"""Kinds of Offboard's own that are HR systems (`connectors.people.PeopleSource`)."""

READ_ONLY_HR_KINDS = frozenset(name for name in HR_KINDS if not _KINDS[name].abilities)
"""HR systems in which nothing can be entered: what they say of a leaving is always HR's own record."""

LOCAL_PATHS: Mapping[str, str] = {name: kind.local_path for name, kind in _KINDS.items() if kind.local_path}
"""By kind: the setting that names a file or folder on the worker's machine. The caller says where it may be."""

_LOADED: dict[str, ConnectorKind[Any]] = {}
"""Kinds of other distributions that were asked for, by the whole name."""


def _describe(model: type[BaseModel]) -> tuple[Setting, ...]:
    return tuple(
        Setting(name, field.annotation is SecretStr, field.is_required(), field.description or "")
        for name, field in model.model_fields.items()
    )


class _Catalogue(Mapping[str, EntryT]):
    """By the name that a packet gives a connector. Iterating names the connectors that Offboard brings itself; a name
    with a distribution is looked up when it is asked for, and counts as absent where it cannot be loaded."""

    def __init__(self, view: Callable[[ConnectorKind[Any]], EntryT]) -> None:
        self._view = view

    def __getitem__(self, kind: str) -> EntryT:
        try:
            return self._view(_kind(kind))
        except ActionRequiredError as error:
            raise KeyError(kind) from error

    def __iter__(self) -> Iterator[str]:
        return iter(_KINDS)

    def __len__(self) -> int:
        return len(_KINDS)


SETTINGS: Mapping[str, tuple[Setting, ...]] = _Catalogue(lambda kind: _describe(kind.settings))
"""The settings of each kind, by kind."""

SYSTEM_CLASSES: Mapping[str, SystemClass | None] = _Catalogue(lambda kind: kind.system_class)
"""The class of each kind's systems, by kind; None for a protocol that systems of several classes speak."""

SETUPS: Mapping[str, Setup | None] = _Catalogue(lambda kind: kind.setup)
"""How a system of each kind is connected, by kind; None where the kind does not say."""

LISTS_ACCOUNTS: Mapping[str, bool] = _Catalogue(lambda kind: kind.lists_accounts)
"""Whether connectors of each kind list all accounts (`connectors.listing`), by kind."""

_ABILITIES: Mapping[str, Mapping[str, Ability]] = _Catalogue(lambda kind: kind.abilities)


def connector_kinds() -> Mapping[str, Mapping[str, Ability]]:
    """Every kind and its abilities by name, without connecting to anything."""
    return _ABILITIES


def why_missing(kind: str) -> str:
    """Why `connector_kinds` does not have the kind, and what to do about it; empty where it has."""
    try:
        _kind(kind)
    except ActionRequiredError as error:
        return f"{error.detail} {error.remedy}"
    return ""


def _kind(kind: str) -> ConnectorKind[Any]:
    known = _KINDS.get(kind)
    if known is not None:
        return known
    if is_named(kind):
        if kind not in _LOADED:
            _LOADED[kind] = load(kind)
        return _LOADED[kind]
    raise ActionRequiredError(
        "unknown_kind",
        f"There is no connector kind {kind!r}.",
        remedy=f"Choose one of: {', '.join(sorted(_KINDS))}; or use one of another distribution as "
        "NAME@DISTRIBUTION==VERSION.",
        happened="no",
    )


def connect(kind: str, settings: Mapping[str, str], *, allowed_hosts: Collection[str], system: str = "") -> Connector:
    """A long-lived connector; nothing is sent yet. `system` is how error messages name it.

    Raises `ActionRequiredError`: unknown_kind, connector_not_installed, connector_version, connector_broken,
    setting_missing, setting_unknown, setting_invalid, host_not_allowed, not_encrypted. No message repeats a setting's
    value."""
    place = f"The system {system}" if system else f"A system of kind {kind}"
    try:
        entry = _kind(kind)
    except ActionRequiredError as error:
        raise ActionRequiredError(error.code, f"{place}: {error.detail}", remedy=error.remedy, happened="no") from None
    read = _read(entry.settings, settings, place)
    try:
        connector = entry.make(read, allowed_hosts)
        complete = dict(connector.abilities) == dict(entry.abilities)
        failed = "" if complete else "its abilities are not those of its kind"
    except ConnectorError:
        raise
    except Exception as error:
        failed = type(error).__name__
    if failed:
        raise ActionRequiredError(
            "connector_broken",
            f"{place}: the connector {kind} cannot be made: {failed}.",
            remedy="Report this to the authors of the connector.",
            happened="no",
        )
    return checked(connector)


def endpoint_of(kind: str, settings: Mapping[str, str]) -> Endpoint | None:
    """Where a connector with these settings connects to first; None if it uses no network. Raises like `connect`."""
    entry = _kind(kind)
    return entry.endpoint(_read(entry.settings, settings, f"A system of kind {kind}"))


def hosts_of(kind: str, settings: Mapping[str, str]) -> tuple[str, ...]:
    """The hosts that settings name, those of their defaults included: what `hosts` in platform.yaml must allow. A
    setting that cannot be read names none. Raises `ActionRequiredError` for a kind that there is not."""
    found: dict[str, None] = {}
    for name, field in _kind(kind).settings.model_fields.items():
        value = settings.get(name) or (field.default if isinstance(field.default, str) else "")
        try:
            parts = urlsplit(value)
            host = parts.hostname if parts.scheme in ("https", "http", "ldaps", "ldap") else None
        except ValueError:
            continue
        if host and name.endswith("url"):
            found[host] = None
        elif value and name.endswith("host"):
            found[value] = None
    return tuple(found)


def _read(model: type[SettingsT], settings: Mapping[str, str], place: str) -> SettingsT:
    """Empty settings count as not given, except those that `may_be_empty`; the line end that files have is not part of
    a secret."""
    given = {
        name: value.strip("\r\n") for name, value in settings.items() if value.strip() or _may_be_empty(model, name)
    }
    described = {setting.name: setting for setting in _describe(model)}
    for name in given:
        if name not in described:
            raise _problem(
                "setting_unknown", place, name, "is not a setting of this connector", f"Remove or correct {name}."
            )
    for setting in described.values():
        if setting.required and setting.name not in given:
            what = "secret setting" if setting.secret else "setting"
            raise _problem(
                "setting_missing",
                place,
                setting.name,
                f"is a required {what} ({setting.summary}), and it is missing",
                f"Set {setting.name} in the environment or in a file." if setting.secret else f"Set {setting.name}.",
            )
    try:
        return model.model_validate(given)
    except ValidationError as error:
        problem = error.errors(include_input=False, include_context=False, include_url=False)[0]
        name = str(problem["loc"][0]) if problem["loc"] else "settings"
        summary = described[name].summary if name in described else ""
        # `from None`: pydantic's error repeats what was given.
        raise _problem(
            "setting_invalid", place, name, f"cannot be used ({problem['type']})", f"It must be: {summary}."
        ) from None


def _may_be_empty(model: type[BaseModel], name: str) -> bool:
    field = model.model_fields.get(name)
    return field is not None and field.json_schema_extra == MAY_BE_EMPTY


def _problem(code: str, place: str, name: str, what: str, remedy: str) -> ActionRequiredError:
    return ActionRequiredError(code, f"{place}: {name} {what}.", remedy=remedy, happened="no")
