"""Makes a connector for a system of `platform.yaml`. Secrets are read here and passed to the connector only."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from activities.attempts.observation import NO_OBSERVER, Observer
from activities.attempts.pacing import SystemPace
from connectors import registry
from connectors.abilities import Connector, Pace
from connectors.errors import ActionRequiredError
from connectors.network.reach import Endpoint
from orchestrator.domain.packet.packet import SystemSpec
from orchestrator.ledger.engine.rates import Rates
from orchestrator.ledger.engine.system_uses import SystemUses

Connect = Callable[[str, SystemSpec], Connector]

_OURS = "OFFBOARD_"
"""What Offboard itself is given, its master key among it, goes to no system, whatever a packet says."""


UNUSED_TTL_SECONDS = 3600.0  # then a connector is closed when the next one is asked for


@dataclass(frozen=True, slots=True)
class _Open:
    connector: Connector
    kept_until: float


class Connections:
    """One connector per system and settings, made when first needed. Two packets that give one system different
    settings have a connector each. A changed setting, or a changed file of certificates, makes a new connector; one
    that was unused for `UNUSED_TTL_SECONDS` is closed, since another call may still use it until then. `observer` hears
    of what activities do with them, `uses` of how systems answer the calls of runs. `secrets_folder` is where the files
    are that a packet may name. `rates` is the limiter that all workers share; without it nothing is paced. `clock`
    counts seconds."""

    def __init__(
        self,
        environment: Mapping[str, str],
        connect: Connect | None = None,
        observer: Observer = NO_OBSERVER,
        *,
        secrets_folder: Path,
        rates: Rates | None = None,
        uses: SystemUses | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.observer = observer
        self.uses = uses
        self._environment = environment
        self._secrets_folder = secrets_folder
        self._connect = connect
        self._rates = rates
        self._clock = clock
        self._open: dict[object, _Open] = {}

    async def to(self, system: str, spec: SystemSpec) -> Connector:
        """Raises `ActionRequiredError` naming the missing setting, never its value."""
        if self._connect is not None:
            return self._connect(system, spec)
        settings = self._settings(system, spec)
        hosts = [_host(self._value(system, "hosts", host)) for host in spec.hosts]
        trusted = _digest_of_file(settings.get("ca_file", ""))
        wanted = (system, spec.connector, tuple(sorted(settings.items())), tuple(hosts), trusted)
        known = self._open.get(wanted)
        if known is not None:
            connector = known.connector
        else:
            connector = registry.connect(spec.connector, settings, allowed_hosts=hosts, system=system)
        now = self._clock()
        self._open[wanted] = _Open(connector, now + UNUSED_TTL_SECONDS + 2 * spec.deadline.total_seconds())
        await self._close_unused(now)
        return connector

    def endpoint(self, system: str, spec: SystemSpec) -> Endpoint | None:
        """Where a connector to the system connects to first; None if it uses no network, or is not one of the
        registry's. Raises like `to`."""
        if self._connect is not None:
            return None
        return registry.endpoint_of(spec.connector, self._settings(system, spec))

    def _settings(self, system: str, spec: SystemSpec) -> dict[str, str]:
        settings = {name: self._value(system, name, value) for name, value in spec.connection.items()}
        local = registry.LOCAL_PATHS.get(spec.connector)
        if local is not None and settings.get(local):
            settings[local] = str(self._file(system, local, settings[local]))
        return settings

    async def _close_unused(self, now: float) -> None:
        unused = [wanted for wanted, each in self._open.items() if each.kept_until < now]
        for each in [self._open.pop(wanted) for wanted in unused]:
            await each.connector.aclose()

    def pace(self, system: str, spec: SystemSpec, *, deadline: float) -> Pace:
        """The pace of one call to a system that ends within `deadline` seconds."""
        return SystemPace(self._rates, system, spec.rate_per_second).within(deadline)

    async def aclose(self) -> None:
        for each in self._open.values():
            await each.connector.aclose()
        self._open.clear()

    def _value(self, system: str, name: str, written: str) -> str:
        kind, _, where = written.partition(":")
        if kind == "env":
            if where.startswith(_OURS):
                raise ActionRequiredError(
                    "setting_invalid",
                    f"System {system}: the setting {name!r} uses {where}, which is reserved for Offboard.",
                    remedy="Use a different variable for the system.",
                    happened="no",
                )
            value = self._environment.get(where)
            if value is None:
                raise _missing(
                    system,
                    name,
                    f"the environment variable {where} is not set",
                    f"Set {where} for the worker, restart it, then retry.",
                )
            return value
        if kind == "file":
            try:
                # Editors end a file with a line break, secrets do not.
                return self._file(system, name, where).read_text().rstrip("\r\n")
            except (OSError, ValueError) as error:
                raise _missing(
                    system,
                    name,
                    f"the file {where} cannot be read",
                    f"Write the secret to {where}, readable by the worker, then retry.",
                ) from error
        return written

    def _file(self, system: str, name: str, where: str) -> Path:
        """Where the file is once every link has been followed: in the folder for systems' secrets. Elsewhere stand
        others' secrets, and ours, which would go to whatever host the packet names."""
        folder = self._secrets_folder.resolve()
        found = (folder / where).resolve()
        if not found.is_relative_to(folder):
            raise ActionRequiredError(
                "setting_invalid",
                f"System {system}: the setting {name!r} uses the file {where}, which is not in {self._secrets_folder}.",
                remedy=f"Use a file in {self._secrets_folder} (OFFBOARD_SECRETS_FOLDER).",
                happened="no",
            )
        return found


def _digest_of_file(path: str) -> str:
    """Empty if there is no such file: the connector then reports the missing setting."""
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest() if path else ""
    except (OSError, ValueError):
        return ""


def _host(written: str) -> str:
    return urlsplit(written).hostname or written if "//" in written else written


def _missing(system: str, name: str, what: str, remedy: str) -> ActionRequiredError:
    return ActionRequiredError(
        "setting_missing", f"System {system}: the setting {name!r} is missing: {what}.", remedy=remedy, happened="no"
    )
