"""Connectors that other distributions bring: entry points in the group `offboard.connectors`.

A packet names such a connector in `platform.yaml` with its distribution and version, as `NAME@DISTRIBUTION==VERSION`.
Nothing of a distribution that no packet names, or of another version than the named one, is imported.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from connectors.abilities import Ability, Connector
from connectors.errors import ActionRequiredError
from connectors.http.connector import HttpConnector, HttpKind

GROUP = "offboard.connectors"
Settings = TypeVar("Settings", bound=BaseModel)

_NAMED = re.compile(r"(?P<name>[^@]+)@(?P<distribution>[^=@]+)==(?P<version>[^=@]+)")


@dataclass(frozen=True, slots=True)
class ConnectorKind(Generic[Settings]):
    """One kind of system: its settings, what it can do, and how a connector is made from settings and allowed hosts. An
    entry point names one of these, or an `HttpKind`."""

    settings: type[Settings]
    make: Callable[[Settings, Collection[str]], Connector]
    abilities: Mapping[str, Ability]


def over_http(kind: HttpKind[Any, Any]) -> ConnectorKind[Any]:
    def make(settings: Any, allowed_hosts: Collection[str]) -> Connector:
        return HttpConnector(kind, settings, allowed_hosts=allowed_hosts)

    return ConnectorKind(kind.settings, make, kind.acts.abilities)


def is_named(connector: str) -> bool:
    """Whether `connector` names a distribution."""
    return "@" in connector


def load(connector: str) -> ConnectorKind[Any]:
    """The kind that `NAME@DISTRIBUTION==VERSION` names. Raises `ActionRequiredError`: unknown_kind,
    connector_not_installed, connector_version, connector_broken."""
    named = _NAMED.fullmatch(connector)
    if named is None:
        raise _problem(
            "unknown_kind", f"The connector {connector!r} is not of the form NAME@DISTRIBUTION==VERSION.",
            "Correct it in platform.yaml.",
        )  # fmt: skip
    name, distribution, wanted = named["name"], named["distribution"], named["version"]
    try:
        installed = metadata.distribution(distribution)
    except metadata.PackageNotFoundError:
        raise _problem(
            "connector_not_installed", f"The distribution {distribution} is not installed; version {wanted} is "
                "required.",
            f"Install it for the worker and the web process: pip install {distribution}=={wanted}.",
        ) from None  # fmt: skip
    if installed.version != wanted:
        raise _problem(
            "connector_version",
            f"The distribution {distribution} has version {installed.version} installed; version {wanted} is required.",
            f"Install {distribution}=={wanted}, or use {installed.version} in platform.yaml.",
        )
    for entry in installed.entry_points.select(group=GROUP, name=name):
        try:
            kind = entry.load()
        except Exception as error:
            raise _problem(
                "connector_broken",
                f"The connector {name} of {distribution} {wanted} cannot be loaded: {type(error).__name__}.",
                "Report this to the authors of the distribution.",
            ) from error
        if isinstance(kind, HttpKind):
            return over_http(kind)
        if isinstance(kind, ConnectorKind):
            return kind
        raise _problem(
            "connector_broken",
            f"The connector {name} of {distribution} {wanted} is neither an HttpKind nor a ConnectorKind.",
            "Report it to the distribution's authors.",
        )
    raise _problem(
        "unknown_kind", f"The distribution {distribution} {wanted} has no connector {name!r}.",
        "Correct the name in platform.yaml.",
    )  # fmt: skip


def _problem(code: str, detail: str, remedy: str) -> ActionRequiredError:
    return ActionRequiredError(code, detail, remedy=remedy, happened="no")
