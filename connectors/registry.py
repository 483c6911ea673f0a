"""Every kind of system there is a connector for: what it can do, what it must be told, how it is connected."""

from __future__ import annotations

import types
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, SecretStr, ValidationError

from connectors.abilities import Ability, Connector
from connectors.errors import ActionRequiredError
from connectors.http.connector import HttpConnector, HttpKind
from connectors.protocols import ldap
from connectors.protocols.scim import SCIM
from connectors.reference import mail
from connectors.reference.cards import CARDS
from connectors.reference.code_hosting import CODE_HOSTING
from connectors.reference.hr import HR, HrConnector, HrSettings
from connectors.vendors.okta import OKTA

Settings = TypeVar("Settings", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Setting:
    """One thing a connector must or may be told. A secret comes from the environment or a file, never from a packet."""

    name: str
    secret: bool
    required: bool
    summary: str


@dataclass(frozen=True, slots=True)
class _Kind(Generic[Settings]):
    settings: type[Settings]
    make: Callable[[Settings, Collection[str]], Connector]
    abilities: Mapping[str, Ability]

    def connect(self, kind: str, settings: Mapping[str, str], allowed_hosts: Collection[str], place: str) -> Connector:
        return self.make(_read(self.settings, settings, place), allowed_hosts)


def _over_http(kind: HttpKind[Any, Any]) -> _Kind[Any]:
    return _Kind(kind.settings, lambda told, hosts: HttpConnector(kind, told, allowed_hosts=hosts), kind.acts.abilities)


_KINDS: Mapping[str, _Kind[Any]] = {
    "scim": _over_http(SCIM),
    "ldap": _Kind(
        ldap.LdapSettings, lambda told, hosts: ldap.LdapConnector(told, allowed_hosts=hosts), ldap.ACTS.abilities
    ),
    "hr": _Kind(HrSettings, lambda told, hosts: HrConnector(told, allowed_hosts=hosts), HR.acts.abilities),
    "code_hosting": _over_http(CODE_HOSTING),
    "cards": _over_http(CARDS),
    "okta": _over_http(OKTA),
    "mail": _Kind(
        mail.MailSettings, lambda told, hosts: mail.MailConnector(told, allowed_hosts=hosts), mail.ACTS.abilities
    ),
}


def _describe(model: type[BaseModel]) -> tuple[Setting, ...]:
    return tuple(
        Setting(name, field.annotation is SecretStr, field.is_required(), field.description or "")
        for name, field in model.model_fields.items()
    )


SETTINGS: Mapping[str, tuple[Setting, ...]] = types.MappingProxyType(
    {kind: _describe(entry.settings) for kind, entry in _KINDS.items()}
)
"""What each kind must be told, by kind."""


def connector_kinds() -> Mapping[str, Mapping[str, Ability]]:
    """Every kind and its abilities by name, without connecting to anything."""
    return {kind: entry.abilities for kind, entry in _KINDS.items()}


def connect(kind: str, settings: Mapping[str, str], *, allowed_hosts: Collection[str], system: str = "") -> Connector:
    """A long-lived connector; nothing is sent yet. `system` is how error messages name it.

    Raises `ActionRequiredError`: unknown_kind, setting_missing, setting_unknown, setting_invalid, host_not_allowed,
    not_encrypted. No message repeats a setting's value."""
    place = f"The system {system}" if system else f"A system of kind {kind}"
    entry = _KINDS.get(kind)
    if entry is None:
        raise ActionRequiredError(
            "unknown_kind",
            f"{place} has the connector kind {kind!r}, and there is none.",
            remedy=f"Choose one of: {', '.join(sorted(_KINDS))}.",
            happened="no",
        )
    return entry.connect(kind, settings, allowed_hosts, place)


def _read(model: type[Settings], settings: Mapping[str, str], place: str) -> Settings:
    """Empty settings count as not given; the line end that files have is not part of a secret."""
    given = {name: value.strip("\r\n") for name, value in settings.items() if value.strip()}
    described = {setting.name: setting for setting in _describe(model)}
    for name in given:
        if name not in described:
            raise _problem("setting_unknown", place, name, "is not one of its settings", f"Remove or correct {name}.")
    for setting in described.values():
        if setting.required and setting.name not in given:
            what = "secret setting" if setting.secret else "setting"
            raise _problem(
                "setting_missing",
                place,
                setting.name,
                f"is a {what} that it needs ({setting.summary}), and it is not given",
                f"Give {setting.name} in the environment or in a file." if setting.secret else f"Give {setting.name}.",
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


def _problem(code: str, place: str, name: str, what: str, remedy: str) -> ActionRequiredError:
    return ActionRequiredError(code, f"{place}: {name} {what}.", remedy=remedy, happened="no")
