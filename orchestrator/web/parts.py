"""Which parts of the installation work, and since when, as this web process sees it.

Every look ends within a second, whatever does not respond, and its result is used again for a second: the health checks
that show it need no sign-in. The process also looks every few seconds, so that the beginning of an outage is known
where no client asked.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from orchestrator.deciding.master_keys import require_current_key
from orchestrator.documents.systems.system_standing import Troubles
from orchestrator.engine import Engine, EngineUnavailable
from orchestrator.ledger.book.errors import LedgerError, WrongMasterKey
from orchestrator.ledger.book.store import Ledger
from orchestrator.ledger.engine.engine_reports import position_of
from orchestrator.ledger.engine.findings import Findings
from orchestrator.ledger.persons.keys import Keyring
from orchestrator.ledger.schema.database import Database
from orchestrator.relay import CURSOR

log = logging.getLogger("offboard.web")

PartName = Literal["ledger", "temporal", "worker", "relay"]
ASKED_SECONDS: Final = 0.9
KEPT_SECONDS: Final = 1.0
LOOK_SECONDS: Final = 5.0
"""Between two looks of the process itself."""
BEHIND_SECONDS: Final = 10.0
"""A relay follows every second. One that did not move for so long while there was something to follow is down."""
IDLE_FOR: Final = timedelta(minutes=3)
"""A worker asks Temporal for work in calls of about a minute."""


@dataclass(frozen=True, slots=True)
class WatchedPart:
    """`up` is None if it is not known, because a part that shows it is down. `since` is when this process first
    saw it so, within `LOOK_SECONDS` of the change."""

    name: PartName
    up: bool | None
    since: datetime
    cause: str = ""


class Parts:
    def __init__(
        self,
        database: Database,
        ledger: Ledger,
        keyring: Keyring,
        engine: Engine | None,
        look_for_troubles: Callable[[], Awaitable[Troubles]] | None = None,
    ) -> None:
        """`look_for_troubles` reads what is wrong with the systems of packets in use; None where that is not known."""
        self._database = database
        self._ledger = ledger
        self._keyring = keyring
        self._engine = engine
        self._look_for_troubles = look_for_troubles
        self._looking = asyncio.Lock()
        self._known: dict[PartName, WatchedPart] = {}
        self._looked_at: float | None = None
        self._behind: tuple[int, float] | None = None
        """The relay's position while it is behind, and when it was first seen there."""
        self.findings: dict[str, int] | None = None
        """How many findings of comparisons are open, by kind, at the last look; None if that is not known. Those about
        runs under embargo are left out."""
        self.troubles: Troubles | None = None
        """An older ledger, and systems on which steps do not run, at the last look; None if that is not known."""

    async def look(self) -> tuple[WatchedPart, ...]:
        """All parts, now or up to `KEPT_SECONDS` ago."""
        clock = asyncio.get_running_loop().time
        async with self._looking:
            if self._looked_at is None or clock() - self._looked_at >= KEPT_SECONDS:
                found = await asyncio.gather(
                    self._within(self._ask_ledger()),
                    self._within(self._ask_temporal()),
                    self._within(self._ask_for_workers()),
                    self._within(self._ask_for_relay()),
                    self._within(self._ask_for_findings()),
                    self._within(self._ask_for_troubles()),
                )
                ledger, temporal, worker, relay, unknown, untold = found
                self.findings = None if unknown else self.findings
                self.troubles = None if untold else self.troubles
                self._note("ledger", ledger)
                self._note("temporal", temporal)
                self._note("worker", worker if not temporal else None)
                self._note("relay", relay if not ledger else None)
                self._looked_at = clock()
            return tuple(self._known.values())

    async def look_on(self) -> None:
        """Looks every `LOOK_SECONDS`, until it is cancelled. Survives every error."""
        while True:
            try:
                await self.look()
            except Exception as error:
                log.error("looking at the parts failed, retrying: %s", type(error).__name__)
            await asyncio.sleep(LOOK_SECONDS)

    def _note(self, name: PartName, cause: str | None) -> None:
        """`cause` is why it is down: empty where it is up, None if it is not known."""
        known, up = self._known.get(name), None if cause is None else not cause
        if known is None or known.up != up:
            self._known[name] = WatchedPart(name, up, datetime.now(UTC), cause or "")
        else:
            self._known[name] = replace(known, cause=cause or "")

    async def _within(self, asked: Awaitable[str]) -> str:
        try:
            async with asyncio.timeout(ASKED_SECONDS):
                return await asked
        except TimeoutError:
            return f"It did not respond within {ASKED_SECONDS:g} seconds."
        except WrongMasterKey as error:
            return f"{error.place.capitalize()}: {error.cause}. {error.remedy}."
        except LedgerError as error:
            return f"{error.place}: {error.cause}."
        except EngineUnavailable as error:
            return str(error)

    async def _ask_ledger(self) -> str:
        await self._ledger.now()
        await require_current_key(self._ledger, self._keyring)
        return ""

    async def _ask_temporal(self) -> str:
        if self._engine is None:
            return "This process does not use Temporal."
        await self._engine.look_at_cluster()
        return ""

    async def _ask_for_workers(self) -> str:
        if self._engine is not None and not await self._engine.is_polled(IDLE_FOR):
            return f"No worker has polled the task queue {self._engine.task_queue} in the last minutes."
        return ""

    async def _ask_for_findings(self) -> str:
        self.findings = await Findings(self._database).reported()
        return ""

    async def _ask_for_troubles(self) -> str:
        if self._look_for_troubles is not None:
            self.troubles = await self._look_for_troubles()
        return ""

    async def _ask_for_relay(self) -> str:
        clock = asyncio.get_running_loop().time()
        tail = await self._ledger.tail_position()
        position = await position_of(self._database, CURSOR)
        if position >= tail:
            self._behind = None
            return ""
        if self._behind is None or self._behind[0] != position:
            self._behind = position, clock
        waited = clock - self._behind[1]
        return f"It is at position {position}, the ledger at {tail}." if waited > BEHIND_SECONDS else ""
