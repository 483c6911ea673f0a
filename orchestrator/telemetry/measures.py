"""Numbers: few, and with few values an attribute. No run and no person is ever one of them.

| name | kind | attributes |
|---|---|---|
| `offboard.step.attempts` | counter | system, ability, outcome |
| `offboard.call.duration` | histogram, seconds | system, call, outcome |
| `offboard.access.gone_after_cutoff` | histogram, seconds | system |
| `offboard.runs.open` | gauge | state |
| `offboard.exceptions.open` | gauge | kind |
| `offboard.background.failures` | counter | task |
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from opentelemetry.metrics import CallbackOptions, Meter, Observation

CALL_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30)
ACCESS_SECONDS = (1, 5, 15, 30, 60, 300, 900, 1800, 3600, 7200, 14400, 86400)


class Instruments:
    def __init__(self, meter: Meter) -> None:
        self._attempts = meter.create_counter(
            "offboard.step.attempts", "{attempt}", "Attempts at steps that reached a result"
        )
        self._calls = meter.create_histogram(
            "offboard.call.duration",
            "s",
            "How long a connector's call took",
            explicit_bucket_boundaries_advisory=CALL_SECONDS,
        )
        self._access = meter.create_histogram(
            "offboard.access.gone_after_cutoff",
            "s",
            "From the cutoff to the read-back that showed the access gone",
            explicit_bucket_boundaries_advisory=ACCESS_SECONDS,
        )
        self._failures = meter.create_counter(
            "offboard.background.failures", "{failure}", "Unexpected errors of background tasks, which continued"
        )
        self._open_runs: Mapping[str, int] | None = None
        self._open_exceptions: Mapping[str, int] | None = None
        meter.create_observable_gauge(
            "offboard.runs.open", [self._see_runs], "{run}", "Open runs, without those under embargo"
        )
        meter.create_observable_gauge(
            "offboard.exceptions.open", [self._see_exceptions], "{exception}", "Open exceptions, likewise"
        )

    def attempted(self, system: str, ability: str, outcome: str, after_cutoff: float | None) -> None:
        self._attempts.add(1, {"system": system, "ability": ability, "outcome": outcome})
        if after_cutoff is not None:
            self._access.record(max(0.0, after_cutoff), {"system": system})

    def called(self, system: str, call: str, outcome: str, seconds: float) -> None:
        self._calls.record(seconds, {"system": system, "call": call, "outcome": outcome})

    def background_failed(self, task: str) -> None:
        self._failures.add(1, {"task": task})

    def are_open(self, runs: Mapping[str, int], exceptions: Mapping[str, int]) -> None:
        """What the ledger's read tables hold now. What was there before and is gone is reported one more time, as 0."""
        self._open_runs = dict.fromkeys(self._open_runs or {}, 0) | dict(runs)
        self._open_exceptions = dict.fromkeys(self._open_exceptions or {}, 0) | dict(exceptions)

    def unknown(self) -> None:
        """The ledger cannot be asked: better no number than an old one."""
        self._open_runs = self._open_exceptions = None

    def _see_runs(self, options: CallbackOptions) -> Iterable[Observation]:
        return [Observation(count, {"state": state}) for state, count in (self._open_runs or {}).items()]

    def _see_exceptions(self, options: CallbackOptions) -> Iterable[Observation]:
        return [Observation(count, {"kind": kind}) for kind, count in (self._open_exceptions or {}).items()]
