"""Connectors from other distributions: entry points in the group `offboard.connectors`.

A packet names such a connector in `platform.yaml` with its distribution and version, as `NAME@DISTRIBUTION==VERSION`.
Nothing of a distribution that no packet names, or of another version than the named one, is imported.
"""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit
from urllib.request import url2pathname

from pydantic import BaseModel

from connectors.abilities import Ability, Connector, SystemClass
from connectors.acts import ActTable, IncompleteActError
from connectors.errors import ActionRequiredError
from connectors.http.connector import HttpConnector, HttpKind
from connectors.network.reach import Endpoint, endpoint_by_url
from connectors.setup import Setup

GROUP = "offboard.connectors"
SettingsT = TypeVar("SettingsT", bound=BaseModel)

_NAMED = re.compile(r"(?P<name>[^@]+)@(?P<distribution>[^=@]+)==(?P<version>[^=@]+)")


@dataclass(frozen=True, slots=True)
class ConnectorKind(Generic[SettingsT]):
    """One kind of system: its settings, what it can do, and how a connector is made from settings and allowed hosts. An
    entry point names one of these, or an `HttpKind`. `acts` is the table that the connector's methods use, so that no
    ability is declared without its code. `is_people_source` says that the connectors have the methods of an HR system
    (`connectors.people.PeopleSource`). `local_path` is the setting that names a file or folder on the worker's machine,
    if the kind reads one. `system_class` is the class of its systems, unless `platform.yaml` says another; None for a
    protocol that systems of several classes speak. `setup` says how a system is connected. `endpoint` is where a
    connector connects to first, None for none. `lists_accounts` is false if its connectors have no list of all accounts
    (`connectors.listing`). Raises `IncompleteActError` for anything but a table."""

    settings: type[SettingsT]
    make: Callable[[SettingsT, Collection[str]], Connector]
    acts: ActTable[Any, Any]
    is_people_source: bool = False
    local_path: str = ""
    system_class: SystemClass | None = None
    setup: Setup | None = None
    endpoint: Callable[[Any], Endpoint | None] = endpoint_by_url
    lists_accounts: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.acts, ActTable):
            raise IncompleteActError("a connector kind needs an ActTable")

    @property
    def abilities(self) -> Mapping[str, Ability]:
        return self.acts.abilities


def over_http(kind: HttpKind[Any, Any]) -> ConnectorKind[Any]:
    def make(settings: Any, allowed_hosts: Collection[str]) -> Connector:
        return HttpConnector(kind, settings, allowed_hosts=allowed_hosts)

    return ConnectorKind(
        kind.settings,
        make,
        kind.acts,
        system_class=kind.system_class,
        setup=kind.setup,
        lists_accounts=kind.list_accounts is not None,
    )


def is_named(connector: str) -> bool:
    """Whether `connector` names a distribution."""
    return "@" in connector


def load(connector: str) -> ConnectorKind[Any]:
    """The kind that `NAME@DISTRIBUTION==VERSION` names. Raises `ActionRequiredError`: unknown_kind,
    connector_not_installed, connector_version, connector_broken."""
    named = _NAMED.fullmatch(connector)
    if named is None:
        raise _problem(
            "unknown_kind",
            f"The connector {connector!r} is not of the form NAME@DISTRIBUTION==VERSION.",
            "Correct it in platform.yaml.",
        )
    name, distribution, wanted = named["name"], named["distribution"], named["version"]
    try:
        installed = metadata.distribution(distribution)
    except metadata.PackageNotFoundError:
        raise _problem(
            "connector_not_installed",
            f"The distribution {distribution} is not installed; version {wanted} is required.",
            f"Install it for the worker and the web process: pip install {distribution}=={wanted}.",
        ) from None
    if installed.version != wanted:
        raise _problem(
            "connector_version",
            f"The distribution {distribution} has version {installed.version} installed; version {wanted} is required.",
            f"Install {distribution}=={wanted}, or use {installed.version} in platform.yaml.",
        )
    for entry in installed.entry_points.select(group=GROUP, name=name):
        try:
            foreign = _foreign_module(installed, entry.module)
            kind = None if foreign else entry.load()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a module may also exit when it is imported
            raise _problem(
                "connector_broken",
                f"The connector {name} of {distribution} {wanted} cannot be loaded: {type(error).__name__}.",
                "Report this to the authors of the distribution.",
            ) from error
        if foreign:
            raise _problem(
                "connector_broken",
                f"The connector {name} of {distribution} {wanted} is in the module {foreign}, which is not a file of "
                "this distribution.",
                "Use the distribution that has the module, or report this to the authors of the distribution.",
            )
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
        "unknown_kind",
        f"The distribution {distribution} {wanted} has no connector {name!r}.",
        "Correct the name in platform.yaml.",
    )


def _foreign_module(installed: metadata.Distribution, module: str) -> str:
    """The first of the module's packages, or the module itself, that is not a file of the distribution; empty if all
    are. Imports only packages that are."""
    parts = module.split(".")
    for length in range(1, len(parts) + 1):
        name = ".".join(parts[:length])
        spec = importlib.util.find_spec(name)
        if spec is None:
            raise ModuleNotFoundError(name)
        namespace = spec.origin is None and spec.submodule_search_locations is not None  # holds no code
        if not namespace and not _has_file(installed, Path(spec.origin or "")):
            return name
    return ""


def _has_file(installed: metadata.Distribution, path: Path) -> bool:
    found = path.resolve()
    for file in installed.files or ():
        if file.name == found.name and Path(str(file.locate())).resolve() == found:
            return True
    # An editable installation has its files in the project's folder (PEP 610, PEP 660).
    source = json.loads(installed.read_text("direct_url.json") or "{}")
    folder = urlsplit(source.get("url", ""))
    editable = source.get("dir_info", {}).get("editable") is True and folder.scheme == "file"
    return editable and found.is_relative_to(Path(url2pathname(folder.path)).resolve())


def _problem(code: str, detail: str, remedy: str) -> ActionRequiredError:
    return ActionRequiredError(code, detail, remedy=remedy, happened="no")
