"""What AI assistants call: every request is recorded before it is answered, and there are so many in a minute.

One stream for each assistant and day, which every process reads on from where it left off, so that the limit counts the
requests of all processes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import date, datetime, timedelta

from orchestrator.deciding.appending import drafts
from orchestrator.deciding.optimistic import until_appended
from orchestrator.domain import events as e
from orchestrator.domain.errors import TooOften
from orchestrator.domain.events.event import Event
from orchestrator.ledger.book.records import Recorded, StreamAppend
from orchestrator.ledger.book.store import Ledger

MAX_CALLS_A_MINUTE = 60
_MINUTE = timedelta(minutes=1)


class _Day:
    """What this process knows of one assistant's day: how many events there are, and when the latest were."""

    def __init__(self, day: date) -> None:
        self.day = day
        self.version = 0
        self.calls: deque[datetime] = deque()
        self.limited_at: datetime | None = None

    def advance(self, happened: Sequence[Recorded]) -> None:
        for one in happened:
            if one.version <= self.version:
                continue
            self.version = one.version
            if isinstance(one.event, e.AssistantLimited):
                self.limited_at = one.recorded_at
            else:
                self.calls.append(one.recorded_at)

    def over_limit_until(self, now: datetime) -> datetime | None:
        """When the assistant may call again; None where it may now."""
        while self.calls and self.calls[0] <= now - _MINUTE:
            self.calls.popleft()
        return None if len(self.calls) < MAX_CALLS_A_MINUTE else self.calls[0] + _MINUTE


class AssistantCalls:
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._days: dict[str, _Day] = {}

    async def admit(self, account: str) -> None:
        """Raises `TooOften` (`assistant_limited`) where the assistant has called as often as it may in a minute, and
        `LedgerUnavailable`."""
        day, now = await self._read(account)
        again_at = day.over_limit_until(now)
        if again_at is None:
            return
        if day.limited_at is None or day.limited_at <= now - _MINUTE:
            await self._append(account, e.AssistantLimited(calls_per_minute=MAX_CALLS_A_MINUTE))
        raise TooOften(
            "assistant_limited",
            f"An assistant can send {MAX_CALLS_A_MINUTE} requests a minute.",
            again_after=int((again_at - now).total_seconds()) + 1,
        )

    async def record(self, account: str, call: e.AssistantCalled) -> None:
        """Raises `LedgerUnavailable`."""
        await self._append(account, call)

    async def of_day(self, account: str, day: date) -> Sequence[Recorded]:
        """All of the day (UTC), the oldest first."""
        stream = e.assistant_stream(account, day)
        return (await self._ledger.read({stream: 0})).events[stream]

    async def today(self) -> date:
        """By the database's time (UTC)."""
        return (await self._ledger.now()).date()

    async def _append(self, account: str, event: Event) -> None:
        async def attempt() -> None:
            known, _ = await self._read(account)
            stream = e.assistant_stream(account, known.day)
            append = StreamAppend(stream, known.version, drafts([event], known.version, None))
            known.advance((await self._ledger.append([append])).events)

        await until_appended(attempt)

    async def _read(self, account: str) -> tuple[_Day, datetime]:
        known = self._days.get(account) or _Day(await self.today())
        page = await self._ledger.read({e.assistant_stream(account, known.day): known.version})
        if page.now.date() != known.day:
            known = _Day(page.now.date())
            page = await self._ledger.read({e.assistant_stream(account, known.day): 0})
        known.advance(page.events[e.assistant_stream(account, known.day)])
        self._days[account] = known
        return known, page.now
