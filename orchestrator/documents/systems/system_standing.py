"""How a system stands now, by its last check and by the calls of runs: for the page Systems and the health checks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from orchestrator.deciding.runs import Runs
from orchestrator.domain.events import EVERYTHING
from orchestrator.domain.organisation.organisation import Holds
from orchestrator.domain.packet.packet import Packet
from orchestrator.ledger.engine.system_reports import SystemReport, every_report
from orchestrator.ledger.engine.system_uses import SystemUse, every_use
from orchestrator.ledger.schema.database import Database

SystemState = Literal["failing", "unreachable", "paused"]
_ORDER: Final[Sequence[SystemState]] = ("failing", "unreachable", "paused")


@dataclass(frozen=True, slots=True)
class SystemTrouble:
    """Why steps on a system do not run now: it fails for runs, did not respond to its last check, or changes on it are
    paused. `system` is its name in the packet, or `*` where changes on all systems are paused. `since` is None where
    that was not recorded, `until` when a pause ends automatically, and `code` that of the failure."""

    system: str
    state: SystemState
    since: datetime | None
    code: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Troubles:
    """`older_ledger_since` is when it was noticed that the ledger is an older copy: changes on all systems are paused
    until a person resumes them."""

    older_ledger_since: datetime | None
    systems: tuple[SystemTrouble, ...]


@dataclass(frozen=True, slots=True)
class SystemStanding:
    """`seen` is the last check, None before the first. The times are those of the calls of runs (`SystemUse`)."""

    seen: SystemReport | None
    answered_at: datetime | None = None
    failed_at: datetime | None = None
    failing_since: datetime | None = None

    @property
    def fails_for_runs(self) -> bool:
        """Whether it fails for runs, and no check since has found it reachable."""
        if self.failing_since is None or self.failed_at is None:
            return False
        return self.seen is None or not self.seen.reachable or self.seen.checked_at < self.failed_at

    @property
    def responds(self) -> bool | None:
        """By the last check or the last call of a run, whichever is later; None if neither says."""
        if self.fails_for_runs:
            return False
        answered_at = self.answered_at if self.failing_since is None else None
        if answered_at is not None and (self.seen is None or self.seen.checked_at < answered_at):
            return True
        return self.seen.reachable if self.seen is not None else None


async def troubles(runs: Runs, database: Database, packets: Iterable[Packet]) -> Troubles:
    """Of the systems of these packets. Raises `LedgerUnavailable`."""
    named = {(packet.name, system) for packet in packets for system in packet.platform.systems}
    held = await runs.held_systems(sorted({system for _, system in named}))
    reports, uses = await every_report(database), await every_use(database)
    everything = held.get(EVERYTHING)
    found = [
        trouble for key in sorted(named) if (trouble := _trouble(key[1], reports.get(key), uses.get(key))) is not None
    ]
    paused = [
        SystemTrouble(system, "paused", holds.began_at, until=holds.until)
        for system, holds in sorted(held.items())
        if not holds.older_ledger
    ]
    return Troubles(_older_since(everything), tuple(_longest([*found, *paused])))


def _older_since(everything: Holds | None) -> datetime | None:
    return everything.restored_at if everything is not None and everything.older_ledger else None


def _trouble(system: str, seen: SystemReport | None, use: SystemUse | None) -> SystemTrouble | None:
    standing = SystemStanding(seen)
    if use is not None:
        standing = SystemStanding(seen, use.answered_at, use.failed_at, use.failing_since)
        if standing.fails_for_runs:
            return SystemTrouble(system, "failing", use.failing_since, use.code)
    if seen is not None and standing.responds is False:
        return SystemTrouble(system, "unreachable", seen.checked_at, seen.code)
    return None


def _longest(found: Iterable[SystemTrouble]) -> list[SystemTrouble]:
    """One for each system and state: several packets can have the system. The earliest is kept."""
    kept: dict[tuple[int, str], SystemTrouble] = {}
    for one in found:
        key = (_ORDER.index(one.state), one.system)
        known = kept.get(key)
        if known is None or (one.since is not None and known.since is not None and one.since < known.since):
            kept[key] = one
    return [kept[key] for key in sorted(kept)]
