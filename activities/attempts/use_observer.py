"""How systems answer the calls of runs, for the page Systems: the outcome of each call, beside metrics and traces."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final

from activities.attempts.observation import Observed, ObservedCall, Observer
from orchestrator.domain.planning.missing_connectors import MISSING_CODES
from orchestrator.ledger.engine.system_uses import SystemUses

_FAILED: Final = frozenset({"try_again", "action_required"})
"""Outcomes of a call after which the system, its credential or the way to it needs something. A refusal is a
response."""
_WITHOUT_CALL: Final = MISSING_CODES | {"setting_missing", "setting_invalid", "queue_unserved"}
"""Codes with which a search or an attempt fails before a call."""
_OUR_OWN: Final = frozenset({"rate_kept"})
"""Codes of calls that were not made, for a reason that is not the system's."""


class UseObserver:
    """Reports to `observer`, and notes each call under `packet`."""

    def __init__(self, observer: Observer, uses: SystemUses, packet: str) -> None:
        self._observer = observer
        self._uses = uses
        self._packet = packet

    def step(
        self, *, run_id: str, name: str, system: str, ability: str, attempt: int
    ) -> AbstractContextManager[Observed]:
        return self._observer.step(run_id=run_id, name=name, system=system, ability=ability, attempt=attempt)

    @contextmanager
    def call(self, call: ObservedCall, *, system: str, ability: str) -> Iterator[Observed]:
        with self._observer.call(call, system=system, ability=ability) as seen:
            yield _NotedCall(self, seen, system)

    def not_called(self, system: str, code: str) -> None:
        if code in _WITHOUT_CALL:
            self._uses.note(self._packet, system, code)

    def ended(self, system: str, outcome: str, code: str) -> None:
        if code not in _OUR_OWN:
            self._uses.note(self._packet, system, (code or "unexpected") if outcome in _FAILED else "")


class _NotedCall:
    def __init__(self, uses: UseObserver, seen: Observed, system: str) -> None:
        self._uses = uses
        self._seen = seen
        self._system = system

    def ended(self, outcome: str, code: str = "", after_cutoff: float | None = None) -> None:
        self._uses.ended(self._system, outcome, code)
        self._seen.ended(outcome, code, after_cutoff)
