"""Numbers: few, and with few values an attribute. No run and no person is ever one of them.

| name | kind | attributes |
|---|---|---|
| `offboard.step.attempts` | counter | system, ability, outcome |
| `offboard.call.duration` | histogram, seconds | system, call, outcome |
| `offboard.access.gone_after_cutoff` | histogram, seconds | system |
| `offboard.queue.delay` | histogram, seconds | queue, activity |
| `offboard.runs.open` | gauge | state |
| `offboard.runs.exposed` | gauge | |
| `offboard.exceptions.open` | gauge | kind |
| `offboard.inbox.open` | gauge | kind |
| `offboard.inbox.overdue` | gauge | kind |
| `offboard.inbox.oldest_age` | gauge, seconds | kind |
| `offboard.relay.lag` | gauge, seconds | |
| `offboard.findings.open` | gauge | kind |
| `offboard.background.failures` | counter | task |
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from orchestrator.reading.open_counts import OpenCounts

CALL_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30)
QUEUE_SECONDS = (0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600)
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
        self._delays = meter.create_histogram(
            "offboard.queue.delay",
            "s",
            "How long an activity waited in its task queue",
            explicit_bucket_boundaries_advisory=QUEUE_SECONDS,
        )
        self._gauges = {
            field: _Gauge(meter, *about)
            for field, about in {
                "runs": ("offboard.runs.open", "state", "{run}", "Open runs, without those under embargo"),
                "exposed": (
                    "offboard.runs.exposed",
                    None,
                    "{run}",
                    "Runs whose cutoff has passed while access is still open, likewise",
                ),
                "exceptions": ("offboard.exceptions.open", "kind", "{exception}", "Open exceptions, likewise"),
                "inbox": ("offboard.inbox.open", "kind", "{item}", "Open items of the inbox, likewise"),
                "overdue": ("offboard.inbox.overdue", "kind", "{item}", "Those past their due date"),
                "oldest": ("offboard.inbox.oldest_age", "kind", "s", "How long the oldest open item has been open"),
                "relay_lag": (
                    "offboard.relay.lag",
                    None,
                    "s",
                    "How long the workflow that is furthest behind has not known an event or a date of its run",
                ),
                "findings": (
                    "offboard.findings.open",
                    "kind",
                    "{finding}",
                    "Open findings of comparisons of the ledger, without those about runs under embargo",
                ),
            }.items()
        }

    def attempted(self, system: str, ability: str, outcome: str, after_cutoff: float | None) -> None:
        self._attempts.add(1, {"system": system, "ability": ability, "outcome": outcome})
        if after_cutoff is not None:
            self._access.record(max(0.0, after_cutoff), {"system": system})

    def called(self, system: str, call: str, outcome: str, seconds: float) -> None:
        self._calls.record(seconds, {"system": system, "call": call, "outcome": outcome})

    def background_failed(self, task: str) -> None:
        self._failures.add(1, {"task": task})

    def queued(self, queue: str, activity: str, seconds: float) -> None:
        self._delays.record(max(0.0, seconds), {"queue": queue, "activity": activity})

    def are_open(self, counts: OpenCounts) -> None:
        """What the ledger's read tables and the findings of comparisons hold now."""
        self._gauges["runs"].show(counts.runs)
        self._gauges["exposed"].show({"": counts.exposed_runs})
        self._gauges["exceptions"].show(counts.exceptions)
        self._gauges["inbox"].show({kind: items.open for kind, items in counts.inbox.items()})
        self._gauges["overdue"].show({kind: items.overdue for kind, items in counts.inbox.items()})
        self._gauges["oldest"].show({kind: items.oldest_seconds for kind, items in counts.inbox.items()})
        self._gauges["relay_lag"].show({"": counts.relay_lag_seconds})
        self._gauges["findings"].show(counts.findings)

    def unknown(self) -> None:
        """The ledger cannot be asked: no value is better than an old one."""
        for gauge in self._gauges.values():
            gauge.forget()


class _Gauge:
    """One value for each value of its attribute. What is no longer there is reported one more time, as 0."""

    def __init__(self, meter: Meter, name: str, attribute: str | None, unit: str, description: str) -> None:
        self._attribute = attribute
        self._values: Mapping[str, float] | None = None
        meter.create_observable_gauge(name, [self._observe], unit, description)

    def show(self, values: Mapping[str, float]) -> None:
        self._values = dict.fromkeys(self._values or {}, 0) | dict(values)

    def forget(self) -> None:
        self._values = None

    def _observe(self, options: CallbackOptions) -> Iterable[Observation]:
        return [
            Observation(value, {self._attribute: of} if self._attribute else {})
            for of, value in (self._values or {}).items()
        ]
